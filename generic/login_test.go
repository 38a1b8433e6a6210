package generic_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"github.com/doorlatch/login/logintest"
)

// site is an application that anybody may log in to with p. It shows who.
func site(t *testing.T, p login.Provider) *httptest.Server {
	t.Helper()
	var h http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	key := make([]byte, 32)
	rand.Read(key)
	auth, err := login.New(login.Config{
		URL: s.URL, Key: key, Providers: []login.Provider{p}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	h = auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := login.UserFrom(r.Context()); u != nil {
			fmt.Fprintf(w, "%s %s %s <%s>", u.Provider, u.ID, u.Name, u.Email)
		}
	}))
	return s
}

// visit follows the redirects of a whole login and returns the last page.
func visit(t *testing.T, url string) (int, string) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String()
}

var ada = login.User{ID: "9007199254740993", Username: "ada", Name: "Ada Lovelace", Email: "ada@example.com"}

// R1, R11, R12, C1 to C4: whole logins, OpenID Connect and OAuth 2.0.
func TestLogin(t *testing.T) {
	s := logintest.NewServer(ada)
	t.Cleanup(s.Close)
	for _, test := range []struct {
		p    login.Provider
		want string
	}{
		{s.Provider(), "oidc 9007199254740993 Ada Lovelace <ada@example.com>"},
		{s.OAuth2Provider(), "oauth2 9007199254740993 Ada Lovelace <>"},
	} {
		t.Run(test.p.Name, func(t *testing.T) {
			status, page := visit(t, site(t, test.p).URL+"/login/"+test.p.Name)
			if status != 200 || page != test.want {
				t.Errorf("got %d %q, want %q", status, page, test.want)
			}
		})
	}
}

// R90: the plainest server there is: no discovery, no PKCE, no token_type.
func TestLoginMinimal(t *testing.T) {
	s := logintest.NewServer(ada)
	t.Cleanup(s.Close)
	s.Set(func(s *logintest.Server) { s.Minimal = true })
	p := s.OAuth2Provider()
	status, page := visit(t, site(t, p).URL+"/login/oauth2")
	if want := "oauth2 9007199254740993 Ada Lovelace <>"; status != 200 || page != want {
		t.Errorf("got %d %q, want %q", status, page, want)
	}
}

// F4: an application starts while the provider is down; a login then fails with a
// page of ours.
func TestLoginWhileDown(t *testing.T) {
	s := logintest.NewServer(ada)
	t.Cleanup(s.Close)
	s.Set(func(s *logintest.Server) {
		s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	})
	url := site(t, s.Provider()).URL + "/login/oidc"
	if status, _ := visit(t, url); status != http.StatusBadGateway {
		t.Errorf("got %d while the provider is down, want 502", status)
	}
}

// D14, T9: the ID token of another login is no login here.
func TestLoginReplayedIDToken(t *testing.T) {
	s := logintest.NewServer(ada)
	t.Cleanup(s.Close)
	var mu sync.Mutex
	var first any
	p := s.Provider()
	identify := p.Identify
	p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = g.IDToken
		}
		g.IDToken = first.(string)
		return identify(ctx, g)
	}
	url := site(t, p).URL + "/login/oidc"
	if status, page := visit(t, url); status != 200 {
		t.Fatalf("got %d %q, want a login", status, page)
	}
	if status, page := visit(t, url); status != http.StatusBadGateway {
		t.Errorf("got %d %q with the ID token of an earlier login, want 502", status, page)
	}
}

// T55: logins of many people at once through one Provider, each as themselves.
func TestLoginsAtOnce(t *testing.T) {
	var users []login.User
	for i := range 20 {
		users = append(users, login.User{ID: fmt.Sprint("id-", i), Username: fmt.Sprint("user", i), Name: fmt.Sprint("U", i)})
	}
	s := logintest.NewServer(users...)
	t.Cleanup(s.Close)
	shared := s.Provider()
	var wg sync.WaitGroup
	for i := range users {
		p := shared
		p.Params = url.Values{"login_hint": {users[i].ID}}
		app := site(t, p)
		wg.Go(func() {
			_, page := visit(t, app.URL+"/login/oidc")
			if want := fmt.Sprintf("oidc id-%d U%d <>", i, i); page != want {
				t.Errorf("got %q, want %q", page, want)
			}
		})
	}
	wg.Wait()
}

// T63: New refuses what the constructors could only note.
func TestMistakes(t *testing.T) {
	oidc := generic.Config{Name: "x", ClientID: "c", ClientSecret: "hush-hush", Issuer: "https://id.example"}
	plain := generic.Config{
		Name: "x", ClientID: "c", ClientSecret: "hush-hush", AuthURL: "https://id.example/a", TokenURL: "https://id.example/t",
		UserURL: "https://id.example/u", Fields: generic.Fields{ID: "/id"},
	}
	type edit = func(*generic.Config)
	tests := []struct {
		name   string
		make   func(generic.Config) login.Provider
		config generic.Config
		edit   edit
		want   string
	}{
		{"OIDC: good", generic.OIDC, oidc, func(*generic.Config) {}, ""},
		{"OIDC: all options", generic.OIDC, oidc, func(c *generic.Config) {
			c.Algorithms, c.NoUserInfo, c.API = []string{"ES256"}, true, []string{"https://api.example"}
		}, ""},
		{"OIDC: no issuer", generic.OIDC, oidc, func(c *generic.Config) { c.Issuer = "" }, "Issuer"},
		{"OIDC: issuer without TLS", generic.OIDC, oidc, func(c *generic.Config) { c.Issuer = "http://id.example" }, "Issuer"},
		{"OIDC: no client", generic.OIDC, oidc, func(c *generic.Config) { c.ClientID = "" }, "ClientID"},
		{"OIDC: no secret", generic.OIDC, oidc, func(c *generic.Config) { c.ClientSecret = "" }, "ClientSecret"},
		{"OIDC: HS256", generic.OIDC, oidc, func(c *generic.Config) { c.Algorithms = []string{"HS256"} }, "Algorithms"},
		{"OIDC: none", generic.OIDC, oidc, func(c *generic.Config) { c.Algorithms = []string{"RS256", "none"} }, "Algorithms"},
		{"OIDC: AuthURL", generic.OIDC, oidc, func(c *generic.Config) { c.AuthURL = "https://id.example/a" }, "AuthURL"},
		{"OIDC: UserURL", generic.OIDC, oidc, func(c *generic.Config) { c.UserURL = "https://id.example/u" }, "UserURL"},
		{"OIDC: Fields", generic.OIDC, oidc, func(c *generic.Config) { c.Fields.Name = "/name" }, "Fields"},
		{"OIDC: UserHeader", generic.OIDC, oidc, func(c *generic.Config) { c.UserHeader = http.Header{} }, "UserHeader"},

		{"OAuth2: good", generic.OAuth2, plain, func(*generic.Config) {}, ""},
		{"OAuth2: public", generic.OAuth2, plain, func(c *generic.Config) { c.Public, c.ClientSecret = true, "" }, ""},
		{"OAuth2: no AuthURL", generic.OAuth2, plain, func(c *generic.Config) { c.AuthURL = "" }, "AuthURL"},
		{"OAuth2: TokenURL without TLS", generic.OAuth2, plain, func(c *generic.Config) { c.TokenURL = "http://id.example/t" }, "TokenURL"},
		{"OAuth2: no UserURL", generic.OAuth2, plain, func(c *generic.Config) { c.UserURL = "" }, "UserURL"},
		{"OAuth2: UserURL without TLS", generic.OAuth2, plain, func(c *generic.Config) { c.UserURL = "http://id.example/u" }, "UserURL"},
		{"OAuth2: relative UserURL", generic.OAuth2, plain, func(c *generic.Config) { c.UserURL = "/u" }, "UserURL"},
		{"OAuth2: no ID", generic.OAuth2, plain, func(c *generic.Config) { c.Fields.ID = "" }, "Fields.ID"},
		{"OAuth2: two IDs", generic.OAuth2, plain, func(c *generic.Config) { c.Fields.ID = "/id /login" }, "Fields.ID"},
		{"OAuth2: ID not a pointer", generic.OAuth2, plain, func(c *generic.Config) { c.Fields.ID = "id" }, "Fields.ID"},
		{"OAuth2: bad escape", generic.OAuth2, plain, func(c *generic.Config) { c.Fields.Name = "/a~2b" }, "Fields.Name"},
		{"OAuth2: bad second path", generic.OAuth2, plain, func(c *generic.Config) { c.Fields.Name = "/a b" }, "Fields.Name"},
		{"OAuth2: method", generic.OAuth2, plain, func(c *generic.Config) { c.UserMethod = "DELETE" }, "UserMethod"},
		{"OAuth2: Authorization", generic.OAuth2, plain, func(c *generic.Config) { c.UserHeader = http.Header{"Authorization": {"x"}} }, "UserHeader"},
		{"OAuth2: scheme of two words", generic.OAuth2, plain, func(c *generic.Config) { c.TokenScheme = "Token x" }, "TokenScheme"},
		{"OAuth2: scheme with line break", generic.OAuth2, plain, func(c *generic.Config) { c.TokenScheme = "Token\n" }, "TokenScheme"},
		{"OAuth2: Algorithms", generic.OAuth2, plain, func(c *generic.Config) { c.Algorithms = []string{"RS256"} }, "Algorithms"},
		{"OAuth2: NoUserInfo", generic.OAuth2, plain, func(c *generic.Config) { c.NoUserInfo = true }, "NoUserInfo"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.config
			test.edit(&c)
			_, err := login.New(login.Config{
				URL: "https://app.example", Key: []byte("0123456789abcdefghijklmnopqrstuv"), Providers: []login.Provider{test.make(c)},
			})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got error %v, want one about %s", err, test.want)
			case err != nil && strings.Contains(err.Error(), "hush-hush"):
				t.Errorf("the error %v holds the secret", err)
			}
		})
	}
}

// What is changed after the call changes nothing.
func TestConfigCopied(t *testing.T) {
	c := generic.Config{
		Issuer: "https://id.example", Scopes: []string{"openid"}, API: []string{"https://api.example"},
		Params: url.Values{"prompt": {"login"}},
	}
	p := generic.OIDC(c)
	c.Scopes[0], c.API[0] = "changed", "changed"
	c.Params["prompt"][0] = "changed"
	c.Params["more"] = []string{"changed"}
	if p.Scopes[0] != "openid" || p.API[0] != "https://api.example" || p.Params.Encode() != "prompt=login" {
		t.Errorf("got %q, %q, %q", p.Scopes, p.API, p.Params)
	}
}

// T44: no way of printing a Config shows the secret.
func TestConfigPrints(t *testing.T) {
	c := generic.Config{Name: "x", ClientID: "c", ClientSecret: "hush-hush", UserHeader: http.Header{"X-Key": {"hush-hush"}}}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb, c, &c)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "c", c)
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	b.WriteString(fmt.Sprint(errors.New(c.String())))
	for _, secret := range []string{"hush-hush", "68757368"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q holds the secret", &b)
		}
	}
	if !strings.Contains(b.String(), `generic.Config{Name: "x"`) {
		t.Errorf("got %s", &b)
	}
}
