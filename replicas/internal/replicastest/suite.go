// Package replicastest tests what replicas share, with one of its engines at work.
package replicastest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// LockTime is what a lock that nobody extends lasts in these tests, if it ends by time.
const LockTime = 300 * time.Millisecond

// notice is how long another replica may not know of a revocation, by its doc comment,
// from when it can reach the engine.
const notice = 10 * time.Second

// A Shared is under test.
type Shared interface {
	login.Once
	login.Revocations
	Close() error
}

// An Open returns a Shared with connections of its own, like another replica.
type Open func(ctx context.Context, url string) (Shared, error)

// Run runs all tests. They share one engine, and replicas that share nothing else.
func Run(t *testing.T, start func(*testing.T) *Engine, open Open) {
	s := &suite{Engine: start(t), open: open}
	for _, test := range []struct {
		name string
		f    func(*testing.T, *suite)
	}{
		{"OnceAmongMany", onceAmongMany},
		{"OnceIsSlow", onceIsSlow},
		{"OnceFails", onceFails},
		{"OncePanics", oncePanics},
		{"OnceForgets", onceForgets},
		{"OnceCanceled", onceCanceled},
		{"OnceKeysApart", onceKeysApart},
		{"OnceAway", onceAway},
		{"OnceAwayMeanwhile", onceAwayMeanwhile},
		{"Revoke", revoke},
		{"RevokeLaterWins", revokeLaterWins},
		{"RevokedBeforeStart", revokedBeforeStart},
		{"RevokedWhileAway", revokedWhileAway},
		{"RevokeHangs", revokeHangs},
		{"RenewAtTwo", renewAtTwo},
		{"RenewAtTwoSlowly", renewAtTwoSlowly},
		{"LogoutAtOne", logoutAtOne},
		{"EndAtOne", endAtOne},
		{"EngineAway", engineAway},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, s) })
	}
}

type suite struct {
	*Engine
	open Open
}

// replica returns what another replica would use.
func (s *suite) replica(t *testing.T) Shared {
	t.Helper()
	r, err := s.open(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (s *suite) replicas(t *testing.T, n int) []Shared {
	t.Helper()
	var all []Shared
	for range n {
		all = append(all, s.replica(t))
	}
	return all
}

// eventually waits until f is true, for so long.
func eventually(t *testing.T, most time.Duration, what string, f func() bool) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(most)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %v", what, most)
		}
	}
}

// Main is TestMain of a package that calls Run: the same program is a replica, too.
func Main(m *testing.M, open Open) {
	if os.Getenv(replicaEnv) == "" {
		os.Exit(m.Run())
	}
	if err := serve(open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
