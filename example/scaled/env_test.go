package main

import (
	"maps"
	"strings"
	"testing"
	"time"
)

const oneKey = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="

// vars are environment variables.
type vars map[string]string

func (v vars) get(name string) string { return v[name] }

// with returns what is enough for a replica, changed by more.
func with(more vars) vars {
	v := vars{
		"REDIS_URL": "redis://:CANARY-PASSWORD@127.0.0.1:1", "SESSION_KEYS": oneKey, "BASE_URL": "http://localhost:8080",
		"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "CANARY-SECRET",
	}
	maps.Copy(v, more)
	return v
}

const database = "postgres://me:CANARY-PASSWORD@127.0.0.1:1/database"

// Every mistake of the environment is named, all of them at once, and no secret.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name string
		env  vars
		want []string
	}{
		{"no engine", with(vars{"REDIS_URL": ""}), []string{"REDIS_URL or DATABASE_URL: want one of them"}},
		{"white space is nothing", with(vars{"REDIS_URL": " \n"}), []string{"REDIS_URL or DATABASE_URL: "}},
		{"both engines", with(vars{"DATABASE_URL": database}), []string{"REDIS_URL and DATABASE_URL: want one of them, have both"}},
		{"Redis without a scheme", with(vars{"REDIS_URL": "CANARY-PASSWORD@127.0.0.1:6379"}), []string{"REDIS_URL: want a URL such as redis:"}},
		{"another scheme", with(vars{"REDIS_URL": "http://:CANARY-PASSWORD@127.0.0.1:6379"}), []string{"REDIS_URL: want a URL"}},
		{"no Redis URL at all", with(vars{"REDIS_URL": "redis://:CANARY-PASSWORD@[::1"}), []string{"REDIS_URL: want a URL"}},
		{"no number of a database", with(vars{"REDIS_URL": "redis://:CANARY-PASSWORD@127.0.0.1:6379/CANARY"}), []string{"REDIS_URL: want a URL"}},
		{"unknown parameter", with(vars{"REDIS_URL": "redis://127.0.0.1?CANARY=CANARY"}), []string{"REDIS_URL: want a URL"}},
		{"PostgreSQL without a URL", with(vars{"REDIS_URL": "", "DATABASE_URL": "host=127.0.0.1 password=CANARY-PASSWORD"}),
			[]string{"DATABASE_URL: want a URL such as postgres:"}},
		{"a URL of Redis for PostgreSQL", with(vars{"REDIS_URL": "", "DATABASE_URL": "redis://:CANARY-PASSWORD@127.0.0.1"}), []string{"DATABASE_URL: "}},
		{"no PostgreSQL URL at all", with(vars{"REDIS_URL": "", "DATABASE_URL": "postgres://me:CANARY-PASSWORD@[::1"}), []string{"DATABASE_URL: "}},
		{"no port", with(vars{"REDIS_URL": "", "DATABASE_URL": "postgres://me:CANARY-PASSWORD@127.0.0.1:CANARY/x"}), []string{"DATABASE_URL: "}},
		{"sessions elsewhere", with(vars{"SESSIONS": "memory"}), []string{`SESSIONS: want cookies or store, have "memory"`}},
		{"no keys", with(vars{"SESSION_KEYS": ""}), []string{"SESSION_KEYS: want the same keys on all replicas"}},
		{"no address", with(vars{"BASE_URL": ""}), []string{"BASE_URL: want the address of the proxy"}},
		{"no provider", with(vars{"GITHUB_CLIENT_ID": "", "GITHUB_CLIENT_SECRET": ""}),
			[]string{"GITHUB_CLIENT_ID, FACEBOOK_CLIENT_ID or OIDC_ISSUER: one of them is needed"}},
		{"no provider in public", with(vars{"BASE_URL": "https://example.test", "GITHUB_CLIENT_ID": "", "GITHUB_CLIENT_SECRET": ""}),
			[]string{"GITHUB_CLIENT_ID, FACEBOOK_CLIENT_ID or OIDC_ISSUER: one of them is needed"}},
		{"all at once", vars{
			"REDIS_URL": "CANARY", "DATABASE_URL": "CANARY", "SESSIONS": "yes", "ADDR": "8080", "GITHUB_CLIENT_ID": "id",
		}, []string{
			"ADDR: ", "GITHUB_CLIENT_SECRET: ", "REDIS_URL and DATABASE_URL: ", "REDIS_URL: ", "DATABASE_URL: ", "SESSIONS: ",
			"SESSION_KEYS: ", "BASE_URL: ",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromEnv(test.env.get)
			if err == nil {
				t.Fatal("got no error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("got %d mistakes, want %d: %v", len(lines), len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// What is right is taken as it is: which engine, where sessions are, and the times that
// the URL names, in place of ours.
func TestSettings(t *testing.T) {
	for _, test := range []struct {
		name    string
		env     vars
		redis   bool
		inStore bool
		read    time.Duration
	}{
		{"Redis", with(nil), true, false, patience},
		{"Redis, said", with(vars{"SESSIONS": "cookies"}), true, false, patience},
		{"sessions in Redis", with(vars{"SESSIONS": " store\n"}), true, true, patience},
		{"other times", with(vars{"REDIS_URL": "rediss://127.0.0.1?read_timeout=7s"}), true, false, 7 * time.Second},
		{"PostgreSQL", with(vars{"REDIS_URL": "", "DATABASE_URL": database}), false, false, 0},
		{"sessions in PostgreSQL", with(vars{"REDIS_URL": "", "DATABASE_URL": "postgresql" + strings.TrimPrefix(database, "postgres"), "SESSIONS": "store"}), false, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := fromEnv(test.env.get)
			if err != nil {
				t.Fatal(err)
			}
			if (r.redis != nil) != test.redis || (r.postgres == nil) != test.redis || r.inStore != test.inStore {
				t.Errorf("got Redis %v, PostgreSQL %v, a store %v", r.redis != nil, r.postgres != nil, r.inStore)
			}
			if test.redis && r.redis.ReadTimeout != test.read {
				t.Errorf("got %v for an answer, want %v", r.redis.ReadTimeout, test.read)
			}
			if len(r.Providers) != 1 || len(r.Key) != 32 || r.URL != "http://localhost:8080" {
				t.Errorf("got %d providers, a key of %d bytes and the URL %q", len(r.Providers), len(r.Key), r.URL)
			}
		})
	}
}
