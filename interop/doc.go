// Package interop holds tests of login with software that others have written:
// OpenID providers, a real browser, a URL parser that browsers have, and the routers
// that people mount handlers in, session stores and their engines, and a proxy. It needs
// node, npm, Chromium, PostgreSQL, Redis, nginx and wrk, and installs the
// provider that is not written in Go with
//
//	npm ci --prefix oidc
//
// What is missing fails a test; nothing is skipped. Pictures of every page are
// written to the folder screenshots, which git ignores.
package interop
