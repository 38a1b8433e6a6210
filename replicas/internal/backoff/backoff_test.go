package backoff

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitGrowsToMax(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{Max: 80 * time.Millisecond}
		for _, middle := range []time.Duration{10, 20, 40, 80, 80} {
			middle *= time.Millisecond
			began := time.Now()
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < middle/2 || took > 3*middle/2 {
				t.Errorf("got %v, want about %v", took, middle)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the context ended", err)
		}
	})
}

// Replicas that begin together do not go on together.
func TestWaitsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := make(map[time.Duration]bool)
		for range 20 {
			began := time.Now()
			b := Backoff{Max: time.Second}
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			took[time.Since(began)] = true
		}
		if len(took) < 10 {
			t.Errorf("got %d different times of 20, want most", len(took))
		}
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, down := 0, errors.New("down")
		f := func() error {
			if calls++; calls < 4 {
				return down
			}
			return nil
		}
		if err := Retry(t.Context(), time.Second, f); err != nil || calls != 4 {
			t.Errorf("got %v after %d calls, want success at the fourth", err, calls)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		calls = 0
		if err := Retry(ctx, time.Second, f); !errors.Is(err, down) || calls != 1 {
			t.Errorf("context ended: got %v after %d calls, want the error of the only one", err, calls)
		}
	})
}
