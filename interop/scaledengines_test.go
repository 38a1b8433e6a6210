package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A scaledEngine is what replicas share.
type scaledEngine struct {
	name string // of the variable that says where it is
	url  string
	addr string // in url

	// records reads everything that is there, by name.
	records func() map[string]string
}

func (e *scaledEngine) env(sessions string) []string {
	return []string{e.name + "=" + e.url, "SESSIONS=" + sessions}
}

func newScaledRedis(t *testing.T) *scaledEngine {
	server := startRedis(t)
	direct := redis.NewClient(&redis.Options{Addr: server.addr, Password: server.password})
	t.Cleanup(func() { direct.Close() })
	return &scaledEngine{name: "REDIS_URL", url: "redis://:" + server.password + "@" + server.addr, addr: server.addr,
		records: func() map[string]string {
			t.Helper()
			keys, err := direct.Keys(bounded(t), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			all := make(map[string]string)
			for _, key := range keys {
				all[key] = readRedis(t, direct, key)
			}
			return all
		}}
}

func readRedis(t *testing.T, direct *redis.Client, key string) string {
	t.Helper()
	switch kind := direct.Type(bounded(t), key).Val(); kind {
	case "string":
		return direct.Get(bounded(t), key).Val()
	case "stream":
		return fmt.Sprint(direct.XRange(bounded(t), key, "-", "+").Val())
	default:
		t.Fatalf("%s is a %s, want what can be read", key, kind)
		return ""
	}
}

func newScaledPostgres(t *testing.T) *scaledEngine {
	server := startPostgres(t)
	_, addr, _ := strings.Cut(server.url, "@")
	addr, _, _ = strings.Cut(addr, "/")
	direct := openDB(t, "pgx", server.url)
	direct.SetMaxIdleConns(-1) // the server waits for those who are connected
	query := func(text string) (rows [][]any) {
		t.Helper()
		result, err := direct.QueryContext(bounded(t), text)
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		columns, err := result.Columns()
		for err == nil && result.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			err = result.Scan(into...)
			rows = append(rows, row)
		}
		if err != nil || result.Err() != nil {
			t.Fatal(err, result.Err())
		}
		return rows
	}
	return &scaledEngine{name: "DATABASE_URL", url: server.url, addr: addr,
		records: func() map[string]string {
			t.Helper()
			all := make(map[string]string)
			for _, table := range query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") {
				for i, row := range query(fmt.Sprintf("SELECT * FROM %s", table[0])) {
					all[fmt.Sprintf("%s %d", table[0], i)] = rowText(row)
				}
			}
			return all
		}}
}

// rowText returns the values of a row, bytes as they are.
func rowText(row []any) string {
	var text strings.Builder
	for _, value := range row {
		if b, ok := value.([]byte); ok {
			value = string(b)
		}
		fmt.Fprintln(&text, value)
	}
	return text.String()
}
