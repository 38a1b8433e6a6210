// Package interop holds tests of login with software that others have written: a
// certified OpenID provider, a real browser, and the routers that people mount
// handlers in. It needs node, npm and Chromium, and installs the provider with
//
//	npm ci --prefix oidc
//
// What is missing fails a test; nothing is skipped. Pictures of every page are
// written to the folder screenshots, which git ignores.
package interop
