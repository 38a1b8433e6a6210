package login

import (
	"sync"
	"sync/atomic"
	"time"
)

// A recentSet remembers keys, and when each was added last, for at least a while,
// in two generations of bounded size; an old generation goes when a new key comes.
// When more keys come than fit, the oldest are forgotten first.
type recentSet struct {
	while time.Duration
	max   int // of one generation

	used      atomic.Bool // most sets stay empty for long
	mu        sync.RWMutex
	cur, prev map[[16]byte]int64 // nanoseconds since 1970: a map without pointers costs the garbage collector nothing
	since     time.Time          // when cur was begun
}

func newRecentSet(while time.Duration, max int) *recentSet {
	return &recentSet{while: while, max: max}
}

// add remembers key and reports whether it was new.
func (s *recentSet) add(key [16]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur == nil || now.Sub(s.since) > s.while || len(s.cur) >= s.max {
		s.prev = s.cur
		if now.Sub(s.since) > 2*s.while {
			s.prev = nil
		}
		s.cur, s.since = make(map[[16]byte]int64), now
	}
	s.used.Store(true)
	_, inCur := s.cur[key]
	_, inPrev := s.prev[key]
	s.cur[key] = now.UnixNano()
	return !inCur && !inPrev
}

// when returns the time at which key was added last, ok if it is known.
func (s *recentSet) when(key [16]byte) (added time.Time, ok bool) {
	if !s.used.Load() {
		return time.Time{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.cur[key]
	if !ok {
		n, ok = s.prev[key]
	}
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(0, n), true
}

func (s *recentSet) has(key [16]byte) bool {
	_, ok := s.when(key)
	return ok
}
