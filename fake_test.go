package login_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// fakeProvider is the smallest provider there is, with a hook before each of its
// answers: authorize, token, user.
type fakeProvider struct {
	*httptest.Server
	hook func(step string, w http.ResponseWriter, r *http.Request) bool // true: it answered

	mu     sync.Mutex
	codes  map[string]url.Values // by code: the authorization request
	tokens int                   // token requests
	seen   []string              // steps
}

func newFakeProvider(t *testing.T) *fakeProvider {
	f := &fakeProvider{codes: make(map[string]url.Values)}
	mux := http.NewServeMux()
	for step, h := range map[string]http.HandlerFunc{"authorize": f.authorize, "token": f.token, "user": f.user} {
		mux.HandleFunc("/"+step, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			f.seen = append(f.seen, step)
			if step == "token" {
				f.tokens++
			}
			hook := f.hook
			f.mu.Unlock()
			if hook != nil && hook(step, w, r) {
				return
			}
			h(w, r)
		})
	}
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeProvider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	code := fmt.Sprintf("CODE-CANARY-%d", len(f.codes))
	f.codes[code] = q
	f.mu.Unlock()
	back := q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back, http.StatusFound)
}

func (f *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	f.mu.Lock()
	asked := f.codes[r.PostForm.Get("code")]
	delete(f.codes, r.PostForm.Get("code"))
	f.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	w.Header().Set("Content-Type", "application/json")
	if asked == nil || asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
		asked.Get("code_challenge_method") != "S256" {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	io.WriteString(w, `{"access_token":"ACCESS-CANARY","token_type":"bearer","expires_in":3600,"refresh_token":"REFRESH-CANARY"}`)
}

func (f *fakeProvider) user(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer ACCESS-CANARY" {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"id":"17","name":"Ada","email":"ada@example.test"}`)
}

func (f *fakeProvider) tokenRequests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens
}

// provider is the literal that an application would write.
func (f *fakeProvider) provider(name string) login.Provider {
	return login.Provider{
		Name: name, Label: "Fake", ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{AuthURL: f.URL + "/authorize", TokenURL: f.URL + "/token", AuthStyle: oauth2.AuthStyleInParams},
		Scopes:   []string{"profile"},
		API:      []string{f.URL},
		Identify: func(ctx context.Context, g *login.Grant) (*login.User, error) {
			var u struct{ ID, Name, Email string }
			if err := g.Get(ctx, "/user", &u); err != nil {
				return nil, err
			}
			return &login.User{ID: u.ID, Name: u.Name, Email: u.Email}, nil
		},
	}
}

// site is an application with login, and what it logged.
type site struct {
	*httptest.Server
	auth *login.Auth
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var testKey = []byte("0123456789abcdefghijklmnopqrstuv")

// newSite starts an application with the pages / (public) and /me (for users),
// wrapped by an Auth made of c.
func newSite(t *testing.T, c login.Config) *site {
	t.Helper()
	s := &site{log: new(lockedBuffer)}
	mux := http.NewServeMux()
	s.Server = httptest.NewUnstartedServer(nil)
	if c.URL == "" {
		c.URL = "http://" + s.Listener.Addr().String()
	}
	if c.Key == nil {
		c.Key = testKey
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var err error
	if s.auth, err = login.New(c); err != nil {
		t.Fatal(err)
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		if u := login.UserFrom(r.Context()); u != nil {
			json.NewEncoder(w).Encode(u)
			return
		}
		io.WriteString(w, "nobody")
	}
	mux.HandleFunc("/", hello)
	mux.Handle("/me", s.auth.Require(http.HandlerFunc(hello)))
	s.Config.Handler = s.auth.Wrap(mux)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// browser follows redirects and keeps cookies, as a browser does.
type browser struct {
	*http.Client
	t *testing.T
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{&http.Client{Jar: jar, Timeout: 20e9}, t}
}

// open navigates to url and returns where that ended, the status and the page.
func (b *browser) open(rawURL string) (*http.Response, string) {
	b.t.Helper()
	return b.send(navigationTo(rawURL))
}

// step is open without following the redirect.
func (b *browser) step(rawURL string) (*http.Response, string) {
	b.t.Helper()
	one := &browser{&http.Client{Jar: b.Jar, Timeout: b.Timeout, Transport: b.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}, b.t}
	return one.send(navigationTo(rawURL))
}

func (b *browser) send(r *http.Request) (*http.Response, string) {
	b.t.Helper()
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

func navigationTo(rawURL string) *http.Request {
	r, err := http.NewRequest("GET", rawURL, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return r
}

// cookieNames are those that the browser would send to the site.
func (b *browser) cookies(rawURL string) map[string]string {
	u, _ := url.Parse(rawURL)
	all := map[string]string{}
	for _, c := range b.Jar.Cookies(u) {
		if strings.Contains(c.Name, "-f-") || !strings.HasSuffix(c.Name, "-l") { // that somebody has just logged in: of no use to anybody
			all[c.Name] = c.Value
		}
	}
	return all
}
