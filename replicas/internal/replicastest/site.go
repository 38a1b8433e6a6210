package replicastest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// remembered is how long login does not try again what has failed.
const remembered = time.Second

// A site is an application of two processes, which share a key and an engine, and a
// provider that revokes all tokens of a login when a refresh token is used twice.
type site struct {
	t        *testing.T
	provider *logintest.Server
	replicas [2]*process
	addrs    [2]string
	clients  [2]*http.Client // of people who are sent to one replica; they keep no cookies
	url      *url.URL
	turn     atomic.Int32
}

func newSite(t *testing.T, s *suite) *site {
	t.Helper()
	u, err := url.Parse(appURL)
	if err != nil {
		t.Fatal(err)
	}
	w := &site{t: t, url: u, provider: logintest.NewServer(login.User{ID: "ada"}, login.User{ID: "bob"})}
	t.Cleanup(w.provider.Close)
	c := settings{Engine: s.URL, Issuer: w.provider.URL, ClientID: w.provider.ClientID, ClientSecret: w.provider.ClientSecret, Key: make([]byte, 32)}
	rand.Read(c.Key)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.addrs {
		p := launch(t, listening, []string{replicaEnv + "=" + string(text)}, os.Args[0])
		w.replicas[i] = p
		w.addrs[i] = strings.TrimPrefix(p.line, listening)
		w.clients[i] = &http.Client{Transport: w.transport(func() int { return i }), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
		t.Cleanup(w.clients[i].CloseIdleConnections)
	}
	return w
}

// transport reaches one replica or the other under the address of the application.
func (w *site) transport(replica func() int) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == w.url.Host {
			addr = w.addrs[replica()]
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

// logIn returns the cookies of a user. What is begun at one replica is finished at the
// other.
func (w *site) logIn(user string) []*http.Cookie {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	turns := w.transport(func() int { return int(w.turn.Add(1) % 2) })
	turns.DisableKeepAlives = true
	w.provider.Set(func(s *logintest.Server) { s.LoginAs = user })
	resp, err := (&http.Client{Transport: turns, Jar: jar}).Get(appURL + "/login/oidc?next=/private")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || string(body) != user {
		w.t.Fatalf("log in: got status %d %s, %v, want 200 and %s", resp.StatusCode, body, err, user)
	}
	return jar.Cookies(w.url)
}

// do sends a request of a program to a replica. It may be called by several goroutines.
func (w *site) do(replica int, method, path string, cookies []*http.Cookie) (status int, body string) {
	r, err := http.NewRequestWithContext(w.t.Context(), method, appURL+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Origin", appURL)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp, err := w.clients[replica].Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

func (w *site) want(replica int, method, path string, cookies []*http.Cookie, want int) (body string) {
	w.t.Helper()
	status, body := w.do(replica, method, path, cookies)
	if status != want {
		w.t.Errorf("%s %s at %d: got status %d %s, want %d", method, path, replica, status, body, want)
	}
	return body
}

// wantRefreshes checks how many renewals the provider was asked for, and that it found
// nothing wrong.
func (w *site) wantRefreshes(want int) {
	w.t.Helper()
	got := 0
	for _, r := range w.provider.Requests() {
		if r.Path == "/token" && r.Form.Get("grant_type") == "refresh_token" {
			got++
		}
	}
	if p := w.provider.Problems(); got != want || len(p) > 0 {
		w.t.Errorf("got %d renewals and the problems %q, want %d and none", got, p, want)
	}
}

// logInBriefly is logIn with a token that has ended when it returns. The next one
// lasts, and the provider takes so long to make it.
func (w *site) logInBriefly(user string, latency time.Duration) []*http.Cookie {
	w.t.Helper()
	const lifetime = 2 * time.Second // an ID token counts in whole seconds, so that one may last no time at all
	w.provider.Set(func(s *logintest.Server) { s.TokenLifetime = lifetime })
	cookies := w.logIn(user)
	ended := time.After(lifetime + 100*time.Millisecond)
	w.provider.Set(func(s *logintest.Server) {
		s.TokenLifetime = time.Hour
		s.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				<-time.After(latency)
			}
			return false
		}
	})
	<-ended
	return cookies
}

func renewAtTwo(t *testing.T, s *suite)       { renewAtBoth(t, s, LockTime/3) }
func renewAtTwoSlowly(t *testing.T, s *suite) { renewAtBoth(t, s, 5*LockTime) }

// A hundred requests at two replicas with a token that has ended are one refresh
// request and a hundred times the same token, however long the provider takes. Those
// that carry the old cookies later get that token, too.
func renewAtBoth(t *testing.T, s *suite, latency time.Duration) {
	w := newSite(t, s)
	cookies := w.logInBriefly("ada", latency)
	tokens := make([]string, 100)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() { tokens[i] = w.want(i%2, http.MethodGet, "/token", cookies, http.StatusOK) })
	}
	wg.Wait()
	for i := range 2 {
		tokens = append(tokens, w.want(i, http.MethodGet, "/token", cookies, http.StatusOK))
	}
	for _, token := range tokens {
		if token != tokens[0] || token == "" {
			t.Fatalf("got the token %q, want the %q of all", token, tokens[0])
		}
	}
	w.wantRefreshes(1)
}

// A replica that is killed while it renews a token keeps the others from doing so for a
// moment only.
func renewerKilled(t *testing.T, s *suite) {
	w := newSite(t, s)
	cookies := w.logInBriefly("ada", 0)
	var once atomic.Bool
	asked, killed := make(chan struct{}), make(chan struct{})
	w.provider.Set(func(p *logintest.Server) {
		p.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" || once.Swap(true) {
				return false
			}
			close(asked)
			<-killed
			return true
		}
	})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		w.do(0, http.MethodGet, "/token", cookies)
	}()
	<-asked
	w.replicas[0].kill()
	close(killed)
	<-gone
	began := time.Now()
	w.want(1, http.MethodGet, "/token", cookies, http.StatusOK)
	if took := time.Since(began); took > 2*time.Second+LockTime {
		t.Errorf("got the token after %v, want about the time of a lock", took)
	}
}

// wantEnded waits until the other replica does not accept cookies any more.
func (w *site) wantEnded(replica int, cookies []*http.Cookie) {
	w.t.Helper()
	eventually(w.t, time.Second, "the session is over", func() bool {
		status, _ := w.do(replica, http.MethodGet, "/private", cookies)
		return status == http.StatusUnauthorized
	})
	w.want(replica, http.MethodGet, "/token", cookies, http.StatusUnauthorized)
}

// A logout at one replica counts for a copy of the cookies at the other.
func logoutAtOne(t *testing.T, s *suite) {
	w := newSite(t, s)
	first, second := w.logIn("ada"), w.logIn("ada")
	for i := range 2 {
		w.want(i, http.MethodGet, "/private", first, http.StatusOK)
	}
	w.want(0, http.MethodPost, "/logout", first, http.StatusSeeOther)
	w.wantEnded(1, first)
	w.wantEnded(0, first)
	w.want(1, http.MethodGet, "/private", second, http.StatusOK)
}

// Auth.End at one replica ends all sessions of the user at the other, and nobody else's.
func endAtOne(t *testing.T, s *suite) {
	w := newSite(t, s)
	first, second, bob := w.logIn("ada"), w.logIn("ada"), w.logIn("bob")
	w.want(0, http.MethodPost, "/end/ada", nil, http.StatusOK)
	w.wantEnded(1, first)
	w.wantEnded(1, second)
	w.want(1, http.MethodGet, "/private", bob, http.StatusOK)
	again := w.logIn("ada")
	for i := range 2 {
		w.want(i, http.MethodGet, "/private", again, http.StatusOK)
	}
}

// While the engine is away, nothing is renewed, and nobody is logged out but who was
// before, or at this replica. When it is back, everything works again, and who was
// logged out is so everywhere.
func engineAway(t *testing.T, s *suite) {
	w := newSite(t, s)
	gone := w.logIn("bob")
	w.want(0, http.MethodPost, "/logout", gone, http.StatusSeeOther)
	w.wantEnded(1, gone)
	bob := w.logIn("bob")
	cookies, quiet := w.logInBriefly("ada", 0), w.logInBriefly("ada", 0)
	s.Stop()
	for i := range 2 {
		w.want(i, http.MethodGet, "/token", cookies, http.StatusServiceUnavailable)
		w.want(i, http.MethodGet, "/private", cookies, http.StatusOK)
		w.want(i, http.MethodGet, "/private", gone, http.StatusUnauthorized)
	}
	w.want(0, http.MethodPost, "/end/bob", nil, http.StatusServiceUnavailable)
	w.want(0, http.MethodGet, "/private", bob, http.StatusUnauthorized)
	w.want(1, http.MethodGet, "/private", bob, http.StatusOK)
	w.wantRefreshes(0)
	s.Start()
	eventually(t, 5*time.Second, "the other replica is told", func() bool {
		status, _ := w.do(1, http.MethodGet, "/private", bob)
		return status == http.StatusUnauthorized
	})
	var token string
	renewed := func(cookies []*http.Cookie) func() bool {
		return func() bool {
			status, body := w.do(1, http.MethodGet, "/token", cookies)
			token = body
			return status == http.StatusOK
		}
	}
	eventually(t, notice, "a token for who did not ask meanwhile", renewed(quiet))
	w.wantRefreshes(1)
	eventually(t, remembered+notice, "a token", renewed(cookies))
	w.wantRefreshes(2)
	after := w.logIn("ada")
	for i := range 2 {
		w.want(i, http.MethodGet, "/private", after, http.StatusOK)
		w.want(i, http.MethodGet, "/private", gone, http.StatusUnauthorized)
	}
	if again := w.want(1, http.MethodGet, "/token", cookies, http.StatusOK); again != token {
		t.Errorf("later: got the token %q, want the same", again)
	}
	w.wantRefreshes(2)
}
