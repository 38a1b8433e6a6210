package ended

import (
	"context"
	"sync"
	"time"

	"github.com/doorlatch/login/replicas/internal/backoff"
)

const (
	mostUntold = 10_000
	timeout    = 2 * time.Second // of an attempt to tell
	maxRetry   = time.Second     // between two attempts
)

// An Untold holds what was ended while the other replicas could not be told: up to
// 10,000 keys, of which the oldest are forgotten for more. All methods are safe for
// concurrent use.
type Untold struct {
	mu    sync.Mutex
	byKey map[[16]byte]times
	order [][16]byte    // the keys, oldest first
	added chan struct{} // has one when there may be something new
}

// NewUntold returns an Untold that holds nothing.
func NewUntold() *Untold {
	return &Untold{byKey: make(map[[16]byte]times), added: make(chan struct{}, 1)}
}

// Add is like that of a Set. A key takes one place, however often it is added: else
// somebody who logs out again and again could push out everybody else.
func (u *Untold) Add(key [16]byte, at, until int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if old, ok := u.byKey[key]; ok {
		at, until = max(at, old.at), max(until, old.until)
	} else {
		if len(u.order) == mostUntold {
			u.forgetOldest()
		}
		u.order = append(u.order, key)
	}
	u.byKey[key] = times{at, until}
	select {
	case u.added <- struct{}{}:
	default:
	}
}

func (u *Untold) forgetOldest() {
	delete(u.byKey, u.order[0])
	u.order = u.order[1:]
}

// Tell calls tell for one key after the other until ctx ends, and for the same one again
// until it succeeds. What does not matter any more is forgotten.
func (u *Untold) Tell(ctx context.Context, tell func(ctx context.Context, key [16]byte, at, until int64) error) {
	for b := (backoff.Backoff{Max: maxRetry}); ; {
		key, t, ok := u.oldest(time.Now())
		if !ok {
			select {
			case <-u.added:
				continue
			case <-ctx.Done():
				return
			}
		}
		brief, cancel := context.WithTimeout(ctx, timeout)
		err := tell(brief, key, t.at, t.until)
		cancel()
		if err == nil {
			u.told(key, t)
			b = backoff.Backoff{Max: maxRetry}
		} else if b.Wait(ctx) != nil {
			return
		}
	}
}

// oldest returns what is to be told next.
func (u *Untold) oldest(now time.Time) (key [16]byte, t times, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.order) > 0 {
		key = u.order[0]
		if t = u.byKey[key]; t.until >= now.UnixMilli() {
			return key, t, true
		}
		u.forgetOldest()
	}
	return key, t, false
}

// told forgets key, unless it was ended again meanwhile, or pushed out already.
func (u *Untold) told(key [16]byte, t times) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byKey[key] == t && len(u.order) > 0 && u.order[0] == key {
		u.forgetOldest()
	}
}
