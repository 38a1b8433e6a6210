package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/antonlindstrom/pgstore"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const (
	storeConnections = 20
	cleanUpEvery     = 5 * time.Minute // of records that have ended
)

// openPostgresStore puts sessions into a table of their own, by connections of their
// own that give up by themselves. The table is created by patient ones, by one replica
// at a time.
func (r *replica) openPostgresStore(ctx context.Context, patient *sql.DB) error {
	keys, err := storeKeys(r.Key, r.OldKeys)
	if err != nil {
		return err
	}
	tx, err := patient.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // there is only the lock
	if _, err = tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(5206198107344)"); err != nil {
		return err
	}
	if _, err = pgstore.NewPGStoreFromPool(patient); err != nil {
		return err
	}
	c := *r.postgres
	c.DialFunc = dialImpatiently
	db := r.pool(c, storeConnections)
	cleaner := &pgstore.PGStore{DbPool: db}
	quit, done := cleaner.Cleanup(cleanUpEvery)
	r.opened = append(r.opened, func() { cleaner.StopCleanup(quit, done) })
	r.Store = newQueue(storeConnections, db, keys)
	return nil
}

// storeKeys returns the keys with which pgstore signs, made of those with which login
// seals, so that they change together.
func storeKeys(key []byte, old [][]byte) ([][]byte, error) {
	var pairs [][]byte
	for _, k := range append([][]byte{key}, old...) {
		sign, err := hkdf.Key(sha256.New, k, nil, "example/scaled pgstore", 32)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, sign, nil) // it is sealed already
	}
	return pairs, nil
}

// dialImpatiently makes connections on which an answer that does not come in time is
// an error: pgstore asks without a context, and would wait for a PostgreSQL that
// hangs as long as that does.
func dialImpatiently(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return impatientConn{c}, nil
}

type impatientConn struct{ net.Conn }

func (c impatientConn) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	return c.Conn.Read(b)
}

func (c impatientConn) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(patience))
	return c.Conn.Write(b)
}

// A queue is a Store that lets in as many requests as there are connections, and lets
// the others wait, but not long: database/sql would let them wait for ever. Each
// request has a pgstore to itself, because that one writes down its age at each use.
type queue chan *pgstore.PGStore

func newQueue(n int, db *sql.DB, keys [][]byte) queue {
	q := make(queue, n)
	for range n {
		store := &pgstore.PGStore{Codecs: securecookie.CodecsFromPairs(keys...), Options: &sessions.Options{Path: "/"}, DbPool: db}
		store.MaxLength(0) // it has 4096 bytes, and a session's tokens may be 100 kB
		store.MaxAge(0)    // login knows how old a session is
		q <- store
	}
	return q
}

var errBusy = errors.New("all connections to PostgreSQL are in use")

func (q queue) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(q, name)
}

func (q queue) New(r *http.Request, name string) (*sessions.Session, error) {
	store, err := q.wait()
	if err != nil {
		return nil, err
	}
	defer func() { q <- store }()
	return store.New(r, name)
}

func (q queue) Save(r *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	store, err := q.wait()
	if err != nil {
		return err
	}
	defer func() { q <- store }()
	return store.Save(r, w, s)
}

func (q queue) wait() (*pgstore.PGStore, error) {
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case store := <-q:
		return store, nil
	case <-end.C:
		return nil, errBusy
	}
}
