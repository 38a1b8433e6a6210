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
// second or so. Nothing in Redis says who a user is: keys are random or hashes, and the
// tokens are sealed with Config.Key. Who knows the ID of a user already can tell that
// login.Auth.End was called for it, and when.
//
// What was ended is kept, in Redis and in the memory of each replica at about 80 bytes a
// piece, until its cookies have ended anyway. Nothing bounds how many there are.
//
// # Redis has to remember
//
// Run it with persistence (appendonly) and without eviction (maxmemory-policy
// noeviction). If Redis forgets, running replicas still know which sessions were ended,
// and those that start later do not. A lock is forgotten by a failover to a replica of
// Redis that lags behind, and ends when Redis is away for more than five seconds while a
// token is renewed: then a provider may be asked twice.
//
// While Redis is away, no token is renewed and everybody stays logged in; sessions
// that were ended before stay ended. It may come back at any time.
//
// A session that is ended meanwhile is over at the replica that was asked, which also
// gets an error. It remembers up to 10,000 of these, the last ones, and tells the others
// when Redis is back, unless it ends before.
package redis
