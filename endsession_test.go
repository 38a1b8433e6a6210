package login_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// revocations returns what was posted to the revocation endpoint: hint and token.
func (l *living) revocations() (posted []string) {
	for _, r := range l.op.Requests() {
		if r.Path == "/revoke" {
			posted = append(posted, r.Form.Get("token_type_hint")+" "+r.Form.Get("token"))
		}
	}
	return posted
}

// tokenOf returns the token of a session, as an application sees it.
func (l *living) tokenOf(cookies cookieSet) *oauth2.Token {
	l.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	token, err := l.auth.Token(httptest.NewRecorder(), r)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

func (l *living) logOut(target string, cookies cookieSet) (*httptest.ResponseRecorder, cookieSet) {
	return l.visit(l.t.Context(), http.MethodPost, target, cookies)
}

// A logout ends the tokens at the provider, if Config asks for it (I10, R86).
func TestRevokeTokens(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, func(c *login.Config) { kind(c); c.RevokeTokens = true })
		cookies := l.logIn()
		token := l.tokenOf(cookies)
		if w, _ := l.logOut("/logout?next=/bye", cookies); w.Header().Get("Location") != "/bye" {
			t.Errorf("got %d %v, want to be sent to /bye", w.Code, w.Header())
		}
		want := "refresh_token " + token.RefreshToken + "|access_token " + token.AccessToken
		if got := strings.Join(l.revocations(), "|"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if p := l.op.Problems(); len(p) > 0 {
			t.Error(p)
		}
	})
}

// Nor does it matter that the person has closed the window by then.
func TestRevokeTokensOfWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) { c.RevokeTokens = true })
		cookies := l.logIn()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.visit(ctx, http.MethodPost, "/logout", cookies)
		if got := l.revocations(); len(got) != 2 {
			t.Errorf("got %q, want both tokens revoked", got)
		}
	})
}

func TestTokensAreNotRevokedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, nil)
		if w, _ := l.logOut("/logout", l.logIn()); w.Header().Get("Location") != "/" || len(l.revocations()) > 0 {
			t.Errorf("got %q and sent to %q, want none and /", l.revocations(), w.Header().Get("Location"))
		}
	})
}

// lateAnswers delivers answers of a path when they are three seconds old.
type lateAnswers struct {
	http.RoundTripper
	path string
}

func (l *lateAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if r.URL.Path == l.path {
		time.Sleep(3 * time.Second)
	}
	return resp, err
}

// The newest token is revoked, though the browser has not got it yet, and though it
// arrives when the logout is over.
func TestRevokeRenewedTokens(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		for name, wait := range map[string]time.Duration{"after": 10 * time.Second, "during": time.Second} {
			slow := new(lateAnswers)
			l := newLiving(t, func(c *login.Config) {
				kind(c)
				c.RevokeTokens = true
				slow.RoundTripper, c.Client = c.Client.Transport, &http.Client{Transport: slow}
			})
			cookies := l.logIn()
			before := l.tokenOf(cookies)
			time.Sleep(2 * time.Minute)
			slow.path = "/token"
			go l.get("/token", cookies)
			time.Sleep(wait)
			l.logOut("/logout", cookies)
			time.Sleep(10 * time.Second)
			newest := l.revocations()
			newest = newest[max(0, len(newest)-2):]
			got := strings.Join(newest, "|")
			if strings.Contains(got, before.RefreshToken) || !strings.Contains(got, "refresh_token ") || !strings.Contains(got, "access_token ") {
				t.Errorf("%s: got %q, want the tokens that followed %q", name, got, before.RefreshToken)
			}
		}
	})
}

// duringSave is a Store in which something happens while a record is written.
type duringSave struct {
	sessions.Store
	happens func()
}

func (s *duringSave) Save(r *http.Request, w http.ResponseWriter, stored *sessions.Session) error {
	if happens := s.happens; happens != nil {
		s.happens = nil
		happens()
	}
	return s.Store.Save(r, w, stored)
}

// Nor does a token slip through whose session ends while it is stored.
func TestRevokeTokenBeingStored(t *testing.T) {
	files, dir := fileStore(t)
	synctest.Test(t, func(t *testing.T) {
		store := &duringSave{Store: files}
		l := newLiving(t, func(c *login.Config) { c.Store, c.RevokeTokens = store, true })
		cookies := l.logIn()
		old := l.tokenOf(cookies)
		time.Sleep(2 * time.Minute)
		store.happens = func() { l.logOut("/logout", cookies) }
		if w, _ := l.get("/token", cookies); w.Code != http.StatusUnauthorized || l.private(cookies) {
			t.Errorf("got status %d %s, want 401 and no session", w.Code, w.Body)
		}
		newest := l.revocations()
		if newest = newest[max(0, len(newest)-2):]; strings.Contains(strings.Join(newest, "|"), old.RefreshToken) || len(newest) < 2 {
			t.Errorf("got %q revoked last, want what followed %q", newest, old.RefreshToken)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("got %v, %v, want the record to be gone", left, err)
		}
	})
}

// What a revocation endpoint may do: nothing that stops a logout, or that takes
// longer than two seconds.
func TestRevocationFails(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	tests := []struct {
		name   string
		delay  time.Duration
		answer http.HandlerFunc
		own    func(context.Context, *login.Grant) error
		warned bool
	}{
		{"server error", 0, write(500, "PROSE of the provider"), nil, true},
		{"a redirect", 0, write(307, ""), nil, true},
		{"access tokens cannot be revoked", 0, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("token_type_hint") == "access_token" {
				write(400, `{"error":"unsupported_token_type"}`)(w, r)
			}
		}, nil, false},
		{"no tokens can be revoked", 0, write(400, `{"error":"unsupported_token_type"}`), nil, true},
		{"no answer", time.Hour, write(200, ""), nil, true},
		{"a panic", 0, nil, func(context.Context, *login.Grant) error { panic("of the provider") }, true},
		{"of the provider", 0, nil, func(ctx context.Context, g *login.Grant) error {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) > 2*time.Second || g.Token.AccessToken == "" || g.User.ID == "" {
				t.Error("want a context that ends, a token and a user")
			}
			return nil
		}, false},
		{"a function that does not mind its context", 0, nil, func(context.Context, *login.Grant) error {
			time.Sleep(5 * time.Second)
			return nil
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(lockedBuffer)
				l := newLiving(t, func(c *login.Config) {
					c.RevokeTokens, c.Logger = true, slog.New(slog.NewTextHandler(log, nil))
					c.Providers[0].Revoke = test.own
				})
				cookies := l.logIn()
				token := l.tokenOf(cookies)
				l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/revoke", test.delay, test.answer) })
				began := time.Now()
				w, after := l.logOut("/logout", cookies)
				if took := time.Since(began); w.Code != http.StatusSeeOther || took > 2*time.Second {
					t.Errorf("got status %d after %v, want 303 within 2s", w.Code, took)
				}
				if l.private(after) || l.private(cookies) {
					t.Error("the session goes on")
				}
				time.Sleep(10 * time.Second)
				if got := strings.Contains(log.String(), "reason=provider_logout_failed"); got != test.warned {
					t.Errorf("got warned %v, want %v: %s", got, test.warned, log)
				}
				for _, secret := range []string{token.AccessToken, token.RefreshToken, "PROSE"} {
					if strings.Contains(log.String(), secret) {
						t.Errorf("the log holds %q", secret)
					}
				}
			})
		})
	}
}

// How the application shows that it may revoke (RFC 7009 section 2.1).
func TestRevocationAuthenticates(t *testing.T) {
	for style, want := range map[oauth2.AuthStyle]string{
		oauth2.AuthStyleInHeader: "Basic", oauth2.AuthStyleInParams: "client_secret",
	} {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			l := newLiving(t, func(c *login.Config) {
				c.RevokeTokens = true
				c.Providers[0].Endpoint.AuthStyle = style
				c.Providers[0].ClientSecret = "a%b:c d"
			})
			l.op.Set(func(s *logintest.Server) { s.ClientSecret = "a%b:c d" })
			cookies := l.logIn()
			l.op.Set(func(s *logintest.Server) {
				s.Intercept = l.slow("/revoke", 0, func(_ http.ResponseWriter, r *http.Request) {
					r.ParseForm()
					if id, secret, ok := r.BasicAuth(); ok && id == l.op.Provider().ClientID && secret == "a%25b%3Ac+d" {
						got = append(got, "Basic")
					}
					if r.PostForm.Has("client_secret") && r.PostForm.Get("client_id") == l.op.Provider().ClientID {
						got = append(got, "client_secret")
					}
					if r.URL.RawQuery != "" {
						t.Errorf("got a query %q", r.URL.RawQuery)
					}
				})
			})
			l.logOut("/logout", cookies)
			if strings.Join(got, " ") != want+" "+want {
				t.Errorf("got %q, want %s twice", got, want)
			}
		})
	}
}

// A logout goes on to the provider, with everything that the standard asks for, and
// comes back to where the person wanted to go (I2).
func TestEndSession(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, func(c *login.Config) { kind(c); c.EndSession = true })
		cookies := l.logIn()
		idToken, _ := l.tokenOf(cookies).Extra("id_token").(string)
		w, after := l.logOut("/logout?next=/bye%3Fx=1", cookies)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther || u.Scheme+"://"+u.Host+u.Path != l.op.URL+"/end_session" {
			t.Fatalf("got status %d to %s, want 303 to the provider", w.Code, u)
		}
		q := u.Query()
		for key, want := range map[string]string{
			"client_id": l.op.Provider().ClientID, "post_logout_redirect_uri": "http://localhost:8080/logout", "id_token_hint": idToken,
		} {
			if q.Get(key) != want || want == "" {
				t.Errorf("%s: got %q, want %q", key, q.Get(key), want)
			}
		}
		if l.private(after) || l.private(cookies) {
			t.Error("the session goes on")
		}
		back, err := inProcess{l.op}.RoundTrip(httptest.NewRequest(http.MethodGet, u.String(), nil))
		if err != nil {
			t.Fatal(err)
		}
		if w, _ = l.get(back.Header.Get("Location"), after); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/bye?x=1" {
			t.Errorf("got status %d to %q, want to be sent to /bye?x=1", w.Code, w.Header().Get("Location"))
		}
		if p := l.op.Problems(); len(p) > 0 {
			t.Error(p)
		}
	})
}

// Whoever comes back with a state that is not ours sees a page, and is sent nowhere
// (I3).
func TestReturnFromEndSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) { c.EndSession = true })
		stateOf := func(l *living) string {
			w, _ := l.logOut("/logout?next=/bye", l.logIn())
			u, _ := url.Parse(w.Header().Get("Location"))
			return u.Query().Get("state")
		}
		good := stateOf(l)
		foreign := stateOf(newLiving(t, func(c *login.Config) { c.EndSession, c.Key = true, []byte("another key of 32 bytes or more!") }))
		cookies := l.logIn()
		var identity string
		for name, value := range cookies {
			if strings.Count(name, "-") == 1 {
				identity = value
			}
		}
		for name, state := range map[string]string{
			"none": "", "another": "abc", "foreign": foreign, "changed": good[:len(good)-1] + "A", "cut": good[:len(good)-4],
			"longer": good + "AAAA", "an address": "https://evil.example/", "a path": "/evil", "a cookie": identity,
			"very long": strings.Repeat("A", 1<<16),
		} {
			w, _ := l.get("/logout?state="+url.QueryEscape(state), nil)
			if w.Code != http.StatusOK || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "nobody to sign out") {
				t.Errorf("%s: got status %d to %q, want a page", name, w.Code, w.Header().Get("Location"))
			}
		}
		if w, _ := l.get("/logout?state="+url.QueryEscape("abc"), cookies); w.Code != http.StatusOK || !l.private(cookies) {
			t.Errorf("somebody who is logged in: got status %d, want a page and a session", w.Code)
		}
		if w, _ := l.get("/logout?state="+url.QueryEscape(good), nil); w.Header().Get("Location") != "/bye" {
			t.Errorf("its own: got status %d to %q, want /bye", w.Code, w.Header().Get("Location"))
		}
		time.Sleep(11 * time.Minute)
		if w, _ := l.get("/logout?state="+url.QueryEscape(good), nil); w.Code != http.StatusOK {
			t.Errorf("after 11 minutes: got status %d, want a page", w.Code)
		}
	})
}

// Where a logout leads, by what the provider says of its end-session endpoint.
func TestEndSessionURL(t *testing.T) {
	metadata := func(endSession string) func(*login.Provider) {
		return func(p *login.Provider) {
			discover := p.Discover
			p.Discover = func(ctx context.Context, p login.Provider) (login.Metadata, error) {
				md, err := discover(ctx, p)
				md.EndSessionURL = endSession
				return md, err
			}
		}
	}
	own := func(location string) func(*login.Provider) {
		return func(p *login.Provider) {
			p.EndSession = func(g *login.Grant, returnTo, state string) string {
				if g.User.ID == "" || g.IDToken == "" && state != "" && g.Token.AccessToken != "" || returnTo != "http://localhost:8080/logout" {
					t.Errorf("got user %q, return to %q", g.User.ID, returnTo)
				}
				return location
			}
		}
	}
	tests := []struct {
		name   string
		change func(*login.Provider)
		want   string // beginning of Location
		csp    string // form-action of the sign-out page
	}{
		{"https", metadata("https://op.example/out"), "https://op.example/out?client_id=", "'self' https:"},
		{"with a query", metadata("https://op.example/out?tenant=1"), "https://op.example/out?client_id=", "'self' https:"},
		{"none", metadata(""), "/bye", "'self'"},
		{"plain http", metadata("http://op.example/out"), "/bye", "'self'"},
		{"a script", metadata("javascript:alert(1)"), "/bye", "'self'"},
		{"a path", metadata("/out"), "/bye", "'self'"},
		{"with a user", metadata("https://a:b@op.example/out"), "/bye", "'self'"},
		{"broken", metadata("https://op.example/%zz"), "/bye", "'self'"},
		{"its own", own("https://sso.example/leave?to=x"), "https://sso.example/leave?to=x", "'self' https:"},
		{"its own, loopback", own("http://127.0.0.1:9/leave"), "http://127.0.0.1:9/leave", "'self' http://127.0.0.1:9"},
		{"its own, none", own(""), "/bye", "'self'"},
		{"its own, plain http", own("http://sso.example/leave"), "/bye", "'self'"},
		{"a panic", func(p *login.Provider) {
			p.EndSession = func(*login.Grant, string, string) string { panic("of the provider") }
		}, "/bye", "'self'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLiving(t, func(c *login.Config) {
					c.EndSession, c.Logger = true, slog.New(slog.DiscardHandler)
					test.change(&c.Providers[0])
				})
				cookies := l.logIn()
				w, _ := l.get("/logout", cookies)
				_, csp, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "form-action ")
				if csp, _, _ = strings.Cut(csp, ";"); csp != test.csp {
					t.Errorf("got form-action %q, want %q", csp, test.csp)
				}
				w, after := l.logOut("/logout?next=/bye", cookies)
				if got := w.Header().Get("Location"); !strings.HasPrefix(got, test.want) || test.want == "/bye" && got != "/bye" {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if strings.Contains(test.name, "query") && !strings.Contains(w.Header().Get("Location"), "tenant=1") {
					t.Errorf("got %q, want the query of the endpoint", w.Header().Get("Location"))
				}
				if l.private(after) || l.private(cookies) {
					t.Error("the session goes on")
				}
			})
		})
	}
}

// A provider that is down when somebody logs out does not hold them up for long.
func TestEndSessionWithoutProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookies := newLiving(t, nil).logIn()
		again := newLiving(t, func(c *login.Config) { // restarted, and knows nothing yet
			c.EndSession, c.RevokeTokens, c.Logger = true, true, slog.New(slog.DiscardHandler)
			c.Providers[0].Discover = func(ctx context.Context, _ login.Provider) (login.Metadata, error) {
				<-ctx.Done()
				return login.Metadata{}, ctx.Err()
			}
		})
		began := time.Now()
		w, _ := again.logOut("/logout?next=/bye", cookies)
		if took := time.Since(began); w.Header().Get("Location") != "/bye" || took > 2*time.Second {
			t.Errorf("got sent to %q after %v, want /bye within 2s", w.Header().Get("Location"), took)
		}
		if again.private(cookies) {
			t.Error("the session goes on")
		}
		time.Sleep(time.Minute)
	})
}

// An ID token too long for a URL stays out of it.
func TestLongIDTokenHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, _ := fileStore(t)
		var grant *login.Grant
		l := newLiving(t, func(c *login.Config) {
			c.EndSession, c.Store = true, files
			c.OnLogin = func(_ *http.Request, _ *login.User, g *login.Grant) error {
				g.IDToken = strings.Repeat("x", 6<<10+1)
				grant = g
				return nil
			}
		})
		w, _ := l.logOut("/logout", l.logIn())
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || grant == nil || u.Query().Has("id_token_hint") || u.Query().Get("client_id") == "" {
			t.Errorf("got %.200s, want no hint", u)
		}
	})
}

// A provider that hands out again what it has handed out before does not make a
// logout go in circles.
func TestLogoutAfterCircularRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) {
			c.RevokeTokens = true
			c.Providers[0].Revoke = func(context.Context, *login.Grant) error { return nil }
			c.Providers[0].Renew = func(_ context.Context, g *login.Grant) (*oauth2.Token, error) {
				next := map[bool]string{true: "B", false: "A"}[g.Token.AccessToken == "A"]
				return &oauth2.Token{AccessToken: next, Expiry: time.Now().Add(4 * time.Second)}, nil
			}
		})
		cookies := l.logIn()
		time.Sleep(time.Minute)
		for range 3 {
			_, cookies = l.get("/token", cookies)
			time.Sleep(5 * time.Second)
		}
		if w, _ := l.logOut("/logout", cookies); w.Code != http.StatusSeeOther {
			t.Errorf("got status %d, want 303", w.Code)
		}
	})
}

// The sign-out page asks no provider, and says nothing in the log.
func TestSignOutPageWithoutProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookies, log := newLiving(t, nil).logIn(), new(lockedBuffer)
		l := newLiving(t, func(c *login.Config) { // restarted, and knows nothing yet
			c.EndSession, c.Logger = true, slog.New(slog.NewTextHandler(log, nil))
			c.Providers[0].Discover = func(ctx context.Context, _ login.Provider) (login.Metadata, error) {
				<-ctx.Done()
				return login.Metadata{}, ctx.Err()
			}
		})
		began := time.Now()
		w, _ := l.get("/logout", cookies)
		if took := time.Since(began); w.Code != http.StatusOK || took > 0 || log.String() != "" {
			t.Errorf("got status %d after %v, log %q, want 200 at once", w.Code, took, log)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https:;") {
			t.Errorf("got %s, want a form that may lead to the provider", csp)
		}
	})
}
