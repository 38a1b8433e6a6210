package interop_test

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/tokenstoretest"
	"github.com/doorlatch/login/tokenstore"
)

// openDB opens a database; the connections end before the server does.
func openDB(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Each opened store has connections of its own, like another process.
func TestTokenStoreSQLite(t *testing.T) {
	tokenstoretest.Run(t, func(t *testing.T) func() login.TokenStore {
		file := &url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "tokens.db"), RawQuery: "_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)"}
		open := func() tokenstore.SQL { return tokenstore.SQL{DB: openDB(t, "sqlite", file.String())} }
		createAtOnce(t, open)
		return func() login.TokenStore { return open() }
	})
}

func TestTokenStorePostgres(t *testing.T) {
	server := startPostgres(t)
	schema := ""
	tokenstoretest.Run(t, func(t *testing.T) func() login.TokenStore {
		schema += "s" // one for each test
		db := openDB(t, "pgx", server.url)
		if _, err := db.ExecContext(bounded(t), "CREATE SCHEMA "+schema); err != nil {
			t.Fatal(err)
		}
		table := schema + ".login_tokens"
		open := func() tokenstore.SQL {
			return tokenstore.SQL{DB: openDB(t, "pgx", server.url), Table: table, Numbered: true}
		}
		createAtOnce(t, open)
		return func() login.TokenStore { return open() }
	})
}

// createAtOnce is what replicas do that start together.
func createAtOnce(t *testing.T, open func() tokenstore.SQL) {
	t.Helper()
	const replicas = 3
	ctx, errs := bounded(t), make(chan error, replicas)
	for range replicas {
		s := open()
		go func() { errs <- s.Create(ctx) }()
	}
	for range replicas {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// While the database is away, or the table is missing, nobody is told that there is
// no token: for a bot, that would mean to ask its administrator to connect again.
func TestTokenStorePostgresAway(t *testing.T) {
	server := startPostgres(t)
	s := tokenstore.SQL{DB: openDB(t, "pgx", server.url), Numbered: true}
	s.DB.SetMaxIdleConns(-1) // the server waits for those who are connected
	fails := func(when string) {
		t.Helper()
		_, err := s.Load(bounded(t), "page")
		if err == nil || errors.Is(err, login.ErrNoToken) {
			t.Errorf("load %s: got %v, want another error", when, err)
		}
		for _, old := range [][]byte{nil, []byte("old")} {
			if saved, err := s.Save(bounded(t), "page", old, []byte("value")); saved || err == nil {
				t.Errorf("save %s: got %v, %v, want an error", when, saved, err)
			}
		}
		if err := s.Delete(bounded(t), "page"); err == nil {
			t.Errorf("delete %s: got no error", when)
		}
	}
	fails("without a table")
	server.stop()
	fails("without a server")
}
