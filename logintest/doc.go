// Package logintest provides identity providers that run inside a test or a
// demonstration, as [net/http/httptest] provides servers: [NewServer] speaks
// OpenID Connect and OAuth 2.0, [NewGitHub] and [NewFacebook] stand in for the
// sites of those names.
//
// They are for tests and demonstrations only. They let anybody in as anybody,
// without a password, keep everything in memory and forget it at the end. None
// of this is an authorization server to build on.
//
// # Testing your own handlers
//
// Most tests need no provider at all. A handler behind [login.Auth.Require], or
// one that calls [login.UserFrom], is tested with a user put into the context:
//
//	r := httptest.NewRequest("GET", "/profile", nil)
//	r = r.WithContext(login.WithUser(r.Context(), &login.User{Provider: "github", ID: "42"}))
//	handler.ServeHTTP(w, r)
//
// A provider is for what happens at login: OnLogin, the pages on the way, the
// place where people end up, what is done with the token. The test is then a
// browser with a cookie jar, and [NewServer] is what it is sent to:
//
//	provider := logintest.NewServer(login.User{ID: "1", Name: "Ada", Email: "ada@example.test"})
//	defer provider.Close()
//	app := httptest.NewUnstartedServer(nil)
//	auth, err := login.New(login.Config{
//		URL:       "http://" + app.Listener.Addr().String(),
//		Key:       []byte("a key for tests, of 32 bytes or more"),
//		Providers: []login.Provider{provider.Provider()},
//		OnLogin:   remember,
//	})
//	app.Config.Handler = auth.Wrap(handler)
//	app.Start()
//	...
//	resp, err := browser.Get(app.URL + "/login?next=/profile")
//
// example_test.go has the whole of it. A provider that is made by hand works as
// well: generic.OIDC with the server's URL as Issuer, and its ClientID and
// ClientSecret.
//
// # Who logs in, and what they say
//
// The first user logs in, at once and without a page. Another one does if the
// field LoginAs names them, or the login_hint parameter. Deny refuses. A user
// with an UnverifiedEmail in place of an Email has not confirmed the address. The
// stand-ins for GitHub and Facebook read more from [login.User.Extra]:
// organizations, declined permissions, pages.
//
// Interactive shows a page with all users and the scopes that are asked for, to
// try an application by hand.
//
// # What goes wrong
//
// Intercept sees each request first and may answer it. This token endpoint is
// down:
//
//	provider.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
//		if r.URL.Path != "/token" {
//			return false
//		}
//		w.WriteHeader(http.StatusServiceUnavailable)
//		return true
//	}
//
// TokenLifetime and the clock Now make tokens expire.
//
// # Testing an API
//
// With the field Audience, access tokens are JWTs for the API of that name (RFC
// 9068). The token endpoint also takes client_credentials: that token acts for the
// application itself, and /userinfo refuses it, because it has no user.
//
// # Looking at the other side
//
// Requests holds what was received. Problems holds what was wrong with it: the
// servers are strict, and refuse a secret in a URL, a parameter that occurs
// twice, a request without PKCE or state, a redirect URI other than the one
// before, a code or a refresh token that comes a second time. A test of a whole
// login ends well with
//
//	if p := provider.Problems(); len(p) > 0 {
//		t.Error(p)
//	}
//
// # Limits
//
// There is one application, and any redirect URI is fine that is https or on
// loopback. Of codes and of tokens the last 10,000 are kept, of requests and
// problems the last 1,000.
package logintest
