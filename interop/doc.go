// Package interop holds tests of login with software that others have written:
// OpenID providers, a real browser, a URL parser that browsers have, and the routers
// that people mount handlers in. It needs node, npm and Chromium, and installs the
// provider that is not written in Go with
//
//	npm ci --prefix oidc
//
// What is missing fails a test; nothing is skipped. Pictures of every page are
// written to the folder screenshots, which git ignores.
package interop
