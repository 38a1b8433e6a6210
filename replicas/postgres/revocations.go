package postgres

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorlatch/login/replicas/internal/backoff"
)

const (
	pause    = 3 * time.Second // without news, until it is asked again
	timeout  = 2 * time.Second // of an answer
	maxRetry = time.Second     // between two attempts to reach a PostgreSQL that is away
)

// Revoke implements [login.Revocations]. Other replicas know a moment later; those
// whose connection hangs notice after five seconds, and those that cannot reach
// PostgreSQL know within ten seconds from when they can.
//
// After an error it counts here. The others are told as soon as PostgreSQL is back,
// unless this process ends before.
func (s *Shared) Revoke(ctx context.Context, key [16]byte, at, until time.Time) error {
	s.ended.Add(key, at.UnixMilli(), until.UnixMilli())
	err := s.publish(ctx, key, at.UnixMilli(), until.UnixMilli())
	if err != nil {
		s.untold.Add(key, at.UnixMilli(), until.UnixMilli())
	}
	return err
}

func (s *Shared) publish(ctx context.Context, key [16]byte, at, until int64) error {
	_, err := s.db.ExecContext(ctx, s.statement(`
		WITH told AS (
			INSERT INTO {}_revoked AS r (key, at, until, written) VALUES ($1, $2, $3, clock_timestamp())
			ON CONFLICT (key) DO UPDATE SET at = greatest(r.at, excluded.at),
				until = greatest(r.until, excluded.until), written = excluded.written
			RETURNING key
		)
		SELECT pg_notify('{}_revoked', encode(key, 'hex')) FROM told`), key[:], at, until)
	return err
}

// Revoked implements [login.Revocations].
func (s *Shared) Revoked(key [16]byte) (at time.Time, ok bool) { return s.ended.At(key) }

// listen returns a connection that hears of what is revoked from now on, and loads
// what was revoked before.
func (s *Shared) listen(ctx context.Context) (*sql.Conn, error) {
	brief, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := s.db.Conn(brief)
	if err != nil {
		return nil, err
	}
	if _, err = conn.ExecContext(brief, s.statement(`LISTEN "{}_revoked"`)); err == nil {
		err = s.load(ctx, conn, "until >= $1", time.Now().UnixMilli())
	}
	if err == nil { // another driver is a mistake to hear of at once
		err = conn.Raw(func(c any) error { return checkDriver(c) })
	}
	if err != nil {
		drop(conn, err)
		return nil, err
	}
	return conn, nil
}

func checkDriver(c any) error {
	if _, ok := c.(*stdlib.Conn); !ok {
		return fmt.Errorf("postgres: want a DB with the driver of pgx, have a %T", c)
	}
	return nil
}

// load reads the rows that the condition is true for.
func (s *Shared) load(ctx context.Context, conn *sql.Conn, condition string, arg any) error {
	rows, err := conn.QueryContext(ctx, s.statement("SELECT key, at, until FROM {}_revoked WHERE "+condition), arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		var at, until int64
		if err := rows.Scan(&key, &at, &until); err != nil {
			return err
		}
		if len(key) == 16 {
			s.ended.Add([16]byte(key), at, until)
		}
	}
	return rows.Err()
}

// follow hears what comes. When it has lost the connection, it loads everything again.
func (s *Shared) follow(conn *sql.Conn) {
	for b := (backoff.Backoff{Max: maxRetry}); ; {
		err := error(nil)
		for err == nil {
			err = s.hear(conn)
			s.ended.Sweep(time.Now())
		}
		drop(conn, err)
		if s.ctx.Err() != nil {
			return
		}
		s.logger.Error("login: sessions that end elsewhere go on here: PostgreSQL is away", "error", err)
		if conn = s.listenAgain(&b); conn == nil {
			return
		}
		s.logger.Info("login: PostgreSQL is back")
		b = backoff.Backoff{Max: maxRetry}
	}
}

// listenAgain returns nil when s is closed.
func (s *Shared) listenAgain(b *backoff.Backoff) *sql.Conn {
	for b.Wait(s.ctx) == nil {
		s.shake()
		ctx, cancel := context.WithTimeout(s.ctx, time.Minute) // there may be much to load
		conn, err := s.listen(ctx)
		cancel()
		if err == nil {
			return conn
		}
	}
	return nil
}

// shake makes the pool drop connections on which nothing comes any more. It would try
// them one after the other, and each takes the time of an answer.
func (s *Shared) shake() {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	var wg sync.WaitGroup
	for range s.db.Stats().Idle {
		wg.Go(func() { s.db.PingContext(ctx) })
	}
	wg.Wait()
}

// hear waits for one notification, and loads what it is about. If none comes, it looks
// for itself: at the last minute, and so at the connection.
func (s *Shared) hear(conn *sql.Conn) error {
	var key []byte
	err := conn.Raw(func(c any) error {
		ctx, cancel := context.WithTimeout(s.ctx, pause)
		defer cancel()
		n, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx)
		if err == nil {
			key, _ = hex.DecodeString(n.Payload) // what is none is not from us
		} else if ctx.Err() != nil && s.ctx.Err() == nil {
			return nil // nothing has come
		}
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	if key != nil { // what counts is the table: anybody may notify
		return s.load(ctx, conn, "key = $1", key)
	}
	return s.load(ctx, conn, "written > now() - $1 * interval '1 second'", 60)
}
