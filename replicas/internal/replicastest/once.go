package replicastest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	share  = 30 * time.Second
	outage = 4 * time.Second // longer than a client of an engine tries again by itself
)

// newKey is letters and digits.
func newKey() string { return strings.ToLower(rand.Text()) }

// counted returns what calls of f do, each of which takes so long, and how many there
// were.
func counted(took time.Duration) (f func(context.Context) ([]byte, error), calls *atomic.Int32) {
	calls = new(atomic.Int32)
	return func(ctx context.Context) ([]byte, error) {
		calls.Add(1)
		select {
		case <-time.After(took):
			return []byte("it\x00is\xff" + rand.Text()), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, calls
}

// doAtOnce calls Do at all replicas, several times each, and checks that all get the
// same from one call of f.
func doAtOnce(t *testing.T, all []Shared, took time.Duration) {
	t.Helper()
	key := newKey()
	f, calls := counted(took)
	got := make([]string, 10*len(all))
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			value, err := all[i%len(all)].Do(t.Context(), key, share, f)
			if err != nil {
				t.Errorf("got %v, want success", err)
			}
			got[i] = string(value)
		})
	}
	wg.Wait()
	value, err := all[0].Do(t.Context(), key, share, f) // later
	for _, g := range append(got, string(value)) {
		if g != got[0] || g == "" {
			t.Errorf("got %q, want the %q of all", g, got[0])
		}
	}
	if n := calls.Load(); n != 1 || err != nil {
		t.Errorf("got %d calls, %v, want 1", n, err)
	}
}

func onceAmongMany(t *testing.T, s *suite) { doAtOnce(t, s.replicas(t, 3), 50*time.Millisecond) }

// A provider takes longer than a lock lasts.
func onceIsSlow(t *testing.T, s *suite) { doAtOnce(t, s.replicas(t, 2), 5*LockTime) }

// Those who wait for one that fails call their own, one at a time.
func onceFails(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	var running, calls, failures atomic.Int32
	wrong := errors.New("wrong")
	f := func(context.Context) ([]byte, error) {
		if n := running.Add(1); n > 1 {
			t.Errorf("got %d calls at the same time", n)
		}
		<-time.After(20 * time.Millisecond)
		running.Add(-1)
		if calls.Add(1) < 3 {
			return nil, wrong
		}
		return []byte("right"), nil
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			value, err := all[i%2].Do(t.Context(), key, share, f)
			if errors.Is(err, wrong) {
				failures.Add(1)
			} else if err != nil || string(value) != "right" {
				t.Errorf("got %q, %v, want what the third call got", value, err)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 3 || failures.Load() != 2 {
		t.Errorf("got %d calls and %d errors, want 3 and 2", calls.Load(), failures.Load())
	}
}

// A function that panics leaves no lock.
func oncePanics(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	func() {
		defer func() {
			if r := recover(); r != "a panic" {
				t.Errorf("got %v, want that it panics", r)
			}
		}()
		all[0].Do(t.Context(), key, share, func(context.Context) ([]byte, error) { panic("a panic") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	f, calls := counted(0)
	if _, err := all[1].Do(ctx, key, share, f); err != nil || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want success after 1", err, calls.Load())
	}
}

// After the time share, f is called again.
func onceForgets(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	f, calls := counted(0)
	do := func() {
		t.Helper()
		if _, err := all[1].Do(t.Context(), key, 300*time.Millisecond, f); err != nil {
			t.Fatal(err)
		}
	}
	do()
	do()
	if n := calls.Load(); n != 1 {
		t.Errorf("got %d calls, want 1", n)
	}
	eventually(t, 5*time.Second, "a second call", func() bool { do(); return calls.Load() == 2 })
}

// Who waits leaves when their context ends; what they wait for goes on.
func onceCanceled(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	f, calls := counted(time.Second)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if _, err := all[0].Do(t.Context(), key, share, f); err != nil {
			t.Error(err)
		}
	})
	eventually(t, 5*time.Second, "a call", func() bool { return calls.Load() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := all[1].Do(ctx, key, share, f)
	if took := time.Since(began); err == nil || took > 700*time.Millisecond || calls.Load() != 1 {
		t.Errorf("got %v after %v and %d calls, want an error at once, and 1", err, took, calls.Load())
	}
}

// One key does not wait for another.
func onceKeysApart(t *testing.T, s *suite) {
	all := s.replicas(t, 2)
	inner, calls := counted(0)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := all[0].Do(ctx, newKey(), share, func(ctx context.Context) ([]byte, error) {
		return all[1].Do(ctx, newKey(), share, inner)
	})
	if err != nil || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want success after 1", err, calls.Load())
	}
}

// Where the engine is away, or hangs, nothing is called. It works again when it is back.
func onceAway(t *testing.T, s *suite) {
	r, key := s.replica(t), newKey()
	f, calls := counted(0)
	fails := func(how string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := r.Do(ctx, key, share, f); err == nil || calls.Load() != 0 || time.Since(began) > 3*time.Second {
			t.Errorf("%s: got %v after %d calls and %v, want an error after none", how, err, calls.Load(), time.Since(began))
		}
	}
	resume := s.Hang(t)
	fails("hangs")
	resume()
	s.Stop()
	fails("away")
	s.Start()
	eventually(t, notice, "success", func() bool {
		_, err := r.Do(t.Context(), key, share, f)
		return err == nil
	})
	if n := calls.Load(); n != 1 {
		t.Errorf("got %d calls, want 1", n)
	}
}

// What f got counts though the engine went away, and the others are told when it is
// back.
func onceAwayMeanwhile(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	value, err := all[0].Do(t.Context(), key, share, func(context.Context) ([]byte, error) {
		s.Stop()
		return []byte("it"), nil
	})
	if err != nil || string(value) != "it" {
		t.Errorf("got %q, %v, want what was got", value, err)
	}
	<-time.After(outage)
	s.Start()
	wantTold(t, all[1], key, notice)
}

// wantTold waits until r has the result "it" of another replica.
func wantTold(t *testing.T, r Shared, key string, most time.Duration) {
	t.Helper()
	eventually(t, most, "the result", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), most)
		defer cancel()
		value, err := r.Do(ctx, key, share, func(context.Context) ([]byte, error) {
			return nil, errors.New("nobody has told us yet")
		})
		return err == nil && string(value) == "it"
	})
	wantShared(t, r, key, "it")
}

// What f got is told though nothing comes any more on the connections of before, as soon
// as another one works.
func onceSilentMeanwhile(t *testing.T, s *suite) {
	l, via := NewLine(t, s.URL)
	r, _ := s.connect(t, Connection{URL: via})
	other, key, began := s.replica(t), newKey(), time.Now()
	value, err := r.Do(t.Context(), key, share, func(context.Context) ([]byte, error) {
		l.Silence()
		l.Speak()
		return []byte("it"), nil
	})
	if took := time.Since(began); err != nil || string(value) != "it" || took > 2*time.Second {
		t.Errorf("got %q, %v after %v, want what was got, at once", value, err, took)
	}
	wantTold(t, other, key, 6*time.Second)
}
