package app_test

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/doorlatch/login/example/app"
	"github.com/doorlatch/login/logintest"
)

var (
	oneKey     = base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv"))
	anotherKey = base64.StdEncoding.EncodeToString([]byte("vutsrqponmlkjihgfedcba9876543210"))
)

// vars is an environment.
type vars map[string]string

func (v vars) get(name string) string { return v[name] }

func fromGitHub(s *logintest.GitHub) vars {
	return vars{"GITHUB_CLIENT_ID": s.ClientID, "GITHUB_CLIENT_SECRET": s.ClientSecret, "GITHUB_URL": s.URL}
}

func fromFacebook(s *logintest.Facebook) vars {
	return vars{"FACEBOOK_CLIENT_ID": s.ClientID, "FACEBOOK_CLIENT_SECRET": s.ClientSecret,
		"FACEBOOK_DIALOG_URL": s.URL, "FACEBOOK_GRAPH_URL": s.URL}
}

func fromServer(s *logintest.Server) vars {
	return vars{"OIDC_ISSUER": s.URL, "OIDC_CLIENT_ID": s.ClientID, "OIDC_CLIENT_SECRET": s.ClientSecret}
}

// site is the application at an address.
type site struct {
	*httptest.Server
	t *testing.T
}

// newSite starts the application as env says, with the changes made by adapt.
func newSite(t *testing.T, env vars, adapt ...func(*app.Config)) *site {
	s := &site{httptest.NewUnstartedServer(nil), t}
	s.use(env, adapt...)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// use replaces the application, as a restart does.
func (s *site) use(env vars, adapt ...func(*app.Config)) {
	s.t.Helper()
	for name, value := range map[string]string{"BASE_URL": "http://" + s.Listener.Addr().String(), "SESSION_KEYS": oneKey} {
		if _, ok := env[name]; !ok {
			env[name] = value
		}
	}
	c, err := app.FromEnv(env.get)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Logger = slog.New(slog.DiscardHandler)
	for _, change := range adapt {
		change(&c)
	}
	h, err := app.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Config.Handler = h
}

// browser keeps cookies and follows redirects.
type browser struct {
	*http.Client
	t *testing.T
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{&http.Client{Jar: jar}, t}
}

const html, json = "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"

func (b *browser) get(url, accept string) (*http.Response, string) {
	b.t.Helper()
	return b.send(http.MethodGet, url, accept)
}

func (b *browser) send(method, url, accept string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

// still does not follow redirects.
func (b *browser) still() *browser {
	c := *b.Client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{&c, b.t}
}

// login ends at the profile page.
func (b *browser) login(s *site, provider string) {
	b.t.Helper()
	resp, body := b.get(s.URL+"/login/"+provider+"?next=/me", html)
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/me" {
		b.t.Fatalf("got %d at %s, want the profile: %s", resp.StatusCode, resp.Request.URL.Path, body)
	}
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in:\n%s", part, text)
		}
	}
}

func wantNone(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if part == "" || strings.Contains(text, part) {
			t.Errorf("do not want %q in:\n%s", part, text)
		}
	}
}
