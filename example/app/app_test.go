package app_test

import (
	jsonpkg "encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/example/app"
	"github.com/doorlatch/login/logintest"
	"github.com/gorilla/sessions"
)

var ada = login.User{
	ID: "7", Username: "ada", Name: "Ada Lovelace", Email: "ada@example.test", Picture: "https://pictures.example.test/ada.png",
}

// TestLogin goes to each provider and back by the links and forms of the pages,
// configured by the environment alone (R12, R74).
func TestLogin(t *testing.T) {
	gh, fb, op := logintest.NewGitHub(ada), logintest.NewFacebook(ada), logintest.NewServer(ada)
	defer gh.Close()
	defer fb.Close()
	defer op.Close()
	for _, test := range []struct {
		provider string
		env      vars
		requests func() []logintest.Request
		page     []string
		profile  string // the answer to programs, without expiry
		expires  bool
	}{
		{
			"github", fromGitHub(gh), gh.Requests, []string{"logged in with GitHub", "ada@example.test", ">verified<", "user:email", "no date given"},
			`{"provider":"github","id":"7","username":"ada","name":"Ada Lovelace","email":"ada@example.test","picture":"https://pictures.example.test/ada.png",` +
				`"token":{"type":"Bearer","expiry":null,"scopes":["read:user","user:email"]}}`, false,
		},
		{
			"facebook", fromFacebook(fb), fb.Requests, []string{"logged in with Facebook", "ada@example.test", "not verified by the provider", "<time "},
			`{"provider":"facebook","id":"7","username":"","name":"Ada Lovelace","email":"","picture":"https://pictures.example.test/ada.png",` +
				`"token":{"type":"Bearer","expiry":null,"scopes":["email","public_profile"]}}`, true,
		},
		{
			"oidc", fromServer(op), op.Requests, []string{"logged in with " + strings.TrimPrefix(op.URL, "http://"), ">verified<", "openid", "<time "},
			`{"provider":"oidc","id":"7","username":"ada","name":"Ada Lovelace","email":"ada@example.test","picture":"https://pictures.example.test/ada.png",` +
				`"token":{"type":"Bearer","expiry":null,"scopes":["openid","profile","email"]}}`, true,
		},
	} {
		t.Run(test.provider, func(t *testing.T) {
			s, b := newSite(t, test.env), newBrowser(t)
			_, home := b.get(s.URL+"/", html)
			wantAll(t, home, "<h1>You are not logged in</h1>")
			links := regexp.MustCompile(`href="(/login/[^"]+)"`).FindAllStringSubmatch(home, -1)
			if len(links) != 1 {
				t.Fatalf("got the links %v, want one, because one provider is configured", links)
			}

			resp, page := b.get(s.URL+links[0][1], html)
			if resp.Request.URL.Path != "/me" {
				t.Fatalf("the login ended at %s: %s", resp.Request.URL.Path, page)
			}
			wantAll(t, page, "<h1><bdi>Ada Lovelace</bdi></h1>")
			wantAll(t, page, test.page...)
			_, home = b.get(s.URL+"/", html)
			wantAll(t, home, "You are logged in as <bdi>Ada Lovelace</bdi>", `href="/me"`)

			_, answer := b.get(s.URL+"/me", json)
			checkProfile(t, answer, test.profile, test.expires)
			if n := wantNoTokens(t, test.requests(), page+home+answer); n == 0 {
				t.Error("no token was seen at the provider, so this test shows nothing")
			}

			form := regexp.MustCompile(`<form method="post" action="([^"]+)">`).FindStringSubmatch(page)
			if form == nil {
				t.Fatal("there is no form to log out with")
			}
			_, home = b.send(http.MethodPost, s.URL+form[1], html)
			wantAll(t, home, "<h1>You are not logged in</h1>")
			if resp, _ := b.get(s.URL+"/me", json); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("got %d after the logout, want 401", resp.StatusCode)
			}
		})
	}
}

// checkProfile compares the answer to programs byte for byte, except for the
// time when the token expires.
func checkProfile(t *testing.T, got, want string, expires bool) {
	t.Helper()
	var profile struct{ Token struct{ Expiry *time.Time } }
	if err := jsonpkg.Unmarshal([]byte(got), &profile); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	expiry := profile.Token.Expiry
	if expires != (expiry != nil) || expires && (time.Until(*expiry) < 30*time.Minute || time.Until(*expiry) > 90*time.Minute) {
		t.Errorf("got the expiry %v", expiry)
	}
	got = regexp.MustCompile(`"expiry":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`).ReplaceAllString(got, `"expiry":null`)
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// wantNoTokens checks that no token that the provider has seen is in text. It
// returns the number of those tokens.
func wantNoTokens(t *testing.T, requests []logintest.Request, text string) (n int) {
	t.Helper()
	for _, r := range requests {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), "Bearer "); ok {
			wantNone(t, text, token)
			n++
		}
	}
	return n
}

// TestAnonymous: browsers are sent to the login and programs are told (decision
// 11), as are those who do not say what they are.
func TestAnonymous(t *testing.T) {
	gh := logintest.NewGitHub()
	defer gh.Close()
	s, b := newSite(t, fromGitHub(gh)), newBrowser(t).still()
	for _, test := range []struct {
		accept string
		want   int
	}{{html, http.StatusSeeOther}, {json, http.StatusUnauthorized}, {"*/*", http.StatusUnauthorized}, {"", http.StatusUnauthorized}} {
		resp, body := b.get(s.URL+"/me", test.accept)
		if resp.StatusCode != test.want {
			t.Errorf("Accept %q: got %d, want %d: %s", test.accept, resp.StatusCode, test.want, body)
		}
		if want := "/login?next=%2Fme"; test.want == http.StatusSeeOther && resp.Header.Get("Location") != want {
			t.Errorf("Accept %q: got a redirect to %q, want %q", test.accept, resp.Header.Get("Location"), want)
		}
	}
	for path, want := range map[string]int{"/nothing": 404, "/me/": 404, "/healthz": 200, "/login/facebook": 404} {
		if resp, _ := b.get(s.URL+path, html); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
	if resp, _ := b.send(http.MethodPost, s.URL+"/me", html); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /me: got %d, want 405", resp.StatusCode)
	}
}

// TestAccept: who prefers HTML, and says so, gets the page; all others JSON.
func TestAccept(t *testing.T) {
	op := logintest.NewServer(ada)
	defer op.Close()
	s, b := newSite(t, fromServer(op)), newBrowser(t)
	b.login(s, "oidc")
	const page, data = "text/html; charset=utf-8", "application/json; charset=utf-8"
	for _, test := range []struct{ accept, want string }{
		{"text/html", page},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", page},
		{"text/*", page},
		{"text/html, application/json", page},
		{"application/json;q=0.5, text/html", page},
		{"TEXT/HTML", page},
		{"*/*, text/html", page},
		{"application/json", data},
		{"application/json, text/html", data},
		{"application/json, text/plain, */*", data},
		{"text/html;q=0.5, application/json", data},
		{"text/html;q=0, */*", data},
		{"text/html;q=0", data},
		{"text/html;q=0.4, */*;q=0.5", data},
		{"*/*", data},
		{"", data},
		{";;;, =", data},
	} {
		resp, _ := b.get(s.URL+"/me", test.accept)
		if got := resp.Header.Get("Content-Type"); got != test.want {
			t.Errorf("Accept %q: got %q, want %q", test.accept, got, test.want)
		}
		if resp.Header.Get("Cache-Control") != "no-store" || !slices.Contains(resp.Header.Values("Vary"), "Accept") {
			t.Errorf("Accept %q: got the header %v", test.accept, resp.Header)
		}
	}
}

// TestProviderDown: who is logged in stays so, and is told what is missing.
func TestProviderDown(t *testing.T) {
	op := logintest.NewServer(ada)
	defer op.Close()
	op.Set(func(s *logintest.Server) { s.TokenLifetime = time.Second })
	s, b := newSite(t, fromServer(op)), newBrowser(t)
	b.login(s, "oidc")
	op.Close()

	if resp, body := b.get(s.URL+"/healthz", ""); resp.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: got %d %q, want 200", resp.StatusCode, body)
	}
	_, home := b.get(s.URL+"/", html)
	wantAll(t, home, "You are logged in as <bdi>Ada Lovelace</bdi>")
	answer := waitForNoToken(t, b, s)
	want := `{"provider":"oidc","id":"7","username":"ada","name":"Ada Lovelace","email":"ada@example.test","picture":"https://pictures.example.test/ada.png","token":null}`
	if strings.TrimSpace(answer) != want {
		t.Errorf("got %s, want %s", answer, want)
	}
	resp, page := b.get(s.URL+"/me", html)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d, want 200", resp.StatusCode)
	}
	wantAll(t, page, "Ada Lovelace", "ada@example.test", `<p class="notice">`)
	wantNone(t, page, "<p class=\"notice\"></p>", op.URL)

	s = newSite(t, fromServer(op)) // starts all the same
	if resp, _ = newBrowser(t).get(s.URL+"/login/oidc", html); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("a new login: got %d, want 502", resp.StatusCode)
	}
}

// waitForNoToken asks until the token, which lives for a second, has expired.
func waitForNoToken(t *testing.T, b *browser, s *site) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(50 * time.Millisecond); ; {
		resp, answer := b.get(s.URL+"/me", json)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d, want 200: %s", resp.StatusCode, answer)
		}
		if strings.Contains(answer, `"token":null`) {
			return answer
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("the token does not expire")
		}
	}
}

// TestNoToken: a login without a token is one, too.
func TestNoToken(t *testing.T) {
	op := logintest.NewServer(ada)
	defer op.Close()
	s, b := newSite(t, fromServer(op), func(c *app.Config) {
		c.OnLogin = func(_ *http.Request, _ *login.User, g *login.Grant) error {
			g.Token = nil
			return nil
		}
	}), newBrowser(t)
	b.login(s, "oidc")
	_, page := b.get(s.URL+"/me", html)
	wantAll(t, page, "This login has no token that can be used: none was kept at login.")
	_, answer := b.get(s.URL+"/me", json)
	wantAll(t, answer, `"token":null`)
}

// TestDenied: pressing Cancel at the provider is no failure (R60).
func TestDenied(t *testing.T) {
	gh := logintest.NewGitHub()
	defer gh.Close()
	gh.Set(func(s *logintest.GitHub) { s.Deny = true })
	s, b := newSite(t, fromGitHub(gh)), newBrowser(t)
	resp, body := b.get(s.URL+"/login/github", html)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %d, want 403", resp.StatusCode)
	}
	wantAll(t, body, "Login cancelled", "Try again")
}

// TestRotation: SESSION_KEYS changes without logging anybody out, until the old
// key is taken off the list (H7).
func TestRotation(t *testing.T) {
	op := logintest.NewServer(ada)
	defer op.Close()
	s, b := newSite(t, fromServer(op)), newBrowser(t)
	b.login(s, "oidc")
	for _, test := range []struct {
		keys string
		want int
	}{{anotherKey + ", " + oneKey, 200}, {anotherKey, 401}, {oneKey, 200}} {
		env := fromServer(op)
		env["SESSION_KEYS"] = test.keys
		s.use(env)
		if resp, _ := b.get(s.URL+"/me", json); resp.StatusCode != test.want {
			t.Errorf("got %d, want %d", resp.StatusCode, test.want)
		}
	}
}

// TestStore starts the same application with another session store.
func TestStore(t *testing.T) {
	op := logintest.NewServer(ada)
	defer op.Close()
	dir := t.TempDir()
	s, b := newSite(t, fromServer(op), func(c *app.Config) {
		store := sessions.NewFilesystemStore(dir, []byte("another key, of the store itself"))
		store.MaxLength(1 << 17)
		c.Store = store
	}), newBrowser(t)
	b.login(s, "oidc")
	_, answer := b.get(s.URL+"/me", json)
	wantAll(t, answer, `"name":"Ada Lovelace"`, `"type":"Bearer"`)
	b.send(http.MethodPost, s.URL+"/logout", html)
	if resp, _ := b.get(s.URL+"/me", json); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d after the logout, want 401", resp.StatusCode)
	}
}

// TestBaseURL: with a proxy in front that ends TLS, and with the login below a
// path, everything that browsers see follows from BASE_URL (R13).
func TestBaseURL(t *testing.T) {
	gh := logintest.NewGitHub()
	defer gh.Close()
	env := fromGitHub(gh)
	env["BASE_URL"] = "https://app.example.test/auth"
	s, b := newSite(t, env), newBrowser(t).still()
	_, home := b.get(s.URL+"/", html)
	wantAll(t, home, `href="/auth/login/github?next=/me"`)
	resp, _ := b.get(s.URL+"/auth/login/github?next=/me", html)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("got %d and %v, want a redirect", resp.StatusCode, err)
	}
	if got, want := to.Query().Get("redirect_uri"), "https://app.example.test/auth/callback/github"; got != want {
		t.Errorf("got the redirect URL %q, want %q", got, want)
	}
	for _, c := range resp.Cookies() {
		if !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("got the cookie %s, Secure %v; want __Host- and Secure", c.Name, c.Secure)
		}
	}
}

// TestCAFile logs in at a provider whose certificate only OIDC_CA_FILE vouches
// for.
func TestCAFile(t *testing.T) {
	op := &logintest.Server{ClientID: "client", ClientSecret: "secret", Users: []login.User{ada}}
	ts := httptest.NewUnstartedServer(op)
	ts.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that must fail
	ts.StartTLS()
	defer ts.Close()
	op.Set(func(s *logintest.Server) { s.URL = ts.URL })
	for _, test := range []struct {
		name string
		vars vars
		want int
	}{
		{"unknown to the system", vars{}, http.StatusBadGateway},
		{"trusted", vars{"OIDC_CA_FILE": certificateOf(t, ts)}, http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := fromServer(op)
			maps.Copy(env, test.vars)
			s, b := newSite(t, env), newBrowser(t)
			b.Transport = ts.Client().Transport
			resp, body := b.get(s.URL+"/login/oidc?next=/me", html)
			if resp.StatusCode != test.want {
				t.Errorf("got %d, want %d: %s", resp.StatusCode, test.want, body)
			}
		})
	}
}
