package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/postgres"
)

// wantRevoked waits until s knows that the key was revoked at that time.
func wantRevoked(t *testing.T, s replicastest.Shared, key [16]byte, at time.Time, most time.Duration) {
	t.Helper()
	for end := time.Now().Add(most); ; <-time.After(10 * time.Millisecond) {
		if got, ok := s.Revoked(key); ok && got.Equal(at.Truncate(time.Millisecond)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%x is not known to be revoked at %v within %v", key, at, most)
		}
	}
}

// inStead creates a function of the signature, and returns the address at which it is
// found before PostgreSQL's own.
func inStead(t *testing.T, engine, signature, body string) (address string) {
	t.Helper()
	_, err := openDB(t, engine).ExecContext(t.Context(), "CREATE FUNCTION public."+signature+" LANGUAGE plpgsql AS 'BEGIN "+body+"; END'")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", "public,pg_catalog")
	u.RawQuery = q.Encode()
	return u.String()
}

// What counts is the table: a replica looks there now and then, though nobody notifies.
func TestLostNotifications(t *testing.T) {
	engine := replicastest.StartPostgres(t).URL
	mute := mustOpen(t, inStead(t, engine, "pg_notify(text, text) RETURNS void", "RETURN"))
	s, now, key := mustOpen(t, engine), time.Now(), [16]byte{1}
	revoke := func(at time.Time) {
		t.Helper()
		if err := mute.Revoke(t.Context(), key, at, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		wantRevoked(t, s, key, at, 5*time.Second)
	}
	revoke(now)
	if _, err := openDB(t, engine).ExecContext(t.Context(), "UPDATE login_revoked SET written = written - interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	revoke(now.Add(time.Second))
}

// A connection that may still hold a lock, since it could not be released, is closed.
func TestUnlockFails(t *testing.T) {
	engine := replicastest.StartPostgres(t).URL
	s, other := mustOpen(t, inStead(t, engine, "pg_advisory_unlock(bigint) RETURNS boolean", "RAISE EXCEPTION ''no''")), mustOpen(t, engine)
	wrong := errors.New("wrong")
	_, err := s.Do(t.Context(), "key", time.Minute, func(context.Context) ([]byte, error) { return nil, wrong })
	if !errors.Is(err, wrong) {
		t.Errorf("got %v, want what went wrong", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := other.Do(ctx, "key", time.Minute, func(context.Context) ([]byte, error) { return []byte("it"), nil }); err != nil {
		t.Errorf("got %v, want that the lock has ended", err)
	}
}

// A driver around that of pgx, such as one that traces, hides the notifications: that is
// said at once.
func TestAnotherDriver(t *testing.T) {
	engine := replicastest.StartPostgres(t)
	db := sql.OpenDB(wrapped{engine.URL})
	defer db.Close()
	if err := postgres.Create(t.Context(), postgres.Config{DB: openDB(t, engine.URL)}); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.New(t.Context(), postgres.Config{DB: db})
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "want a DB with the driver of pgx, have a ") {
		t.Errorf("got %v, want what is wanted", err)
	}
}

// wrapped is a driver.Connector whose connections are pgx's in another type.
type wrapped struct{ url string }

func (w wrapped) Connect(context.Context) (driver.Conn, error) {
	c, err := stdlib.GetDefaultDriver().Open(w.url)
	return struct{ driver.Conn }{c}, err
}

func (w wrapped) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// A row with a key of another length, which is none of ours, stops nothing.
func TestForeignRows(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	other, db, now := mustOpen(t, url), openDB(t, url), time.Now()
	for _, key := range [][]byte{{}, {1}, make([]byte, 17)} {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO login_revoked VALUES ($1, $2, $3, now())",
			key, now.UnixMilli(), now.Add(time.Hour).UnixMilli()); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Revoke(t.Context(), [16]byte{1}, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, url)
	wantRevoked(t, s, [16]byte{1}, now, 0)
	if at, ok := s.Revoked([16]byte{}); ok {
		t.Errorf("got %v from a row that is none of ours", at)
	}
}

// Locks, results and what was ended are those of a prefix.
func TestPrefixesApart(t *testing.T) {
	db := openDB(t, replicastest.StartPostgres(t).URL)
	replicastest.WantApart(t, func(name string) replicastest.Shared {
		c := postgres.Config{DB: db, Prefix: name}
		if err := postgres.Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s, err := postgres.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
