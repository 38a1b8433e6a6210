// Package redis lets the replicas of an application share through Redis (5 or later)
// what login.Config asks for: who renews a token, and which sessions were ended.
//
//	options, err := goredis.ParseURL(os.Getenv("REDIS_URL"))
//	…
//	options.ContextTimeoutEnabled = true
//	shared, err := redis.New(ctx, redis.Config{Client: goredis.NewClient(options)})
//	…
//	defer shared.Close()
//	auth, err := login.New(login.Config{
//		…
//		Once:        shared,
//		Revocations: shared,
//	})
//
// All replicas need the same Redis and the same Prefix, and clocks that agree to a
// second or so. Nothing in Redis says who a user is: keys are hashes, and the tokens
// are sealed with Config.Key.
//
// # Redis has to remember
//
// Run it with persistence (appendonly) and without eviction of keys that do not
// expire (the policies noeviction and volatile-*). If Redis forgets, running replicas
// still know which sessions were ended, and those that start later do not. A failover
// to a replica of Redis that lags behind may forget a lock, so that a provider is
// asked twice.
//
// While Redis is away, no token is renewed and everybody stays logged in; sessions
// that were ended before stay ended. It may come back at any time.
package redis
