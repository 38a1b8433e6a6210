package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/postgres"
)

func TestMain(m *testing.M) { replicastest.Main(m, open) }

func TestShared(t *testing.T) {
	replicastest.Run(t, replicastest.Kind{
		Launch: replicastest.StartPostgres, Open: open, Hold: hold, Contents: contents,
		Lock: "pg_try_advisory_lock", Read: "SELECT key, at, until",
	})
}

func open(ctx context.Context, c replicastest.Connection) (replicastest.Shared, io.Closer, error) {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, nil, err
	}
	first := stdlib.OpenDB(*config)
	defer first.Close()
	if err := postgres.Create(ctx, postgres.Config{DB: first}); err != nil {
		return nil, nil, err
	}
	if c.Before != nil {
		config.Tracer = tracer(c.Before)
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	s, err := postgres.New(ctx, postgres.Config{DB: db, Logger: c.Logger})
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return s, db, nil
}

func mustOpen(t *testing.T, url string) replicastest.Shared {
	t.Helper()
	s, db, err := open(t.Context(), replicastest.Connection{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		db.Close()
	})
	return s
}

func hold(t *testing.T, url, key string) {
	t.Helper()
	if _, err := openDB(t, url).ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", postgres.LockID("login", key)); err != nil {
		t.Fatal(err)
	}
}

// contents reads all tables that are not PostgreSQL's own.
func contents(t *testing.T, url string) map[string]string {
	t.Helper()
	db, all := openDB(t, url), make(map[string]string)
	for _, table := range column(t, db, `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`) {
		for i, row := range column(t, db, "SELECT r::text FROM "+table+" AS r") {
			all[fmt.Sprint(table, " ", i)] = row
		}
	}
	return all
}

func column(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// A tracer is told of each statement before PostgreSQL is.
type tracer func(statement string)

func (f tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	f(fmt.Sprintf("%s %s", data.SQL, data.Args))
	return ctx
}

func (f tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

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

// A pool in which one may wait for the other for ever is refused.
func TestRefusesSmallPool(t *testing.T) {
	db := openDB(t, replicastest.StartPostgres(t).URL)
	c := postgres.Config{DB: db}
	if err := postgres.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for n, good := range map[int]bool{1: false, 2: false, 3: true, 0: true} {
		db.SetMaxOpenConns(n)
		s, err := postgres.New(t.Context(), c)
		if err == nil {
			s.Close()
		}
		if good && err != nil || !good && (err == nil || !strings.Contains(err.Error(), "want a DB that opens 3 connections or more")) {
			t.Errorf("with %d connections: got %v", n, err)
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

// Anybody who may connect may notify: that brings nobody back, and ends nobody.
func TestForeignNotifications(t *testing.T) {
	url := replicastest.StartPostgres(t).URL
	db := openDB(t, url)
	s := mustOpen(t, url)
	for _, payload := range []string{"", "zz", "00", strings.Repeat("00", 16), strings.Repeat("00", 40)} {
		if _, err := db.ExecContext(t.Context(), "SELECT pg_notify('login_revoked', $1)", payload); err != nil {
			t.Fatal(err)
		}
	}
	other := mustOpen(t, url)
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
