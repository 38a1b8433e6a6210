package replicastest

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// mustFail revokes key while the engine is away, which counts here at once.
func mustFail(t *testing.T, r Shared, key [16]byte, at time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.Revoke(ctx, key, at, at.Add(time.Hour)); err == nil {
		t.Error("Revoke: got no error")
	}
	wantRevoked(t, r, key, at, 0)
}

// What was revoked while the engine was away is told to the others when it is back.
func revokedAwayIsTold(t *testing.T, s *suite) {
	all, now := s.replicas(t, 2), time.Now()
	keys := [][16]byte{newSession(), newSession(), newSession()}
	s.Stop()
	for _, key := range keys {
		mustFail(t, all[0], key, now)
	}
	if _, ok := all[1].Revoked(keys[0]); ok {
		t.Error("the other replica knows already")
	}
	s.Start()
	for _, key := range keys {
		wantRevoked(t, all[1], key, now, 5*time.Second)
		wantRevoked(t, s.replica(t), key, now, 0)
	}
}

// The same, though whoever listens for that replica had to begin again before anybody
// could be told, and nothing comes on its connections any more.
func revokedInSilenceIsTold(t *testing.T, s *suite) {
	l, via := NewLine(t, s.URL)
	log := newLogbook()
	r, _ := s.connect(t, Connection{URL: via, Logger: slog.New(log)})
	other, first, second, now := s.replica(t), newSession(), newSession(), time.Now()
	l.Silence()
	mustFail(t, r, first, now)
	eventually(t, notice, "a line that it is away", func() bool { return len(log.about("is away")) > 0 })
	mustFail(t, r, second, now)
	l.Speak()
	for _, key := range [][16]byte{first, second} {
		wantRevoked(t, other, key, now, 5*time.Second)
	}
	eventually(t, notice, "a line that it is back", func() bool { return len(log.about("is back")) > 0 })
	third := newSession()
	mustRevoke(t, other, third, now, now.Add(time.Hour))
	wantRevoked(t, r, third, now, time.Second)
}

// A revocation whose caller did not wait is told, too.
func revokedImpatiently(t *testing.T, s *suite) {
	all, key, now := s.replicas(t, 2), newSession(), time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := all[0].Revoke(ctx, key, now, now.Add(time.Hour)); err == nil {
		t.Error("got no error")
	}
	wantRevoked(t, all[1], key, now, 5*time.Second)
}
