package hostile

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
)

const (
	// Host is the provider's, and Issuer the name that it goes by.
	Host   = "id.example"
	Issuer = "https://" + Host

	// What the application is registered with.
	ClientID     = "the-client"
	ClientSecret = "the-clients-secret-which-is-secret"
)

// A Provider is an OpenID provider that keeps to the standards but for its
// faults, and that is strict about what it gets: see [Provider.Problems].
type Provider struct {
	Keys          *Keys
	RedirectURI   string // what is registered, and for logouts
	PostLogoutURI string

	// Lenient bears an application without PKCE and nonce.
	Lenient bool

	mu       sync.Mutex
	faults   Faults
	calls    []string
	problems []string
	secrets  []string
	byCode   map[string]*Login
	byToken  map[string]*Login // access tokens, old ones too
	byFresh  map[string]*Login // refresh tokens, old ones too
	byHint   map[string]*Login // ID tokens
}

// A Login is one authorization request and what became of it.
type Login struct {
	State, Nonce, Challenge string
	OpenID                  bool
	Code, Token             string    // as issued
	Accepted                string    // the access token that is honoured, if another was sent
	Refresh                 string    // the refresh token to use
	Posts                   int       // requests for a token
	Ended                   bool      // its tokens are not honoured any more
	At                      time.Time // of the person's log-in
	Claims                  Object    // about the user
}

// Ada is the person who logs in.
func Ada() *login.User {
	return &login.User{
		ID: "ada-248289761001", Username: "ada", Name: "Ada Lovelace",
		Email: "ada@example.com", Picture: "https://id.example/ada.png",
	}
}

// adasClaims are what an honest provider says about Ada.
func adasClaims() Object {
	u := Ada()
	return Object{
		"sub": u.ID, "preferred_username": u.Username, "name": u.Name,
		"email": u.Email, "email_verified": true, "picture": u.Picture, "acr": "gold",
	}
}

// mallory has an account as well, and would like to be somebody else, or
// somebody else to be him.
const mallory = "mallory-666"

// Set replaces the faults.
func (p *Provider) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Problems says what was wrong with the requests that a client sent: more than
// one request for a token with one code, secrets in URLs, PKCE and redirect_uri
// not as they were, a token that is none.
func (p *Provider) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.problems)
}

// Calls returns the steps that were asked for, in order: discovery, authorize,
// token, keys, userinfo, refresh, api, revoke and end.
func (p *Provider) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Secrets returns all that was issued or received and is nobody else's business.
func (p *Provider) Secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(slices.Clone(p.secrets), ClientSecret)
}

func (p *Provider) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// secret notes s, and returns it.
func (p *Provider) secret(s string) string {
	if len(s) >= 8 {
		p.secrets = append(p.secrets, s)
	}
	return s
}

func (p *Provider) newSecret(kind string) string { return p.secret(kind + "-" + rand.Text()) }

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var step string
	var answer func(*http.Request) *Answer
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		step, answer = "discovery", p.discovery
	case "/token":
		step, answer = "token", p.token
		if r.ParseForm(); r.PostForm.Get("grant_type") == "refresh_token" {
			step, answer = "refresh", p.refresh
		}
	case "/keys":
		step, answer = "keys", p.keys
	case "/userinfo":
		step, answer = "userinfo", p.userInfo
	case "/revoke":
		r.ParseForm()
		step, answer = "revoke", p.revoke
	default:
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			http.NotFound(w, r)
			return
		}
		step, answer = "api", p.api
	}
	p.mu.Lock()
	p.called(step, r.URL.Query())
	a := answer(r)
	p.mu.Unlock()
	a.send(w, r)
}

// called notes a request, and what secrets its URL holds.
func (p *Provider) called(step string, query url.Values) {
	p.calls = append(p.calls, step)
	for _, name := range []string{"client_secret", "access_token", "refresh_token", "code_verifier", "code", "id_token", "token"} {
		if query.Has(name) {
			p.problem("%s: %s in the URL", step, name)
		}
	}
}

func (p *Provider) discovery(*http.Request) *Answer {
	a := newAnswer(p, Object{
		"issuer":                                         Issuer,
		"authorization_endpoint":                         Issuer + "/authorize",
		"token_endpoint":                                 Issuer + "/token",
		"jwks_uri":                                       Issuer + "/keys",
		"userinfo_endpoint":                              Issuer + "/userinfo",
		"revocation_endpoint":                            Issuer + "/revoke",
		"end_session_endpoint":                           Issuer + "/end",
		"response_types_supported":                       []string{"code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"RS256", "PS256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
	if p.faults.Discovery != nil {
		p.faults.Discovery(a)
	}
	return a
}

// A Redirect is an authorization response: where the browser is sent, and what
// happens on the way.
type Redirect struct {
	To     string // the redirect URI
	Params url.Values
	Query  string // instead of Params
	Login  *Login

	Method string        // in the browser; empty: GET
	Header http.Header   // which the browser adds
	Wait   time.Duration // until the browser is back
}

// URL returns where the browser goes.
func (r *Redirect) URL() string {
	if r.Query != "" {
		return r.To + r.Query
	}
	return r.To + "?" + r.Params.Encode()
}

// Authorize answers an authorization request, as Ada allows it.
func (p *Provider) Authorize(q url.Values) *Redirect {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.called("authorize", q)
	l := &Login{
		State: p.secret(q.Get("state")), Nonce: p.secret(q.Get("nonce")), Challenge: q.Get("code_challenge"),
		Code: p.newSecret("code"), Token: p.newSecret("access"), Claims: adasClaims(),
		OpenID: strings.Contains(q.Get("scope"), "openid"), At: time.Now(),
	}
	p.checkRequest(q, l)
	p.byCode[l.Code] = l
	p.byToken[l.Token] = l
	back := &Redirect{
		To: p.RedirectURI, Login: l,
		Params: url.Values{"code": {l.Code}, "state": {l.State}, "iss": {Issuer}},
	}
	if p.faults.Authorization != nil {
		p.faults.Authorization(back)
	}
	return back
}

// checkRequest is what a strict provider wants of an authorization request.
func (p *Provider) checkRequest(q url.Values, l *Login) {
	for name, values := range q {
		if len(values) != 1 {
			p.problem("authorize: %d times %s", len(values), name)
		}
	}
	switch {
	case q.Get("response_type") != "code", q.Get("client_id") != ClientID:
		p.problem("authorize: response_type or client_id is wrong")
	case q.Get("redirect_uri") != p.RedirectURI:
		p.problem("authorize: redirect_uri is not the one that is registered")
	case len(l.State) < 22:
		p.problem("authorize: state is missing or short")
	case p.Lenient:
	case len(l.Challenge) != 43 || q.Get("code_challenge_method") != "S256":
		p.problem("authorize: no PKCE with S256")
	case l.OpenID && len(l.Nonce) < 22:
		p.problem("authorize: nonce is missing or short")
	}
}

func (p *Provider) keys(*http.Request) *Answer {
	a := newAnswer(p, Object{"keys": []Object{p.Keys.Current.JWK}})
	if p.faults.Keys != nil {
		p.faults.Keys(a)
	}
	return a
}

func (p *Provider) userInfo(r *http.Request) *Answer {
	token, ok := bearer(r)
	l := p.byToken[token]
	if !ok || l == nil {
		p.problem("userinfo: no token of ours in the header")
		a := newAnswer(p, Object{"error": "invalid_token"})
		a.Status = http.StatusUnauthorized
		return a
	}
	a := newAnswer(p, l.Claims.With(nil))
	a.Login = l
	if p.faults.UserInfo != nil {
		p.faults.UserInfo(a)
	}
	return a
}

func bearer(r *http.Request) (string, bool) {
	const scheme = "Bearer "
	v := r.Header.Get("Authorization")
	if len(v) < len(scheme) || v[:len(scheme)] != scheme {
		return "", false
	}
	return v[len(scheme):], true
}

// New returns a provider that answers at https://id.example on n.
func New(n *Network, keys *Keys, redirectURI string) *Provider {
	p := &Provider{
		Keys: keys, RedirectURI: redirectURI,
		byCode: make(map[string]*Login), byToken: make(map[string]*Login), byFresh: make(map[string]*Login), byHint: make(map[string]*Login),
	}
	n.Serve(Host, p)
	return p
}
