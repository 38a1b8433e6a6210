package login

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func key(n int) (k [16]byte) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

// T9: what was added is known for at least the while, however busy the set is.
func TestRecentSetRemembers(t *testing.T) {
	const while = 10 * time.Minute
	start := time.Unix(1700000000, 0)
	for offset := time.Duration(0); offset < 3*while; offset += 30 * time.Second {
		s := newRecentSet(while, 1000)
		now := start
		for ; now.Before(start.Add(offset)); now = now.Add(time.Minute) {
			s.add(key(int(now.Unix())), now)
		}
		added := now
		if !s.add(key(1), now) {
			t.Fatalf("%v: not new", offset)
		}
		for ; now.Sub(added) <= while; now = now.Add(20 * time.Second) {
			if !s.has(key(1)) {
				t.Fatalf("%v: forgotten after %v", offset, now.Sub(added))
			}
			s.add(key(int(now.Unix())), now)
		}
		if len(s.cur)+len(s.prev) > 100 {
			t.Errorf("%v: %d keys are left", offset, len(s.cur)+len(s.prev))
		}
		// And not for ever.
		for range 3 {
			now = now.Add(while + time.Second)
			s.add(key(int(now.Unix())), now)
		}
		if s.has(key(1)) {
			t.Errorf("%v: still known after %v", offset, now.Sub(added))
		}
	}
}

func TestRecentSetAdd(t *testing.T) {
	const while = time.Minute
	now := time.Unix(1700000000, 0)
	s := newRecentSet(while, 10)
	if s.has(key(1)) {
		t.Error("an empty set has a key")
	}
	for i, want := range []bool{true, false, false} {
		if got := s.add(key(1), now); got != want {
			t.Errorf("add %d: got new %v, want %v", i, got, want)
		}
	}
	if s.add(key(1), now.Add(-time.Hour)) {
		t.Error("new again after the clock was put back")
	}
	// In the older generation it is known, too.
	if s.add(key(1), now.Add(while+time.Second)) || !s.has(key(1)) || s.has(key(2)) {
		t.Error("not known in the next generation")
	}
	if !s.add(key(1), now.Add(time.Hour)) {
		t.Error("still known after an hour of silence")
	}
}

// T7: a flood of keys costs a bounded amount of memory, and drives out the
// oldest.
func TestRecentSetBounded(t *testing.T) {
	const max = 100
	now := time.Unix(1700000000, 0)
	s := newRecentSet(time.Hour, max)
	for i := range 10 * max {
		if !s.add(key(i), now) {
			t.Fatalf("key %d is not new", i)
		}
		if n := len(s.cur) + len(s.prev); n > 2*max || len(s.cur) > max {
			t.Fatalf("got %d keys, want at most %d", n, 2*max)
		}
		for j := max; j > 0; j -= 7 { // of the last ones none is forgotten
			if i >= j && !s.has(key(i-j)) {
				t.Fatalf("key %d was forgotten when %d came", i-j, i)
			}
		}
	}
	if s.has(key(0)) {
		t.Error("the oldest key is still there")
	}
}

// T9: of parallel callbacks with one state exactly one is the first.
func TestRecentSetParallel(t *testing.T) {
	s := newRecentSet(time.Hour, 1<<10)
	now := time.Now()
	var first [200]atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range first {
				if s.add(key(i), now) {
					first[i].Add(1)
				}
				if !s.has(key(i)) {
					t.Errorf("key %d is not there", i)
				}
			}
		})
	}
	wg.Wait()
	for i := range first {
		if n := first[i].Load(); n != 1 {
			t.Errorf("key %d: %d were the first, want 1", i, n)
		}
	}
}
