package app_test

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doorlatch/login/example/app"
)

func certificateOf(t *testing.T, s *httptest.Server) string {
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return fileWith(t, string(block))
}

func fileWith(t *testing.T, content string) string {
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestMistakes: what is wrong in the environment is named, and no secret is
// (R75).
func TestMistakes(t *testing.T) {
	github := vars{"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "CANARY-SECRET"}
	oidc := vars{"OIDC_ISSUER": "https://id.example.test", "OIDC_CLIENT_ID": "id", "OIDC_CLIENT_SECRET": "CANARY-SECRET"}
	for _, test := range []struct {
		name string
		base vars
		env  vars
		want []string
	}{
		{"address without a port", nil, vars{"ADDR": "localhost"}, []string{"ADDR: want a host and a port"}},
		{"any port", nil, vars{"ADDR": "localhost:0"}, []string{"ADDR: "}},
		{"port too large", nil, vars{"ADDR": ":65536"}, []string{"ADDR: "}},
		{"plain http", github, vars{"BASE_URL": "http://example.test"}, []string{"BASE_URL: want an https URL"}},
		{"no URL", github, vars{"BASE_URL": "example.test"}, []string{"BASE_URL: "}},
		{"user in URL", github, vars{"BASE_URL": "https://me:CANARY-PASSWORD@example.test"}, []string{"BASE_URL: "}},
		{"query in URL", github, vars{"BASE_URL": "https://example.test/?x"}, []string{"BASE_URL: "}},
		{"unparsable URL", github, vars{"BASE_URL": "https://[CANARY-HOST"}, []string{"BASE_URL: "}},
		{"no provider in public", nil, vars{"BASE_URL": "https://example.test"}, []string{"GITHUB_CLIENT_ID, FACEBOOK_CLIENT_ID or OIDC_ISSUER: one of them is needed"}},
		{"key not base64", nil, vars{"SESSION_KEYS": "CANARY-KEY!"}, []string{"SESSION_KEYS: key 1: want base64"}},
		{"key too short", nil, vars{"SESSION_KEYS": oneKey + ",Q0FOQVJZ"}, []string{"SESSION_KEYS: key 2: want at least 32 bytes in base64 (openssl rand -base64 32), have 6"}},
		{"empty key", nil, vars{"SESSION_KEYS": oneKey + ","}, []string{"SESSION_KEYS: key 2: want at least 32 bytes"}},
		{"no GitHub secret", nil, vars{"GITHUB_CLIENT_ID": "id"}, []string{"GITHUB_CLIENT_SECRET: want a value, because GITHUB_CLIENT_ID is set"}},
		{"no GitHub ID", nil, vars{"GITHUB_CLIENT_SECRET": "CANARY-SECRET"}, []string{"GITHUB_CLIENT_ID: "}},
		{"only a GitHub URL", nil, vars{"GITHUB_URL": "https://ghe.example.test"}, []string{"GITHUB_CLIENT_ID: ", "GITHUB_CLIENT_SECRET: "}},
		{"white space is nothing", nil, vars{"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": " \n"}, []string{"GITHUB_CLIENT_SECRET: "}},
		{"plain GitHub URL", github, vars{"GITHUB_URL": "http://ghe.example.test"}, []string{"GITHUB_URL: want an https URL"}},
		{"no Facebook secret", nil, vars{"FACEBOOK_CLIENT_ID": "id"}, []string{"FACEBOOK_CLIENT_SECRET: "}},
		{"plain Facebook URLs", nil, vars{
			"FACEBOOK_CLIENT_ID": "id", "FACEBOOK_CLIENT_SECRET": "CANARY-SECRET",
			"FACEBOOK_DIALOG_URL": "http://dialog.example.test", "FACEBOOK_GRAPH_URL": "ftp://graph.example.test",
		}, []string{"FACEBOOK_DIALOG_URL: ", "FACEBOOK_GRAPH_URL: "}},
		{"only a scope", nil, vars{"OIDC_SCOPES": "openid"}, []string{"OIDC_ISSUER: ", "OIDC_CLIENT_ID: ", "OIDC_CLIENT_SECRET: "}},
		{"plain issuer", oidc, vars{"OIDC_ISSUER": "http://id.example.test"}, []string{"OIDC_ISSUER: want an https URL"}},
		{"no CA file", oidc, vars{"OIDC_CA_FILE": "no/such/file.pem"}, []string{"OIDC_CA_FILE: open no/such/file.pem"}},
		{"CA file without certificate", oidc, vars{"OIDC_CA_FILE": fileWith(t, "CANARY-CONTENT")}, []string{"OIDC_CA_FILE: want certificates"}},
		{"all at once", nil, vars{
			"ADDR": "8080", "BASE_URL": "http://example.test", "SESSION_KEYS": "CANARY", "GITHUB_CLIENT_ID": "id",
			"FACEBOOK_CLIENT_SECRET": "CANARY-SECRET", "OIDC_ISSUER": "id.example.test", "OIDC_CA_FILE": "no/such/file.pem",
		}, []string{
			"ADDR: ", "BASE_URL: ", "SESSION_KEYS: ", "GITHUB_CLIENT_SECRET: ", "FACEBOOK_CLIENT_ID: ",
			"OIDC_ISSUER: ", "OIDC_CLIENT_ID: ", "OIDC_CLIENT_SECRET: ", "OIDC_CA_FILE: ",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := maps.Clone(test.base)
			if env == nil {
				env = vars{}
			}
			maps.Copy(env, test.env)
			_, err := app.FromEnv(env.get)
			if err == nil {
				t.Fatal("got no error")
			}
			if n := len(strings.Split(err.Error(), "\n")); n != len(test.want) {
				t.Errorf("got %d mistakes, want %d", n, len(test.want))
			}
			wantAll(t, err.Error(), test.want...)
			wantNone(t, err.Error(), "CANARY", oneKey)
		})
	}
}

// TestDefaults: nothing needs to be configured.
func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name      string
		env       vars
		addr, url string
		providers string
	}{
		{"nothing", nil, "127.0.0.1:8080", "http://localhost:8080", "[]"},
		{"another port", vars{"ADDR": "127.0.0.1:9000"}, "127.0.0.1:9000", "http://localhost:9000", "[]"},
		{"all interfaces", vars{"ADDR": ":9000"}, ":9000", "http://localhost:9000", "[]"},
		{"loopback", vars{"BASE_URL": "http://[::1]:8080"}, "127.0.0.1:8080", "http://[::1]:8080", "[]"},
		{"all providers", vars{
			"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "secret",
			"FACEBOOK_CLIENT_ID": "id", "FACEBOOK_CLIENT_SECRET": "secret",
			"OIDC_ISSUER": "https://id.example.test/", "OIDC_CLIENT_ID": "id", "OIDC_CLIENT_SECRET": "secret",
		}, "127.0.0.1:8080", "http://localhost:8080",
			"[GitHub https://github.com/login/oauth [read:user user:email] Facebook  [public_profile email] " +
				"id.example.test https://id.example.test/ [openid profile email]]"},
		{"chosen", vars{
			"GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "secret", "GITHUB_URL": "https://ghe.example.test",
			"OIDC_ISSUER": "https://id.example.test/", "OIDC_CLIENT_ID": "id", "OIDC_CLIENT_SECRET": "secret",
			"OIDC_LABEL": "Our company", "OIDC_SCOPES": "openid, email offline_access",
		}, "127.0.0.1:8080", "http://localhost:8080",
			"[GitHub https://ghe.example.test/login/oauth [read:user user:email] " +
				"Our company https://id.example.test/ [openid email offline_access]]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := app.FromEnv(test.env.get)
			if err != nil {
				t.Fatal(err)
			}
			if c.Addr != test.addr || c.URL != test.url || len(c.Key) != 0 {
				t.Errorf("got %q, %q and a key of %d bytes, want %q, %q and none", c.Addr, c.URL, len(c.Key), test.addr, test.url)
			}
			providers := []any{}
			for _, p := range c.Providers {
				providers = append(providers, p.Label, p.Issuer, p.Scopes)
			}
			if got := fmt.Sprint(providers); got != test.providers {
				t.Errorf("got  %s\nwant %s", got, test.providers)
			}
		})
	}
}

// TestKeys: both alphabets of base64 will do, with and without padding, and the
// first key is the one that seals.
func TestKeys(t *testing.T) {
	url, _ := strings.CutSuffix(strings.NewReplacer("+", "-", "/", "_").Replace("+/+/"+anotherKey), "=")
	c, err := app.FromEnv(vars{"SESSION_KEYS": oneKey + " ,\n" + url}.get)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Key) != "0123456789abcdefghijklmnopqrstuv" || len(c.OldKeys) != 1 || len(c.OldKeys[0]) != 35 {
		t.Errorf("got a key of %d bytes and %d old ones", len(c.Key), len(c.OldKeys))
	}
	if got := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(got, "0123456789") || strings.Contains(got, "48 49 50") {
		t.Errorf("printing shows the key: %s", got)
	}
}
