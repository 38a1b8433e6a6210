package facebook_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

const (
	clientID     = "100000000000001"
	clientSecret = "0123456789abcdef0123456789abcdef"
	short, long  = "EAASYNTHETICSHORT", "EAASYNTHETICLONG"
)

// canaries must never be in a URL that Facebook is asked for, nor in an error.
var canaries = []string{clientSecret, short, long, "SYNTHETICCODE"}

// An answer is what Facebook says to one request.
type answer struct {
	Status  int
	Headers map[string]string
	Body    json.RawMessage // a string is the text itself
}

func (a answer) send(w http.ResponseWriter) {
	for key, value := range a.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(a.Status)
	var text string
	if json.Unmarshal(a.Body, &text) == nil {
		io.WriteString(w, text)
		return
	}
	w.Write(a.Body)
}

func jsonAnswer(status int, body string, headers ...string) answer {
	a := answer{Status: status, Headers: map[string]string{"Content-Type": "application/json; charset=utf-8"}}
	a.Body, _ = json.Marshal(body)
	for i := 0; i+1 < len(headers); i += 2 {
		a.Headers[headers[i]] = headers[i+1]
	}
	return a
}

// A fixture is a file below testdata: an answer, or what the browser brings back.
type fixture struct {
	Request  struct{ Params map[string]string }
	Response answer
	Callback struct{ Query map[string]string }
}

func load(t *testing.T, name string) fixture {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f fixture
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// A request is one that the fake Facebook got.
type request struct {
	line   string // method and path, without the base of the API
	uri    string
	query  url.Values
	header http.Header
	body   []byte
}

func (r request) form() url.Values {
	form, _ := url.ParseQuery(string(r.body))
	return form
}

// A fakeFacebook is the login dialog and the Graph API on loopback, answering
// from fixtures.
type fakeFacebook struct {
	*httptest.Server
	t      *testing.T
	proofs map[string]string // by access token

	mu       sync.Mutex
	answers  map[string]answer // by request.line
	callback map[string]string // what the browser brings back
	got      []request
}

// start returns a Facebook at which Grace logs in without ado. answers name
// fixtures by request line.
func start(t *testing.T, answers map[string]string) *fakeFacebook {
	t.Helper()
	f := &fakeFacebook{t: t, answers: map[string]answer{}, proofs: proofs(t), callback: load(t, "callback_ok").Callback.Query}
	all := map[string]string{"POST token": "token_ok", "GET me": "me_ok", "GET me/permissions": "permissions_mixed"}
	maps.Copy(all, answers)
	for line, name := range all {
		f.answers[line] = load(t, name).Response
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// proofs returns the test vectors of appsecret_proof, by access token.
func proofs(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		AppSecret string `json:"app_secret"`
		Vectors   []struct {
			Token string `json:"access_token"`
			Proof string `json:"appsecret_proof"`
		}
	}
	b, err := os.ReadFile("testdata/appsecret_proof_vectors.json")
	if err != nil || json.Unmarshal(b, &file) != nil || file.AppSecret != clientSecret || len(file.Vectors) == 0 {
		t.Fatal("want vectors for our secret", err)
	}
	proofs := map[string]string{}
	for _, v := range file.Vectors {
		proofs[v.Token] = v.Proof
	}
	return proofs
}

func (f *fakeFacebook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v25.0/dialog/oauth" {
		f.authorize(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	got := request{r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/v25.0/"), r.RequestURI, r.URL.Query(), r.Header, body}
	switch {
	case r.URL.Path != "/v25.0/oauth/access_token":
		f.checkProof(got)
	case got.form().Get("grant_type") == "fb_exchange_token":
		got.line = r.Method + " exchange"
	default:
		got.line = r.Method + " token"
	}
	f.mu.Lock()
	f.got = append(f.got, got)
	answer, ok := f.answers[got.line]
	f.mu.Unlock()
	if !ok {
		f.t.Errorf("got a request for %s, want none", r.RequestURI)
		answer.Status = http.StatusNotImplemented
	}
	for _, canary := range canaries {
		if strings.Contains(r.RequestURI, canary) {
			f.t.Errorf("got the URL %s, want no secret in it", r.RequestURI)
		}
	}
	answer.send(w)
}

// checkProof wants of each request to the Graph API a token in the header and
// the proof that belongs to it (R34, R61).
func (f *fakeFacebook) checkProof(r request) {
	token, ok := strings.CutPrefix(r.header.Get("Authorization"), "Bearer ")
	if proof := r.query["appsecret_proof"]; !ok || len(proof) != 1 || proof[0] != f.proofs[token] {
		f.t.Errorf("%s: got the proof %q, want the one of the token in the header", r.line, proof)
	}
}

// authorize sends the browser back.
func (f *fakeFacebook) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, request{line: "GET authorize", uri: r.RequestURI, query: q})
	back := url.Values{}
	for key, value := range f.callback {
		back.Set(key, strings.ReplaceAll(value, "STATE", q.Get("state")))
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (f *fakeFacebook) set(line string, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[line] = a
}

// lines returns the requests since the authorization.
func (f *fakeFacebook) lines() []string {
	var lines []string
	for _, r := range f.requests() {
		if r.line != "GET authorize" {
			lines = append(lines, r.line)
		}
	}
	return lines
}

func (f *fakeFacebook) requests() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// last returns the latest request with that line.
func (f *fakeFacebook) last(line string) request {
	f.t.Helper()
	all := f.requests()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].line == line {
			return all[i]
		}
	}
	f.t.Fatalf("got no request %s", line)
	return request{}
}

func (f *fakeFacebook) config() facebook.Config {
	return facebook.Config{ClientID: clientID, ClientSecret: clientSecret, DialogURL: f.URL, GraphURL: f.URL}
}

// An outcome is how a whole login ended.
type outcome struct {
	user   *login.User  // nil: nobody is logged in
	grant  *login.Grant // that of OnLogin
	err    error        // that of OnError
	status int
	page   string
	log    string
	landed string // Location of the last redirect
}

// logIn takes a browser through a whole login with p.
func logIn(t *testing.T, p login.Provider) outcome {
	t.Helper()
	var out outcome
	browse(t, login.Config{
		Providers: []login.Provider{p},
		OnLogin: func(_ *http.Request, u *login.User, g *login.Grant) error {
			kept := *u
			out.user, out.grant = &kept, g
			return nil
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			out.err = err
			w.WriteHeader(http.StatusTeapot)
		},
	}, &out)
	switch {
	case out.err != nil:
		noCanary(t, out.err.Error())
		if out.user != nil || out.status != http.StatusTeapot {
			t.Errorf("got user %v and status %d, want an error only", out.user, out.status)
		}
	case out.user == nil:
		t.Fatalf("got neither a user nor an error, but status %d", out.status)
	case out.page != "user: "+out.user.ID:
		t.Errorf("got the page %q, want that of user %s", out.page, out.user.ID)
	}
	noCanary(t, out.log)
	return out
}

// browse lets a person log in and see a page for which they have to be.
func browse(t *testing.T, c login.Config, out *outcome) {
	t.Helper()
	var h http.Handler
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	defer app.Close()
	var log bytes.Buffer
	c.URL, c.Key = app.URL, []byte("0123456789abcdefghijklmnopqrstuv")
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	auth, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h = auth.Wrap(auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "user: "+login.UserFrom(r.Context()).ID)
	})))
	jar, _ := cookiejar.New(nil)
	client := app.Client()
	client.Jar = jar
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		out.landed = r.Response.Header.Get("Location")
		return nil
	}
	r, err := http.NewRequest(http.MethodGet, app.URL+"/login/"+c.Providers[0].Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out.status, out.page, out.log = resp.StatusCode, string(page), log.String()
}

func noCanary(t *testing.T, text string) {
	t.Helper()
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			t.Errorf("got %q, want it without %q", text, canary)
		}
	}
}
