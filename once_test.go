package login_test

import (
	"context"
	"errors"
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

// memoryOnce is what replicas share, in one process.
type memoryOnce struct {
	mu    sync.Mutex
	byKey map[string]*sharedResult
	down  error
	after error // of a call that has succeeded
}

type sharedResult struct {
	running chan struct{} // holds one while f runs; a Mutex would stop the clock of synctest
	value   []byte
	until   time.Time
}

func (o *memoryOnce) Do(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error) {
	o.mu.Lock()
	if o.down != nil {
		defer o.mu.Unlock()
		return nil, o.down
	}
	if o.byKey == nil {
		o.byKey = make(map[string]*sharedResult)
	}
	result := o.byKey[key]
	if result == nil {
		result = &sharedResult{running: make(chan struct{}, 1)}
		o.byKey[key] = result
	}
	o.mu.Unlock()
	select {
	case result.running <- struct{}{}:
		defer func() { <-result.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if time.Now().Before(result.until) {
		return result.value, nil
	}
	value, err := f(ctx)
	if err == nil {
		result.value, result.until = value, time.Now().Add(share)
	}
	return value, errors.Join(err, o.after)
}

// replicas are several processes of one application, with one provider.
func replicas(t *testing.T, n int, change func(*login.Config)) []*living {
	first := newLiving(t, change)
	all := []*living{first}
	for range n - 1 {
		l := newLiving(t, func(c *login.Config) {
			c.Client = &http.Client{Transport: inProcess{first.op}}
			if change != nil {
				change(c)
			}
		})
		l.op = first.op
		all = append(all, l)
	}
	return all
}

// Replicas renew a token once, and all get it, in whichever way sessions are kept
// (T54): the provider takes a second use of a refresh token for theft.
func TestRenewOnceAtAllReplicas(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		shared := new(memoryOnce)
		all := replicas(t, 3, func(c *login.Config) { kind(c); c.Once = shared })
		cookies := all[0].logIn()
		time.Sleep(2 * time.Minute)
		all[0].op.Set(func(s *logintest.Server) { s.Intercept = all[0].slow("/token", 5*time.Second, nil) })
		newest := make([]cookieSet, len(all))
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				w, after := all[i%3].get("/user", cookies)
				if w.Code != http.StatusOK {
					t.Errorf("got status %d %s, want 200", w.Code, w.Body)
				}
				if i < 3 {
					newest[i] = after
				}
			})
		}
		wg.Wait()
		if got := all[0].refreshes(); got != 1 {
			t.Errorf("got %d renewals, want 1", got)
		}
		time.Sleep(2 * time.Minute)
		for i, l := range all { // each has what the others have
			if w, _ := l.get("/user", newest[(i+1)%3]); w.Code != http.StatusOK {
				t.Errorf("later: got status %d %s, want 200", w.Code, w.Body)
			}
		}
		if p := all[0].op.Problems(); len(p) > 0 {
			t.Error(p)
		}
	})
}

// Where nobody knows whether another replica asks, nobody asks, and nothing is lost.
// A token that was got is used, though the others cannot be told.
func TestOnceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &memoryOnce{down: errors.New("it is away")}
		l := newLiving(t, func(c *login.Config) { c.Once = shared })
		cookies := l.logIn()
		time.Sleep(46 * time.Second) // a little early
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK || l.refreshes() != 0 {
			t.Errorf("early: got status %d after %d renewals, want 200 after none", w.Code, l.refreshes())
		}
		time.Sleep(time.Minute)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusInternalServerError || l.refreshes() != 0 || !l.private(cookies) {
			t.Errorf("ended: got status %d after %d renewals, want 500 after none, and a session", w.Code, l.refreshes())
		}
		time.Sleep(2 * time.Second) // and not half a minute, since the provider was not asked
		shared.down, shared.after = nil, errors.New("it went away")
		if w, _ := l.get("/token", cookies); w.Code != http.StatusOK || l.refreshes() != 1 {
			t.Errorf("back: got status %d after %d renewals, want 200 after 1", w.Code, l.refreshes())
		}
	})
}

// However long a replica has waited for another one, the provider has its time: a
// token that was used up and whose successor nobody has would be the end.
func TestOnceAfterAWait(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		shared := new(memoryOnce)
		all := replicas(t, 2, func(c *login.Config) { kind(c); c.Once = shared })
		cookies := all[0].logIn()
		time.Sleep(2 * time.Minute)
		fails := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
		all[0].op.Set(func(s *logintest.Server) { s.Intercept = all[0].slow("/token", 8*time.Second, fails) })
		var wg sync.WaitGroup
		wg.Go(func() { all[0].get("/token", cookies) })
		time.Sleep(time.Second)
		wg.Go(func() {
			if w, _ := all[1].get("/token", cookies); w.Code != http.StatusOK {
				t.Errorf("got status %d %s, want 200", w.Code, w.Body)
			}
		})
		time.Sleep(6 * time.Second)
		all[0].op.Set(func(s *logintest.Server) { s.Intercept = all[0].slow("/token", 5*time.Second, nil) })
		wg.Wait()
	})
}

// Sessions that have one token, because the provider gives the same to all, share its
// renewal.
func TestOnceForTwoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := new(memoryOnce)
		asked := 0
		all := replicas(t, 2, func(c *login.Config) {
			c.Once = shared
			c.OnLogin = func(_ *http.Request, _ *login.User, g *login.Grant) error {
				g.Token = &oauth2.Token{AccessToken: "first", Expiry: time.Now().Add(time.Minute).Truncate(time.Minute)}
				return nil
			}
			c.Providers[0].Renew = func(context.Context, *login.Grant) (*oauth2.Token, error) {
				asked++
				return &oauth2.Token{AccessToken: "second", Expiry: time.Now().Add(time.Hour)}, nil
			}
		})
		one, two := all[0].logIn(), all[0].logIn()
		time.Sleep(2 * time.Minute)
		for i, cookies := range []cookieSet{one, two} {
			if w, _ := all[i].get("/token", cookies); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "second") {
				t.Errorf("session %d: got status %d %s, want the second token", i, w.Code, w.Body)
			}
		}
		if asked != 1 {
			t.Errorf("got %d renewals, want 1", asked)
		}
	})
}

// What no replica has sealed is not taken for a token.
func TestOnceReturnsRubbish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t, func(c *login.Config) { c.Once = rubbish{} })
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		if w, _ := l.get("/token", cookies); w.Code != http.StatusInternalServerError || !l.private(cookies) {
			t.Errorf("got status %d %s, want 500 and a session", w.Code, w.Body)
		}
	})
}

type rubbish struct{}

func (rubbish) Do(context.Context, string, time.Duration, func(context.Context) ([]byte, error)) ([]byte, error) {
	return []byte("rubbish"), nil
}
