package login_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
)

// memoryTokens is a TokenStore.
type memoryTokens struct {
	mu      sync.Mutex
	values  map[string][]byte
	fail    func(op string) error
	latency time.Duration
}

// failing is called without the lock, which nobody holds while they wait.
func (m *memoryTokens) failing(op string) error {
	time.Sleep(m.latency)
	if m.fail != nil {
		return m.fail(op)
	}
	return nil
}

func (m *memoryTokens) Load(_ context.Context, key string) ([]byte, error) {
	if err := m.failing("load"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("memory: %w", login.ErrNoToken)
	}
	return bytes.Clone(v), nil
}

func (m *memoryTokens) Save(_ context.Context, key string, old, value []byte) (bool, error) {
	if err := m.failing("save"); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	if ok != (old != nil) || !bytes.Equal(v, old) {
		return false, nil
	}
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	m.values[key] = bytes.Clone(value)
	return true, nil
}

func (m *memoryTokens) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	if m.fail != nil {
		return m.fail("delete")
	}
	return nil
}

// newKeeping is an application that keeps the token of whoever logs in as "bot".
func newKeeping(t *testing.T, tokens *memoryTokens, change func(*login.Config)) *living {
	var l *living
	l = newLiving(t, func(c *login.Config) {
		c.Tokens, c.Logger = tokens, slog.New(slog.DiscardHandler)
		c.OnLogin = func(r *http.Request, _ *login.User, g *login.Grant) error {
			defer func() { g.Token = nil }() // a refresh token must be in one place only
			return l.auth.Keep(r.Context(), "bot", g)
		}
		if change != nil {
			change(c)
		}
	})
	return l
}

// act calls the API with the token that is kept, without a request.
func act(t *testing.T, a *login.Auth) (status int, err error) {
	c, err := a.ClientFor(t.Context(), "bot")
	if err != nil {
		return 0, err
	}
	resp, err := c.Get("/user")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// A token is kept, renewed again and again, and of no use to who reads the record
// (R57, H5).
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		if _, err := l.auth.ClientFor(t.Context(), "bot"); !errors.Is(err, login.ErrNoToken) {
			t.Errorf("before: got %v, want ErrNoToken", err)
		}
		l.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada", Name: "Ada Canary"}} })
		l.logIn()
		g, err := l.auth.GrantFor(t.Context(), "bot")
		if err != nil {
			t.Fatal(err)
		}
		if g.User.Provider != "oidc" || g.User.ID != "ada" || g.User.Name != "Ada Canary" || g.IDToken == "" || len(g.Scopes) == 0 || g.Token.Expiry.IsZero() {
			t.Errorf("got %v with %v until %v, want all there was", g.User, g.Scopes, g.Token.Expiry)
		}
		for _, secret := range []string{g.Token.AccessToken, g.Token.RefreshToken, g.IDToken, "ada", "Ada Canary", "oidc"} {
			if bytes.Contains(tokens.values["bot"], []byte(secret)) {
				t.Errorf("the record holds %q", secret)
			}
		}
		client := g.Client // for as long as the program runs
		for i := range 5 {
			time.Sleep(2 * time.Minute)
			resp, err := client.Get("/user")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("round %d: got %v %v, want 200", i, resp, err)
			}
			resp.Body.Close()
			if got := l.refreshes(); got != i+1 {
				t.Errorf("got %d renewals, want %d", got, i+1)
			}
		}
		if p := l.op.Problems(); len(p) > 0 {
			t.Error(p)
		}
	})
}

// Many processes renew a token once (J2, T54), with a provider that takes a second
// use of a refresh token for theft, and is slow.
func TestKeptRenewedOnce(t *testing.T) {
	for _, latency := range []time.Duration{0, time.Second, 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			tokens := &memoryTokens{latency: 10 * time.Millisecond} // so that all have read before the first writes
			first := newKeeping(t, tokens, nil)
			first.logIn()
			processes := []*login.Auth{first.auth}
			for range 4 {
				processes = append(processes, newKeeping(t, tokens, func(c *login.Config) {
					c.Client = &http.Client{Transport: inProcess{first.op}}
				}).auth)
			}
			time.Sleep(2 * time.Minute)
			first.op.Set(func(s *logintest.Server) { s.Intercept = first.slow("/token", latency, nil) })
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					if status, err := act(t, processes[i%5]); status != http.StatusOK {
						t.Errorf("got status %d, error %v, want 200", status, err)
					}
				})
			}
			wg.Wait()
			if got := first.refreshes(); got != 1 {
				t.Errorf("latency %v: got %d renewals, want 1", latency, got)
			}
		})
	}
}

// A process that dies while it renews a token leaves it to the others, after a
// while.
func TestKeptClaimIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		l.logIn()
		time.Sleep(2 * time.Minute)
		dying := newKeeping(t, tokens, func(c *login.Config) {
			c.Providers[0].Renew = func(ctx context.Context, _ *login.Grant) (*oauth2.Token, error) {
				tokens.fail = func(string) error { return errors.New("it is dead") }
				return nil, errors.New("it is dead")
			}
		})
		if _, err := act(t, dying.auth); err == nil {
			t.Error("got no error")
		}
		tokens.fail = nil
		began := time.Now()
		if status, err := act(t, l.auth); status != http.StatusOK {
			t.Errorf("got status %d, error %v, want 200", status, err)
		}
		if took := time.Since(began); took > 16*time.Second || l.refreshes() != 1 {
			t.Errorf("took %v and %d renewals, want 16s at most and one", took, l.refreshes())
		}
	})
}

// What ends what is kept, and what does not (J3, R58, R87).
func TestKeptFails(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   error
		again  bool // whether it works when the provider is well
	}{
		{"withdrawn", 400, `{"error":"invalid_grant"}`, login.ErrNoToken, false},
		{"down", 503, ``, login.ErrProvider, true},
		{"nonsense", 200, `{}`, login.ErrProvider, true},
		{"wrong secret", 401, `{"error":"invalid_client"}`, login.ErrProvider, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens := new(memoryTokens)
				l := newKeeping(t, tokens, nil)
				l.logIn()
				time.Sleep(2 * time.Minute)
				l.op.Set(func(s *logintest.Server) {
					s.Intercept = l.slow("/token", 0, func(w http.ResponseWriter, _ *http.Request) {
						w.WriteHeader(test.status)
						io.WriteString(w, test.body)
					})
				})
				if _, err := act(t, l.auth); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				l.op.Set(func(s *logintest.Server) { s.Intercept = nil })
				time.Sleep(time.Minute)
				status, err := act(t, l.auth)
				if ok := status == http.StatusOK; ok != test.again || !ok && (!errors.Is(err, test.want) || l.refreshes() != 1) {
					t.Errorf("later: got status %d, error %v after %d renewals, want it to work: %v", status, err, l.refreshes(), test.again)
				}
				l.logIn() // connected again
				if status, err := act(t, l.auth); status != http.StatusOK {
					t.Errorf("after another login: got status %d, error %v, want 200", status, err)
				}
			})
		})
	}
}

// A token without renewal is used to its end, and then is none.
func TestKeptWithoutRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeeping(t, new(memoryTokens), nil)
		l.op.Set(func(s *logintest.Server) { s.NoRefresh = true })
		l.logIn()
		time.Sleep(50 * time.Second)
		if status, err := act(t, l.auth); status != http.StatusOK {
			t.Errorf("got status %d, error %v, want 200", status, err)
		}
		time.Sleep(time.Minute)
		if _, err := act(t, l.auth); !errors.Is(err, login.ErrNoToken) || errors.Is(err, login.ErrProvider) {
			t.Errorf("got %v, want ErrNoToken", err)
		}
	})
}

// What is moved to another key, or was sealed by another application, is nothing.
func TestKeptIsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		l.logIn()
		sealed := tokens.values["bot"]
		tokens.values["other"] = sealed
		tokens.values["changed"] = append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1)
		tokens.values["empty"] = nil
		for _, key := range []string{"other", "changed", "empty", "absent"} {
			if _, err := l.auth.GrantFor(t.Context(), key); !errors.Is(err, login.ErrNoToken) {
				t.Errorf("%s: got %v, want ErrNoToken", key, err)
			}
		}
		for name, change := range map[string]func(*login.Config){
			"another key":      func(c *login.Config) { c.Key = []byte("another key of 32 bytes or more!") },
			"another site":     func(c *login.Config) { c.URL = "http://localhost:8081" },
			"another provider": func(c *login.Config) { c.Providers[0].Name = "renamed" },
		} {
			if _, err := newKeeping(t, tokens, change).auth.GrantFor(t.Context(), "bot"); !errors.Is(err, login.ErrNoToken) {
				t.Errorf("%s: got %v, want ErrNoToken", name, err)
			}
		}
		rotated := newKeeping(t, tokens, func(c *login.Config) {
			c.Key, c.OldKeys = []byte("another key of 32 bytes or more!"), [][]byte{testKey}
		})
		if _, err := rotated.auth.GrantFor(t.Context(), "bot"); err != nil {
			t.Errorf("a new key: got %v, want none", err)
		}
	})
}

// A store that is away for a moment when a token was renewed does not lose it; one
// that stays away is an error of its own.
func TestKeptStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		l.logIn()
		time.Sleep(2 * time.Minute)
		down := errors.New("the disk is full")
		saves := 0
		tokens.fail = func(op string) error {
			if op == "save" {
				saves++
			}
			if saves == 2 || saves == 3 { // the first is the claim
				return down
			}
			return nil
		}
		if status, err := act(t, l.auth); status != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("got status %d, error %v, want 200", status, err)
		}
		time.Sleep(2 * time.Minute)
		if status, err := act(t, l.auth); status != http.StatusOK || l.refreshes() != 2 {
			t.Errorf("later: got status %d, error %v, want 200", status, err)
		}
		tokens.fail = func(string) error { return down }
		if _, err := act(t, l.auth); !errors.Is(err, down) || errors.Is(err, login.ErrNoToken) || errors.Is(err, login.ErrProvider) {
			t.Errorf("got %v, want the store's", err)
		}
		for name, err := range map[string]error{
			"Keep":   l.auth.Keep(t.Context(), "bot", &login.Grant{Provider: login.Provider{Name: "oidc"}, Token: &oauth2.Token{AccessToken: "a"}}),
			"Forget": l.auth.Forget(t.Context(), "bot"),
		} {
			if !errors.Is(err, down) {
				t.Errorf("%s: got %v, want the store's", name, err)
			}
		}
	})
}

// Somebody who connects the account again while the old token is renewed wins.
func TestKeepDuringRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeeping(t, new(memoryTokens), nil)
		l.logIn()
		time.Sleep(2 * time.Minute)
		l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/token", 3*time.Second, nil) })
		var wg sync.WaitGroup
		wg.Go(func() {
			if g, err := l.auth.GrantFor(t.Context(), "bot"); err != nil || g.Token.AccessToken != "NEW" || g.User.ID != "new" {
				t.Errorf("the renewal: got %v, %v, want the new one", g, err)
			}
		})
		time.Sleep(time.Second)
		g := &login.Grant{Provider: login.Provider{Name: "oidc"}, User: &login.User{ID: "new"}, Token: &oauth2.Token{AccessToken: "NEW"}}
		if err := l.auth.Keep(t.Context(), "bot", g); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if got, err := l.auth.GrantFor(t.Context(), "bot"); err != nil || got.Token.AccessToken != "NEW" || got.User.ID != "new" {
			t.Errorf("got %v, %v, want the new one", got, err)
		}
	})
}

// Forget ends the token at the provider and here, however the provider takes it.
func TestForget(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError, 0} {
		synctest.Test(t, func(t *testing.T) {
			l := newKeeping(t, new(memoryTokens), nil)
			l.logIn()
			if status != http.StatusOK {
				l.op.Set(func(s *logintest.Server) {
					s.Intercept = l.slow("/revoke", map[bool]time.Duration{true: time.Hour}[status == 0], func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(max(status, 200)) })
				})
			}
			g, err := l.auth.GrantFor(t.Context(), "bot")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := l.auth.Forget(t.Context(), "bot"); err != nil || time.Since(began) > 2*time.Second {
				t.Errorf("got %v after %v, want no error within 2s", err, time.Since(began))
			}
			if got := l.revocations(); len(got) == 0 || got[0] != "refresh_token "+g.Token.RefreshToken {
				t.Errorf("got %q, want the refresh token revoked", got)
			}
			if _, err := l.auth.GrantFor(t.Context(), "bot"); !errors.Is(err, login.ErrNoToken) {
				t.Errorf("got %v, want ErrNoToken", err)
			}
			if _, err := g.Client.Get("/user"); !errors.Is(err, login.ErrNoToken) {
				t.Errorf("a client from before: got %v, want ErrNoToken", err)
			}
			if err := l.auth.Forget(t.Context(), "bot"); err != nil {
				t.Errorf("again: got %v, want no error", err)
			}
		})
	}
}

// An API's 401 goes to the caller; the next request has a renewed token. The token
// goes to no other origin.
func TestClientForSendsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeeping(t, new(memoryTokens), nil)
		l.logIn()
		c, err := l.auth.ClientFor(t.Context(), "bot")
		if err != nil {
			t.Fatal(err)
		}
		l.op.Set(func(s *logintest.Server) {
			s.Intercept = l.slow("/api/user", 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
		})
		get := func(target string, status, refreshes int) {
			resp, err := c.Get(target)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != status || l.refreshes() != refreshes {
				t.Errorf("%s: got status %d after %d renewals, want %d after %d", target, resp.StatusCode, l.refreshes(), status, refreshes)
			}
		}
		get("/user", http.StatusUnauthorized, 0)
		l.op.Set(func(s *logintest.Server) { s.Intercept = nil })
		get("/user", http.StatusOK, 1)
		get("https://evil.example/x", http.StatusNotFound, 1)
		for _, r := range l.op.Requests() {
			if strings.HasPrefix(r.Path, "/x") && r.Header.Get("Authorization") != "" {
				t.Error("the token goes to another origin")
			}
		}
	})
}

func TestKeepRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeeping(t, new(memoryTokens), nil)
		token := &oauth2.Token{AccessToken: "a"}
		tests := []struct {
			name, key string
			grant     *login.Grant
		}{
			{"no key", "", &login.Grant{Provider: login.Provider{Name: "oidc"}, Token: token}},
			{"a long key", strings.Repeat("k", 256), &login.Grant{Provider: login.Provider{Name: "oidc"}, Token: token}},
			{"no grant", "k", nil},
			{"no token", "k", &login.Grant{Provider: login.Provider{Name: "oidc"}}},
			{"an empty token", "k", &login.Grant{Provider: login.Provider{Name: "oidc"}, Token: new(oauth2.Token)}},
			{"another provider", "k", &login.Grant{Provider: login.Provider{Name: "x"}, Token: token}},
		}
		for _, test := range tests {
			if err := l.auth.Keep(t.Context(), test.key, test.grant); err == nil {
				t.Errorf("%s: got no error", test.name)
			}
		}
		none := newLiving(t, nil).auth
		_, err := none.ClientFor(t.Context(), "k")
		for _, err := range []error{err, none.Forget(t.Context(), "k"), none.Keep(t.Context(), "k", tests[0].grant)} {
			if err == nil || !strings.Contains(err.Error(), "Config.Tokens") {
				t.Errorf("without a store: got %v, want one that names Config.Tokens", err)
			}
		}
	})
}

// Forget, when the store cannot say what it holds, and while the token is renewed.
func TestForgetLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		l.logIn()
		down := errors.New("it is away")
		tokens.fail = func(op string) error { return map[string]error{"load": down}[op] }
		if err := l.auth.Forget(t.Context(), "bot"); !errors.Is(err, down) || len(tokens.values) == 0 {
			t.Errorf("got %v and %d records, want the store's error and one", err, len(tokens.values))
		}
		tokens.fail = nil
		slow := &lateAnswers{path: "/token"}
		l = newKeeping(t, tokens, func(c *login.Config) {
			slow.RoundTripper, c.Client = c.Client.Transport, &http.Client{Transport: slow}
		})
		l.logIn()
		before, err := l.auth.GrantFor(t.Context(), "bot")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		go act(t, l.auth)
		time.Sleep(time.Second)
		if err := l.auth.Forget(t.Context(), "bot"); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		revoked := l.revocations()
		if last := revoked[max(0, len(revoked)-2):]; len(revoked) < 4 || strings.Contains(strings.Join(last, "|"), before.Token.RefreshToken) {
			t.Errorf("got %q, want the token that came meanwhile revoked, too", revoked)
		}
	})
}

// Forget does not wait for a provider's function that does not mind its context.
func TestForgetDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeeping(t, new(memoryTokens), func(c *login.Config) {
			c.Providers[0].Revoke = func(context.Context, *login.Grant) error {
				time.Sleep(time.Minute)
				return nil
			}
		})
		l.logIn()
		began := time.Now()
		if err := l.auth.Forget(t.Context(), "bot"); err != nil || time.Since(began) > 2*time.Second {
			t.Errorf("got %v after %v, want no error within 2s", err, time.Since(began))
		}
		time.Sleep(2 * time.Minute)
	})
}

// A token that was withdrawn is not used for the seconds that it has left; whoever
// waits for a renewal may leave; an account that is connected again while the old
// token is refused is connected.
func TestKeptRenewalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := func(l *living) {
			l.op.Set(func(s *logintest.Server) {
				s.Intercept = l.slow("/token", 3*time.Second, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(400)
					io.WriteString(w, `{"error":"invalid_grant"}`)
				})
			})
		}
		l := newKeeping(t, new(memoryTokens), nil)
		l.logIn()
		time.Sleep(46 * time.Second)
		refuse(l)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := l.auth.GrantFor(ctx, "bot"); time.Since(began) > time.Second {
			t.Errorf("whoever leaves: got %v after %v", err, time.Since(began))
		}
		if _, err := l.auth.GrantFor(t.Context(), "bot"); !errors.Is(err, login.ErrNoToken) {
			t.Errorf("withdrawn early: got %v, want ErrNoToken", err)
		}

		l = newKeeping(t, new(memoryTokens), nil)
		l.logIn()
		time.Sleep(2 * time.Minute)
		refuse(l)
		var wg sync.WaitGroup
		wg.Go(func() {
			if g, err := l.auth.GrantFor(t.Context(), "bot"); err != nil || g.Token.AccessToken != "NEW" {
				t.Errorf("connected again: got %v, %v, want the new token", g, err)
			}
		})
		time.Sleep(time.Second)
		g := &login.Grant{Provider: login.Provider{Name: "oidc"}, User: &login.User{ID: "new"}, Token: &oauth2.Token{AccessToken: "NEW"}}
		if err := l.auth.Keep(t.Context(), "bot", g); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

// Keep wins over somebody who writes at the same time.
func TestKeepTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := new(memoryTokens)
		l := newKeeping(t, tokens, nil)
		l.logIn()
		saves := 0
		tokens.fail = func(op string) error {
			if op == "save" && saves < 3 {
				saves++
				tokens.values["bot"] = append(tokens.values["bot"], 'x')
			}
			return nil
		}
		g := &login.Grant{Provider: login.Provider{Name: "oidc"}, User: &login.User{ID: "new"}, Token: &oauth2.Token{AccessToken: "NEW"}}
		if err := l.auth.Keep(t.Context(), "bot", g); err != nil {
			t.Fatal(err)
		}
		tokens.fail = nil
		if got, err := l.auth.GrantFor(t.Context(), "bot"); err != nil || got.Token.AccessToken != "NEW" {
			t.Errorf("got %v, %v, want the new one", got, err)
		}
	})
}
