package interop_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// eachRenewing runs f at each of the providers, with sessions in cookies and in files.
func eachRenewing(t *testing.T, providers map[string]func(*testing.T, string) *tokenProvider, f func(t *testing.T, s *renewingSite)) {
	for name, start := range providers {
		for _, kind := range []string{"cookies", "files"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel() // they wait for the clock, most of the time
				f(t, newRenewingSite(t, kind == "files", start))
			})
		}
	}
}

// shortThenLong are providers at which the token of a login ends soon, and the next
// one does not.
func shortThenLong() map[string]func(*testing.T, string) *tokenProvider {
	return map[string]func(*testing.T, string) *tokenProvider{
		"oidc-provider": oidcTokens("TOKEN_SECONDS=2", "RENEWED_TOKEN_SECONDS=600"),
		"zitadel":       zitadelTokens(2*time.Second, 10*time.Minute),
	}
}

// A hundred requests at once with a token that has ended are one refresh request and
// a hundred successes; those that still carry the old cookies a little later, and
// those with the new ones, are no request more (J2, T54).
func TestRenewOnceAtProviders(t *testing.T) {
	eachRenewing(t, shortThenLong(), func(t *testing.T, s *renewingSite) {
		old := s.logIn()
		s.awaitEnd()
		s.wire.setHold(func() { await(t, 100, s.arrived, "requests during the renewal") })
		var wg sync.WaitGroup
		var mu sync.Mutex
		all := make([][]*http.Cookie, 0, 100)
		for range 100 {
			r := s.request("/api")
			wg.Go(func() {
				status, body, after := s.get(r, old)
				if status != http.StatusOK || !strings.Contains(body, `"sub"`) {
					t.Errorf("got status %d %s, want 200 and what the provider knows", status, body)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, after)
			})
		}
		wg.Wait()
		s.checkRefreshes(1)
		s.wire.setHold(nil)
		for _, cookies := range append(all, old, old) {
			if status, body, _ := s.get(s.request("/api"), cookies); status != http.StatusOK {
				t.Errorf("later: got status %d %s, want 200", status, body)
			}
		}
		s.checkRefreshes(1)
	})
}

// A person who leaves while the token is renewed loses nothing: the next request
// has the token that came (J5, T57).
func TestLeaveDuringRenewalAtProviders(t *testing.T) {
	eachRenewing(t, shortThenLong(), func(t *testing.T, s *renewingSite) {
		old := s.logIn()
		s.awaitEnd()
		renewed, gone := make(chan struct{}, 1), make(chan struct{}, 1)
		var once sync.Once
		s.wire.setHold(func() { // the provider has rotated, and its answer is on the way
			once.Do(func() {
				renewed <- struct{}{}
				await(t, 1, gone, "people who left")
			})
		})
		ctx, leave := context.WithCancel(bounded(t))
		defer leave()
		go func() {
			await(t, 1, renewed, "renewals")
			leave()
			await(t, 1, s.left, "requests of somebody who left that have ended")
			gone <- struct{}{}
		}()
		if status, _, _ := s.get(s.request("/api").WithContext(ctx), old); status != 0 {
			t.Fatalf("got status %d for somebody who has left", status)
		}
		status, body, after := s.get(s.request("/api"), old)
		if status != http.StatusOK {
			t.Errorf("got status %d %s, want 200", status, body)
		}
		if status, body, _ = s.get(s.request("/api"), after); status != http.StatusOK {
			t.Errorf("with the new cookies: got status %d %s, want 200", status, body)
		}
		s.checkRefreshes(1)
	})
}

// Token after token is renewed, at providers that rotate refresh tokens and at one
// that does not (J1).
func TestRenewAgainAndAgain(t *testing.T) {
	providers := map[string]func(*testing.T, string) *tokenProvider{
		"oidc-provider":              oidcTokens("TOKEN_SECONDS=3"),
		"oidc-provider, no rotation": oidcTokens("TOKEN_SECONDS=3", "ROTATE=no"),
		"zitadel":                    zitadelTokens(3*time.Second, 3*time.Second),
	}
	eachRenewing(t, providers, func(t *testing.T, s *renewingSite) {
		cookies := s.logIn()
		for range 3 {
			s.awaitEnd()
			var status int
			var body string
			if status, body, cookies = s.get(s.request("/api"), cookies); status != http.StatusOK {
				t.Fatalf("got status %d %s, want 200", status, body)
			}
		}
		s.checkRefreshes(3)
		sent := s.wire.refreshTokens()
		slices.Sort(sent)
		want := 1
		if s.provider.rotates {
			want = 3
		}
		if got := len(slices.Compact(sent)); got != want {
			t.Errorf("got %d different refresh tokens in 3 renewals, want %d", got, want)
		}
	})
}

// Somebody else uses a refresh token that was used already. The provider revokes all
// that came of the login: the API does not accept the token any more, which the page
// hears; the renewal that follows is the last, and ends the session (J3).
func TestReuseEndsTheSession(t *testing.T) {
	providers := map[string]func(*testing.T, string) *tokenProvider{
		"oidc-provider": oidcTokens("TOKEN_SECONDS=2", "RENEWED_TOKEN_SECONDS=600"),
	}
	eachRenewing(t, providers, func(t *testing.T, s *renewingSite) {
		cookies := s.logIn()
		s.awaitEnd()
		status, body, cookies := s.get(s.request("/api"), cookies)
		if status != http.StatusOK {
			t.Fatalf("got status %d %s, want 200", status, body)
		}
		checkRefused(t, s.provider.tokenURL, s.wire.refreshTokens()[0])

		if status, body, _ := s.get(s.request("/private"), cookies); status != http.StatusOK {
			t.Errorf("before anybody asks the provider: got status %d %s, want 200", status, body)
		}
		if status, body, _ := s.get(s.request("/api"), cookies); status != http.StatusFailedDependency {
			t.Errorf("got status %d %s, want that the API refuses the token", status, body)
		}
		var wg sync.WaitGroup
		for range 20 {
			r := s.request("/api")
			wg.Go(func() {
				if status, body, _ := s.get(r, cookies); status != http.StatusUnauthorized {
					t.Errorf("got status %d %s, want 401", status, body)
				}
			})
		}
		wg.Wait()
		for _, path := range []string{"/api", "/private", "/api", "/private"} {
			status, body, after := s.get(s.request(path), cookies)
			if status != http.StatusUnauthorized {
				t.Errorf("%s afterwards: got status %d %s, want 401", path, status, body)
			}
			if status, _, _ = s.get(s.request(path), after); status != http.StatusUnauthorized {
				t.Errorf("%s with the cookies after that: got status %d, want 401", path, status)
			}
		}
		if got := len(s.wire.refreshTokens()); got != 2 {
			t.Errorf("got %d refresh requests, want one for the first renewal and one for the last", got)
		}
	})
}

// Who logs out with cookies from before a renewal leaves no token behind at the
// provider: not the one that came a moment ago (I10), nor the one that is on its way.
func TestLogoutRevokesRenewedTokens(t *testing.T) {
	for _, during := range []bool{false, true} {
		name := map[bool]string{false: "after", true: "during"}[during]
		t.Run(name, func(t *testing.T) {
			eachRenewing(t, shortThenLong(), func(t *testing.T, s *renewingSite) {
				old := s.logIn()
				s.awaitEnd()
				want := http.StatusOK
				if during {
					s.wire.setHold(func() { s.logOut(old) })
					want = http.StatusUnauthorized
				}
				status, body, after := s.get(s.request("/api"), old)
				if status != want {
					t.Errorf("got status %d %s, want %d", status, body, want)
				}
				s.wire.setHold(nil)
				if !during {
					s.logOut(old)
				}
				for _, cookies := range [][]*http.Cookie{old, after} {
					if status, _, _ := s.get(s.request("/private"), cookies); status != http.StatusUnauthorized {
						t.Errorf("after the logout: got status %d, want 401", status)
					}
				}
				_, newest := s.wire.last()
				if slices.Contains(s.wire.refreshTokens(), newest) || newest == "" {
					t.Errorf("got the refresh token %q, want one that was not used", newest)
				}
				checkRefused(t, s.provider.tokenURL, newest)
			})
		})
	}
}
