package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/redis"
)

// A lock is kept though nothing comes any more on the connection that keeps it.
func TestLockOnDeadConnection(t *testing.T) {
	const lockTime = 1500 * time.Millisecond
	url := replicastest.StartRedis(t).URL
	line, via := replicastest.NewLine(t, url)
	s, other := mustOpen(t, replicastest.Connection{URL: via}), mustOpen(t, replicastest.Connection{URL: url})
	s.(*redis.Shared).SetLockTime(lockTime)
	_, err := s.Do(t.Context(), "key", time.Minute, func(context.Context) ([]byte, error) {
		line.Silence()
		line.Speak()
		ctx, cancel := context.WithTimeout(t.Context(), 2*lockTime)
		defer cancel()
		other.Do(ctx, "key", time.Minute, func(context.Context) ([]byte, error) {
			t.Error("another replica has the lock")
			return nil, nil
		})
		return []byte("it"), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Locks, results and what was ended are those of a prefix.
func TestPrefixesApart(t *testing.T) {
	client := mustConnect(t, replicastest.StartRedis(t).URL)
	replicastest.WantApart(t, func(name string) replicastest.Shared {
		s, err := redis.New(t.Context(), redis.Config{Client: client, Prefix: name + ":"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
