package login_test

import (
	"net/http"
	"net/http/httptest"
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
		l := newLiving(t, nil)
		cookies := l.logIn()
		inner := l.auth.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			u := login.UserFrom(r.Context())
			if u.Name == "changed" || u.ID == "admin" {
				t.Errorf("got %v, want the user as they logged in", u)
			}
			u.Name, u.ID = "changed", "admin"
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
