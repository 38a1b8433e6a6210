package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

// stage is the site beside a stand-in for Facebook.
type stage struct {
	*httptest.Server
	t    *testing.T
	fb   *logintest.Facebook
	site *site
	env  map[string]string // of the command
	log  buffer
}

// buffer is written by the site and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func manager(pages string) login.User {
	return login.User{ID: "7001", Name: "Ada Example", Extra: map[string]string{"pages": pages}}
}

// newStage starts the site for the password "sesame". Whoever manages the pages,
// user, allows everything.
func newStage(t *testing.T, user login.User) *stage {
	t.Helper()
	s := &stage{Server: httptest.NewUnstartedServer(nil), t: t, fb: logintest.NewFacebook(user)}
	t.Cleanup(s.fb.Close)
	s.fb.Set(func(fb *logintest.Facebook) { fb.RequireProof = true })
	s.env = map[string]string{
		"BASE_URL": "http://" + s.Listener.Addr().String(), "DATA_DIR": t.TempDir(), "ADMIN_PASSWORD": "sesame",
		"FACEBOOK_CLIENT_ID": s.fb.ClientID, "FACEBOOK_CLIENT_SECRET": s.fb.ClientSecret,
		"FACEBOOK_DIALOG_URL": s.fb.URL, "FACEBOOK_GRAPH_URL": s.fb.URL,
	}
	c, err := fromEnv(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	c.logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.site, err = newSite(c); err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = s.site.handler()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *stage) getenv(name string) string { return s.env[name] }

// command runs the program with those arguments.
func (s *stage) command(args ...string) (status int, out, complaints string) {
	var o, c bytes.Buffer
	status = run(s.t.Context(), args, s.getenv, &o, &c)
	return status, o.String(), c.String()
}

// files returns what is kept, the names of the files included.
func (s *stage) files() string {
	s.t.Helper()
	var all strings.Builder
	paths, err := filepath.Glob(filepath.Join(s.env["DATA_DIR"], "tokens", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(b) > 0 { // not a lock
			all.WriteString(filepath.Base(path) + " " + string(b) + "\n")
		}
	}
	return all.String()
}

// posts returns the messages that the stand-in has received, with the page.
func (s *stage) posts() (all []string) {
	for _, r := range s.fb.Requests() {
		if page, ok := strings.CutSuffix(r.Path, "/feed"); ok {
			all = append(all, strings.TrimPrefix(page, "/"+facebook.Version+"/")+" "+r.Form.Get("message"))
		}
	}
	return all
}

// secrets returns all tokens that the stand-in has seen.
func (s *stage) secrets() []string {
	var all []string
	for _, r := range s.fb.Requests() {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		all = append(all, token, r.Query.Get("input_token"), r.Form.Get("fb_exchange_token"))
	}
	all = append(all, s.fb.ClientSecret)
	used := map[string]bool{"": true}
	kept := all[:0]
	for _, v := range all {
		if !used[v] {
			used[v] = true
			kept = append(kept, v)
		}
	}
	return kept
}

// shortLived is a Facebook that gives no long-lived tokens: those of pages end with
// the token that they were asked for with.
func shortLived(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.PostFormValue("grant_type") != "fb_exchange_token" {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"access_token": r.PostForm.Get("fb_exchange_token"), "token_type": "bearer", "expires_in": 5108,
	})
	return true
}

// browser keeps cookies, follows redirects, and sends the password to the site.
type browser struct {
	*http.Client
	s        *stage
	password string
}

func (s *stage) browser(password string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{s: s, password: password}
	b.Client = &http.Client{Jar: jar, Transport: b}
	return b
}

// RoundTrip adds what browsers do.
func (b *browser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html")
	if b.password != "" && "http://"+r.URL.Host == b.s.URL {
		r.SetBasicAuth(adminName, b.password)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (b *browser) get(path string) (*http.Response, string) {
	b.s.t.Helper()
	return b.send(http.MethodGet, path, nil, "same-origin")
}

func (b *browser) post(path string, form url.Values) (*http.Response, string) {
	b.s.t.Helper()
	return b.send(http.MethodPost, path, form, "same-origin")
}

func (b *browser) send(method, path string, form url.Values, from string) (*http.Response, string) {
	b.s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.s.URL + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(form.Encode()))
	if err != nil {
		b.s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", from)
	resp, err := b.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return resp, string(body)
}

const connectPath = "/connect/facebook?next=/admin%3Fconnected"

// connect presses the button, and returns the page that comes in the end.
func (b *browser) connect() string {
	b.s.t.Helper()
	resp, page := b.post(connectPath, nil)
	if resp.StatusCode != http.StatusOK || resp.Request.URL.RequestURI() != "/admin?connected" {
		b.s.t.Fatalf("got %d at %s, want /admin?connected: %s", resp.StatusCode, resp.Request.URL, page)
	}
	return page
}

// still does not follow redirects.
func (b *browser) still() *browser {
	c := *b
	client := *b.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Client = &client
	return &c
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
