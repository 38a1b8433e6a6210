package postgres_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/postgres"
)

func TestMain(m *testing.M) { replicastest.Main(m, open) }

func TestShared(t *testing.T) { replicastest.Run(t, replicastest.StartPostgres, open) }

// replica closes its database, too.
type replica struct {
	*postgres.Shared
	db *sql.DB
}

func (r replica) Close() error {
	r.Shared.Close()
	return r.db.Close()
}

func open(ctx context.Context, url string) (replicastest.Shared, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(5)
	c := postgres.Config{DB: db}
	err = postgres.Create(ctx, c)
	if err == nil {
		s, newErr := postgres.New(ctx, c)
		if newErr == nil {
			return replica{s, db}, nil
		}
		err = newErr
	}
	db.Close()
	return nil, err
}

func openDB(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Mistakes are reported at once, and a name cannot become a statement.
func TestRefuses(t *testing.T) {
	db := openDB(t, "postgres://localhost:1/")
	for _, c := range []postgres.Config{
		{}, {DB: db, Prefix: "a; DROP TABLE b"}, {DB: db, Prefix: `a"b`}, {DB: db, Prefix: "a.b.c"},
		{DB: db, Prefix: "1a"}, {DB: db, Prefix: strings.Repeat("a", 41)},
	} {
		if err := postgres.Create(t.Context(), c); err == nil || !strings.Contains(err.Error(), "postgres: want ") {
			t.Errorf("Create with %q: got %v, want what is wanted", c.Prefix, err)
		}
		if _, err := postgres.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "postgres: want ") {
			t.Errorf("New with %q: got %v, want what is wanted", c.Prefix, err)
		}
	}
}

// Replicas that start together create the tables once, in a schema of their own if they
// like; without tables, none starts.
func TestCreate(t *testing.T) {
	db := openDB(t, replicastest.StartPostgres(t).URL)
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA app"); err != nil {
		t.Fatal(err)
	}
	c := postgres.Config{DB: db, Prefix: "app.shared"}
	if s, err := postgres.New(t.Context(), c); err == nil {
		s.Close()
		t.Error("without tables: got no error")
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := postgres.Create(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := postgres.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	if err := s.Revoke(t.Context(), [16]byte{1}, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "app.shared_revoked"); n != 1 {
		t.Errorf("got %d rows, want 1", n)
	}
}

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What does not matter any more leaves the tables when a replica starts, and now and
// then; no lock and no connection is left.
func TestPostgresStaysSmall(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	db := openDB(t, url)
	s, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	for i := range 100 {
		if err := s.Revoke(t.Context(), [16]byte{byte(i)}, now, now.Add(-time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(context.Context) ([]byte, error) { return []byte("it"), nil }
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} { // more than there are connections
		if _, err := s.Do(t.Context(), key, 300*time.Millisecond, f); err != nil {
			t.Fatal(err)
		}
	}
	var locks int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").Scan(&locks); err != nil || locks != 0 {
		t.Errorf("got %d locks, %v, want none", locks, err)
	}
	<-time.After(300 * time.Millisecond)
	next, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	for end := time.Now().Add(5 * time.Second); count(t, db, "login_once")+count(t, db, "login_revoked") > 0; {
		if time.Now().After(end) {
			t.Fatal("old rows are not deleted")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Anybody who may connect may notify: that brings nobody back, and ends nobody.
func TestForeignNotifications(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	db := openDB(t, url)
	s, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, payload := range []string{"", "zz", "00", strings.Repeat("00", 16), strings.Repeat("00", 40)} {
		if _, err := db.ExecContext(t.Context(), "SELECT pg_notify('login_revoked', $1)", payload); err != nil {
			t.Fatal(err)
		}
	}
	other, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	now := time.Now()
	if err := other.Revoke(t.Context(), [16]byte{1}, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Second); ; {
		if _, ok := s.Revoked([16]byte{1}); ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not hear any more")
		}
		<-time.After(10 * time.Millisecond)
	}
	if _, ok := s.Revoked([16]byte{}); ok {
		t.Error("a notification alone revokes")
	}
}
