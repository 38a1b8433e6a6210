package interop_test

import (
	"crypto/rand"
	"database/sql"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonlindstrom/pgstore"
	"github.com/gorilla/sessions"
	"github.com/lib/pq"
	"github.com/rbcervilla/redisstore/v9"
	"github.com/redis/go-redis/v9"
)

// An engine keeps the records of sessions.
type engine struct {
	store sessions.Store
	// records reads what is there, not by the store: by ID, all that belongs to it.
	records func() map[string]string

	line        *line // between the store and what it needs; nil if that is the file system
	stop, start func()
}

// engines are those that sessions are tested with.
var engines = []struct {
	name  string
	start func(*testing.T) *engine
}{
	{"redis", newRedisEngine},
	{"postgres", newPostgresEngine},
	{"files", newFileEngine},
}

// engineTimeout is how long a store waits for its engine. A store has to be told: for
// login, one that waits for ever is slow.
const engineTimeout = time.Second

func newRedisEngine(t *testing.T) *engine {
	server := startRedis(t)
	way := newLine(t, server.addr)
	client := redis.NewClient(&redis.Options{
		Addr: way.addr, Password: server.password, MaxRetries: -1,
		DialTimeout: engineTimeout, ReadTimeout: engineTimeout, WriteTimeout: engineTimeout,
	})
	t.Cleanup(func() { client.Close() })
	store, err := redisstore.NewRedisStore(bounded(t), client)
	if err != nil {
		t.Fatal(err)
	}
	direct := redis.NewClient(&redis.Options{Addr: server.addr, Password: server.password})
	t.Cleanup(func() { direct.Close() })
	return &engine{store: store, line: way, stop: func() { server.stop() }, start: func() { server.start(t) },
		records: func() map[string]string {
			t.Helper()
			all := make(map[string]string)
			ids, err := direct.Keys(bounded(t), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if all[id], err = direct.Get(bounded(t), id).Result(); err != nil {
					t.Fatal(err)
				}
			}
			return all
		}}
}

func newPostgresEngine(t *testing.T) *engine {
	server := startPostgres(t)
	u, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	way := newLine(t, u.Host)
	u.Host = way.addr
	connector, err := pq.NewConnector(u.String())
	if err != nil {
		t.Fatal(err)
	}
	connector.Dialer(impatientDialer{}) // pgstore asks without a context
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { pool.Close() })
	store, err := pgstore.NewPGStoreFromPool(pool, randomKey())
	if err != nil {
		t.Fatal(err)
	}
	store.MaxLength(0)
	direct := openDB(t, "pgx", server.url)
	direct.SetMaxIdleConns(-1) // the server waits for those who are connected
	var data string
	if err := direct.QueryRowContext(bounded(t), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	return &engine{store: store, line: way, stop: func() { way.cut(); server.stop() }, start: func() {
		server.restart(t, data)
		t.Cleanup(func() { pool.Close() }) // before the server
	},
		records: func() map[string]string {
			t.Helper()
			return postgresRecords(t, direct)
		}}
}

func postgresRecords(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(bounded(t), "SELECT key, data, http_sessions::text FROM http_sessions")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[string]string)
	for rows.Next() {
		var key, data []byte
		var row string
		if err := rows.Scan(&key, &data, &row); err != nil {
			t.Fatal(err)
		}
		all[string(key)] = string(data) + "\n" + row
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// restart starts p again with what it holds, after a stop.
func (p *postgres) restart(t *testing.T, data string) {
	t.Helper()
	as, _ := postgresUser(t)
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	serve := append(slices.Clone(as), filepath.Join(postgresBin(t), "postgres"), "-D", data, "-h", u.Hostname(), "-p", u.Port(), "-k", "", "-F")
	up := func(line string) bool { return strings.Contains(line, "ready to accept connections") }
	p.process = start(t, up, []string{"LC_ALL=C"}, serve[0], serve[1:]...)
}

func newFileEngine(t *testing.T) *engine {
	dir := t.TempDir()
	store := sessions.NewFilesystemStore(dir, randomKey())
	store.MaxLength(0)
	return &engine{store: store, records: func() map[string]string {
		t.Helper()
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]string)
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name()] = string(b)
		}
		return all
	}}
}

// impatientDialer makes connections on which an answer that does not come in time is
// an error.
type impatientDialer struct{}

func (impatientDialer) Dial(network, addr string) (net.Conn, error) {
	return impatientDialer{}.DialTimeout(network, addr, engineTimeout)
}

func (impatientDialer) DialTimeout(network, addr string, limit time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, min(limit, engineTimeout))
	if err != nil {
		return nil, err
	}
	return impatientConn{c}, nil
}

type impatientConn struct{ net.Conn }

func (c impatientConn) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(engineTimeout))
	return c.Conn.Read(b)
}

func (c impatientConn) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(engineTimeout))
	return c.Conn.Write(b)
}

func randomKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}
