package ended

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errAway = errors.New("away")

// A listener hears what others are told, unless it is away.
type listener struct {
	away  atomic.Bool
	tries atomic.Int32
	heard []int // the first two bytes of keys
	last  times
}

func (l *listener) tell(_ context.Context, key [16]byte, at, until int64) error {
	l.tries.Add(1)
	if l.away.Load() {
		return errAway
	}
	l.heard, l.last = append(l.heard, number(key)), times{at, until}
	return nil
}

func numbered(i int) [16]byte { return [16]byte{byte(i >> 8), byte(i)} }

func number(key [16]byte) int { return int(key[0])<<8 | int(key[1]) }

// telling runs f while what u holds is told to l.
func telling(t *testing.T, f func(u *Untold, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		u, l := NewUntold(), new(listener)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			u.Tell(ctx, l.tell)
		}()
		f(u, l)
		stop()
		<-ended
	})
}

// What cannot be told is told within about a second from when it can, the oldest first,
// and once.
func TestToldLater(t *testing.T) {
	telling(t, func(u *Untold, l *listener) {
		later := time.Now().Add(time.Hour).UnixMilli()
		l.away.Store(true)
		for i := range 10 {
			u.Add(numbered(i), 1, later)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := l.tries.Load(); n < 300 || n > 1300 {
			t.Errorf("got %d attempts in ten minutes, want about one in a second", n)
		}
		l.away.Store(false)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(l.heard, want) {
			t.Errorf("got the keys %d, want %d", l.heard, want)
		}
		time.Sleep(time.Minute)
		u.Add(numbered(10), 1, later)
		synctest.Wait()
		if len(l.heard) != 11 || len(u.order)+len(u.byKey) != 0 {
			t.Errorf("got %d keys, and still %d, want 11 and none", len(l.heard), len(u.order))
		}
	})
}

// Of too many, the oldest are not told; what does not matter any more is not told either.
func TestUntoldIsBounded(t *testing.T) {
	telling(t, func(u *Untold, l *listener) {
		soon, later := time.Now().Add(time.Minute).UnixMilli(), time.Now().Add(time.Hour).UnixMilli()
		l.away.Store(true)
		for i := range mostUntold + 50 {
			until := later
			if i%2 == 1 {
				until = soon
			}
			u.Add(numbered(i), 1, until)
		}
		for range mostUntold {
			u.Add(numbered(mostUntold), 1, later)
		}
		time.Sleep(2 * time.Minute)
		l.away.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(l.heard); n != mostUntold/2 || l.heard[0] != 50 {
			t.Errorf("got %d keys from number %d on, want %d from 50 on", n, l.heard[0], mostUntold/2)
		}
	})
}

// A key that was added again has the later times, though the first are being told.
func TestToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, later := NewUntold(), time.Now().Add(time.Hour).UnixMilli()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var got []times
		go u.Tell(ctx, func(_ context.Context, key [16]byte, at, until int64) error {
			if got = append(got, times{at, until}); len(got) == 1 {
				u.Add(key, 2, later-1)
				u.Add(key, 1, later+1)
			}
			return nil
		})
		u.Add(numbered(1), 1, later)
		synctest.Wait()
		if want := []times{{1, later}, {2, later + 1}}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// Of keys that come while one is told, which is pushed out and comes again, none is lost.
func TestPushedOutWhileTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, later := NewUntold(), time.Now().Add(time.Hour).UnixMilli()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var l listener
		go u.Tell(ctx, func(ctx context.Context, key [16]byte, at, until int64) error {
			if l.tries.Load() == 0 {
				for i := 1; i <= mostUntold; i++ {
					u.Add(numbered(i), 1, later)
				}
				u.Add(key, at, until)
			}
			return l.tell(ctx, key, at, until)
		})
		u.Add(numbered(0), 1, later)
		synctest.Wait()
		if n := len(l.heard); n != mostUntold+1 || l.heard[1] != 2 || l.heard[n-1] != 0 {
			t.Errorf("got %d keys, want the first, %d others without the oldest, and the first", n, mostUntold-1)
		}
	})
}

// An attempt does not take for ever.
func TestTellHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, tries := NewUntold(), 0
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go u.Tell(ctx, func(ctx context.Context, _ [16]byte, _, _ int64) error {
			tries++
			<-ctx.Done()
			return ctx.Err()
		})
		u.Add(numbered(1), 1, time.Now().Add(time.Hour).UnixMilli())
		time.Sleep(time.Minute)
		synctest.Wait()
		if tries < 15 || tries > 31 {
			t.Errorf("got %d attempts in a minute, want one in two or three seconds", tries)
		}
	})
}
