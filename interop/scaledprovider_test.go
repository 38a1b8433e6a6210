package interop_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// An openProvider is one that tells the test which tokens it has issued.
type openProvider struct {
	*logintest.Server
	mu     sync.Mutex
	tokens []string
	larger int // bytes that refresh tokens get on top, which are not good for a renewal then
}

func newOpenProvider(t *testing.T) *openProvider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	p := &openProvider{Server: &logintest.Server{
		URL: "http://" + server.Listener.Addr().String(), ClientID: clientID, ClientSecret: clientSecret, SendIss: true,
	}}
	for _, name := range []string{"ada", "grace", "alan", "edsger", "barbara"} {
		p.Users = append(p.Users, login.User{
			ID: name + "-subject-5521", Username: name + "-username", Name: strings.ToUpper(name[:1]) + name[1:] + " Canary",
			Email: name + "-canary@example.test", Picture: "https://pictures.example.test/" + name,
		})
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	return p
}

func (p *openProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	p.Server.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	var issued map[string]any
	if r.URL.Path == "/token" && json.Unmarshal(body, &issued) == nil {
		body = p.note(issued)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(body)
}

// note remembers the tokens of an answer, and returns the answer to send.
func (p *openProvider) note(issued map[string]any) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token, ok := issued["refresh_token"].(string); ok {
		issued["refresh_token"] = token + strings.Repeat("x", p.larger)
	}
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		if token, ok := issued[name].(string); ok {
			p.tokens = append(p.tokens, token)
		}
	}
	body, _ := json.Marshal(issued) // it was JSON before
	return body
}

// setLarger sets how large refresh tokens are from now on.
func (p *openProvider) setLarger(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.larger = bytes
}

// env configures a replica to log in at p.
func (p *openProvider) env(site string) []string {
	return []string{"BASE_URL=" + site, "OIDC_ISSUER=" + p.URL, "OIDC_CLIENT_ID=" + clientID, "OIDC_CLIENT_SECRET=" + clientSecret}
}

// secrets are what no record may show.
func (p *openProvider) secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.tokens)
	for _, u := range p.Users {
		all = append(all, u.ID, u.Username, u.Name, u.Email, u.Picture)
	}
	return all
}

// renewals is how often p was asked for one.
func (p *openProvider) renewals() (n int) {
	for _, r := range p.Requests() {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}
