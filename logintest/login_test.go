package logintest_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/github"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
)

// An app is an application with the middleware in front, and somebody's browser.
type app struct {
	*httptest.Server
	browser *http.Client
	grant   login.Grant // of the last login
}

func newApp(t *testing.T, p login.Provider) *app {
	t.Helper()
	a := &app{Server: httptest.NewUnstartedServer(nil)}
	auth, err := login.New(login.Config{
		URL:       "http://" + a.Listener.Addr().String(),
		Key:       []byte("a key for tests, of 32 bytes at least"),
		Providers: []login.Provider{p},
		Logger:    slog.New(slog.DiscardHandler),
		OnLogin:   func(_ *http.Request, _ *login.User, g *login.Grant) error { a.grant = *g; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Config.Handler = auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(login.UserFrom(r.Context()))
	}))
	a.Start()
	t.Cleanup(a.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a.browser = &http.Client{Jar: jar}
	return a
}

func (a *app) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	resp, err := a.browser.Get(a.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (a *app) login(t *testing.T) login.User {
	t.Helper()
	status, body := a.get(t, "/login?next=/")
	var u login.User
	if status != http.StatusOK || json.Unmarshal([]byte(body), &u) != nil {
		t.Fatalf("login: got status %d and %q", status, body)
	}
	return u
}

func wantUser(t *testing.T, got, want login.User) {
	t.Helper()
	if got.Provider != want.Provider || got.ID != want.ID || got.Username != want.Username || got.Name != want.Name ||
		got.Email != want.Email || got.UnverifiedEmail != want.UnverifiedEmail || got.Picture != want.Picture {
		t.Errorf("got the user %+v, want %+v", got, want)
	}
}

// R90, R91: whole logins through the middleware, with each of the providers. A
// strict server finds nothing wrong with them.
func TestLogins(t *testing.T) {
	server, minimal := newServer(t), newServer(t)
	minimal.Minimal = true
	gh, fb := newGitHub(t), newFacebook(t)
	fb.RequireProof = true
	ada := login.User{ID: "90000001", Username: "ada-example", Name: "Ada Example"}
	user := func(provider, url, email, unverified string) login.User {
		u := ada
		u.Provider, u.Picture, u.Email, u.UnverifiedEmail = provider, url+"/avatar/90000001.svg", email, unverified
		return u
	}
	facebookUser := user("facebook", fb.URL, "", "ada@example.test")
	facebookUser.Username = ""
	for _, test := range []struct {
		name     string
		server   interface{ Problems() []string }
		provider login.Provider
		want     login.User
	}{
		{"OpenID Connect", server, server.Provider(), user("oidc", server.URL, "ada@example.test", "")},
		{"OAuth 2.0", server, server.OAuth2Provider(), user("oauth2", server.URL, "", "ada@example.test")},
		{"minimal", minimal, minimal.OAuth2Provider(), user("oauth2", minimal.URL, "", "ada@example.test")},
		{"GitHub", gh, gh.Provider(), user("github", gh.URL, "ada@example.test", "")},
		{"Facebook", fb, fb.Provider(), facebookUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantUser(t, newApp(t, test.provider).login(t), test.want)
			wantProblems(t, test.server, 0)
		})
	}
}

// R60: somebody presses Cancel.
func TestLoginDenied(t *testing.T) {
	server, gh, fb := newServer(t), newGitHub(t), newFacebook(t)
	server.Deny, gh.Deny, fb.Deny = true, true, true
	for _, p := range []login.Provider{server.Provider(), gh.Provider(), fb.Provider()} {
		a := newApp(t, p)
		if status, _ := a.get(t, "/login"); status != http.StatusForbidden {
			t.Errorf("%s: got status %d, want 403", p.Name, status)
		}
	}
}

// R91: a page, a person, a form.
func TestLoginInteractive(t *testing.T) {
	s := newServer(t)
	s.Interactive = true
	a := newApp(t, s.Provider())
	_, page := a.get(t, "/login?next=/")
	f := readForm(t, page)
	resp, err := a.browser.PostForm(s.URL+f.action, with(f.values, "user", "90000003", "decision", "allow"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var u login.User
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil || u.Name != "Alan Specimen" {
		t.Errorf("got the user %+v, %v, want the one chosen", u, err)
	}
}

// R21, R90: x/oauth2 renews the tokens, and each refresh token works once.
func TestLoginRenewal(t *testing.T) {
	gh, server, minimal := newGitHub(t), newServer(t), newServer(t)
	gh.TokenLifetime, minimal.Minimal = time.Hour, true
	for _, p := range []login.Provider{gh.Provider(), server.Provider(), minimal.OAuth2Provider()} {
		a := newApp(t, p)
		a.login(t)
		c := oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: a.grant.Metadata.Endpoint}
		renew := func(refresh string) (*oauth2.Token, error) {
			return c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refresh}).Token()
		}
		first := a.grant.Token
		second, err := renew(first.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken {
			t.Errorf("%s: got the same tokens again", p.Name)
		}
		if _, err := renew(second.RefreshToken); err != nil {
			t.Error(err)
		}
		if _, err := renew(first.RefreshToken); err == nil {
			t.Errorf("%s: the first refresh token works twice", p.Name)
		}
	}
}

func TestLoginOrganizations(t *testing.T) {
	gh := newGitHub(t)
	p := github.Config{
		ClientID: gh.ClientID, ClientSecret: gh.ClientSecret, URL: gh.URL, Organizations: []string{"none", "example-org"},
	}.Provider()
	for state, want := range map[string]int{"active": http.StatusOK, "pending": http.StatusForbidden, "sso": http.StatusForbidden} {
		gh.Set(func(gh *logintest.GitHub) {
			gh.Users = []login.User{{Username: "ada", Extra: map[string]string{"orgs": "example-org:" + state}}}
		})
		if status, body := newApp(t, p).get(t, "/login?next=/"); status != want {
			t.Errorf("%s: got status %d and %q, want %d", state, status, body, want)
		}
	}
	gh.Set(func(gh *logintest.GitHub) {
		gh.Users = []login.User{{Username: "ada", Extra: map[string]string{"orgs": "example-org", "declined": "read:org"}}}
	})
	if status, _ := newApp(t, p).get(t, "/login?next=/"); status != http.StatusForbidden {
		t.Errorf("scope declined: got status %d, want 403", status)
	}
}

// R53, R56.
func TestLoginFacebookOptions(t *testing.T) {
	fb := newFacebook(t, login.User{Name: "Grace", Extra: map[string]string{"declined": "email"}})
	c := facebook.Config{ClientID: fb.ClientID, ClientSecret: fb.ClientSecret, DialogURL: fb.URL, GraphURL: fb.URL, LongLived: true}
	a := newApp(t, c.Provider())
	if u := a.login(t); u.UnverifiedEmail != "" || !slices.Equal(a.grant.Declined, []string{"email"}) {
		t.Errorf("got %+v with %v declined, want no address", u, a.grant.Declined)
	}
	if left := time.Until(a.grant.Token.Expiry); left < 59*24*time.Hour {
		t.Errorf("the token lasts %v, want 60 days", left)
	}
	wantProblems(t, fb, 0)
}

// Revocation as each provider has it.
func TestLoginRevoke(t *testing.T) {
	gh, fb := newGitHub(t), newFacebook(t)
	for _, test := range []struct {
		provider login.Provider
		probe    string
	}{{gh.Provider(), gh.URL + "/api/v3/user"}, {fb.Provider(), fb.URL + "/v25.0/me"}} {
		a := newApp(t, test.provider)
		a.login(t)
		auth := []string{"Authorization", "Bearer " + a.grant.Token.AccessToken}
		wantStatus(t, get(t, test.probe, auth...), http.StatusOK)
		if err := a.grant.Provider.Revoke(t.Context(), &a.grant); err != nil {
			t.Fatal(err)
		}
		if status := get(t, test.probe, auth...).status; status == http.StatusOK {
			t.Errorf("%s: the token still works", test.provider.Name)
		}
	}
}

var _ http.Handler = (*logintest.Server)(nil)
var _ http.Handler = (*logintest.GitHub)(nil)
var _ http.Handler = (*logintest.Facebook)(nil)
