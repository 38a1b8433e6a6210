// Package replicastest tests what replicas share, with one of its engines at work.
package replicastest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
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

// A Connection leads a replica to its engine.
type Connection struct {
	URL    string
	Logger *slog.Logger // nil: the default

	// Before is told of each statement before the engine is, if it is not nil.
	Before func(statement string)
}

// An Open returns a Shared like another replica's, and connections of its own, which
// are closed after it.
type Open func(context.Context, Connection) (Shared, io.Closer, error)

// A Kind is what the tests have to know of an engine.
type Kind struct {
	Launch func(*testing.T) *Engine
	Open   Open

	// Lock is part of the statement that takes a lock, and of no other; Read is part of
	// the one that reads what others have revoked.
	Lock, Read string

	// Hold takes the lock of key until the test ends.
	Hold func(t *testing.T, url, key string)

	// Contents returns everything that the engine holds, by where it is held.
	Contents func(t *testing.T, url string) map[string]string
}

// Run runs all tests. They share one engine, and replicas that share nothing else.
func Run(t *testing.T, kind Kind) {
	s := &suite{Engine: kind.Launch(t), Kind: kind}
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
		{"OnceSilentMeanwhile", onceSilentMeanwhile},
		{"OnceJustMissed", onceJustMissed},
		{"OnceToldFirst", onceToldFirst},
		{"OnceCallerGone", onceCallerGone},
		{"OnceCloses", onceCloses},
		{"OnceFoundBehindLock", onceFoundBehindLock},
		{"OnceFailsWhileHanging", onceFailsWhileHanging},
		{"OnceLockLost", onceLockLost},
		{"OnceWaits", onceWaits},
		{"Revoke", revoke},
		{"RevokedHereAtOnce", revokedHereAtOnce},
		{"RevokeLaterWins", revokeLaterWins},
		{"RevokedBeforeStart", revokedBeforeStart},
		{"RevokedWhileAway", revokedWhileAway},
		{"RevokeHangs", revokeHangs},
		{"RevokedMeanwhile", revokedMeanwhile},
		{"RevokedAwayIsTold", revokedAwayIsTold},
		{"RevokedInSilenceIsTold", revokedInSilenceIsTold},
		{"RevokedImpatiently", revokedImpatiently},
		{"RevokedNoLonger", revokedNoLonger},
		{"RevokedInSilence", revokedInSilence},
		{"NoPasswordInErrors", noPasswordInErrors},
		{"Closed", closed},
		{"RenewAtTwo", renewAtTwo},
		{"RenewAtTwoSlowly", renewAtTwoSlowly},
		{"RenewerKilled", renewerKilled},
		{"NothingInClear", nothingInClear},
		{"LogoutAtOne", logoutAtOne},
		{"EndAtOne", endAtOne},
		{"EngineAway", engineAway},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, s) })
	}
}

type suite struct {
	*Engine
	Kind
}

// replica returns what another replica would use.
func (s *suite) replica(t *testing.T) Shared {
	t.Helper()
	r, _ := s.connect(t, Connection{URL: s.URL})
	return r
}

func (s *suite) connect(t *testing.T, c Connection) (Shared, io.Closer) {
	t.Helper()
	r, connections, err := s.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		connections.Close()
	})
	return r, connections
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
