package login_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
)

// each calls f with 0 to n-1, by many goroutines.
func each(n int, f func(int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 64 {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// T55: a thousand logins of different people are begun with one Auth and one
// Provider, and finished in another order; everybody is who they are, with a token
// of their own, on every page.
func TestInterleavedLogins(t *testing.T) {
	const people = 1000
	for _, kind := range []string{"oidc", "plain"} {
		t.Run(kind, func(t *testing.T) {
			p := newIDP()
			s := newSceneOver(t, p, kind, p, func(c *login.Config) {
				c.OnLogin = func(_ *http.Request, u *login.User, g *login.Grant) error {
					if g.User != u || g.Token.AccessToken != "ACCESS-CANARY-"+u.ID || u.Name != "Name of "+u.ID {
						t.Errorf("OnLogin got %q with the name %q and the token %q", u.ID, u.Name, g.Token.AccessToken)
					}
					return nil
				}
			})
			name := func(i int) string { return fmt.Sprint("person-", i) }
			browsers, asked := make([]*browser, people), make([]string, people)
			each(people, func(i int) {
				browsers[i] = s.browser(name(i))
				resp, _ := browsers[i].step(appURL + "/login/idp?next=/me")
				asked[i] = resp.Header.Get("Location")
			})
			order := rand.Perm(people)
			each(people, func(j int) {
				i := order[j]
				resp, page := browsers[i].open(asked[i]) // agrees, and comes back
				if resp.StatusCode != http.StatusOK || page != name(i) {
					t.Errorf("%s: got status %d, %q", name(i), resp.StatusCode, page)
				}
			})
			each(people, func(i int) {
				s.wants(browsers[i], "/", name(i))
				s.wants(browsers[i], "/token", "ACCESS-CANARY-"+name(i))
			})
			if len(p.codes) != 0 {
				t.Errorf("%d codes were not used", len(p.codes))
			}
		})
	}
}

// T55, T61: people log in, look at pages in several tabs at once, log out and do so
// again as somebody else, all at once. Nobody ever is anybody else.
func TestMixedTraffic(t *testing.T) {
	for _, kind := range []string{"cookies", "store"} {
		t.Run(kind, func(t *testing.T) {
			p := newIDP()
			s := newSceneOver(t, p, "oidc", p, func(c *login.Config) {
				c.Idle = time.Hour
				if kind == "store" {
					c.Store, _ = fileStore(t)
				}
			})
			each(64, func(i int) {
				for round := range 4 {
					name := fmt.Sprint("person-", i, "-", round)
					b := s.browser(name)
					s.wants(b, "/", "nobody")
					b.open(appURL + "/login/idp")
					var tabs sync.WaitGroup
					for _, path := range []string{"/", "/me", "/token", "/logout"} {
						tabs.Go(func() {
							if _, page := b.open(appURL + path); !strings.Contains(page, name) {
								t.Errorf("%s: got %q, want the page of %s", path, page, name)
							}
						})
					}
					tabs.Wait()
					r := navigationTo(appURL + "/logout")
					r.Method = http.MethodPost
					b.send(r)
					s.wants(b, "/", "nobody")
				}
			})
		})
	}
}

// T7: logins that nobody finishes leave nothing on the server. For the million see
// BenchmarkPendingLogins.
func TestPendingLogins(t *testing.T) {
	const n = 20000
	bytes, goroutines := beginLogins(t, benchAuth(t, 40, 0), n)
	if bytes > 8*n || goroutines > 0 {
		t.Errorf("after %d logins that were begun, got %d more bytes and %d more goroutines, want none", n, bytes, goroutines)
	}
}

// T57, C7: who leaves while the callback is under way leaves no half of a session:
// neither cookies nor a record. The provider is let go at once, and the code is
// used up.
func TestClientLeaves(t *testing.T) {
	for _, at := range []string{tokenHost, keysHost, userInfoHost} {
		for _, kind := range []string{"cookies", "store"} {
			t.Run(at+"/"+kind, func(t *testing.T) {
				files, dir := fileStore(t)
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, "oidc", func(c *login.Config) {
						if kind == "store" {
							c.Store = files
						}
					})
					ctx, leave := context.WithCancel(t.Context())
					s.network[at].set(&fault{answer: func(_ http.ResponseWriter, r *http.Request) {
						leave()
						<-r.Context().Done()
					}})
					callback := s.callback(ctx)
					began, w := time.Now(), httptest.NewRecorder()
					s.app.ServeHTTP(w, callback)
					if took := time.Since(began); took != 0 {
						t.Errorf("it took %v, want no time", took)
					}
					s.leftNothing(w)
					if log := s.log.String(); log != "" {
						t.Errorf("got the log %q about somebody who left, want none", log)
					}
					if n := len(records(t, dir)); n != 0 {
						t.Errorf("got %d records in the store, want none", n)
					}
					// The keys are fetched for others, too.
					if synctest.Wait(); at != keysHost && s.busy() != 0 {
						t.Errorf("%d requests go on", s.busy())
					}
					s.network[at].set(nil)
					again := httptest.NewRecorder()
					s.app.ServeHTTP(again, callback.WithContext(t.Context()))
					if n, _ := s.network[tokenHost].seen(); again.Code != http.StatusBadRequest || n != 1 {
						t.Errorf("the same callback again: got status %d and %d token requests, want 400 and 1", again.Code, n)
					}
				})
			})
		}
	}
}

// callback begins a login of ada and returns the request that she comes back with.
func (s *scene) callback(ctx context.Context) *http.Request {
	s.t.Helper()
	form, flow := s.posted()
	r := httptest.NewRequestWithContext(ctx, "GET", "/callback/idp?"+form, nil)
	r.AddCookie(flow)
	return r
}

// leftNothing wants a response that sets no cookie.
func (s *scene) leftNothing(w *httptest.ResponseRecorder) {
	s.t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			s.t.Errorf("got the cookie %v", c)
		}
	}
}

// T57: who leaves when everything is decided has a whole session or none.
func TestClientLeavesLate(t *testing.T) {
	for _, kind := range []string{"cookies", "store"} {
		t.Run(kind, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			p := newIDP()
			s := newSceneOver(t, p, "oidc", p, func(c *login.Config) {
				if kind == "store" {
					c.Store, _ = fileStore(t)
				}
				c.OnLogin = func(*http.Request, *login.User, *login.Grant) error { leave(); return nil }
			})
			w := httptest.NewRecorder()
			s.app.ServeHTTP(w, s.callback(ctx))
			if w.Code != http.StatusSeeOther {
				s.leftNothing(w)
				return
			}
			for path, want := range map[string]string{"/me": "ada", "/token": "ACCESS-CANARY-ada"} {
				r := httptest.NewRequest("GET", path, nil)
				for _, c := range w.Result().Cookies() {
					r.AddCookie(c)
				}
				page := httptest.NewRecorder()
				if s.app.ServeHTTP(page, r); page.Body.String() != want {
					t.Errorf("%s: got %q, want %q", path, page.Body, want)
				}
			}
		})
	}
}

// T59: a login begun at one replica is finished at another, one that was started in
// between, and holds at all; also while the key is being replaced. A callback that is
// replayed at another replica is not a second login.
func TestReplicas(t *testing.T) {
	newKey := []byte("NEW-456789abcdefghijklmnopqrstuv")
	p := newIDP()
	replica := func(key []byte, old ...[]byte) *scene {
		return newSceneOver(t, p, "oidc", p, func(c *login.Config) { c.Key, c.OldKeys = key, old })
	}
	tests := []struct {
		name   string
		begin  *scene
		finish func() *scene
	}{
		{"the same", replica(testKey), func() *scene { return replica(testKey) }},
		{"with a newer key", replica(testKey, newKey), func() *scene { return replica(newKey, testKey) }},
		{"with an older key", replica(newKey, testKey), func() *scene { return replica(testKey, newKey) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			callback := tt.begin.callback(t.Context())
			other := tt.finish()
			w := httptest.NewRecorder()
			other.app.ServeHTTP(w, callback)
			if w.Code != http.StatusSeeOther {
				t.Fatalf("got status %d, want a login: %s", w.Code, other.log)
			}
			for i, s := range []*scene{tt.begin, other, tt.finish()} {
				r := httptest.NewRequest("GET", "/token", nil)
				for _, c := range w.Result().Cookies() {
					r.AddCookie(c)
				}
				page := httptest.NewRecorder()
				if s.app.ServeHTTP(page, r); page.Body.String() != "ACCESS-CANARY-ada" {
					t.Errorf("replica %d: got %q, want her token", i, page.Body)
				}
			}
			again := httptest.NewRecorder()
			tt.begin.app.ServeHTTP(again, callback)
			if again.Code != http.StatusBadGateway || !strings.Contains(tt.begin.log.String(), "invalid_grant") {
				t.Errorf("the callback again: got status %d, want 502", again.Code)
			}
			tt.begin.leftNothing(again)
		})
	}
}

// T60: the clock of the provider may be a minute from ours; ten are an error that
// names the clocks.
func TestProviderClock(t *testing.T) {
	for _, tt := range []struct {
		skew time.Duration
		want int
	}{{0, 200}, {50 * time.Second, 200}, {-50 * time.Second, 200}, {10 * time.Minute, 502}, {-10*time.Minute - time.Second, 502}} {
		t.Run(tt.skew.String(), func(t *testing.T) {
			p := newIDP()
			p.skew = tt.skew
			s := newSceneOver(t, p, "oidc", p)
			b := s.browser("ada")
			if resp, page := b.open(appURL + "/login/idp?next=/me"); resp.StatusCode != tt.want || tt.want == 200 && page != "ada" {
				t.Errorf("got status %d, %q, want %d", resp.StatusCode, page, tt.want)
			}
			if tt.want != 200 && !strings.Contains(s.log.String(), "iat: it was issued") {
				t.Errorf("got the log %s, want it to say that a clock is wrong", s.log)
			}
		})
	}
}

// T60: replicas whose clocks differ share logins up to a minute. Beyond that, people
// get a page, not an endless redirect, and the login holds once the time has come.
func TestReplicaClocks(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		works bool
	}{{-2 * time.Minute, true}, {-50 * time.Second, true}, {50 * time.Second, true}, {2 * time.Minute, false}} {
		t.Run(tt.ahead.String(), func(t *testing.T) {
			p := newIDP()
			begin, other := newSceneOver(t, p, "plain", p), newSceneOver(t, p, "plain", p)
			now := time.Now()
			begin.auth.SetNow(func() time.Time { return now.Add(tt.ahead) })
			other.auth.SetNow(func() time.Time { return now })
			b := begin.browser("ada")
			b.open(appURL + "/login/idp")
			begin.app = other.app // where the load balancer sends her from here on
			resp, page := b.open(appURL + "/me")
			if (resp.StatusCode == http.StatusOK && page == "ada") != tt.works {
				t.Errorf("got status %d, %q, want ada's page: %v", resp.StatusCode, page, tt.works)
			}
			other.auth.SetNow(func() time.Time { return now.Add(2 * time.Minute) })
			begin.wants(b, "/me", "ada")
		})
	}
}

// T60: neither the year 2038 nor the hour that daylight saving time skips or
// repeats makes a session longer or shorter.
func TestCalendar(t *testing.T) {
	winter, summer := time.FixedZone("CET", 3600), time.FixedZone("CEST", 7200)
	for name, at := range map[string]struct {
		login         time.Time
		before, after *time.Location
	}{
		"2038":   {time.Unix(1<<31-1, 0), time.UTC, time.UTC},
		"2106":   {time.Unix(1<<32-1, 0), time.UTC, time.UTC},
		"spring": {time.Date(2026, 3, 29, 1, 59, 0, 0, winter), winter, summer},
		"autumn": {time.Date(2026, 10, 25, 2, 59, 0, 0, summer), summer, winter},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP()
			s := newSceneOver(t, p, "plain", p, func(c *login.Config) { c.Lifetime, c.Idle = time.Hour, time.Hour })
			s.auth.SetNow(func() time.Time { return at.login.In(at.before) })
			b := s.browser("ada")
			b.open(appURL + "/login/idp")
			for _, tt := range []struct {
				after time.Duration
				want  string
			}{{0, "ada"}, {2 * time.Second, "ada"}, {59 * time.Minute, "ada"}, {61 * time.Minute, "nobody"}} {
				s.auth.SetNow(func() time.Time { return at.login.Add(tt.after).In(at.after) })
				s.wants(b, "/", tt.want)
			}
		})
	}
}
