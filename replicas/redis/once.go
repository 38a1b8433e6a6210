package redis

import (
	"context"
	"errors"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/internal/backoff"
)

const (
	maxPoll  = 250 * time.Millisecond // between two looks at what another replica does
	patience = time.Second            // of a caller whose result cannot be stored
)

// Do implements [login.Once] with a lock, which is extended while f runs, and a key
// for the result. If Redis goes away meanwhile, what f returns still counts, and is
// stored as soon as possible within the time share.
func (s *Shared) Do(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error) {
	for b := (backoff.Backoff{Max: maxPoll}); ; {
		if value, err := s.result(ctx, key); !errors.Is(err, redis.Nil) {
			return value, err
		}
		lock, err := s.locks.Obtain(ctx, s.prefix+"lock:"+key, s.ttl, nil)
		if err == nil {
			return s.run(ctx, lock, key, share, f)
		}
		if !errors.Is(err, redislock.ErrNotObtained) {
			return nil, err
		}
		if err := b.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *Shared) result(ctx context.Context, key string) ([]byte, error) {
	return s.client.Get(ctx, s.resultKey(key)).Bytes()
}

func (s *Shared) resultKey(key string) string { return s.prefix + "once:" + key }

// run calls f, unless a replica that had the lock before has stored a result.
func (s *Shared) run(ctx context.Context, lock *redislock.Lock, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error) {
	release := s.extend(lock)
	held := true
	defer func() {
		if held {
			release()
		}
	}()
	if value, err := s.result(ctx, key); !errors.Is(err, redis.Nil) {
		return value, err
	}
	value, err := f(ctx)
	if err != nil {
		return value, err
	}
	held = false
	told := make(chan struct{})
	go func() {
		defer close(told)
		defer release() // afterwards, or somebody would call f
		s.tell(key, value, share)
	}()
	select {
	case <-told:
	case <-time.After(patience):
	}
	return value, nil
}

// tell stores the result, even if the caller has gone: a token that another replica
// does not learn of is one that it tries to renew again.
func (s *Shared) tell(key string, value []byte, share time.Duration) {
	end := time.Now().Add(share)
	ctx, cancel := context.WithDeadline(s.ctx, end)
	defer cancel()
	err := backoff.Retry(ctx, time.Second, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(timeout, time.Until(end)))
		defer cancel()
		return s.client.Set(ctx, s.resultKey(key), value, max(time.Until(end), time.Millisecond)).Err()
	})
	if err != nil {
		s.logger.Error("login: other replicas were not told of a renewal", "error", err)
	}
}

// extend keeps lock until release is called. Neither touches a lock that was lost, and
// that somebody else has by then.
func (s *Shared) extend(lock *redislock.Lock) (release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		tick := time.NewTicker(s.ttl / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			attempt, cancel := context.WithTimeout(ctx, s.ttl/3)
			lock.Refresh(attempt, s.ttl, nil)
			cancel()
		}
	}()
	return func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		lock.Release(ctx) // or it ends by itself
	}
}
