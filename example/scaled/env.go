package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/example/app"
)

// patience is how long an engine may take for one thing. A request waits for several:
// for its turn, for a connection, for the answer. On a machine that is busy, an engine
// that is well may take a second or two.
const patience = 5 * time.Second

// A replica is the example application, and the engine that it shares with others.
type replica struct {
	app.Config

	redis    *redis.Options  // of the two, one is not nil
	postgres *pgx.ConnConfig //
	inStore  bool            // sessions are there, not in cookies
	opened   []func()        // closes what is open
}

// fromEnv reads the variables of [app.FromEnv], and ours. The error names all that are
// wrong, and no secret.
func fromEnv(getenv func(string) string) (*replica, error) {
	get := func(name string) string { return strings.TrimSpace(getenv(name)) }
	c, mistake := app.FromEnv(getenv)
	r, mistakes := &replica{Config: c}, []error{mistake}
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	redisURL, databaseURL := get("REDIS_URL"), get("DATABASE_URL")
	switch {
	case redisURL == "" && databaseURL == "":
		wrong("REDIS_URL or DATABASE_URL: want one of them, for what replicas share")
	case redisURL != "" && databaseURL != "":
		wrong("REDIS_URL and DATABASE_URL: want one of them, have both")
	}
	var err error
	if r.redis, err = redisOptions(redisURL); err != nil {
		wrong("REDIS_URL: %w", err)
	}
	if r.postgres, err = postgresConfig(databaseURL); err != nil {
		wrong("DATABASE_URL: %w", err)
	}
	switch sessions := cmp.Or(get("SESSIONS"), "cookies"); sessions {
	case "cookies", "store":
		r.inStore = sessions == "store"
	default:
		wrong("SESSIONS: want cookies or store, have %q", sessions)
	}
	if get("SESSION_KEYS") == "" {
		wrong("SESSION_KEYS: want the same keys on all replicas (openssl rand -base64 32): with random ones, none opens what another has sealed")
	}
	if get("BASE_URL") == "" {
		wrong("BASE_URL: want the address of the proxy in front of the replicas, the same on all of them")
	}
	const providers = "GITHUB_CLIENT_ID, FACEBOOK_CLIENT_ID or OIDC_ISSUER"
	if len(c.Providers) == 0 && (mistake == nil || !strings.Contains(mistake.Error(), providers)) {
		wrong("%s: one of them is needed, because stand-ins would know only the logins of their own replica", providers)
	}
	return r, errors.Join(mistakes...)
}

// open connects to the engine. What replicas share is in r.Config then.
func (r *replica) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if r.redis != nil {
		return r.openRedis(ctx)
	}
	return r.openPostgres(ctx)
}

// close closes what open has opened, also if it failed half-way.
func (r *replica) close() {
	for i := len(r.opened) - 1; i >= 0; i-- {
		r.opened[i]()
	}
}
