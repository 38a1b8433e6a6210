package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"time"

	"github.com/doorlatch/login/replicas/internal/backoff"
)

const (
	maxPoll  = 250 * time.Millisecond // between two looks at what another replica does
	patience = time.Second            // of a caller whose result cannot be stored
)

// Do implements [login.Once] with an advisory lock, which ends with its connection, and
// a row for the result. If PostgreSQL goes away while f runs, what f returns still
// counts, and is stored as soon as possible within the time share.
func (s *Shared) Do(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error) {
	for b := (backoff.Backoff{Max: maxPoll}); ; {
		value, done, err := s.attempt(ctx, key, share, f)
		if done || err != nil {
			return value, err
		}
		if err := b.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// attempt is not done if a call for the key is under way. The connection goes back to
// the pool then: those who wait need none.
func (s *Shared) attempt(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) (value []byte, done bool, err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, false, err
	}
	if value, done, err = s.result(ctx, conn, key); done || err != nil {
		conn.Close()
		return value, done, err
	}
	err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", s.lockID(key)).Scan(&done)
	if !done || err != nil {
		drop(conn, err)
		return nil, false, err
	}
	value, err = s.run(ctx, conn, key, share, f)
	return value, true, err
}

// drop gives conn back; after an error it may hold a lock, and is closed.
func drop(conn *sql.Conn, err error) {
	if err != nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	conn.Close()
}

func (s *Shared) result(ctx context.Context, conn *sql.Conn, key string) (value []byte, ok bool, err error) {
	text := s.statement("SELECT sealed FROM {}_once WHERE key = $1 AND until > clock_timestamp()")
	err = conn.QueryRowContext(ctx, text, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// lockID is a number for key, of this table. Two keys with one number only wait for
// each other.
func (s *Shared) lockID(key string) int64 {
	sum := sha256.Sum256([]byte(s.prefix + "_once\x00" + key))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// run calls f, unless a replica that had the lock before has stored a result.
func (s *Shared) run(ctx context.Context, conn *sql.Conn, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error) {
	held := true
	defer func() {
		if held {
			s.unlock(conn, key)
		}
	}()
	if value, ok, err := s.result(ctx, conn, key); ok || err != nil {
		return value, err
	}
	value, err := f(ctx)
	if err != nil {
		return value, err
	}
	held = false
	told := make(chan struct{})
	go func() {
		defer close(told)
		defer s.unlock(conn, key) // afterwards, or somebody would call f
		s.tell(conn, key, value, share)
	}()
	select {
	case <-told:
	case <-time.After(patience):
	}
	return value, nil
}

// tell stores the result, even if the caller has gone: a token that another replica
// does not learn of is one that it tries to renew again.
func (s *Shared) tell(conn *sql.Conn, key string, value []byte, share time.Duration) {
	text := s.statement(`INSERT INTO {}_once (key, sealed, until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
		ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, until = excluded.until`)
	end := time.Now().Add(share)
	ctx, cancel := context.WithDeadline(s.ctx, end)
	defer cancel()
	exec := conn.ExecContext
	err := backoff.Retry(ctx, time.Second, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(timeout, time.Until(end)))
		defer cancel()
		_, err := exec(ctx, text, key, value, time.Until(end).Milliseconds())
		exec = s.db.ExecContext // the connection may be lost, and the lock with it
		return err
	})
	if err != nil {
		s.logger.Error("login: other replicas were not told of a renewal", "error", err)
	}
}

func (s *Shared) unlock(conn *sql.Conn, key string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", s.lockID(key))
	drop(conn, err)
}
