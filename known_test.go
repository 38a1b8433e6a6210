package login_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// A session whose cookie is known to the process ends as any other does: by age, by
// idleness, by logout, by End; and it counts for its own Auth only.
func TestKnownCookieEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(l *living, cookies cookieSet)
	}{
		{"by age", func(*living, cookieSet) { time.Sleep(24*time.Hour + time.Second) }},
		{"by idleness", func(*living, cookieSet) { time.Sleep(time.Hour + time.Second) }},
		{"by logout", func(l *living, cookies cookieSet) { l.logOut("/logout", cookies) }},
		{"by End", func(l *living, _ cookieSet) {
			if err := l.auth.End(l.t.Context(), "oidc", "ada"); err != nil {
				l.t.Fatal(err)
			}
		}},
		{"by the clock", func(l *living, _ cookieSet) {
			l.auth.SetNow(func() time.Time { return time.Now().Add(-2 * time.Hour) }) // it is from the future now
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLiving(t, func(c *login.Config) {
					if test.name == "by idleness" {
						c.Idle = time.Hour
					}
				})
				l.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada"}} })
				cookies := l.logIn()
				time.Sleep(time.Second)
				for range 5 {
					if !l.private(cookies) {
						t.Fatal("nobody is logged in")
					}
				}
				other := newLiving(t, func(c *login.Config) { c.URL = "http://localhost:8081" })
				if other.private(cookies) {
					t.Error("another Auth knows it")
				}
				test.end(l, cookies)
				if l.private(cookies) {
					t.Error("the session goes on")
				}
			})
		})
	}
}

// What a handler does to its user is nobody else's concern.
func TestUserIsOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) {
			c.OnLogin = func(_ *http.Request, u *login.User, _ *login.Grant) error {
				u.Extra = map[string]string{"role": "reader"}
				return nil
			}
		})
		cookies := l.logIn()
		inner := l.auth.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			u := login.UserFrom(r.Context())
			if u.Name == "changed" || u.ID == "admin" || u.Extra["role"] != "reader" {
				t.Errorf("got %v, want the user as they logged in", u)
			}
			u.Name, u.ID, u.Extra["role"] = "changed", "admin", "admin"
		}))
		for range 5 {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for name, value := range cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			inner.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}

// Raising Lifetime brings nothing back: what was logged out is remembered only for as
// long as it would have lasted.
func TestRaisedLifetime(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		for _, tt := range []struct {
			name     string
			lifetime time.Duration
			after    time.Duration
			want     bool
		}{
			{"raised", 48 * time.Hour, 25 * time.Hour, false},
			{"raised, in time", 48 * time.Hour, 23 * time.Hour, true},
			{"lowered", time.Hour, 2 * time.Hour, false},
			{"lowered, in time", time.Hour, 59 * time.Minute, true},
		} {
			cookies := newLiving(t, kind).logIn()
			time.Sleep(tt.after)
			l := newLiving(t, func(c *login.Config) { kind(c); c.Lifetime = tt.lifetime })
			if got := l.private(cookies); got != tt.want {
				t.Errorf("%s: got a session %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}

// Of several times at which a session was used, the last counts.
func TestLastOfLastSeen(t *testing.T) {
	for _, order := range []string{"the older first", "the older last"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLiving(t, func(c *login.Config) { c.Idle = time.Hour })
			older := l.logIn()
			time.Sleep(50 * time.Minute)
			_, newer := l.get("/private", older)
			time.Sleep(50 * time.Minute)
			base := identityName(t, older)
			old, recent := base+"-s="+older[base+"-s"], base+"-s="+newer[base+"-s"]
			if old == recent {
				t.Fatal("got no newer time")
			}
			pair := old + "; " + recent
			if order == "the older last" {
				pair = recent + "; " + old
			}
			r := httptest.NewRequest(http.MethodGet, "/private", nil)
			r.Header.Set("Cookie", base+"="+older[base]+"; "+pair)
			w := httptest.NewRecorder()
			if l.app.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("%s: got status %d, want 200", order, w.Code)
			}
		})
	}
}

// identityName is the name that all names in cookies begin with.
func identityName(t *testing.T, cookies cookieSet) string {
	t.Helper()
	for name := range cookies {
		if base, ok := strings.CutSuffix(name, "-s"); ok {
			return base
		}
	}
	t.Fatalf("got %d cookies, none of them of last use", len(cookies))
	return ""
}
