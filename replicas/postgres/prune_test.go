package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/postgres"
)

// What does not matter any more leaves the tables when a replica starts, and now and
// then; no lock and no connection is left.
func TestPostgresStaysSmall(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	db := openDB(t, url)
	s := mustOpen(t, url)
	now := time.Now()
	for i := range 100 {
		if err := s.Revoke(t.Context(), [16]byte{byte(i)}, now, now.Add(-time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(context.Context) ([]byte, error) { return []byte("it"), nil }
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} { // more than there are connections
		if _, err := s.Do(t.Context(), key, 300*time.Millisecond, f); err != nil {
			t.Fatal(err)
		}
	}
	var locks int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").Scan(&locks); err != nil || locks != 0 {
		t.Errorf("got %d locks, %v, want none", locks, err)
	}
	if err := s.Revoke(t.Context(), [16]byte{100}, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), "z", time.Minute, f); err != nil {
		t.Fatal(err)
	}
	<-time.After(300 * time.Millisecond)
	mustOpen(t, url)
	wantRows(t, db, "login_once", 1)
	wantRows(t, db, "login_revoked", 1)
}

// wantRows waits until the table has so many rows.
func wantRows(t *testing.T, db *sql.DB, table string, want int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		got := count(t, db, table)
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: got %d rows, want %d", table, got, want)
		}
	}
}

// A prune that waits for a lock keeps nobody from hearing what comes, nor does it keep
// Close.
func TestPruneWaits(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	other, db, now := mustOpen(t, url), openDB(t, url), time.Now()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE login_once IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := postgres.New(t.Context(), postgres.Config{DB: openDB(t, url), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for i, end := byte(0), now.Add(4*time.Second); time.Now().Before(end); i++ {
		key := [16]byte{i}
		if err := other.Revoke(t.Context(), key, now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		wantRevoked(t, s, key, now, 500*time.Millisecond)
		<-time.After(500 * time.Millisecond)
	}
	var waits int
	const waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
	if err := db.QueryRowContext(t.Context(), waiting).Scan(&waits); err != nil || waits == 0 {
		t.Errorf("got %d statements that wait, %v, want one at least", waits, err)
	}
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	if log.Len() > 0 {
		t.Errorf("got the lines\n%s, want none", &log)
	}
}

// What is revoked again while it is about to be deleted stays.
func TestPruneLosesNothing(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	mustOpen(t, url).Close()
	db, key, now := openDB(t, url), make([]byte, 16), time.Now()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO login_revoked VALUES ($1, 1, 2, now())", key); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "UPDATE login_revoked SET until = $1", now.Add(time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.New(t.Context(), postgres.Config{DB: openDB(t, url)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantRows(t, db, "pg_locks WHERE NOT granted", 1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, "pg_locks WHERE NOT granted", 0)
	<-time.After(100 * time.Millisecond) // in which it would be deleted
	wantRows(t, db, "login_revoked", 1)
}

// However many rows there are, all of the old ones go, and no other.
func TestPruneMany(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	mustOpen(t, url).Close()
	db, now := openDB(t, url), time.Now()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO login_revoked
		SELECT decode(lpad(to_hex(i), 32, '0'), 'hex'), 1, CASE WHEN i % 5 = 0 THEN $1::bigint ELSE $2::bigint END, now() FROM generate_series(1, 50000) AS i`,
		now.Add(time.Hour).UnixMilli(), now.Add(-time.Second).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, url)
	wantRows(t, db, "login_revoked", 10_000)
	if n := count(t, db, "login_revoked WHERE until > 1000 * extract(epoch FROM now())"); n != 10_000 {
		t.Errorf("got %d rows that matter, want all 10000", n)
	}
}

// Tables that an older version has created get what is new.
func TestCreateAddsIndexes(t *testing.T) {
	db := openDB(t, replicastest.StartPostgres(t).URL)
	c := postgres.Config{DB: db}
	create := func() {
		t.Helper()
		if err := postgres.Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	create()
	if _, err := db.ExecContext(t.Context(), "DROP INDEX login_once_until, login_revoked_until"); err != nil {
		t.Fatal(err)
	}
	create()
	got := column(t, db, "SELECT indexname::text FROM pg_indexes WHERE tablename LIKE 'login%' ORDER BY indexname")
	want := []string{"login_once_pkey", "login_once_until", "login_revoked_pkey", "login_revoked_until", "login_revoked_written"}
	if !slices.Equal(got, want) {
		t.Errorf("got the indexes %q, want %q", got, want)
	}
}
