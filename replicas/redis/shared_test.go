package redis_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/redis"
)

func TestMain(m *testing.M) { replicastest.Main(m, open) }

func TestShared(t *testing.T) {
	replicastest.Run(t, replicastest.Kind{
		Launch: replicastest.StartRedis, Open: open, Hold: hold, Contents: contents,
		Lock: "login:lock:", Read: "xread",
	})
}

func open(ctx context.Context, c replicastest.Connection) (replicastest.Shared, io.Closer, error) {
	client, err := connect(c.URL)
	if err != nil {
		return nil, nil, err
	}
	if c.Before != nil {
		client.AddHook(hook(c.Before))
	}
	s, err := redis.New(ctx, redis.Config{Client: client, Logger: c.Logger})
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	s.SetLockTime(replicastest.LockTime)
	return s, client, nil
}

func connect(url string) (*goredis.Client, error) {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled = true
	options.ReadTimeout = time.Minute // what is here has to have bounds of its own
	return goredis.NewClient(options), nil
}

func mustConnect(t *testing.T, url string) *goredis.Client {
	t.Helper()
	client, err := connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func hold(t *testing.T, url, key string) {
	t.Helper()
	if err := mustConnect(t, url).Set(t.Context(), "login:lock:"+key, "somebody", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

// contents reads values of the types that are there.
func contents(t *testing.T, url string) map[string]string {
	t.Helper()
	ctx, client, all := t.Context(), mustConnect(t, url), make(map[string]string)
	keys := client.Scan(ctx, 0, "*", 100).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			all[key] = client.Get(ctx, key).Val()
		case "stream":
			for _, e := range client.XRange(ctx, key, "-", "+").Val() {
				all[key+" "+e.ID] = fmt.Sprint(e.Values)
			}
		case "none": // it has ended meanwhile
		default:
			t.Errorf("%s: want a string or a stream, have a %s", key, kind)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// A hook is told of each statement before Redis is.
type hook func(statement string)

func (h hook) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h hook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		h(fmt.Sprintf("%s", cmd.Args()))
		return next(ctx, cmd)
	}
}

func (h hook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		for _, cmd := range cmds {
			h(fmt.Sprintf("%s", cmd.Args()))
		}
		return next(ctx, cmds)
	}
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
	client := mustConnect(t, replicastest.StartRedis(t).URL)
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
