package replicastest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newSession() (key [16]byte) {
	rand.Read(key[:])
	return key
}

// wantRevoked waits until r knows that key was revoked at that time, to the millisecond.
func wantRevoked(t *testing.T, r Shared, key [16]byte, at time.Time, most time.Duration) {
	t.Helper()
	eventually(t, most, fmt.Sprintf("revoked at %v", at), func() bool {
		got, ok := r.Revoked(key)
		return ok && got.Equal(at.Truncate(time.Millisecond))
	})
}

// mustRevoke gives the time that the interface promises.
func mustRevoke(t *testing.T, r Shared, key [16]byte, at, until time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := r.Revoke(ctx, key, at, until); err != nil {
		t.Fatal(err)
	}
}

// All replicas learn of it, at once if nothing is wrong, and of nothing else.
func revoke(t *testing.T, s *suite) {
	all, key, other, now := s.replicas(t, 3), newSession(), newSession(), time.Now()
	mustRevoke(t, all[0], key, now, now.Add(time.Hour))
	for _, r := range all {
		wantRevoked(t, r, key, now, time.Second)
		if at, ok := r.Revoked(other); ok {
			t.Errorf("got %v for another key", at)
		}
	}
}

// Who revokes need not hear of it.
func revokedHereAtOnce(t *testing.T, s *suite) {
	var deaf atomic.Bool
	var once sync.Once
	waits, hear := make(chan struct{}), make(chan struct{})
	r, _ := s.connect(t, Connection{URL: s.URL, Before: func(statement string) {
		if deaf.Load() && strings.Contains(statement, s.Read) {
			once.Do(func() { close(waits) })
			<-hear
		}
	}})
	deaf.Store(true)
	defer close(hear)
	<-waits
	key, now := newSession(), time.Now()
	mustRevoke(t, r, key, now, now.Add(time.Hour))
	wantRevoked(t, r, key, now, 0)
}

func revokeLaterWins(t *testing.T, s *suite) {
	all, key, now := s.replicas(t, 2), newSession(), time.Now()
	mustRevoke(t, all[0], key, now, now.Add(time.Hour))
	mustRevoke(t, all[1], key, now.Add(-time.Minute), now.Add(-time.Second))
	marker := newSession()
	mustRevoke(t, all[1], marker, now, now.Add(time.Hour)) // comes after those
	for _, r := range append(all, s.replica(t)) {
		wantRevoked(t, r, marker, now, time.Second)
		wantRevoked(t, r, key, now, 0)
	}
	later := now.Add(time.Second)
	mustRevoke(t, all[1], key, later, later.Add(time.Hour))
	wantRevoked(t, all[0], key, later, time.Second)
}

// A replica that starts knows everything that matters before it serves anybody, however
// much that is, and nothing that does not matter any more.
func revokedBeforeStart(t *testing.T, s *suite) {
	const many = 2500
	old, now := s.replica(t), time.Now()
	over := newSession()
	mustRevoke(t, old, over, now.Add(-time.Hour), now.Add(-time.Minute))
	var keys [][16]byte
	for range many {
		keys = append(keys, newSession())
		mustRevoke(t, old, keys[len(keys)-1], now, now.Add(time.Hour))
	}
	r := s.replica(t)
	for _, key := range keys {
		wantRevoked(t, r, key, now, 0)
	}
	if at, ok := r.Revoked(over); ok {
		t.Errorf("got %v for what is over", at)
	}
}

// An engine that is away takes no revocation, and lets no replica start; what replicas
// know they go on to know. When it is back, they learn of what they have missed.
func revokedWhileAway(t *testing.T, s *suite) {
	all, before, during, now := s.replicas(t, 2), newSession(), newSession(), time.Now()
	mustRevoke(t, all[0], before, now, now.Add(time.Hour))
	wantRevoked(t, all[1], before, now, time.Second)
	s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := all[0].Revoke(ctx, during, now, now.Add(time.Hour)); err == nil {
		t.Error("Revoke: got no error")
	}
	if r, connections, err := s.Open(ctx, Connection{URL: s.URL}); err == nil {
		r.Close()
		connections.Close()
		t.Error("a replica starts that knows nothing")
	}
	wantRevoked(t, all[1], before, now, 0)
	s.Start()
	wantRevoked(t, s.replica(t), before, now, 0) // the engine has kept it
	mustRevoke(t, s.replica(t), during, now, now.Add(time.Hour))
	for _, r := range all {
		wantRevoked(t, r, during, now, notice)
		wantRevoked(t, r, before, now, 0)
	}
}

// An engine that does not answer does not keep a logout longer than its context.
func revokeHangs(t *testing.T, s *suite) {
	all, key, now := s.replicas(t, 2), newSession(), time.Now()
	resume := s.Hang(t)
	defer resume()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := all[0].Revoke(ctx, key, now, now.Add(time.Hour)); err == nil || time.Since(began) > 1500*time.Millisecond {
		t.Errorf("got %v after %v, want an error after 1s", err, time.Since(began))
	}
	<-time.After(6 * time.Second) // until all have noticed
	resume()
	eventually(t, notice, "success", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return all[0].Revoke(ctx, key, now, now.Add(time.Hour)) == nil
	})
	wantRevoked(t, all[1], key, now, notice)
}
