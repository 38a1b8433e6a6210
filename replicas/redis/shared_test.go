package redis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/redis"
)

func TestMain(m *testing.M) { replicastest.Main(m, open) }

func TestShared(t *testing.T) { replicastest.Run(t, replicastest.StartRedis, open) }

// replica closes its client, too.
type replica struct {
	*redis.Shared
	client *goredis.Client
}

func (r replica) Close() error {
	r.Shared.Close()
	return r.client.Close()
}

func open(ctx context.Context, url string) (replicastest.Shared, error) {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled = true
	client := goredis.NewClient(options)
	s, err := redis.New(ctx, redis.Config{Client: client})
	if err != nil {
		client.Close()
		return nil, err
	}
	s.SetLockTime(replicastest.LockTime)
	return replica{s, client}, nil
}

// Mistakes are reported before anything can hang or go wrong.
func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name, want string
		client     goredis.UniversalClient
	}{
		{"no client", "want a Client, have nil", nil},
		{"no timeouts", "ContextTimeoutEnabled", goredis.NewClient(&goredis.Options{})},
		{"no timeouts in a cluster", "ContextTimeoutEnabled", goredis.NewClusterClient(&goredis.ClusterOptions{})},
		{"reads what is old", "replicas", goredis.NewClusterClient(&goredis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true})},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := redis.New(t.Context(), redis.Config{Client: test.client})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// What does not matter any more leaves Redis, and all keys begin with the prefix.
func TestRedisStaysSmall(t *testing.T) {
	engine := replicastest.StartRedis(t)
	options, err := goredis.ParseURL(engine.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := goredis.NewClient(options)
	defer client.Close()
	s, err := redis.New(t.Context(), redis.Config{Client: client, Prefix: "app:"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	revoke := func(i int, until time.Time) {
		t.Helper()
		if err := s.Revoke(t.Context(), [16]byte{byte(i)}, now, until); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		revoke(i, now.Add(200*time.Millisecond))
	}
	<-time.After(time.Until(now.Add(250 * time.Millisecond)))
	for i := range 12 {
		revoke(100+i, now.Add(time.Hour))
	}
	if n := client.XLen(t.Context(), "app:revoked").Val(); n != 12 {
		t.Errorf("got %d entries, want the 12 that matter", n)
	}
	_, err = s.Do(t.Context(), "key", 30*time.Second, func(context.Context) ([]byte, error) {
		if ttl := client.PTTL(t.Context(), "app:lock:key").Val(); ttl <= 0 || ttl > 5*time.Second {
			t.Errorf("lock: got %v to live, want up to 5s", ttl)
		}
		return []byte("it"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ttl := client.PTTL(t.Context(), "app:once:key").Val(); ttl <= 25*time.Second || ttl > 30*time.Second {
		t.Errorf("result: got %v to live, want 30s", ttl)
	}
	keys := client.Keys(t.Context(), "*").Val()
	if len(keys) != 2 {
		t.Errorf("got the keys %q, want the stream and the result", keys)
	}
}
