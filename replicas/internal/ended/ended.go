// Package ended remembers which sessions were ended, and until when that matters.
package ended

import (
	"sync"
	"time"
)

const sweepEvery = time.Minute

// A Set holds keys, each with the time at which it was revoked last. The zero Set is
// empty. All methods are safe for concurrent use.
type Set struct {
	mu    sync.RWMutex
	byKey map[[16]byte]times
	swept time.Time
}

// times are milliseconds since 1970: a map without pointers costs the garbage
// collector nothing.
type times struct{ at, until int64 }

// Add remembers that key was revoked at the time at, which may be forgotten after
// until. Of two times, the later one wins.
func (s *Set) Add(key [16]byte, at, until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = make(map[[16]byte]times)
	}
	if old, ok := s.byKey[key]; ok {
		at, until = max(at, old.at), max(until, old.until)
	}
	s.byKey[key] = times{at, until}
}

// At returns when key was revoked last.
func (s *Set) At(key [16]byte) (at time.Time, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, ok := s.byKey[key]
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(t.at), true
}

// Sweep forgets what does not matter any more. It is cheap to call it too often.
func (s *Set) Sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	for key, t := range s.byKey {
		if t.until < now.UnixMilli() {
			delete(s.byKey, key)
		}
	}
}
