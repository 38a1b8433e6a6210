// Package login logs people in to any net/http application with GitHub,
// Facebook or any other OAuth 2.0 or OpenID Connect provider.
//
// # Quick start
//
// Make an [Auth], wrap the application in it, and say which handlers are for
// users:
//
//	auth, err := login.New(login.Config{
//		URL:       "https://example.com",
//		Key:       key, // 32 random bytes
//		Providers: []login.Provider{github.New(id, secret)},
//	})
//	…
//	mux.Handle("/me", auth.Require(http.HandlerFunc(me)))
//	http.ListenAndServe(addr, auth.Wrap(mux))
//
// Wrap serves /login, /callback and /logout below Config.URL and puts whoever is
// logged in into the context of every other request, where [UserFrom] finds them.
// Require turns everybody else away: browsers to /login and back again, programs
// with 401.
//
// At the provider, register what [Auth.CallbackURL] returns: here
// https://example.com/callback/github.
//
// # Providers
//
// The packages beside this one make a [Provider]: github and facebook for those
// two, generic for any OpenID Connect issuer and for plain OAuth 2.0. A Provider
// is a struct, so it can be changed before it goes into the Config, and one that
// nobody has thought of is a literal of about ten lines.
//
// # Users
//
// Store users under the pair ([User].Provider, [User].ID), never under an e-mail
// address or a user name: those change hands, and the same address at two
// providers may be two people. [Config.OnLogin] is the place for it: it sees the
// user before they are in, may look them up or add them, put what the handlers
// need into User.Extra, or turn them away with a [Refusal].
//
// # Sessions
//
// A login lives in encrypted, signed cookies: who it is in one, the provider's
// token in others. Nothing is kept on the server, so that replicas need only
// share Config.Key; [Config.Store] moves sessions to a server-side store. A login
// lasts for [Config.Lifetime] and, if so configured, ends after [Config.Idle]
// without a request. Its expiry is inside the cookie as well as in the browser.
//
// To change the key, put the old one into [Config.OldKeys] and leave it there
// for a Lifetime.
//
// Logging out ends the session for copies of its cookies, too. [Auth.End] does so
// for all sessions of a user; replicas share what was ended by
// [Config.Revocations]. [Config.RevokeTokens] and [Config.EndSession] log people out
// at the provider as well.
//
// # Tokens
//
// [Auth.Client] acts as the current user towards the provider's API, and
// [Auth.Token] returns their token: renewed if it has ended, once for all requests
// that wait. The identity does not depend on it: a user stays logged in when the
// token has expired or the provider is down.
//
// Programs that act while nobody is there take a token that [Auth.Keep] has put
// into [Config.Tokens], by [Auth.ClientFor].
//
// # More accounts, more permissions
//
// A form that posts to /connect/{provider} adds an account to the user who is
// logged in; [Config.OnConnect] gets both. [Auth.Start] begins a login with wishes:
// more scopes, a login hint, another account.
//
// # What is always on
//
// PKCE with S256 (RFC 7636), a state of 256 bits that one browser can use once
// within ten minutes, a nonce for OpenID Connect, one redirect URL for each
// provider and the iss parameter where it is sent (RFC 9207, RFC 9700), one POST
// for each code, no redirects followed with secrets, answers of at most 1 MiB in
// at most ten seconds, return paths that cannot leave the site, and encryption.
// There is no switch for any of it.
//
// Not offered, because RFC 9700 and OAuth 2.1 say so: the implicit and hybrid
// flows, the password grant, PKCE "plain", unsigned or HMAC-signed ID tokens, and
// tokens in URLs.
//
// # Errors
//
// People see a page with a fixed sentence; programs get problem+json (RFC 9457);
// the log gets one line with the provider, a reason code and the cause. What a
// provider says in words reaches neither page nor log. [Config.OnError] answers
// instead: it gets an [Error] with the status, and tells errors apart with
// errors.Is.
//
// # Tests
//
// Handlers behind Require are tested with [WithUser]. Whole logins are tested
// with package logintest, an identity provider in the same process.
package login
