package replicastest

import (
	"context"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A logbook is a slog.Handler that keeps the messages.
type logbook struct {
	slog.Handler
	mu       sync.Mutex
	messages []string
}

func newLogbook() *logbook { return &logbook{Handler: slog.DiscardHandler} }

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, r.Message)
	return nil
}

// about returns those messages that end with suffix.
func (l *logbook) about(suffix string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.messages), func(m string) bool { return !strings.HasSuffix(m, suffix) })
}

// Connections on which nothing comes any more, without an end, are noticed and left for
// one that works, however many they are. The log has a line when that begins, and one when it is over.
func revokedInSilence(t *testing.T, s *suite) {
	const hung = 7 * time.Second // until it is noticed, by the doc comments, with some time to do so
	l, via := NewLine(t, s.URL)
	log := newLogbook()
	r, _ := s.connect(t, Connection{URL: via, Logger: slog.New(log)})
	other, before, during, now := s.replica(t), newSession(), newSession(), time.Now()
	mustRevoke(t, other, before, now, now.Add(time.Hour))
	wantRevoked(t, r, before, now, time.Second)
	useMany(t, r)
	l.Silence()
	mustRevoke(t, other, during, now, now.Add(time.Hour))
	eventually(t, hung, "a line that it is away", func() bool { return len(log.about("is away")) > 0 })
	wantRevoked(t, r, before, now, 0)
	<-time.After(3 * time.Second) // in which it tries again
	l.Speak()
	wantRevoked(t, r, during, now, notice)
	eventually(t, time.Second, "a line that it is back", func() bool { return len(log.about("is back")) > 0 })
	if away, back := log.about("is away"), log.about("is back"); len(away) != 1 || len(back) != 1 {
		t.Errorf("got the lines %q, want one of each kind", append(away, back...))
	}
}

// useMany leaves r with connections that nobody uses.
func useMany(t *testing.T, r Shared) {
	t.Helper()
	var wg sync.WaitGroup
	for range 15 {
		f, _ := counted(100 * time.Millisecond)
		wg.Go(func() {
			if _, err := r.Do(t.Context(), newKey(), share, f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// What is revoked while a replica starts is known to it, whichever of its statements
// that comes before. Some of them come after it has started: nothing may wait here for
// what they wait for.
func revokedMeanwhile(t *testing.T, s *suite) {
	other, now := s.replica(t), time.Now()
	var mu sync.Mutex
	var keys [][16]byte
	started := false
	r, _ := s.connect(t, Connection{URL: s.URL, Before: func(string) {
		mu.Lock()
		defer mu.Unlock()
		if started || len(keys) == 5 {
			return
		}
		keys = append(keys, newSession())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := other.Revoke(ctx, keys[len(keys)-1], now, now.Add(time.Hour)); err != nil {
			t.Error(err)
		}
	}})
	mu.Lock()
	started = true
	mu.Unlock()
	if len(keys) < 2 {
		t.Fatalf("got %d statements, want two at least", len(keys))
	}
	for _, key := range keys {
		wantRevoked(t, r, key, now, time.Second)
	}
}

// What does not matter any more leaves the memory of a replica.
func revokedNoLonger(t *testing.T, s *suite) {
	other, key, now := s.replica(t), newSession(), time.Now()
	mustRevoke(t, other, key, now, now.Add(800*time.Millisecond))
	r := s.replica(t)
	eventually(t, 6*time.Second, "forgotten", func() bool {
		_, ok := r.Revoked(key)
		return !ok
	})
}

// Close returns when nothing is going on any more.
func closed(t *testing.T, s *suite) {
	r := s.replica(t)
	goesOn := func(what string) bool {
		b := make([]byte, 1<<20)
		return strings.Contains(string(b[:runtime.Stack(b, true)]), what)
	}
	work := []string{"(*Shared).follow", "(*Untold).Tell"}
	for _, what := range work {
		eventually(t, time.Second, what, func() bool { return goesOn(what) })
	}
	r.Close()
	for _, what := range append(work, "(*Shared).prune") {
		if goesOn(what) {
			t.Errorf("%s goes on", what)
		}
	}
}

// An engine that cannot be reached, or does not let us in, is told of without its
// password.
func noPasswordInErrors(t *testing.T, s *suite) {
	const secret = "CanaryPassword"
	for _, test := range []struct {
		name   string
		change func(*url.URL)
	}{
		{"wrong password", func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }},
		{"nobody there", func(u *url.URL) {
			u.User, u.Host = url.UserPassword(u.User.Username(), secret), "127.0.0.1:"+freePort(t)
		}},
		{"no such database", func(u *url.URL) { u.Path = "/12345" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			test.change(u)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			r, connections, err := s.Open(ctx, Connection{URL: u.String()})
			if err == nil {
				r.Close()
				connections.Close()
				t.Fatal("got no error")
			}
			password, _ := u.User.Password()
			if strings.Contains(err.Error(), password) {
				t.Errorf("got %v, with the password", err)
			}
		})
	}
}
