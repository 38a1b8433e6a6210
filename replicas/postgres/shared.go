package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/replicas/internal/ended"
)

var (
	_ login.Once        = (*Shared)(nil)
	_ login.Revocations = (*Shared)(nil)
)

// fewest connections that do: one listens, one holds the lock of a token that is being
// renewed, and one is for all that is brief.
const fewest = 3

// A Config says where the tables are.
type Config struct {
	// DB is a PostgreSQL database with the driver of github.com/jackc/pgx/v5/stdlib. It
	// must not be the pool of a Store or of Tokens, and needs three connections or
	// more. The program closes it, after the Shared.
	DB *sql.DB

	// Prefix begins the names of the tables, _once and _revoked: up to 40 letters,
	// digits and underscores, with the name of a schema and a dot before them or not.
	// If empty, it is "login".
	Prefix string

	// Logger gets a line when PostgreSQL goes away and one when it is back. If nil, it
	// is slog.Default().
	Logger *slog.Logger
}

// A Shared is what replicas share. It is safe for concurrent use.
type Shared struct {
	db     *sql.DB
	prefix string
	logger *slog.Logger

	ended  ended.Set
	untold *ended.Untold
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup // what goes on until s is closed
}

// Create creates the tables and their indexes, if they are not there.
func Create(ctx context.Context, c Config) error {
	s, err := newShared(c)
	if err != nil {
		return err
	}
	name := s.prefix[strings.LastIndexByte(s.prefix, '.')+1:] // an index has no schema of its own
	_, err = s.db.ExecContext(ctx, s.statement(`
		SELECT pg_advisory_xact_lock(7310594402731); -- one replica at a time
		CREATE TABLE IF NOT EXISTS {}_once (
			key    text        PRIMARY KEY,
			sealed bytea       NOT NULL,
			until  timestamptz NOT NULL
		);
		CREATE TABLE IF NOT EXISTS {}_revoked (
			key     bytea       PRIMARY KEY,
			at      bigint      NOT NULL, -- milliseconds since 1970
			until   bigint      NOT NULL,
			written timestamptz NOT NULL
		);
		CREATE INDEX IF NOT EXISTS `+name+`_once_until ON {}_once (until);
		CREATE INDEX IF NOT EXISTS `+name+`_revoked_until ON {}_revoked (until);
		CREATE INDEX IF NOT EXISTS `+name+`_revoked_written ON {}_revoked (written)`))
	return err
}

// New returns a Shared that knows of every session that was ended, so that it fails
// while PostgreSQL is away.
func New(ctx context.Context, c Config) (*Shared, error) {
	s, err := newShared(c)
	if err != nil {
		return nil, err
	}
	if n := s.db.Stats().MaxOpenConnections; n > 0 && n < fewest {
		return nil, fmt.Errorf("postgres: want a DB that opens %d connections or more, have %d", fewest, n)
	}
	conn, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(func() { s.follow(conn) })
	s.work.Go(s.prune)
	s.work.Go(func() { s.untold.Tell(s.ctx, s.publish) })
	return s, nil
}

func newShared(c Config) (*Shared, error) {
	if c.DB == nil {
		return nil, errors.New("postgres: want a DB, have nil")
	}
	prefix := cmp.Or(c.Prefix, "login")
	identifiers := regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*\.)?[A-Za-z_][A-Za-z0-9_]*$`)
	if !identifiers.MatchString(prefix) || len(prefix) > 40 { // SQL could be injected: a table is no parameter
		return nil, fmt.Errorf("postgres: want a Prefix of up to 40 letters, digits and underscores, have %q", prefix)
	}
	return &Shared{db: c.DB, prefix: prefix, logger: cmp.Or(c.Logger, slog.Default()), untold: ended.NewUntold()}, nil
}

// Close stops listening to other replicas. Close it when no request is being served
// any more.
func (s *Shared) Close() error {
	s.stop()
	s.work.Wait()
	return nil
}

// statement puts the prefix into text.
func (s *Shared) statement(text string) string { return strings.ReplaceAll(text, "{}", s.prefix) }
