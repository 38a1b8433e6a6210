package interop_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"github.com/gorilla/sessions"
)

// An endingSite is an application in this process whose users, when they sign out,
// do so at their provider too. All its pages say who is logged in.
type endingSite struct {
	url string

	mu    sync.Mutex
	grant login.Grant // of the last login
}

// newEndingSite serves one with sessions in cookies, or in files. start starts the
// provider for it and returns its issuer.
func newEndingSite(t *testing.T, files bool, start func(url string) string) *endingSite {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &endingSite{url: "http://localhost:" + port}
	c := login.Config{
		URL: s.url, Key: make([]byte, 32), EndSession: true, RevokeTokens: true,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Providers: []login.Provider{generic.OIDC(generic.Config{
			Name: "oidc", Label: "Example ID", Issuer: start(s.url),
			ClientID: clientID, ClientSecret: clientSecret, Scopes: allScopes(),
		})},
		OnLogin: func(_ *http.Request, _ *login.User, g *login.Grant) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.grant = *g
			return nil
		},
	}
	rand.Read(c.Key)
	if files {
		store := sessions.NewFilesystemStore(t.TempDir(), c.Key)
		store.MaxLength(0)
		c.Store = store
	}
	auth, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	app.Config.Handler = auth.Wrap(http.HandlerFunc(greet))
	app.Start()
	t.Cleanup(app.Close)
	return s
}

// granted returns what the provider gave for the last login.
func (s *endingSite) granted() login.Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grant
}

// checkEndSession looks at the last request to end the session at the provider, and
// returns its URL.
func (s *endingSite) checkEndSession(b *tab) *url.URL {
	b.t.Helper()
	g := s.granted()
	u, err := url.Parse(b.lastVisit(g.Metadata.EndSessionURL + "?"))
	if err != nil {
		b.t.Fatal(err)
	}
	q := u.Query()
	if q.Get("id_token_hint") != g.IDToken || g.IDToken == "" {
		b.t.Errorf("got the id_token_hint %q, want the ID token of the login, %q", q.Get("id_token_hint"), g.IDToken)
	}
	if q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != s.url+"/logout" || q.Get("state") == "" {
		b.t.Errorf("got the parameters %v, want the client's ID, the URL of /logout, and a state", q)
	}
	return u
}

// checkRevoked fails the test unless nothing of the last login is worth anything at
// the provider.
func (s *endingSite) checkRevoked(t *testing.T) {
	t.Helper()
	g := s.granted()
	checkRefused(t, g.Metadata.Endpoint.TokenURL, g.Token.RefreshToken)
	r, err := http.NewRequestWithContext(bounded(t), http.MethodGet, g.Metadata.UserInfoURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.Token.AccessToken)
	resp, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 4 {
		t.Errorf("got status %d for the access token, want that it is refused", resp.StatusCode)
	}
}

// read returns a page as somebody gets it who has those cookies.
func (s *endingSite) read(t *testing.T, path string, cookies []*network.Cookie) string {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// picture takes a picture of a page that is not ours.
func (b *tab) picture(name string) {
	b.t.Helper()
	b.look(screens[0])
	picture := run(b, "screenshot", chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join("screenshots", name+".png"), picture, 0o644); err != nil {
		b.t.Error(err)
	}
}

// startEnding starts npm's oidc-provider, which asks people whether they want to
// sign out there, for an application at url.
func startEnding(t *testing.T) func(url string) string {
	return func(url string) string { return startProvider(t, url, "LOGOUT_URIS="+url+"/logout").issuer }
}
