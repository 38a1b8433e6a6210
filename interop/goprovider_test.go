package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// password is everybody's at the providers that ask for one.
const password = "correct horse battery staple"

// A person has an account at a provider.
type person struct {
	login                     string // what they type
	id, username, name, email string // what the provider says of them
	unverified                bool   // it does not vouch for email
}

// A goProvider is an OpenID provider that others have written, in Go: it runs in
// this process, behind a handler that sees what passes.
type goProvider struct {
	provider      http.Handler
	issuer, label string
	authorize     string // path of the authorization endpoint
	alg, azp      string // of the ID tokens
	people        []person

	signIn  func(b *tab, login, pw string) // at the login page
	wrong   string                         // what that says to a wrong password
	approve func(b *tab)                   // at the page after it, if there is one
	refuse  func(b *tab, who person)       // ends at the login page of another attempt

	mu                     sync.Mutex
	spoilAsk, spoilToken   func(url.Values) // change what a request says, if not nil
	asks                   []url.Values     // authorization requests, as they came
	tokenRequests, answers []tokenMessage
}

// A tokenMessage is a request to the token endpoint, as it came, or an answer.
type tokenMessage struct {
	header http.Header       // of a request
	status int               // of an answer
	values map[string]string // those that are strings
}

// startGoProvider serves a provider on a free loopback port. setUp fills it in; it
// finds the issuer there.
func startGoProvider(t *testing.T, setUp func(p *goProvider)) *goProvider {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	p := &goProvider{issuer: "http://" + s.Listener.Addr().String()}
	setUp(p)
	s.Config.Handler = p
	s.Start()
	t.Cleanup(s.Close)
	return p
}

// env configures the example to log in at p, and to ask for a refresh token.
func (p *goProvider) env() []string {
	return []string{
		"OIDC_ISSUER=" + p.issuer, "OIDC_CLIENT_ID=" + clientID, "OIDC_CLIENT_SECRET=" + clientSecret,
		"OIDC_LABEL=" + p.label, "OIDC_SCOPES=" + strings.Join(allScopes(), " "),
	}
}

func allScopes() []string { return []string{"openid", "profile", "email", "offline_access"} }

// spoil changes all requests to the authorization and to the token endpoint from
// now on, as somebody in between would. Either may be nil.
func (p *goProvider) spoil(ask, token func(url.Values)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoilAsk, p.spoilToken = ask, token
}

func (p *goProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == p.authorize && r.URL.Query().Has("client_id"):
		p.mu.Lock()
		q := r.URL.Query()
		p.asks = append(p.asks, r.URL.Query())
		if p.spoilAsk != nil {
			p.spoilAsk(q)
		}
		r.URL.RawQuery = q.Encode()
		p.mu.Unlock()
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/token"):
		w = p.watchToken(w, r)
	}
	p.provider.ServeHTTP(w, r)
	if copied, ok := w.(*copiedAnswer); ok {
		p.keepAnswer(copied)
	}
}

// watchToken keeps a request to the token endpoint, and returns what will keep the
// answer.
func (p *goProvider) watchToken(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	values := make(map[string]string)
	for name := range form {
		values[name] = form.Get(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokenRequests = append(p.tokenRequests, tokenMessage{header: r.Header.Clone(), values: values})
	if p.spoilToken != nil {
		p.spoilToken(form)
	}
	body = []byte(form.Encode())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return &copiedAnswer{ResponseWriter: w, status: http.StatusOK}
}

type copiedAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *copiedAnswer) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *copiedAnswer) Write(b []byte) (int, error) {
	w.body.Write(b)
	return w.ResponseWriter.Write(b)
}

func (p *goProvider) keepAnswer(w *copiedAnswer) {
	var answer map[string]any
	json.Unmarshal(w.body.Bytes(), &answer)
	m := tokenMessage{status: w.status, values: make(map[string]string)}
	for name, v := range answer {
		if s, ok := v.(string); ok {
			m.values[name] = s
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, m)
}

// last returns what the application and the provider said to each other in the
// last login.
func (p *goProvider) last(t *testing.T) (ask url.Values, request, answer tokenMessage) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asks) == 0 || len(p.answers) == 0 || len(p.answers) != len(p.tokenRequests) {
		t.Fatalf("got %d authorization requests, %d token requests and %d answers", len(p.asks), len(p.tokenRequests), len(p.answers))
	}
	return p.asks[len(p.asks)-1], p.tokenRequests[len(p.tokenRequests)-1], p.answers[len(p.answers)-1]
}

// claims returns the header and the claims of an ID token, not verified.
func claims(t *testing.T, idToken string) map[string]any {
	t.Helper()
	all := make(map[string]any)
	parts := strings.Split(idToken, ".")
	for _, part := range parts[:len(parts)-1] {
		var some map[string]any
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = json.Unmarshal(b, &some)
		}
		if err != nil {
			t.Fatalf("got the ID token %q: %v", idToken, err)
		}
		maps.Copy(all, some)
	}
	return all
}

// checkNoSecret fails the test if a text that others may read holds something that
// was to be known to few in any login so far.
func (p *goProvider) checkNoSecret(t *testing.T, where, text string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	secrets := []string{clientSecret, password}
	for _, ask := range p.asks {
		secrets = append(secrets, ask.Get("state"), ask.Get("nonce"))
	}
	for _, m := range p.tokenRequests {
		secrets = append(secrets, m.values["code"], m.values["code_verifier"])
	}
	for _, m := range p.answers {
		if m.status == http.StatusOK {
			secrets = append(secrets, m.values["access_token"], m.values["refresh_token"], m.values["id_token"])
		}
	}
	for _, s := range secrets {
		if len(s) < 16 {
			t.Errorf("the secret %q is too short to look for", s)
		} else if strings.Contains(text, s) || strings.Contains(text, url.QueryEscape(s)) {
			t.Errorf("%s holds the secret %q:\n%s", where, s, text)
		}
	}
}
