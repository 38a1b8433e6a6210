package interop_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"github.com/gorilla/sessions"
)

// A renewingSite is an application in this process. Its page /api asks the userinfo
// endpoint of the provider, as the user; /private is behind auth.Require.
type renewingSite struct {
	t        *testing.T
	url      string
	provider *tokenProvider
	wire     *tokenWire
	client   *http.Client // keeps no cookies
	arrived  chan struct{}
	left     chan struct{}
	auth     *login.Auth
}

// newRenewingSite serves one with sessions in cookies, or in files.
func newRenewingSite(t *testing.T, files bool, start func(t *testing.T, url string) *tokenProvider) *renewingSite {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &renewingSite{
		t: t, url: "http://localhost:" + port, wire: &tokenWire{base: new(http.Transport)},
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		arrived: make(chan struct{}, 1000), left: make(chan struct{}, 1000),
	}
	t.Cleanup(s.wire.base.CloseIdleConnections)
	t.Cleanup(s.client.CloseIdleConnections)
	s.provider = start(t, s.url)
	s.setUp(files)
	mux := http.NewServeMux()
	mux.HandleFunc("/api", s.api)
	mux.Handle("/private", s.auth.Require(http.HandlerFunc(greet)))
	mux.HandleFunc("/", greet)
	app.Config.Handler = s.auth.Wrap(mux)
	app.Start()
	t.Cleanup(app.Close)
	return s
}

func (s *renewingSite) setUp(files bool) {
	p := generic.OIDC(generic.Config{
		Name: "oidc", Issuer: s.provider.issuer, ClientID: clientID, ClientSecret: clientSecret, Scopes: allScopes(),
	})
	p.API = []string{s.provider.issuer}
	c := login.Config{
		URL: s.url, Key: make([]byte, 32), Providers: []login.Provider{p}, RevokeTokens: true,
		Client: &http.Client{Transport: s.wire}, Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
	}
	rand.Read(c.Key)
	if files {
		store := sessions.NewFilesystemStore(s.t.TempDir(), c.Key)
		store.MaxLength(0)
		c.Store = store
	}
	var err error
	if s.auth, err = login.New(c); err != nil {
		s.t.Fatal(err)
	}
}

// api answers with what the API says. Where it is not asked, it has the status that
// the error stands for; where it does not accept the token, 424.
func (s *renewingSite) api(w http.ResponseWriter, r *http.Request) {
	s.arrived <- struct{}{}
	defer func() { s.left <- struct{}{} }()
	c, err := s.auth.Client(w, r)
	switch {
	case errors.Is(err, login.ErrLoginRequired):
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	case errors.Is(err, login.ErrNoToken):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	resp, err := c.Get(s.provider.userInfo)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.WriteHeader(http.StatusFailedDependency)
	}
	io.Copy(w, resp.Body)
}

// logIn returns the cookies of a person who has logged in and consented.
func (s *renewingSite) logIn() []*http.Cookie {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	person := &http.Client{Transport: s.client.Transport, Jar: jar}
	at := s.step(person, http.MethodGet, s.url+"/login/oidc?next=/", nil)
	for _, form := range s.provider.forms(at) {
		at = s.step(person, http.MethodPost, at.String(), form)
	}
	if at.String() != s.url+"/" {
		s.t.Fatalf("got to %s, want to be logged in", at.Redacted())
	}
	return jar.Cookies(at)
}

// step goes to another page and returns where that is.
func (s *renewingSite) step(c *http.Client, method, target string, form url.Values) *url.URL {
	s.t.Helper()
	r, err := http.NewRequestWithContext(bounded(s.t), method, target, bytes.NewBufferString(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: got status %d, %v: %s", method, resp.Request.URL.Path, resp.StatusCode, err, body)
	}
	return resp.Request.URL
}

// get asks for a page, and returns the status, the page, and the cookies after it.
// It may be called by several goroutines.
func (s *renewingSite) get(r *http.Request, cookies []*http.Cookie) (status int, body string, after []*http.Cookie) {
	s.t.Helper()
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error(), cookies
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), cookies
	}
	after = slices.Clone(cookies)
	for _, set := range resp.Cookies() {
		after = slices.DeleteFunc(after, func(c *http.Cookie) bool { return c.Name == set.Name })
		if set.MaxAge >= 0 {
			after = append(after, set)
		}
	}
	return resp.StatusCode, string(b), after
}

// request is one for a page, of a program.
func (s *renewingSite) request(path string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(bounded(s.t), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	return r
}

// logOut signs out who has those cookies.
func (s *renewingSite) logOut(cookies []*http.Cookie) {
	s.t.Helper()
	r := s.request("/logout")
	r.Method = http.MethodPost
	r.Header.Set("Origin", s.url)
	if status, body, _ := s.get(r, cookies); status != http.StatusSeeOther {
		s.t.Errorf("got status %d %s, want to be logged out", status, body)
	}
}

// checkRefreshes fails the test unless so many refresh requests have been sent, all
// of which the provider has answered with a token.
func (s *renewingSite) checkRefreshes(want int) {
	s.t.Helper()
	if got := len(s.wire.refreshTokens()); got != want {
		s.t.Errorf("got %d refresh requests, want %d", got, want)
	}
	for end := time.Now().Add(5 * time.Second); s.provider.refreshes() < want && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond) // what another process prints comes a little later
	}
	if got := s.provider.refreshes(); got != want {
		s.t.Errorf("the provider counts %d refreshes, want %d", got, want)
	}
}

// awaitEnd waits until the newest token has ended.
func (s *renewingSite) awaitEnd() {
	s.t.Helper()
	end, _ := s.wire.last()
	select {
	case <-time.After(time.Until(end)):
	case <-bounded(s.t).Done():
		s.t.Fatal("the token lasts too long for a test")
	}
}

// await receives n times.
func await(t *testing.T, n int, from <-chan struct{}, what string) {
	t.Helper()
	end := time.After(patience)
	for i := range n {
		select {
		case <-from:
		case <-end:
			t.Errorf("%s: got %d, want %d", what, i, n)
			return
		}
	}
}
