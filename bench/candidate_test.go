package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/gorilla/sessions"
)

// A way is a configuration of our side.
type way struct {
	name   string
	change func(testing.TB, *login.Config)
}

func ways() []way {
	return []way{
		{"login", func(testing.TB, *login.Config) {}},
		{"idle", func(_ testing.TB, c *login.Config) { c.Idle = 20 * time.Minute }},
		{"memorystore", func(_ testing.TB, c *login.Config) { c.Store = newMemoryStore() }},
		{"filesystem", func(tb testing.TB, c *login.Config) {
			store := sessions.NewFilesystemStore(tb.TempDir(), key(1), key(2))
			store.MaxLength(0)
			c.Store = store
		}},
	}
}

func (w way) site(tb testing.TB) *site {
	tb.Helper()
	s, err := newSite(func(c *login.Config) { w.change(tb, c) })
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Each candidate lets in whom it began a session for, as it knows them, time and
// again, and nobody else.
func TestCandidates(t *testing.T) {
	candidates := peers()
	for _, w := range ways() {
		candidates = append(candidates, w.site(t).candidate(w.name))
	}
	for _, c := range candidates {
		for _, size := range sizes() {
			t.Run(c.name+"/"+size.name, func(t *testing.T) {
				want := size.account()
				if n := want.bytes(); n != size.bytes {
					t.Fatalf("got an account of %d bytes, want %d", n, size.bytes)
				}
				jar := mustBegin(t, c, want)
				want = c.keeps(want)
				if c.name == "login" || c.name == "idle" {
					want.IDToken = fitting(want)
				}
				var got account
				h := c.require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = c.who(r) }))
				for range 3 {
					got = account{}
					if h.ServeHTTP(&sink{header: make(http.Header)}, pageRequest(jar)); got != want {
						t.Errorf("got %.200v, want %.200v", got, want)
					}
				}
				got = account{}
				for _, jar := range [][]*http.Cookie{nil, tampered(jar)} {
					w := &sink{header: make(http.Header)}
					if h.ServeHTTP(w, pageRequest(jar)); got != (account{}) || w.status != http.StatusUnauthorized {
						t.Errorf("got status %d and %v for %d forged cookies, want 401", w.status, got.ID, len(jar))
					}
				}
			})
		}
	}
}

// fitting is the raw ID token of a, if our cookies have room for it.
func fitting(a account) string {
	if a.bytes() > 4000 {
		return ""
	}
	return a.IDToken
}

// tampered has one character changed in the first cookie, which is the one that
// says who it is.
func tampered(jar []*http.Cookie) []*http.Cookie {
	c := *jar[0]
	i := len(c.Value) / 2
	other := "A"
	if c.Value[i] == 'A' {
		other = "B"
	}
	c.Value = c.Value[:i] + other + c.Value[i+1:]
	return append([]*http.Cookie{&c}, jar[1:]...)
}

func mustBegin(tb testing.TB, c candidate, a account) []*http.Cookie {
	tb.Helper()
	jar, err := c.begin(a)
	if err != nil || len(jar) == 0 {
		tb.Fatalf("%s: got %d cookies, error %v, want a session", c.name, len(jar), err)
	}
	return jar
}

// What the names of benchmarks say is so: the tokens of the larger sessions are split
// over cookies, one with a Store has none, Idle adds one.
func TestCookies(t *testing.T) {
	for _, w := range ways() {
		s := w.site(t)
		for _, size := range sizes() {
			tokens, others := 0, 0
			for _, c := range mustBegin(t, s.candidate(w.name), size.account()) {
				if i := strings.LastIndex(c.Name, "-t"); i > 0 && len(c.Name) == i+3 {
					tokens++
				} else {
					others++
				}
			}
			wantTokens, wantOthers := 1, 1
			switch {
			case w.name == "memorystore" || w.name == "filesystem":
				wantTokens = 0
			case size.name != "github":
				wantTokens = 2
			}
			if w.name == "idle" {
				wantOthers = 2
			}
			if tokens != wantTokens || others != wantOthers {
				t.Errorf("%s/%s: got %d cookies of tokens and %d others, want %d and %d", w.name, size.name, tokens, others, wantTokens, wantOthers)
			}
		}
	}
}

// An identity that was sealed with the oldest of four keys is let in, and Token
// returns the token.
func TestOursFurther(t *testing.T) {
	for _, size := range sizes() {
		a := size.account()
		s := ways()[0].site(t)
		jar := mustBegin(t, s.candidate("login"), a)
		for name, h := range map[string]http.Handler{
			"four keys": fourKeys(t).candidate("four keys").require(nothing),
			"token":     s.candidate("token").require(s.withToken(nothing)),
		} {
			w := &sink{header: make(http.Header)}
			if h.ServeHTTP(w, pageRequest(jar)); w.status != http.StatusNoContent {
				t.Errorf("%s/%s: got status %d, want 204", name, size.name, w.status)
			}
		}
	}
}

// fourKeys opens what the other sites seal, with the last of its keys.
func fourKeys(tb testing.TB) *site {
	tb.Helper()
	s, err := newSite(func(c *login.Config) {
		c.Key, c.OldKeys = key(4), [][]byte{key(3), key(2), key(1)}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// The floors find the cookie, and hand it on.
func TestFloors(t *testing.T) {
	for name, floor := range floors() {
		var got string
		h := floor("session", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if c, ok := r.Context().Value(cookieKey{}).(*http.Cookie); ok {
				got = c.Value
			}
		}))
		h.ServeHTTP(&sink{header: make(http.Header)}, pageRequest([]*http.Cookie{{Name: "session", Value: "value"}}))
		w := &sink{header: make(http.Header)}
		if h.ServeHTTP(w, pageRequest(nil)); got != "value" || w.status != http.StatusUnauthorized {
			t.Errorf("%s: got cookie %q, status %d without one, want value, 401", name, got, w.status)
		}
	}
}

func floors() map[string]func(string, http.Handler) http.Handler {
	return map[string]func(string, http.Handler) http.Handler{"context": contextFloor, "crypto": cryptoFloor, "pooled": pooledFloor}
}

// Whoever comes back from the provider is logged in, and nobody is without the
// cookie of the login.
func TestLogins(t *testing.T) {
	candidates, err := loginCandidates()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range candidates {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.begun()
			if err != nil {
				t.Fatal(err)
			}
			*c.requests = 0
			forged := r.Clone(r.Context())
			forged.Header.Del("Cookie")
			for _, tt := range []struct {
				r    *http.Request
				want string
			}{{r, "90000001"}, {forged, ""}} {
				w := httptest.NewRecorder()
				c.callback.ServeHTTP(w, tt.r)
				got := ""
				c.require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = c.who(r).ID })).
					ServeHTTP(&sink{header: make(http.Header)}, pageRequest(kept(w.Header())))
				if got != tt.want {
					t.Errorf("got user %q after status %d, want %q", got, w.Code, tt.want)
				}
			}
			want := 3
			if c.name == "gologin" {
				want = 2
			}
			if *c.requests != want {
				t.Errorf("got %d requests at the provider, want %d", *c.requests, want)
			}
		})
	}
}

// Nobody is in the context of an anonymous request, which Wrap lets pass.
func TestAnonymous(t *testing.T) {
	s := ways()[0].site(t)
	var got account
	called := false
	h := s.auth.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, called = s.who(r), true }))
	h.ServeHTTP(&sink{header: make(http.Header)}, pageRequest(foreignCookies()))
	if !called || got != (account{}) {
		t.Errorf("got %v, called %v, want nobody", got, called)
	}
}
