// Package backoff waits between attempts: longer each time, and never exactly as long
// as another replica does.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

const first = 10 * time.Millisecond

// A Backoff is one row of attempts.
type Backoff struct {
	Max  time.Duration
	next time.Duration
}

// Wait waits before the next attempt. It fails if ctx ends first.
func (b *Backoff) Wait(ctx context.Context) error {
	b.next = min(max(2*b.next, first), b.Max)
	t := time.NewTimer(b.next/2 + rand.N(b.next))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Retry calls f once at least, and then until it succeeds or ctx ends.
func Retry(ctx context.Context, most time.Duration, f func() error) error {
	for b := (Backoff{Max: most}); ; {
		err := f()
		if err == nil || b.Wait(ctx) != nil {
			return err
		}
	}
}
