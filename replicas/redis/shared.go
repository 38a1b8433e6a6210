package redis

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/replicas/internal/ended"
)

var (
	_ login.Once        = (*Shared)(nil)
	_ login.Revocations = (*Shared)(nil)
)

// lockTime is how long a replica that was killed keeps the others from renewing the
// token that it was about to renew.
const lockTime = 5 * time.Second

// A Config says where Redis is.
type Config struct {
	// Client is connected to one Redis, to Sentinel, or to a cluster. It needs
	// ContextTimeoutEnabled, and must read from where it writes. One connection of its
	// pool is in use all the time. The program closes it, after the Shared.
	Client redis.UniversalClient

	// Prefix begins all keys. If empty, it is "login:".
	Prefix string

	// Logger gets a line when Redis goes away and one when it is back. If nil, it is
	// slog.Default().
	Logger *slog.Logger
}

// A Shared is what replicas share. It is safe for concurrent use.
type Shared struct {
	client redis.UniversalClient
	locks  *redislock.Client
	prefix string
	logger *slog.Logger
	ttl    time.Duration // of a lock that nobody extends

	ended  ended.Set
	untold *ended.Untold
	last   string // entry of the stream that was read
	pruned cursor
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup // what goes on until s is closed
}

// New returns a Shared that knows of every session that was ended, so that it fails
// while Redis is away.
func New(ctx context.Context, c Config) (*Shared, error) {
	if err := checkClient(c.Client); err != nil {
		return nil, err
	}
	s := &Shared{
		client: c.Client, locks: redislock.New(c.Client), prefix: cmp.Or(c.Prefix, "login:"),
		logger: cmp.Or(c.Logger, slog.Default()), ttl: lockTime, last: beginning, untold: ended.NewUntold(),
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(s.follow)
	s.work.Go(func() { s.untold.Tell(s.ctx, s.publish) })
	return s, nil
}

// Close stops following what other replicas do, which takes up to three seconds. Close
// it when no request is being served any more.
func (s *Shared) Close() error {
	s.stop()
	s.work.Wait()
	return nil
}

// checkClient refuses a client that waits for a Redis that hangs, whatever the context
// says, and one that reads what is old: then a result would be overlooked.
func checkClient(client redis.UniversalClient) error {
	var timeouts, stale bool
	switch c := client.(type) {
	case nil:
		return errors.New("redis: want a Client, have nil")
	case *redis.Client:
		timeouts = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		timeouts, stale = c.Options().ContextTimeoutEnabled, c.Options().ReadOnly
	default:
		return nil
	}
	if !timeouts {
		return errors.New("redis: want a Client with ContextTimeoutEnabled")
	}
	if stale {
		return errors.New("redis: want a Client that does not read from replicas")
	}
	return nil
}
