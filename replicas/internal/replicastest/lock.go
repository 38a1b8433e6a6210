package replicastest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// atFirst returns a function that calls f with the first statement that is about part.
func atFirst(part string, f func()) func(statement string) {
	var once sync.Once
	return func(statement string) {
		if strings.Contains(statement, part) {
			once.Do(f)
		}
	}
}

// wantShared checks that r has what another replica got, without a call.
func wantShared(t *testing.T, r Shared, key, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	f, calls := counted(0)
	if value, err := r.Do(ctx, key, share, f); err != nil || string(value) != want || calls.Load() != 0 {
		t.Errorf("got %q, %v after %d calls, want %q without a call", value, err, calls.Load(), want)
	}
}

// Between the look for a result and the lock, another replica begins and ends: its
// result counts.
func onceJustMissed(t *testing.T, s *suite) {
	other, key := s.replica(t), newKey()
	r, _ := s.connect(t, Connection{URL: s.URL, Before: atFirst(s.Lock, func() {
		if _, err := other.Do(t.Context(), key, share, func(context.Context) ([]byte, error) { return []byte("it"), nil }); err != nil {
			t.Error(err)
		}
	})})
	wantShared(t, r, key, "it")
}

// As long as a result is not stored, nobody else calls anything, however long that takes.
func onceToldFirst(t *testing.T, s *suite) {
	other, key, value := s.replica(t), newKey(), rand.Text()
	f, calls := counted(0)
	r, _ := s.connect(t, Connection{URL: s.URL, Before: atFirst(value, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*LockTime)
		defer cancel()
		other.Do(ctx, key, share, f)
	})})
	got, err := r.Do(t.Context(), key, share, func(context.Context) ([]byte, error) { return []byte(value), nil })
	if err != nil || string(got) != value || calls.Load() != 0 {
		t.Errorf("got %q, %v and %d calls elsewhere, want %q and none", got, err, calls.Load(), value)
	}
	wantShared(t, other, key, value)
}

// Who asked first may leave: the lock stays, and the result is shared.
func onceCallerGone(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	all[0].Do(ctx, key, share, func(context.Context) ([]byte, error) {
		cancel()
		others.Go(func() { wantShared(t, all[1], key, "it") })
		<-time.After(3 * LockTime)
		return []byte("it"), nil
	})
	others.Wait()
	wantShared(t, all[1], key, "it")
}

// A replica that is closed while it calls f tells the others what came of it before Do
// returns.
func onceCloses(t *testing.T, s *suite) {
	other, key, value := s.replica(t), newKey(), rand.Text()
	r, connections := s.connect(t, Connection{URL: s.URL, Before: atFirst(value, func() { <-time.After(500 * time.Millisecond) })})
	_, err := r.Do(t.Context(), key, share, func(context.Context) ([]byte, error) {
		r.Close()
		return []byte(value), nil
	})
	if err != nil {
		t.Error(err)
	}
	held := fmt.Sprint(s.Contents(t, s.URL))
	if !strings.Contains(held, value) && !strings.Contains(held, hex.EncodeToString([]byte(value))) {
		t.Errorf("got %s when Do returned, want %q in it", held, value)
	}
	connections.Close()
	wantShared(t, other, key, value)
}

// A result counts though the lock could not be released after it was stored.
func onceFoundBehindLock(t *testing.T, s *suite) {
	all, key := s.replicas(t, 2), newKey()
	if _, err := all[0].Do(t.Context(), key, share, func(context.Context) ([]byte, error) { return []byte("it"), nil }); err != nil {
		t.Fatal(err)
	}
	s.Hold(t, s.URL, key)
	wantShared(t, all[1], key, "it")
}

// An engine that hangs does not keep who has failed anyway.
func onceFailsWhileHanging(t *testing.T, s *suite) {
	r, wrong := s.replica(t), errors.New("wrong")
	var began time.Time
	_, err := r.Do(t.Context(), newKey(), share, func(context.Context) ([]byte, error) {
		resume := s.Hang(t)
		late := time.AfterFunc(4*time.Second, resume) // so that a wait without end fails
		t.Cleanup(func() {
			late.Stop()
			resume()
		})
		began = time.Now()
		<-time.After(LockTime)
		return nil, wrong
	})
	took := time.Since(began)
	if !errors.Is(err, wrong) || took > 2500*time.Millisecond {
		t.Errorf("got %v after %v, want that it failed within 2.5s", err, took)
	}
}

// An engine that goes away for longer than a lock lasts has lost it: another replica may
// call f meanwhile. Whoever had the lock before does not take it from that one.
func onceLockLost(t *testing.T, s *suite) {
	all, key := s.replicas(t, 3), newKey()
	var second sync.WaitGroup
	begun, finish := make(chan struct{}), make(chan struct{})
	_, err := all[0].Do(t.Context(), key, share, func(context.Context) ([]byte, error) {
		s.Stop()
		<-time.After(2 * LockTime)
		s.Start()
		second.Go(func() {
			eventually(t, notice, "the lock", func() bool {
				_, err := all[1].Do(t.Context(), key, share, func(context.Context) ([]byte, error) {
					close(begun)
					<-finish
					return []byte("it"), nil
				})
				return err == nil
			})
		})
		<-begun
		<-time.After(LockTime)
		return nil, errors.New("wrong")
	})
	if err == nil {
		t.Error("got no error of who has lost the lock")
	}
	f, calls := counted(0)
	ctx, cancel := context.WithTimeout(t.Context(), 2*LockTime)
	defer cancel()
	if _, err := all[2].Do(ctx, key, share, f); err == nil || calls.Load() != 0 {
		t.Errorf("got %v after %d calls, want that the second one is waited for", err, calls.Load())
	}
	close(finish)
	second.Wait()
	wantShared(t, all[2], key, "it")
}

// Who waits does not keep the engine busy.
func onceWaits(t *testing.T, s *suite) {
	all, key := s.replicas(t, 1), newKey()
	var looks atomic.Int32
	r, _ := s.connect(t, Connection{URL: s.URL, Before: func(statement string) {
		if strings.Contains(statement, key) {
			looks.Add(1)
		}
	}})
	_, err := all[0].Do(t.Context(), key, share, func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		r.Do(ctx, key, share, func(context.Context) ([]byte, error) { return nil, errors.New("called") })
		return []byte("it"), nil
	})
	if n := looks.Load(); err != nil || n < 5 || n > 50 {
		t.Errorf("got %v, and %d statements in a second, want 5 to 50", err, n)
	}
}

// WantApart checks that two applications with one engine, and names of their own, share
// nothing.
func WantApart(t *testing.T, open func(name string) Shared) {
	t.Helper()
	one, two, key, session, now := open("one"), open("two"), newKey(), newSession(), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := one.Do(ctx, key, share, func(context.Context) ([]byte, error) {
		_, err := two.Do(ctx, key, share, func(context.Context) ([]byte, error) { return []byte("two"), nil })
		return []byte("one"), err
	})
	if err != nil {
		t.Errorf("one waits for the other: %v", err)
	}
	wantShared(t, one, key, "one")
	wantShared(t, two, key, "two")
	mustRevoke(t, one, session, now, now.Add(time.Hour))
	marker := newSession()
	mustRevoke(t, two, marker, now, now.Add(time.Hour))
	wantRevoked(t, two, marker, now, time.Second)
	for _, s := range []Shared{two, open("two")} {
		if at, ok := s.Revoked(session); ok {
			t.Errorf("got %v for what was ended in the other", at)
		}
	}
}
