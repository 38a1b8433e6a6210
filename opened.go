package login

import (
	"hash/maphash"
	"strings"
	"sync"
)

const (
	maxOpened      = 1 << 13 // cookies in each of two generations
	maxOpenedBytes = 4 << 20 // of them, likewise
)

// An openedSet remembers what cookies hold that were opened recently, so that only
// the first requests of a session pay for cryptography. The same bytes always hold
// the same, which must never change; whether it still counts is for the caller to
// check, every time.
//
// Cookies are compared whole. One is remembered at its second sight: with more
// sessions than fit, remembering each at once would cost more than it saves.
type openedSet[T any] struct {
	mu        sync.RWMutex
	cur, prev map[string]T // two generations, bounded each
	bytes     int          // of the keys in cur

	seed maphash.Seed
	met  []uint64 // hashes of cookies that were seen once
}

func newOpenedSet[T any]() *openedSet[T] {
	return &openedSet[T]{cur: make(map[string]T), seed: maphash.MakeSeed()}
}

// get returns what value holds, if that is remembered.
func (o *openedSet[T]) get(value string) (held T, ok bool) {
	o.mu.RLock()
	held, ok = o.cur[value]
	old := false
	if !ok {
		held, old = o.prev[value]
	}
	o.mu.RUnlock()
	if old {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.put(strings.Clone(value), held)
	}
	return held, ok || old
}

// add remembers that value, which has been opened, holds what it holds, if it was
// opened before.
func (o *openedSet[T]) add(value string, held T) {
	hash := maphash.String(o.seed, value)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.met == nil {
		o.met = make([]uint64, maxOpened)
	}
	if slot := &o.met[hash%maxOpened]; *slot != hash {
		*slot = hash
		return
	}
	o.put(strings.Clone(value), held) // or it keeps the whole request's header
}

// put adds to the newer generation, and begins another when that is full.
func (o *openedSet[T]) put(value string, held T) {
	if len(o.cur) >= maxOpened || o.bytes+len(value) > maxOpenedBytes {
		o.prev, o.cur, o.bytes = o.cur, make(map[string]T), 0
	}
	if _, ok := o.cur[value]; !ok {
		o.bytes += len(value)
	}
	o.cur[value] = held
}
