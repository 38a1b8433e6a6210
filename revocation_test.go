package login_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// sharedRevocations is what two replicas may share.
type sharedRevocations struct {
	mu   sync.Mutex
	at   map[[16]byte]time.Time
	fail error
	hang bool

	until time.Time // of the last call
}

func (s *sharedRevocations) Revoke(ctx context.Context, key [16]byte, at, until time.Time) error {
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.Before(at) || key == [16]byte{} {
		return errors.New("want a key and a time after")
	}
	if s.at == nil {
		s.at = map[[16]byte]time.Time{}
	}
	if s.fail == nil {
		s.at[key], s.until = at, until
	}
	return s.fail
}

func (s *sharedRevocations) Revoked(key [16]byte) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[key]
	return at, ok
}

// private reports whether cookies open a page for users.
func (l *living) private(cookies cookieSet) bool {
	w, _ := l.get("/private", cookies)
	return w.Code == http.StatusOK
}

// A logout at one replica makes copies of the cookies worthless at all that share
// Revocations (H10, T56).
func TestRevocationsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := new(sharedRevocations)
		with := func(r login.Revocations) *living { return newLiving(t, func(c *login.Config) { c.Revocations = r }) }
		one, two, alone := with(shared), with(shared), with(nil)
		cookies := one.logIn()
		for name, l := range map[string]*living{"one": one, "two": two, "alone": alone} {
			if !l.private(cookies) {
				t.Fatalf("replica %s: nobody is logged in", name)
			}
		}
		one.visit(t.Context(), http.MethodPost, "/logout", cookies)
		if one.private(cookies) || two.private(cookies) {
			t.Error("a copy of the cookies is good after logout")
		}
		if got, want := shared.until, time.Now().Add(24*time.Hour+time.Minute); got.Before(want) {
			t.Errorf("got it remembered until %v, want it until %v: clocks differ", got, want)
		}
		if !alone.private(cookies) {
			t.Error("a replica that shares nothing knows")
		}
	})
}

// End logs a user out of all sessions, and nobody else, and not for ever.
func TestEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		shared := new(sharedRevocations)
		l := newLiving(t, func(c *login.Config) { kind(c); c.Revocations = shared })
		l.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada"}, {ID: "bob"}} })
		first, second := l.logIn(), l.logIn()
		l.op.Set(func(s *logintest.Server) { s.LoginAs = "bob" })
		bob := l.logIn()
		l.op.Set(func(s *logintest.Server) { s.LoginAs = "ada" })
		for _, wrong := range [][2]string{{"nothing", "ada"}, {"oidc", ""}, {"oidc", "a\nb"}} {
			if err := l.auth.End(t.Context(), wrong[0], wrong[1]); err == nil {
				t.Errorf("End(%q): got no error", wrong)
			}
		}
		time.Sleep(time.Millisecond)
		if err := l.auth.End(t.Context(), "oidc", "ada"); err != nil {
			t.Fatal(err)
		}
		if l.private(first) || l.private(second) {
			t.Error("a session of the user goes on")
		}
		if !l.private(bob) {
			t.Error("somebody else's session ended")
		}
		time.Sleep(time.Millisecond)
		again := l.logIn()
		if !l.private(again) {
			t.Error("a session that was begun afterwards does not work")
		}
		time.Sleep(time.Hour)
		if l.private(first) || !l.private(again) {
			t.Error("it is different after an hour")
		}
		shared.fail = errors.New("SHARED-IS-DOWN")
		if err := l.auth.End(t.Context(), "oidc", "bob"); !errors.Is(err, shared.fail) {
			t.Errorf("got %v, want that of Revocations", err)
		}
		if l.private(bob) {
			t.Error("it does not even count here")
		}
	})
}

// A renewal that is under way while its user is ended brings nothing back.
func TestEndDuringRenewal(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		l := newLiving(t, kind)
		l.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada"}} })
		cookies := l.logIn()
		time.Sleep(2 * time.Minute)
		l.op.Set(func(s *logintest.Server) { s.Intercept = l.slow("/token", 3*time.Second, nil) })
		var wg sync.WaitGroup
		wg.Go(func() {
			w, after := l.get("/token", cookies)
			if w.Code != http.StatusUnauthorized || l.private(after) {
				t.Errorf("got status %d %s, want 401 and no session", w.Code, w.Body)
			}
		})
		time.Sleep(time.Second)
		if err := l.auth.End(t.Context(), "oidc", "ada"); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if l.private(cookies) {
			t.Error("the session is back")
		}
	})
}

// Replicas that cannot be told do not keep anybody logged in, nor for long.
func TestRevocationsFail(t *testing.T) {
	for name, shared := range map[string]*sharedRevocations{
		"error": {fail: errors.New("SHARED-IS-DOWN")}, "no answer": {hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, kind func(*login.Config)) {
				log := new(lockedBuffer)
				l := newLiving(t, func(c *login.Config) {
					kind(c)
					c.Revocations, c.Logger = shared, slog.New(slog.NewTextHandler(log, nil))
				})
				cookies := l.logIn()
				began := time.Now()
				w, after := l.visit(t.Context(), http.MethodPost, "/logout", cookies)
				if took := time.Since(began); w.Code != http.StatusSeeOther || took > 2*time.Second {
					t.Errorf("got status %d after %v, want 303 within 2s", w.Code, took)
				}
				if l.private(after) || l.private(cookies) {
					t.Error("the session goes on")
				}
				if n := strings.Count(log.String(), "reason=revocations_failed"); n != 1 {
					t.Errorf("got %d lines in the log, want 1:\n%s", n, log)
				}
			})
		})
	}
}

// What End says of a user again, at another replica, counts as well; and a logout
// is told even if the person has left.
func TestRevocationsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := new(sharedRevocations)
		with := func() *living { return newLiving(t, func(c *login.Config) { c.Revocations = shared }) }
		one, two := with(), with()
		for _, l := range []*living{one, two} {
			l.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada"}} })
		}
		end := func(l *living) {
			time.Sleep(time.Second)
			if err := l.auth.End(t.Context(), "oidc", "ada"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		end(one)
		cookies := one.logIn()
		end(two)
		if one.private(cookies) || two.private(cookies) {
			t.Error("the second End does not count")
		}
		cookies = one.logIn()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		one.visit(ctx, http.MethodPost, "/logout", cookies)
		if two.private(cookies) {
			t.Error("the other replica was not told")
		}
	})
}

// However many cookies somebody sends, the replicas are told of their session once.
func TestRevokedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &countedRevocations{}
		l := newLiving(t, func(c *login.Config) { c.Revocations = shared })
		cookies := l.logIn()
		r := httptest.NewRequest(http.MethodPost, "/logout", nil)
		junk := ""
		for name, value := range sessionOf(cookies) {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
			if strings.Count(name, "-") == 1 {
				junk = strings.Repeat(name+"=x; ", 1000)
			}
		}
		r.Header.Add("Cookie", junk)
		shared.calls = 0
		l.app.ServeHTTP(httptest.NewRecorder(), r)
		if shared.calls != 1 {
			t.Errorf("got %d calls of Revoke, want 1", shared.calls)
		}
	})
}

type countedRevocations struct {
	sharedRevocations
	calls int
}

func (c *countedRevocations) Revoke(ctx context.Context, key [16]byte, at, until time.Time) error {
	c.calls++
	return c.sharedRevocations.Revoke(ctx, key, at, until)
}
