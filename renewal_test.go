package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
)

// inProcess answers requests by a handler, without a network, so that it can be
// used where the clock is that of testing/synctest.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	got := r.Clone(r.Context())
	if got.Body == nil {
		got.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, got)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// cookieSet is what a browser sends, by name.
type cookieSet map[string]string

// living is an application whose users come back when their tokens have ended.
type living struct {
	t    *testing.T
	op   *logintest.Server
	auth *login.Auth
	app  http.Handler
}

// newLiving starts one whose tokens live for a minute. Its pages are /token,
// which asks for the token, and /user, which calls the API.
func newLiving(t *testing.T, change func(*login.Config)) *living {
	l := &living{t: t, op: &logintest.Server{URL: "http://127.0.0.1:9", TokenLifetime: time.Minute}}
	c := login.Config{
		URL: "http://localhost:8080", Key: testKey,
		Client: &http.Client{Transport: inProcess{l.op}},
	}
	p := l.op.Provider()
	p.API = []string{l.op.URL + "/api"}
	c.Providers = []login.Provider{p}
	if change != nil {
		change(&c)
	}
	var err error
	if l.auth, err = login.New(c); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if wait, err := time.ParseDuration(r.URL.Query().Get("after")); err == nil {
			time.Sleep(wait)
		}
		token, err := l.auth.Token(w, r)
		l.answer(w, token, err)
	})
	mux.HandleFunc("/user", l.user)
	mux.Handle("/private", l.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, login.UserFrom(r.Context()).ID)
	})))
	l.app = l.auth.Wrap(mux)
	return l
}

// answer says what came of a call of Token or Client.
func (l *living) answer(w http.ResponseWriter, token *oauth2.Token, err error) {
	switch {
	case errors.Is(err, login.ErrLoginRequired):
		w.WriteHeader(http.StatusUnauthorized)
	case errors.Is(err, login.ErrNoToken):
		w.WriteHeader(http.StatusNotFound)
	case errors.Is(err, login.ErrProvider):
		w.WriteHeader(http.StatusBadGateway)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	}
	if err != nil {
		io.WriteString(w, err.Error())
		return
	}
	json.NewEncoder(w).Encode(token)
}

func (l *living) user(w http.ResponseWriter, r *http.Request) {
	c, err := l.auth.Client(w, r)
	if err != nil {
		l.answer(w, nil, err)
		return
	}
	resp, err := c.Get("/user")
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// visit asks for a page with cookies, and returns the answer and the cookies after
// it.
func (l *living) visit(ctx context.Context, method, target string, cookies cookieSet) (*httptest.ResponseRecorder, cookieSet) {
	r := httptest.NewRequestWithContext(ctx, method, target, nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Origin", "http://localhost:8080")
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	l.app.ServeHTTP(w, r)
	after := maps.Clone(cookies)
	if after == nil {
		after = cookieSet{}
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(after, c.Name)
		} else {
			after[c.Name] = c.Value
		}
	}
	return w, after
}

func (l *living) get(target string, cookies cookieSet) (*httptest.ResponseRecorder, cookieSet) {
	return l.visit(l.t.Context(), http.MethodGet, target, cookies)
}

// logIn returns the cookies of somebody who has logged in.
func (l *living) logIn() cookieSet {
	l.t.Helper()
	w, cookies := l.get("/login/oidc", nil)
	r := httptest.NewRequest(http.MethodGet, w.Header().Get("Location"), nil)
	resp, err := inProcess{l.op}.RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	w, cookies = l.get(resp.Header.Get("Location"), cookies)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		l.t.Fatalf("got status %d %s, want to be logged in", w.Code, w.Body)
	}
	return cookies
}

// refreshes returns how often a refresh token was sent.
func (l *living) refreshes() int {
	n := 0
	for _, r := range l.op.Requests() {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// eachKind runs f with sessions in cookies and with sessions in a Store.
func eachKind(t *testing.T, f func(*testing.T, func(*login.Config))) {
	for _, kind := range []string{"cookies", "store"} {
		t.Run(kind, func(t *testing.T) {
			files, _ := fileStore(t)
			synctest.Test(t, func(t *testing.T) {
				f(t, func(c *login.Config) {
					if kind == "store" {
						c.Store = files
					}
				})
			})
		})
	}
}

// A hundred requests at once, all with a token that has ended, at a provider that
// takes a second use of a refresh token for theft: one renewal, a hundred
// successes (J2, T54).
func TestRenewOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		old := l.logIn()
		time.Sleep(2 * time.Minute)
		l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/token", time.Second, nil) })
		var wg sync.WaitGroup
		var mu sync.Mutex
		newest := old
		for range 100 {
			wg.Go(func() {
				w, cookies := l.get("/user", old)
				if w.Code != http.StatusOK {
					t.Errorf("got status %d %s, want 200", w.Code, w.Body)
				}
				mu.Lock()
				defer mu.Unlock()
				newest = cookies
			})
		}
		wg.Wait()
		if got := l.refreshes(); got != 1 {
			t.Errorf("got %d renewals, want 1", got)
		}
		time.Sleep(20 * time.Second) // and one that was still on its way with the old cookies
		if w, _ := l.get("/user", old); w.Code != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("with the old cookies: got status %d after %d renewals, want 200 after 1", w.Code, l.refreshes())
		}
		time.Sleep(2 * time.Minute)
		if w, _ := l.get("/user", newest); w.Code != http.StatusOK || l.refreshes() != 2 {
			t.Errorf("later: got status %d after %d renewals, want 200 after 2", w.Code, l.refreshes())
		}
	})
}

// slow lets a path take its time, and answer as answer does.
func (l *living) slow(path string, d time.Duration, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		if answer != nil {
			answer(w, r)
		}
		return answer != nil
	}
}

// A person who leaves while the token is renewed finds it renewed (J5, T57).
func TestRenewalOutlivesTheRequest(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/token", 3*time.Second, nil) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if w, _ := l.visit(ctx, http.MethodGet, "/token", cookies); w.Code == http.StatusOK {
			t.Errorf("got status 200 for somebody who has left")
		}
		time.Sleep(10 * time.Second)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("got status %d after %d renewals, want 200 after 1", w.Code, l.refreshes())
		}
	})
}

// Providers that do not rotate refresh tokens, and those that send none with a
// renewed token, are asked with the same again and again (J1).
func TestRenewalWithoutRotation(t *testing.T) {
	for _, member := range []string{"", `,"refresh_token":"the-one"`} {
		synctest.Test(t, func(t *testing.T) {
			l := newLiving(t, func(c *login.Config) {
				c.Providers[0].Scopes = []string{"profile"}
				c.Providers[0].Identify = func(context.Context, *login.Grant) (*login.User, error) { return &login.User{ID: "1"}, nil }
			})
			n := 0
			l.op.Set(func(s *logintest.Server) {
				s.Intercept = l.slow("/token", 0, func(w http.ResponseWriter, r *http.Request) {
					r.ParseForm()
					if r.PostForm.Get("grant_type") == "refresh_token" && r.PostForm.Get("refresh_token") != "the-one" {
						w.WriteHeader(http.StatusBadRequest)
						io.WriteString(w, `{"error":"invalid_grant"}`)
						return
					}
					refresh := member
					if n == 0 {
						refresh = `,"refresh_token":"the-one"`
					}
					n++
					fmt.Fprintf(w, `{"access_token":"access-%d","token_type":"Bearer","expires_in":60%s}`, n, refresh)
				})
			})
			cookies := l.logIn()
			for i := 2; i < 5; i++ {
				time.Sleep(2 * time.Minute)
				var w *httptest.ResponseRecorder
				w, cookies = l.get("/token", cookies)
				if want := fmt.Sprintf(`"access-%d"`, i); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
					t.Errorf("got status %d %s, want %s", w.Code, w.Body, want)
				}
			}
		})
	}
}

// What a provider may answer, and what becomes of the session (J3).
func TestRenewalFails(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		delay  time.Duration
		want   int  // of /token
		ends   bool // the session
	}{
		{"invalid_grant", 400, `{"error":"invalid_grant"}`, 0, http.StatusUnauthorized, true},
		{"invalid_client", 401, `{"error":"invalid_client"}`, 0, http.StatusBadGateway, false},
		{"server error", 500, `{"error":"server_error"}`, 0, http.StatusBadGateway, false},
		{"unavailable", 503, ``, 0, http.StatusBadGateway, false},
		{"not a token", 200, `{}`, 0, http.StatusBadGateway, false},
		{"another type of token", 200, `{"access_token":"a","token_type":"mac"}`, 0, http.StatusBadGateway, false},
		{"no answer", 200, `{}`, time.Hour, http.StatusBadGateway, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, kind func(*login.Config)) {
				l := newLiving(t, kind)
				cookies := l.logIn()
				time.Sleep(2 * time.Minute)
				l.op.Set(func(s *logintest.Server) {
					s.Intercept = l.slow("/token", test.delay, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(test.status)
						io.WriteString(w, test.body)
					})
				})
				var after cookieSet
				for range 3 { // and a dead token is not sent again and again
					started := time.Now()
					var w *httptest.ResponseRecorder
					w, after = l.get("/token", cookies)
					if w.Code != test.want {
						t.Errorf("got status %d %s, want %d", w.Code, w.Body, test.want)
					}
					if took := time.Since(started); took > 11*time.Second {
						t.Errorf("got an answer after %v", took)
					}
				}
				if got := l.refreshes(); got != 1 {
					t.Errorf("got %d renewals, want 1", got)
				}
				for who, cookies := range map[string]cookieSet{"the browser": after, "a copy": cookies} {
					w, _ := l.get("/private", cookies)
					if ended := w.Code != http.StatusOK; ended != test.ends {
						t.Errorf("%s: the session has ended: %v, want %v", who, ended, test.ends)
					}
				}
				if test.ends {
					return
				}
				l.op.Set(func(s *logintest.Server) { s.Intercept = nil })
				time.Sleep(time.Minute)
				if w, _ := l.get("/token", cookies); w.Code != http.StatusOK {
					t.Errorf("when the provider is well again: got status %d %s, want 200", w.Code, w.Body)
				}
			})
		})
	}
}

// A token is renewed a little before its end; while it lasts, a provider that is
// down makes no difference.
func TestRenewedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, nil)
		cookies := l.logIn()
		time.Sleep(44 * time.Second)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK || l.refreshes() != 0 {
			t.Errorf("got status %d after %d renewals, want 200 after none", w.Code, l.refreshes())
		}
		time.Sleep(2 * time.Second) // less than a quarter of its minute is left
		l.op.Set(func(s *logintest.Server) {
			s.Intercept = l.slow("/token", 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		})
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("got status %d after %d renewals, want 200 after 1", w.Code, l.refreshes())
		}
		time.Sleep(time.Minute)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusBadGateway {
			t.Errorf("got status %d, want 502", w.Code)
		}
	})
}

// A renewed token that is somebody else's ends the session at once, though the old
// one has a few seconds left (J4).
func TestRenewedForSomebodyElse(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, func(c *login.Config) {
			kind(c)
			c.Providers[0].Renew = func(context.Context, *login.Grant) (*oauth2.Token, error) {
				return nil, fmt.Errorf("%w: it is somebody else", login.ErrLoginRequired)
			}
		})
		cookies := l.logIn()
		time.Sleep(46 * time.Second)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusUnauthorized {
			t.Errorf("got status %d %s, want 401", w.Code, w.Body)
		}
		if w, _ := l.get("/private", cookies); w.Code == http.StatusOK {
			t.Error("the session goes on")
		}
	})
}

// A logout while the token is renewed is final (T56).
func TestLogoutDuringRenewal(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/token", 3*time.Second, nil) })
		var wg sync.WaitGroup
		wg.Go(func() {
			w, after := l.get("/token", cookies)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("got status %d %s, want 401", w.Code, w.Body)
			}
			if w, _ := l.get("/private", after); w.Code == http.StatusOK {
				t.Errorf("the answer to the renewal has brought the session back")
			}
		})
		time.Sleep(time.Second)
		if w, _ := l.visit(t.Context(), http.MethodPost, "/logout", cookies); w.Code != http.StatusSeeOther {
			t.Fatalf("got status %d, want to be logged out", w.Code)
		}
		wg.Wait()
		if w, _ := l.get("/private", cookies); w.Code == http.StatusOK {
			t.Errorf("the session is back")
		}
	})
}

// A handler that has been at work for a while asks for a token that was renewed, and
// given up by a logout, after it began.
func TestTokenAfterLogout(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() {
			if w, _ := l.get("/token?after=3s", cookies); w.Code != http.StatusUnauthorized {
				t.Errorf("got status %d %s, want 401", w.Code, w.Body)
			}
		})
		time.Sleep(time.Second)
		w, after := l.get("/token", cookies)
		if w.Code != http.StatusOK {
			t.Fatalf("got status %d %s, want a renewed token", w.Code, w.Body)
		}
		l.visit(t.Context(), http.MethodPost, "/logout", after)
		wg.Wait()
	})
}

// A renewed token that fits no cookies leaves none of the old one, which was used up;
// and only cookies of ours are removed, however many look like them.
func TestRenewedTokenTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) {
			c.Providers[0].Renew = func(context.Context, *login.Grant) (*oauth2.Token, error) {
				return &oauth2.Token{AccessToken: strings.Repeat("x", 8<<10), Expiry: time.Now().Add(time.Hour)}, nil
			}
		})
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		piece := ""
		for name := range cookies {
			if strings.HasSuffix(name, "-t0") {
				piece = name
			}
		}
		for i := range 100 {
			cookies[fmt.Sprint(strings.TrimSuffix(piece, "0"), "z", i)] = "x"
		}
		w, after := l.get("/token", cookies)
		if w.Code != http.StatusOK || after[piece] != "" {
			t.Errorf("got status %d and the old cookie %q, want the token, and no cookie", w.Code, after[piece])
		}
		if n := len(w.Result().Cookies()); n > 2 {
			t.Errorf("got %d cookies removed, want ours only", n)
		}
	})
}

// An API's 401 goes to the caller, and the next call has a fresh token (J6).
func TestRefusedTokenIsRenewed(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		cookies := l.logIn()
		l.op.Set(func(s *logintest.Server) {
			s.Intercept = l.slow("/api/user", 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
		})
		if w, _ := l.get("/user", cookies); w.Code != http.StatusUnauthorized || l.refreshes() != 0 {
			t.Errorf("got status %d after %d renewals, want 401 after none", w.Code, l.refreshes())
		}
		l.op.Set(func(s *logintest.Server) { s.Intercept = nil })
		if w, _ := l.get("/user", cookies); w.Code != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("got status %d after %d renewals, want 200 after 1", w.Code, l.refreshes())
		}
	})
}

// Client follows redirects, as APIs use them for what has moved, but takes the token
// to the API only; answers may be large (R73, C5).
func TestClientOfTheUser(t *testing.T) {
	var l *living
	var tokens []string // by host and path
	servers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host := r.URL.Host; {
		case host == "api.example" || host == "other.example":
			tokens = append(tokens, host+r.URL.Path+" "+strings.Repeat("token", strings.Count(r.Header.Get("Authorization"), "Bearer ")))
			switch r.URL.Path {
			case "/base/moved":
				http.Redirect(w, r, "https://api.example/base/here", http.StatusMovedPermanently)
			case "/base/aside":
				w.Header().Set("Location", "/base/beside?x=1") // as Go's own http.Redirect and others write it
				w.WriteHeader(http.StatusFound)
			case "/base/away":
				http.Redirect(w, r, "https://other.example/there", http.StatusTemporaryRedirect)
			default:
				w.Write(make([]byte, 2<<20))
			}
		default:
			l.op.ServeHTTP(w, r)
		}
	})
	l = newLiving(t, func(c *login.Config) {
		c.Providers[0].API = []string{"https://api.example/base"}
		c.Client = &http.Client{Transport: inProcess{servers}}
	})
	l.op.Set(func(s *logintest.Server) { s.TokenLifetime = time.Hour })
	cookies := l.logIn()
	for _, target := range []string{"/moved", "/aside", "/away", "large", "https://other.example/x", "https://api.example/outside"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for name, value := range cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		c, err := l.auth.Client(httptest.NewRecorder(), r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || len(body) != 2<<20 {
			t.Errorf("%s: got %d bytes, error %v, want 2 MiB", target, len(body), err)
		}
	}
	want := []string{
		"api.example/base/moved token", "api.example/base/here token",
		"api.example/base/aside token", "api.example/base/beside token",
		"api.example/base/away token", "other.example/there ",
		"api.example/base/large token", "other.example/x ", "api.example/outside token",
	}
	if !slices.Equal(tokens, want) {
		t.Errorf("got %q, want %q", tokens, want)
	}
	if _, err := l.auth.Client(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, login.ErrLoginRequired) {
		t.Errorf("nobody: got %v, want ErrLoginRequired", err)
	}
}

// A Provider's own Renew may leave out what stays as it was, and may panic.
func TestRenewOfTheProvider(t *testing.T) {
	for name, want := range map[string]int{"a token": http.StatusOK, "no token": http.StatusBadGateway, "a panic": http.StatusBadGateway} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLiving(t, func(c *login.Config) {
					c.Providers[0].Renew = func(_ context.Context, g *login.Grant) (*oauth2.Token, error) {
						switch name {
						case "a token":
							return &oauth2.Token{AccessToken: "after " + g.User.ID, TokenType: "Bearer"}, nil
						case "a panic":
							panic("of the provider")
						}
						return nil, nil
					}
				})
				cookies := l.logIn()
				before, _ := l.get("/token", cookies)
				time.Sleep(2 * time.Minute)
				w, _ := l.get("/token", cookies)
				if w.Code != want {
					t.Fatalf("got status %d %s, want %d", w.Code, w.Body, want)
				}
				var was, is oauth2.Token
				json.Unmarshal(before.Body.Bytes(), &was)
				json.Unmarshal(w.Body.Bytes(), &is)
				if want == http.StatusOK && (!strings.HasPrefix(is.AccessToken, "after ") || len(is.AccessToken) == len("after ") || is.RefreshToken != was.RefreshToken || was.RefreshToken == "") {
					t.Errorf("got %+v after %+v, want the new access token and the old refresh token", is, was)
				}
			})
		})
	}
}

// A 401 for another token than the user's, which a Provider may act with, says
// nothing about the user's.
func TestOtherTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) {
			c.Providers[0].Authorize = func(r *http.Request, g *login.Grant) {
				token := g.Token.AccessToken
				if strings.HasSuffix(r.URL.Path, "/page") {
					token = "of the page"
				}
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
		l.op.Set(func(s *logintest.Server) {
			s.NoRefresh = true
			s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/page") {
					return false
				}
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
		})
		cookies := l.logIn()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for name, value := range cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		c, err := l.auth.Client(httptest.NewRecorder(), r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Get("/page")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK {
			t.Errorf("got status %d %s, want the user's token to be good", w.Code, w.Body)
		}
	})
}
