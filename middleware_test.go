package login_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// Decision 11, H12, T42, T46: who is redirected and who is told.
func TestRequireAnonymous(t *testing.T) {
	_, s := newLogin(t)
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"navigation", func(r *http.Request) {}, 303},
		{"old browser", func(r *http.Request) { r.Header = http.Header{"Accept": {"text/html, */*"}} }, 303},
		{"form", func(r *http.Request) { r.Method = "POST" }, 303},
		{"curl", func(r *http.Request) { r.Header = http.Header{"Accept": {"*/*"}} }, 401},
		{"no headers", func(r *http.Request) { r.Header = http.Header{} }, 401},
		{"JSON", func(r *http.Request) { r.Header = http.Header{"Accept": {"application/json"}} }, 401},
		{"old XHR", func(r *http.Request) {
			r.Header = http.Header{"Accept": {"*/*"}, "X-Requested-With": {"XMLHttpRequest"}}
		}, 401},
		{"old XHR that takes HTML", func(r *http.Request) {
			r.Header = http.Header{"Accept": {"text/html, */*"}, "X-Requested-With": {"XMLHttpRequest"}}
		}, 401},
		{"web view of Android", func(r *http.Request) {
			r.Header = http.Header{"Accept": {"text/html, */*"}, "X-Requested-With": {"com.example.app"}}
		}, 303},
		{"fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, 401},
		{"same-origin fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "same-origin") }, 401},
		{"image", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "no-cors") }, 401},
		{"image by its destination", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
			r.Header.Set("Sec-Fetch-Dest", "image")
		}, 401},
		{"WebSocket", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "websocket") }, 401},
		{"WebSocket of an old browser", func(r *http.Request) {
			r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"x"}}
		}, 401},
		{"EventSource of an old browser", func(r *http.Request) { r.Header = http.Header{"Accept": {"text/event-stream"}} }, 401},
		{"EventSource", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "cors")
			r.Header.Set("Accept", "text/event-stream")
		}, 401},
		{"prefetch", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") }, 401},
		{"prerender", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch;prerender") }, 401},
		{"old prefetch", func(r *http.Request) { r.Header.Set("Purpose", "prefetch") }, 401},
		{"older prefetch", func(r *http.Request) { r.Header = http.Header{"Accept": {"text/html"}, "X-Moz": {"prefetch"}} }, 401},
		{"HEAD", func(r *http.Request) { r.Method = "HEAD"; r.Header.Del("Sec-Fetch-Mode") }, 401},
		{"PUT without metadata", func(r *http.Request) { r.Method = "PUT"; r.Header.Del("Sec-Fetch-Mode") }, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t)
			r := navigationTo(s.URL + "/me?a=b%2Fc&d=%C3%A9")
			tt.change(r)
			b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, body := b.send(r)
			if resp.StatusCode != tt.want || len(resp.Cookies()) != 0 || resp.Header.Get("Cache-Control") != "no-store" ||
				resp.Header.Get("Vary") != "Cookie" || strings.Contains(body, "Ada") {
				t.Errorf("got status %d, headers %v, %q", resp.StatusCode, resp.Header, body)
			}
			switch {
			case tt.want == 303 && r.Method == "POST":
				if got := resp.Header.Get("Location"); got != "/login" {
					t.Errorf("got Location %q", got)
				}
			case tt.want == 303:
				if got := resp.Header.Get("Location"); got != "/login?next=%2Fme%3Fa%3Db%252Fc%26d%3D%25C3%25A9" {
					t.Errorf("got Location %q", got)
				}
			case r.Method != "HEAD":
				var p struct {
					Status int
					Title  string
				}
				if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != 401 || p.Title != "Unauthorized" ||
					resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("got %q, headers %v", body, resp.Header)
				}
			}
		})
	}
}

// T37: back to where one wanted to go, to the byte.
func TestReturn(t *testing.T) {
	_, s := newLogin(t)
	for _, path := range []string{"/me", "/me?x=1&y=a+b", "/me?q=%2F%2Fx&%C3%A9=%20", "/me?next=/login"} {
		resp, _ := newBrowser(t).open(s.URL + path)
		if got := resp.Request.URL.RequestURI(); got != path || resp.StatusCode != 200 {
			t.Errorf("got %q with status %d, want %q", got, resp.StatusCode, path)
		}
	}
	// A POST is not repeated after the login.
	r := navigationTo(s.URL + "/me")
	r.Method = "POST"
	if resp, _ := newBrowser(t).send(r); resp.Request.URL.Path != "/" || resp.Request.Method != "GET" {
		t.Errorf("after a POST: got %s %s", resp.Request.Method, resp.Request.URL)
	}
}

func TestAllow(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error {
			u.Extra = map[string]string{"role": "staff"}
			return nil
		}
	})
	role := func(want string) http.Handler {
		return s.auth.Allow(func(u *login.User) bool { return u.Extra["role"] == want })(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "secret")
		}))
	}
	cookies := jarOf(t, s).cookies(s.URL)
	for want, code := range map[string]int{"staff": 200, "admin": 403} {
		w := httptest.NewRecorder()
		role(want).ServeHTTP(w, requestWith(cookies))
		if w.Code != code || strings.Contains(w.Body.String(), "secret") != (code == 200) {
			t.Errorf("%s: got status %d, %q", want, w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		role(want).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 401 {
			t.Errorf("%s, nobody: got status %d", want, w.Code)
		}
	}
}

// Decision 1: a user of one Auth is nobody to another's Require, whichever is
// outside, and UserFrom finds the one that the nearest gate admitted.
func TestTwoAuths(t *testing.T) {
	f := newFakeProvider(t)
	newAuth := func(url, label string) *login.Auth {
		p := f.provider("fake")
		a, err := login.New(login.Config{URL: url, Key: testKey, Providers: []login.Provider{p},
			OnLogin: func(r *http.Request, u *login.User, g *login.Grant) error { u.Name = label; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	staff, public := newAuth("http://127.0.0.1:8080/staff", "Staff"), newAuth("http://127.0.0.1:8080", "Public")
	_, staffCookies := wholeLogin(t, staff)
	_, publicCookies := wholeLogin(t, public)
	name := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, login.UserFrom(r.Context()).Name) })
	for _, tt := range []struct {
		name    string
		cookies [][]*http.Cookie
		handler http.Handler
		want    string
	}{
		{"staff gate, public user", [][]*http.Cookie{publicCookies}, staff.Wrap(public.Wrap(staff.Require(name))), "401"},
		{"staff gate, public user, other nesting", [][]*http.Cookie{publicCookies}, public.Wrap(staff.Wrap(staff.Require(name))), "401"},
		{"public gate, staff user", [][]*http.Cookie{staffCookies}, staff.Wrap(public.Wrap(public.Require(name))), "401"},
		{"public gate, staff user, other nesting", [][]*http.Cookie{staffCookies}, public.Wrap(staff.Wrap(public.Require(name))), "401"},
		{"no Wrap", [][]*http.Cookie{publicCookies}, staff.Require(name), "401"},
		{"own user", [][]*http.Cookie{staffCookies}, public.Wrap(staff.Wrap(staff.Require(name))), "Staff"},
		{"own user, other nesting", [][]*http.Cookie{staffCookies}, staff.Wrap(public.Wrap(staff.Require(name))), "Staff"},
		{"both, staff gate", [][]*http.Cookie{staffCookies, publicCookies}, staff.Wrap(public.Wrap(staff.Require(name))), "Staff"},
		{"both, staff gate, other nesting", [][]*http.Cookie{staffCookies, publicCookies}, public.Wrap(staff.Wrap(staff.Require(name))), "Staff"},
		{"both, public gate", [][]*http.Cookie{staffCookies, publicCookies}, public.Wrap(staff.Wrap(public.Require(name))), "Public"},
		{"both, both gates", [][]*http.Cookie{staffCookies, publicCookies}, staff.Require(public.Require(name)), "Public"},
		{"both gates, one user", [][]*http.Cookie{publicCookies}, staff.Require(public.Require(name)), "401"},
		{"UserFrom, nearest", [][]*http.Cookie{staffCookies, publicCookies}, staff.Wrap(public.Wrap(name)), "Public"},
		{"UserFrom, the only one", [][]*http.Cookie{staffCookies}, staff.Wrap(public.Wrap(name)), "Staff"},
	} {
		r := httptest.NewRequest("GET", "/x", nil)
		for _, cookies := range tt.cookies {
			for _, c := range cookies {
				if c.MaxAge > 0 {
					r.AddCookie(c)
				}
			}
		}
		w := httptest.NewRecorder()
		tt.handler.ServeHTTP(w, r)
		if got := map[bool]string{true: w.Body.String(), false: fmt.Sprint(w.Code)}[w.Code == 200]; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// WithUser is for tests of what stands behind Require, and for other ways in.
func TestWithUser(t *testing.T) {
	_, s := newLogin(t)
	for _, h := range []http.Handler{
		s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, login.UserFrom(r.Context()).ID) })),
		s.auth.Wrap(s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, login.UserFrom(r.Context()).ID) }))),
	} {
		r := httptest.NewRequest("GET", "/", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(login.WithUser(r.Context(), &login.User{ID: "robot"})))
		if w.Code != 200 || w.Body.String() != "robot" {
			t.Errorf("got status %d, %q", w.Code, w.Body)
		}
	}
}

// T40: no spelling of a path gets past Require, or makes Wrap mistake whose it is.
func TestGateBypass(t *testing.T) {
	_, s := newLogin(t)
	h := s.auth.Wrap(s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s got in", r.RequestURI) })))
	for _, target := range []string{
		"//me", "/%6de", "/public/../me", "/me;x", "/me/", "/me?x=/public", "/login/../me", "/login/..%2fme", "/loginx", "/LOGIN",
		"/callbackx", "/callback.fake", "//login", "/logoutx", "/x/login", "/.", "/%2e%2e/me", "*",
	} {
		for _, method := range []string{"GET", "POST", "get", "OPTIONS", "CONNECT", "TRACE"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Method, r.RequestURI = method, target
			u, err := url.ParseRequestURI(target)
			if err != nil {
				u = &url.URL{Path: target}
			}
			r.URL = u
			for k, v := range map[string]string{"X-Original-URL": "/login", "X-Rewrite-Url": "/login", "X-Forwarded-Uri": "/login",
				"X-Forwarded-User": "ada", "X-Auth-User": "ada", "Remote-User": "ada", "User-Agent": "kube-probe"} { // T41
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 401 && w.Code != 404 && w.Code != 403 && w.Code != 405 {
				t.Errorf("%s %s: got status %d", method, target, w.Code)
			}
		}
	}
}

// Decision 12, R71, R88: the handlers by hand, with and without StripPrefix, and
// by path value.
func TestMountedByHand(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		mount      func(*http.ServeMux, *login.Auth)
	}{
		{"all in one", "", func(m *http.ServeMux, a *login.Auth) {
			m.Handle("/login", a)
			m.Handle("/login/", a)
			m.Handle("/callback/", a)
			m.Handle("/logout", a)
		}},
		{"below a path", "/auth", func(m *http.ServeMux, a *login.Auth) { m.Handle("/auth/", a) }},
		{"stripped", "/auth", func(m *http.ServeMux, a *login.Auth) { m.Handle("/auth/", http.StripPrefix("/auth", a)) }},
		{"one by one", "", func(m *http.ServeMux, a *login.Auth) {
			m.HandleFunc("GET /login", a.Login)
			m.HandleFunc("GET /login/{provider}", a.Login)
			m.HandleFunc("GET /callback/{provider}", a.Callback)
			m.HandleFunc("/logout", a.Logout)
		}},
		{"one by one, without path values", "/a/b", func(m *http.ServeMux, a *login.Auth) {
			m.HandleFunc("/a/b/login", a.Login)
			m.HandleFunc("/a/b/login/", a.Login)
			m.HandleFunc("/a/b/callback/", a.Callback)
			m.HandleFunc("/a/b/logout", a.Logout)
		}},
		{"one by one, stripped", "/auth", func(m *http.ServeMux, a *login.Auth) {
			inner := http.NewServeMux()
			inner.HandleFunc("GET /login", a.Login)
			inner.HandleFunc("GET /login/{provider}", a.Login)
			inner.HandleFunc("GET /callback/{provider}", a.Callback)
			inner.HandleFunc("/logout", a.Logout)
			m.Handle("/auth/", http.StripPrefix("/auth", inner))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, other := newFakeProvider(t), newFakeProvider(t)
			ts := httptest.NewUnstartedServer(nil)
			base := "http://" + ts.Listener.Addr().String()
			a, err := login.New(login.Config{URL: base + tt.path, Key: testKey, Providers: []login.Provider{f.provider("fake"), other.provider("other")}})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			tt.mount(mux, a)
			mux.Handle("/me", a.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, login.UserFrom(r.Context()).Name)
			})))
			ts.Config.Handler = mux
			ts.Start()
			defer ts.Close()
			b := newBrowser(t)
			resp, body := b.open(ts.URL + "/me")
			if want := tt.path + "/login/fake?next=%2fme"; resp.StatusCode != 200 || !strings.Contains(strings.ToLower(body), want) {
				t.Fatalf("chooser: got status %d, %q, want a link to %q", resp.StatusCode, body, want)
			}
			if resp, body := b.open(ts.URL + tt.path + "/login/fake?next=/me"); resp.StatusCode != 200 || body != "Ada" {
				t.Errorf("login: got status %d, %q", resp.StatusCode, body)
			}
			for _, path := range []string{"/login/", "/login/nobody", "/login/fake/", "/login/fake/x", "/callback/", "/callback/nobody", "/callback/fake/"} {
				if resp, _ := b.step(ts.URL + tt.path + path); resp.StatusCode != 404 {
					t.Errorf("%s: got status %d, want 404", path, resp.StatusCode)
				}
			}
			if resp, body := b.open(ts.URL + tt.path + "/logout"); resp.StatusCode != 200 || !strings.Contains(body, `action="`+tt.path+`/logout"`) {
				t.Errorf("logout page: got status %d, %q", resp.StatusCode, body)
			}
			r := navigationTo(ts.URL + tt.path + "/logout?next=/me")
			r.Method = "POST"
			b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if resp, _ := b.send(r); resp.StatusCode != 303 || resp.Header.Get("Location") != "/me" || len(b.cookies(ts.URL)) != 0 {
				t.Errorf("logout: got status %d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
		})
	}
}

// T34: the target after logout obeys the same policy as next.
func TestLogoutNext(t *testing.T) {
	_, s := newLogin(t)
	for _, next := range []string{"//evil.example.test", "https://evil.example.test", "/\\evil.example.test", "/logout", "javascript:alert(1)"} {
		r := httptest.NewRequest("POST", "/logout?"+url.Values{"next": {next}}.Encode(), nil)
		r.Header.Set("Referer", "https://evil.example.test/")
		w := httptest.NewRecorder()
		s.auth.Logout(w, r)
		if got := w.Header().Get("Location"); w.Code != 303 || got != "/" {
			t.Errorf("%q: got status %d to %q", next, w.Code, got)
		}
	}
}

// T36: a malformed next is never an error.
func TestNextNeverFails(t *testing.T) {
	_, s := newLogin(t)
	for _, query := range []string{"next=%zz", "next=", "next=%00", "next[]=x", "next=/a&next=//b", "next=" + strings.Repeat("/a", 5000)} {
		w := httptest.NewRecorder()
		s.auth.Login(w, httptest.NewRequest("GET", "/login/fake?"+query, nil))
		if w.Code != 303 {
			t.Errorf("%.30q: got status %d", query, w.Code)
		}
	}
}

// R79: OnError takes over every failed answer, and gets errors that tell them apart.
func TestOnError(t *testing.T) {
	var got []string
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
			var e *login.Error
			if errors.As(err, &e) {
				got = append(got, fmt.Sprint(e.Status, " ", e.Reason))
			}
			http.Error(w, "mine", http.StatusTeapot)
		}
	})
	for _, path := range []string{"/callback/fake", "/login/nobody"} {
		resp, body := newBrowser(t).open(s.URL + path)
		if resp.StatusCode != http.StatusTeapot || body != "mine\n" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got status %d, %q", path, resp.StatusCode, body)
		}
	}
	if want := "[400 no_such_flow 404 not_found]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// R1: whole logins through Wrap with a cookie jar, from a page that needs a user
// and back to it, with each kind of provider.
func TestWholeLogins(t *testing.T) {
	ada := login.User{ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test"}
	oidc, plain, minimal := logintest.NewServer(ada), logintest.NewServer(ada), logintest.NewServer(ada)
	minimal.Minimal = true // R20, R90: the server of the second article
	gh, fb := logintest.NewGitHub(ada), logintest.NewFacebook(login.User{ID: "1000000000000017", Name: "Ada Example", Email: "ada@example.test"})
	for _, c := range []interface{ Close() }{oidc, plain, minimal, gh, fb} {
		defer c.Close()
	}
	minimalProvider := minimal.OAuth2Provider()
	minimalProvider.Name = "minimal"
	facebookUser := login.User{Provider: "facebook", ID: "1000000000000017", Name: "Ada Example", UnverifiedEmail: "ada@example.test"}
	for _, tt := range []struct {
		provider login.Provider
		want     login.User
		expires  bool
	}{
		{oidc.Provider(), login.User{Provider: "oidc", ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test"}, true},
		{plain.OAuth2Provider(), login.User{Provider: "oauth2", ID: "90000001", Username: "ada-example", Name: "Ada Example", UnverifiedEmail: "ada@example.test"}, true},
		{minimalProvider, login.User{Provider: "minimal", ID: "90000001", Username: "ada-example", Name: "Ada Example", UnverifiedEmail: "ada@example.test"}, false},
		{gh.Provider(), login.User{Provider: "github", ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test"}, false},
		{fb.Provider(), facebookUser, true},
	} {
		t.Run(tt.want.Provider, func(t *testing.T) {
			s := newSite(t, login.Config{Providers: []login.Provider{tt.provider}})
			b := newBrowser(t)
			resp, body := b.open(s.URL + "/me?x=1")
			if resp.StatusCode != 200 || resp.Request.URL.RequestURI() != "/me?x=1" {
				t.Fatalf("got status %d at %s; log: %s", resp.StatusCode, resp.Request.URL.Path, s.log)
			}
			var got login.User
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			got.Picture = "" // an address of the stand-in
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			token, err := s.auth.Token(httptest.NewRecorder(), requestWith(b.cookies(s.URL)))
			if err != nil || token.AccessToken == "" || token.Expiry.IsZero() == tt.expires {
				t.Errorf("got token %v, %v", token != nil, err)
			}
			r := navigationTo(s.URL + "/logout")
			r.Method = "POST"
			if b.send(r); loggedIn(t, s, b) {
				t.Error("logged in after logging out")
			}
		})
	}
	for name, problems := range map[string][]string{
		"oidc": oidc.Problems(), "oauth2": plain.Problems(), "github": gh.Problems(), "facebook": fb.Problems(),
	} {
		if len(problems) > 0 {
			t.Errorf("%s found fault with %v", name, problems)
		}
	}
}

// A program that ignored the error of New lets nobody in.
func TestNilAuth(t *testing.T) {
	_, s := newLogin(t)
	var nobody *login.Auth
	w := httptest.NewRecorder()
	func() {
		defer func() { recover() }()
		s.auth.Wrap(nobody.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody got in") }))).
			ServeHTTP(w, requestWith(jarOf(t, s).cookies(s.URL)))
	}()
}

// WithUser replaces whoever the cookies say, and their token.
func TestWithUserOverCookie(t *testing.T) {
	_, s := newLogin(t)
	r := requestWith(jarOf(t, s).cookies(s.URL))
	s.auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(login.WithUser(r.Context(), &login.User{Provider: "api", ID: "robot"}))
		s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u := login.UserFrom(r.Context()); u.ID != "robot" {
				t.Errorf("got user %s, want robot", u.ID)
			}
			if _, err := s.auth.Token(w, r); !errors.Is(err, login.ErrNoToken) {
				t.Errorf("got %v, want ErrNoToken", err)
			}
		})).ServeHTTP(w, r)
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// A redirect URL of its own takes no other path from the application.
func TestRedirectURLTakesOnePath(t *testing.T) {
	p := newFakeProvider(t).provider("fake")
	p.RedirectURL = "https://a.example/auth/done"
	a, err := login.New(login.Config{URL: "https://a.example/auth", Key: testKey, Providers: []login.Provider{p}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/done": 204, "/auth/done": 400, "/auth/donex": 204} {
		w := httptest.NewRecorder()
		a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })).
			ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: got status %d, want %d", path, w.Code, want)
		}
	}
}

// B10, T45: what answers a callback leaks its URL to nobody, whoever writes it;
// L5: the origin of a logout is that of Config.URL, whatever Host says.
func TestAnswersOfAuth(t *testing.T) {
	_, s := newLogin(t)
	for _, accept := range []string{"text/html", "application/json"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/callback/fake?code=x&state=y", nil)
		r.Header.Set("Accept", accept)
		if s.auth.ServeHTTP(w, r); w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: got Referrer-Policy %q", accept, w.Header().Get("Referrer-Policy"))
		}
	}
	for origin, want := range map[string]int{s.URL: 303, "https://evil.example.test": 403} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/logout", nil)
		r.Host = "evil.example.test"
		r.Header.Set("Origin", origin)
		if s.auth.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Origin %s: got status %d, want %d", origin, w.Code, want)
		}
	}
}
