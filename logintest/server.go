package logintest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// A Server is an OpenID Connect provider, an OAuth 2.0 authorization server and
// the API that its tokens open, for tests and demonstrations only.
//
// Set its fields before the first request; later, change them within
// [Server.Set]. All methods are safe for concurrent use. A literal with a URL is
// a Server too: it does not listen, and is used as an [http.Handler].
type Server struct {
	// URL is the server's address, without a slash at the end. It is also its
	// issuer identifier.
	URL string

	// ClientID and ClientSecret are those of the one application that is
	// registered. NewServer fills them in.
	ClientID, ClientSecret string

	// Users have an account here. If empty, there are three invented ones. Of a
	// User, Raw and Provider are ignored; Extra may have a "bio".
	Users []login.User

	// Interactive shows a page to choose a user, allow or refuse. Otherwise the
	// answer is immediate: as the user whose ID, Username or Email is the
	// login_hint parameter, or else LoginAs, or else the first one.
	Interactive bool
	LoginAs     string

	// Deny refuses every authorization request with access_denied, unless
	// Interactive.
	Deny bool

	// TokenLifetime is how long access tokens and ID tokens are valid. If zero,
	// it is an hour.
	TokenLifetime time.Duration

	// Audience makes access tokens JWTs for the API of that identifier (RFC
	// 9068). If empty, they are random text.
	Audience string

	// NoRefresh leaves refresh tokens out.
	NoRefresh bool

	// SendIss adds iss to authorization responses, and says so in the metadata
	// (RFC 9207). NewServer sets it.
	SendIss bool

	// Minimal makes this the plainest server that people run: OAuth 2.0 without
	// discovery, PKCE, iss, token_type and expires_in. What is left are
	// /authorize, /token and /api/user.
	Minimal bool

	// Intercept sees every request first, and returns true if it has answered:
	// for faults of all kinds. The request has been recorded.
	Intercept func(http.ResponseWriter, *http.Request) bool

	// Now is the clock. If nil, it is time.Now.
	Now func() time.Time

	key signingKey
	standIn
}

// NewServer returns a Server that listens on a free port of the loopback
// interface, by plain HTTP. Close it when it is no longer needed.
func NewServer(users ...login.User) *Server {
	s := &Server{Users: users, ClientID: defaultClientID, ClientSecret: defaultClientSecret, SendIss: true}
	s.URL = s.listen(s)
	s.Users = slices.Clone(people(s.URL, users))
	return s
}

// Set calls change while no request is looking at the fields of s.
func (s *Server) Set(change func(*Server)) {
	s.fields.Lock()
	defer s.fields.Unlock()
	change(s)
}

func (s *Server) settings() settings {
	lifetime := s.TokenLifetime
	if lifetime == 0 {
		lifetime = time.Hour
	}
	return settings{
		url: s.URL, clientID: s.ClientID, clientSecret: s.ClientSecret, users: people(s.URL, s.Users),
		loginAs: s.LoginAs, interactive: s.Interactive, deny: s.Deny, lifetime: lifetime,
		intercept: s.Intercept, now: s.Now,
		sendIss: s.SendIss && !s.Minimal, noRefresh: s.NoRefresh, minimal: s.Minimal, audience: s.Audience,
	}
}

// Provider returns the server as an OpenID Connect provider named "oidc".
func (s *Server) Provider() login.Provider {
	set := s.read(s.settings)
	return generic.OIDC(generic.Config{
		Name: "oidc", Label: "Stand-in", Issuer: set.url,
		ClientID: set.clientID, ClientSecret: set.clientSecret,
	})
}

// OAuth2Provider returns the server as a plain OAuth 2.0 provider named
// "oauth2".
func (s *Server) OAuth2Provider() login.Provider {
	set := s.read(s.settings)
	return generic.OAuth2(generic.Config{
		Name: "oauth2", Label: "Stand-in (OAuth 2.0)",
		ClientID: set.clientID, ClientSecret: set.clientSecret, Scopes: []string{"profile", "email"},
		AuthURL: set.url + "/authorize", TokenURL: set.url + "/token", UserURL: set.url + "/api/user",
		Fields: generic.Fields{
			ID: "/id", Username: "/login", Name: "/name", Email: "/email", Picture: "/avatar_url",
		},
	})
}

// ServeHTTP answers as the server does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receive(w, r, s.read(s.settings), s.mux)
}

func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*call){
		"/authorize":    s.authorize,
		"POST /token":   s.token,
		"GET /api/user": s.apiUser,
	} {
		s.on(mux, s.settings, pattern, h)
	}
	for pattern, h := range map[string]func(*call){
		"GET /.well-known/openid-configuration": s.metadata,
		"GET /jwks":                             s.keys,
		"/userinfo":                             s.userInfo,
		"POST /revoke":                          s.revokeToken,
		"/end_session":                          s.endSession,
	} {
		s.on(mux, s.settings, pattern, func(c *call) {
			if c.minimal {
				http.NotFound(c.w, c.r)
				return
			}
			h(c)
		})
	}
	return mux
}

// metadata is OpenID Connect Discovery 1.0 section 3.
func (s *Server) metadata(c *call) {
	c.json(http.StatusOK, map[string]any{
		"issuer":                 c.url,
		"authorization_endpoint": c.url + "/authorize",
		"token_endpoint":         c.url + "/token",
		"userinfo_endpoint":      c.url + "/userinfo",
		"jwks_uri":               c.url + "/jwks",
		"revocation_endpoint":    c.url + "/revoke",
		"end_session_endpoint":   c.url + "/end_session",

		"scopes_supported":                               []string{"openid", "profile", "email", "offline_access"},
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "form_post"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": c.sendIss,
		"claims_supported": []string{
			"iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "at_hash",
			"email", "email_verified", "name", "preferred_username", "picture",
		},
	})
}

// authorize is the authorization endpoint. A bad request is answered here, and
// not at the application as the standards have it, so that it is seen.
func (s *Server) authorize(c *call) {
	q := c.authorizationParams()
	a, err := c.ask(q, " ")
	if err == nil {
		err = c.checkAsk(q, a)
	}
	if err != nil {
		c.refuse(http.StatusBadRequest, err)
		return
	}
	params := url.Values{}
	if a.state != "" {
		params.Set("state", a.state)
	}
	if c.sendIss {
		params.Set("iss", c.url)
	}
	if c.interactive && q.Get("prompt") == "none" { // nobody is ever logged in here already
		params.Set("error", "login_required")
		c.respond(q, a, params)
		return
	}
	d, ok := c.decide(pageKind{"server", "Stand-in login provider", none}, a)
	switch {
	case !ok:
		return
	case d.allowed:
		params.Set("code", s.ledger.newCode(c.newGrant(a, d), c.now()))
	default:
		params.Set("error", "access_denied")
		params.Set("error_description", "The person refused.")
	}
	c.respond(q, a, params)
}

// checkAsk is what this server demands beyond the standards.
func (c *call) checkAsk(q url.Values, a *ask) error {
	switch have := q.Get("response_type"); {
	case have != "code":
		return fmt.Errorf("want the response_type code, have %q", have)
	case !slices.Contains([]string{"", "query", "form_post"}, q.Get("response_mode")):
		return errors.New("want a response_mode of query or form_post")
	case c.minimal:
		a.challenge = "" // this server has never heard of PKCE
		return nil
	case a.state == "":
		return errors.New("want a state, have none")
	case a.challenge == "":
		return errors.New("want a code_challenge, have none")
	case slices.Contains(a.scopes, "openid") && a.nonce == "":
		return errors.New("want a nonce, because the scope has openid, have none")
	}
	return nil
}

// respond sends the browser back to the application: by a redirect, or by a form
// (OAuth 2.0 Form Post Response Mode).
func (c *call) respond(q url.Values, a *ask, params url.Values) {
	if q.Get("response_mode") != "form_post" {
		c.redirect(a.redirectURI, params, "")
		return
	}
	c.page(postHTML, map[string]any{"Action": a.redirectURI, "Params": params})
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
