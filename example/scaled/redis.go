package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/rbcervilla/redisstore/v9"
	goredis "github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/redis"
)

// redisOptions returns how to reach the Redis of a URL, nil if it is empty. What the
// URL does not say about time is what a request can wait for.
func redisOptions(url string) (*goredis.Options, error) {
	if url == "" {
		return nil, nil
	}
	o, err := goredis.ParseURL(url)
	if err != nil { // which repeats the URL, and the password in it
		return nil, errors.New("want a URL such as redis://:password@127.0.0.1:6379/0, have something else")
	}
	o.ContextTimeoutEnabled = true
	o.DialTimeout = cmp.Or(o.DialTimeout, patience)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, patience)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, patience)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, patience)
	o.MaxRetries = cmp.Or(o.MaxRetries, -1) // none
	o.DialerRetries = 1
	return o, nil
}

func (r *replica) openRedis(ctx context.Context) error {
	client := goredis.NewClient(r.redis)
	r.opened = append(r.opened, func() { client.Close() })
	shared, err := redis.New(ctx, redis.Config{Client: client, Logger: r.Logger})
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	r.opened = append(r.opened, func() { shared.Close() })
	r.Once, r.Revocations = shared, shared
	if !r.inStore {
		return nil
	}
	store, err := redisstore.NewRedisStore(ctx, client)
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	r.Store = store // its records last as long as their cookies
	return nil
}
