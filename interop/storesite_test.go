package interop_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// A storeSite is an application in this process whose sessions are in an engine. /me
// and /token, which shows the access token, are for users.
type storeSite struct {
	t        *testing.T
	url      string
	config   login.Config
	provider *logintest.Server

	mu     sync.Mutex
	grants []login.Grant // of all logins
}

// storeUsers are told apart by everything that a record might show.
var storeUsers = []login.User{
	{ID: "ada-subject-5521", Username: "ada-username", Name: "Ada Canary Example", Email: "ada-canary@example.test", Picture: "https://pictures.example.test/ada-canary"},
	{ID: "grace-subject-7734", Username: "grace-username", Name: "Grace Canary Sample", Email: "grace-canary@example.test", Picture: "https://pictures.example.test/grace-canary"},
}

func newStoreSite(t *testing.T, e *engine) *storeSite {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &storeSite{t: t, url: "http://localhost:" + port, provider: logintest.NewServer(storeUsers...)}
	t.Cleanup(s.provider.Close)
	s.config = login.Config{
		URL: s.url, Key: randomKey(), Providers: []login.Provider{s.provider.Provider()}, Store: e.store,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		OnLogin: func(_ *http.Request, _ *login.User, g *login.Grant) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.grants = append(s.grants, *g)
			return nil
		},
	}
	app.Config.Handler = s.replica()
	app.Start()
	t.Cleanup(app.Close)
	return s
}

// replica returns the application as another process would have it, which knows of
// the sessions what the engine holds.
func (s *storeSite) replica() http.Handler {
	s.t.Helper()
	auth, err := login.New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", greet)
	mux.Handle("/me", auth.Require(http.HandlerFunc(greet)))
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		token, err := auth.Token(w, r)
		switch {
		case errors.Is(err, login.ErrLoginRequired):
			w.WriteHeader(http.StatusUnauthorized)
		case err != nil:
			w.WriteHeader(http.StatusBadGateway)
		default:
			io.WriteString(w, token.AccessToken+" "+token.RefreshToken)
		}
	})
	return auth.Wrap(mux)
}

// logIn returns who has just logged in as that user, with the cookies of before.
func (s *storeSite) logIn(as login.User, before *webClient) *webClient {
	s.t.Helper()
	s.provider.Set(func(p *logintest.Server) { p.LoginAs = as.ID })
	c := before
	if c == nil {
		c = newWebClient(s.t, s.url)
	}
	if a := c.navigate("/login/" + s.config.Providers[0].Name + "?next=/me"); a.status != http.StatusOK || !strings.Contains(a.body, as.Name) {
		s.t.Fatalf("got status %d, %s, want to be logged in as %s", a.status, a.body, as.Name)
	}
	return c
}

// secrets are what no record may show.
func (s *storeSite) secrets(more ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(more)
	for _, g := range s.grants {
		all = append(all, g.Token.AccessToken, g.Token.RefreshToken, g.IDToken)
	}
	for _, u := range storeUsers {
		all = append(all, u.ID, u.Username, u.Name, u.Email, u.Picture)
	}
	return all
}

// awaitEnd waits until a token has ended that lasts so long and that came just now.
func (s *storeSite) awaitEnd(lifetime time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(lifetime):
	case <-bounded(s.t).Done():
		s.t.Fatal("out of time")
	}
}

// A webClient is a person's browser, or with their cookies a program.
type webClient struct {
	t    *testing.T
	url  string
	jar  *cookiejar.Jar
	base http.RoundTripper
}

func newWebClient(t *testing.T, site string) *webClient {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	base := &http.Transport{DisableKeepAlives: true}
	return &webClient{t, site, jar, base}
}

// A webAnswer is what a webClient got in the end.
type webAnswer struct {
	status int
	body   string
	header http.Header
	took   time.Duration
}

// navigate goes to a page as a browser does.
func (c *webClient) navigate(path string) webAnswer {
	c.t.Helper()
	return c.send(http.MethodGet, path, http.Header{"Accept": {"text/html,application/xhtml+xml"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}})
}

// ask asks as a program does.
func (c *webClient) ask(path string) webAnswer {
	c.t.Helper()
	return c.send(http.MethodGet, path, http.Header{"Accept": {"application/json"}})
}

func (c *webClient) logOut() webAnswer {
	c.t.Helper()
	return c.send(http.MethodPost, "/logout", http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Origin": {c.url}})
}

func (c *webClient) send(method, path string, header http.Header) webAnswer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(bounded(c.t), method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = header
	began := time.Now()
	resp, err := (&http.Client{Transport: c.base, Jar: c.jar, Timeout: patience}).Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return webAnswer{resp.StatusCode, string(body), resp.Header, time.Since(began)}
}

// cookies are those that hold the session.
func (c *webClient) cookies() []*http.Cookie {
	u, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	return slices.DeleteFunc(c.jar.Cookies(u), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "-l") })
}

// copied returns somebody else who has the cookies of c.
func (c *webClient) copied() *webClient {
	c.t.Helper()
	other := newWebClient(c.t, c.url)
	u, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	other.jar.SetCookies(u, c.cookies())
	return other
}

// at returns the status that a replica has for a page, asked by a program with the
// cookies of c.
func (c *webClient) at(replica http.Handler, path string) int {
	r := httptest.NewRequest(http.MethodGet, c.url+path, nil)
	r.Header.Set("Accept", "application/json")
	for _, cookie := range c.cookies() {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	replica.ServeHTTP(w, r)
	return w.Code
}
