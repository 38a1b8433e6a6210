package login_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// cookieLines returns what a response sets, by role, and complains of a name that
// is there twice: browsers differ in which of two they keep.
func cookieLines(t *testing.T, what string, h http.Header) map[string]*http.Cookie {
	t.Helper()
	lines := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if lines[role(c.Name)] != nil {
			t.Errorf("%s: %s is set twice in %q", what, c.Name, h["Set-Cookie"])
		}
		lines[role(c.Name)] = c
	}
	return lines
}

// T17: where several things happen to one cookie in one request, the response sets
// it once, to what came last.
func TestOneCookieLineInLogins(t *testing.T) {
	x := newWallet(t, 2500, func(c *login.Config) { c.Lifetime = 10 * time.Hour })
	now := time.Now()
	at := func(after time.Duration) { x.auth.SetNow(func() time.Time { return now.Add(after) }) }
	at(32 * time.Minute) // time to note that the session is in use
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/bye", x.auth.Logout)
	mux.HandleFunc("/bye/twice", func(w http.ResponseWriter, r *http.Request) { x.auth.Logout(w, r); x.auth.Logout(w, r) })
	mux.HandleFunc("/done/{provider}", x.auth.Callback)
	h := x.auth.Wrap(x.auth.Require(x.auth.Wrap(x.auth.Require(mux))))
	for _, tt := range []struct {
		target, set, cleared string
	}{
		{"/page", "[-s]", "[]"},
		{"/login/fake", "[-f-]", "[]"},
		{"/done/fake?" + strings.SplitN(x.callback, "?", 2)[1], "[ -l -s -t0 -t1]", "[-f-]"},
		{"/bye", "[]", "[ -l -s -t0 -t1]"},
		{"/bye/twice", "[]", "[ -l -s -t0 -t1]"},
	} {
		r, w := httptest.NewRequest("GET", tt.target, nil), httptest.NewRecorder()
		if strings.HasPrefix(tt.target, "/bye") {
			r.Method = "POST"
			at(26 * time.Minute)
			r.Header.Set("Cookie", logInto(t, x.auth)) // another session each time
			at(32 * time.Minute)
		} else {
			r.Header.Set("Cookie", cookieHeader(x.session)+"; "+cookieHeader(x.flow))
		}
		h.ServeHTTP(w, r)
		var set, cleared []string
		for role, c := range cookieLines(t, tt.target, w.Header()) {
			if strings.HasPrefix(role, "-f-") {
				role = "-f-"
			}
			if c.MaxAge < 0 {
				cleared = append(cleared, role)
			} else {
				set = append(set, role)
			}
		}
		slices.Sort(set)
		slices.Sort(cleared)
		if fmt.Sprint(set) != tt.set || fmt.Sprint(cleared) != tt.cleared {
			t.Errorf("%s: got status %d, set %q and cleared %q, want %s and %s", tt.target, w.Code, set, cleared, tt.set, tt.cleared)
		}
	}
}

// T18: however a page writes its answer, the note that the session is in use is in
// it; where there is no answer to put it into, it is in the next one. The page
// gets the ResponseWriter of the server, with all that it can do.
func TestEarlyWriters(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(w http.ResponseWriter, r *http.Request)
		none  bool // no answer
	}{
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, false},
		"WriteHeader": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) }, false},
		"an error":    {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 404) }, false},
		"a redirect":  {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, false},
		"not modified": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotModified)
		}, false},
		"Flush": {func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "later")
		}, false},
		"early hints": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			io.WriteString(w, "later")
		}, false},
		"ReadFrom": {func(w http.ResponseWriter, r *http.Request) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader("all"))
		}, false},
		"ResponseController": {func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Errorf("got %v", err)
			}
			if err := c.Flush(); err != nil {
				t.Errorf("got %v", err)
			}
		}, false},
		"a stream": {func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				io.WriteString(w, strings.Repeat("x", 4096))
				w.(http.Flusher).Flush()
			}
		}, false},
		"panic after an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "0")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, false},
		"panic": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, true},
		"Hijack": {func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Errorf("got %v", err)
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			conn.Close()
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Idle = 20 * time.Minute })
			inner := s.Config.Handler
			s.Config.Handler = http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/page" {
					inner.ServeHTTP(outer, r)
					return
				}
				s.auth.Wrap(s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if w != outer {
						t.Errorf("the page got a %T, want that of the server", w)
					}
					tt.write(w, r)
				}))).ServeHTTP(outer, r)
			})
			now := time.Now()
			var minutes atomic.Int64 // net/http may still be busy with an answer that broke off
			s.auth.SetNow(func() time.Time { return now.Add(time.Duration(minutes.Load()) * time.Minute) })
			b := jarOf(t, s)
			minutes.Store(15)
			before := b.cookies(s.URL)
			b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, err := b.Do(navigationTo(s.URL + "/page"))
			if err == nil {
				resp.Body.Close()
				if sets := cookieLines(t, name, resp.Header)["-s"] != nil; sets == tt.none {
					t.Errorf("got status %d, the cookie is set: %v", resp.StatusCode, sets)
				}
			} else if !tt.none {
				t.Error(err)
			}
			if tt.none {
				if got := b.cookies(s.URL); fmt.Sprint(got) != fmt.Sprint(before) {
					t.Error("a cookie came without an answer")
				}
				if resp, _ := b.step(s.URL + "/me"); cookieLines(t, name, resp.Header)["-s"] == nil {
					t.Error("the next answer does not set the cookie")
				}
			}
			minutes.Store(30)
			if !loggedIn(t, s, b) {
				t.Error("a session in use came to its idle end")
			}
		})
	}
}

// T18: a logout counts where its cookies come too late, because the page has
// written already: on the server the session has ended.
func TestLateLogout(t *testing.T) {
	files, _ := fileStore(t)
	for _, withStore := range []bool{false, true} {
		_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
			if withStore {
				c.Store = files
			}
		})
		inner := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				w.WriteHeader(http.StatusAccepted)
				w.(http.Flusher).Flush()
				w = late{w}
			}
			inner.ServeHTTP(w, r)
		})
		b := jarOf(t, s)
		cookie := cookieHeader(b.cookies(s.URL))
		if logOut(s, b); visitWith(s.auth, cookie).status != 401 || loggedIn(t, s, b) {
			t.Errorf("Store %v: still logged in", withStore)
		}
	}
}

// late is a ResponseWriter that has sent its header; net/http would complain in
// the log.
type late struct{ http.ResponseWriter }

func (late) WriteHeader(int) {}

// T18, B13: where the application panics while somebody logs in, nobody is logged
// in, the code is used up, and the next login works.
func TestPanicDuringLogin(t *testing.T) {
	for _, where := range []string{"OnLogin", "Identify"} {
		panics := true
		_, s := newLogin(t, func(c *login.Config, p *login.Provider) {
			identify := p.Identify
			p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
				if panics && where == "Identify" {
					panic(http.ErrAbortHandler)
				}
				return identify(ctx, g)
			}
			c.OnLogin = func(*http.Request, *login.User, *login.Grant) error {
				if panics && where == "OnLogin" {
					panic(http.ErrAbortHandler)
				}
				return nil
			}
		})
		b := newBrowser(t)
		callback := b.callbackURL(s, "fake")
		func() {
			defer func() { recover() }()
			r := navigationTo(callback)
			r.Header.Set("Cookie", cookieHeader(b.cookies(s.URL)))
			w := httptest.NewRecorder()
			s.auth.Callback(w, r)
			t.Errorf("%s: got status %d", where, w.Code)
		}()
		panics = false
		if resp, _ := b.step(callback); resp.StatusCode != 400 || loggedIn(t, s, b) {
			t.Errorf("%s: the same callback again: got status %d", where, resp.StatusCode)
		}
		if resp, _ := b.open(s.URL + "/me"); resp.StatusCode != 200 || !loggedIn(t, s, b) {
			t.Errorf("%s: the next login: got status %d", where, resp.StatusCode)
		}
	}
}

// T45, B10, H12: no answer of ours is kept by a cache, whatever the method and
// whoever asks, and what depends on cookies says so; the address of a callback
// goes to no other site.
func TestNoStore(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Idle = 20 * time.Minute })
	var cookie string
	logIn := func() { // as somebody whose last-seen time is due
		s.auth.SetNow(time.Now)
		cookie = cookieHeader(jarOf(t, s).cookies(s.URL))
		s.auth.SetNow(func() time.Time { return time.Now().Add(6 * time.Minute) })
	}
	logIn()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Add("Vary", "Accept") })
	h := s.auth.Wrap(s.auth.Require(page))
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}
	for _, target := range []string{"/login", "/login/fake", "/login/fake?next=/x", "/login/nobody", "/login/", "/logout", "/logout?next=/x", "/logout/",
		"/callback/fake", "/callback/fake?code=x&state=y", "/callback/fake?error=access_denied", "/callback/nobody", "/callback", "/page"} {
		for _, method := range methods {
			for what, header := range map[string]http.Header{
				"nobody": {}, "a browser": navigationTo("/").Header, "a script": {"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"cross-site"}},
				"a user": {"Cookie": {cookie}, "Accept": {"text/html"}}, "a user from elsewhere": {"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}},
			} {
				r, w := httptest.NewRequest(method, target, nil), httptest.NewRecorder()
				r.Header = header.Clone()
				h.ServeHTTP(w, r)
				sets, vary := len(w.Header()["Set-Cookie"]) > 0, w.Header()["Vary"]
				if target == "/page" && strings.HasPrefix(what, "a user") != sets {
					t.Errorf("%s %s, %s: got status %d, sets a cookie %v", method, target, what, w.Code, sets)
				}
				if got := w.Header()["Cache-Control"]; len(got) != 1 || got[0] != "no-store" {
					t.Errorf("%s %s, %s: got status %d, Cache-Control %q", method, target, what, w.Code, got)
				}
				if (sets || target == "/page") && !slices.Contains(vary, "Cookie") {
					t.Errorf("%s %s, %s: got status %d, Vary %q", method, target, what, w.Code, vary)
				}
				if got := w.Header().Get("Referrer-Policy"); strings.HasPrefix(target, "/callback") && got != "no-referrer" {
					t.Errorf("%s %s, %s: got status %d, Referrer-Policy %q", method, target, what, w.Code, got)
				}
				if method == "POST" && strings.HasPrefix(target, "/logout") {
					logIn()
				}
			}
		}
	}
}
