package logintest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

// A Facebook is a stand-in for Facebook's login dialog and the part of the Graph
// API that a login and a page bot use, both at URL: with a version in front, such
// as /v25.0/me, or without. It answers in Facebook's shapes, such as errors that
// are objects. Facebook takes tokens and the app secret in URLs too; this one
// wants them in the header or the body.
//
// As with a [Server], set fields before the first request, or within
// [Facebook.Set].
type Facebook struct {
	// URL is the address of the dialog and of the Graph API, without a slash at
	// the end.
	URL string

	// ClientID and ClientSecret are the ID and the secret of the one app that is
	// registered. NewFacebook fills them in.
	ClientID, ClientSecret string

	// Users have an account here. If empty, there are three invented ones.
	// Facebook does not say whether an address is verified, so Email and
	// UnverifiedEmail are shown alike. These keys of Extra say more:
	//
	//	declined  permissions that the person unticks, "email,pages_show_list",
	//	          unless they are asked again (auth_type=rerequest)
	//	pages     pages that the person manages, "200000000000002,200000000000003"
	Users []login.User

	// Interactive, LoginAs and Deny are as in [Server]. Single permissions can
	// be unticked on the page.
	Interactive, Deny bool
	LoginAs           string

	// TokenLifetime is how long the tokens of a login are valid. If zero, it is
	// 5,108 seconds. Those that are exchanged for a long-lived one get 60 days.
	TokenLifetime time.Duration

	// RequireProof demands an appsecret_proof of every call to the Graph API, as
	// the app's setting "Require App Secret" does. One that is sent is checked in
	// any case.
	RequireProof bool

	// Intercept and Now are as in [Server].
	Intercept func(http.ResponseWriter, *http.Request) bool
	Now       func() time.Time

	standIn

	installed sync.Mutex
	decisions map[string]map[string]string // user -> permission -> "granted" or "declined"
	posts     map[string]string            // page -> its last message
	postCount int
}

// NewFacebook returns a Facebook that listens on a free port of the loopback
// interface.
func NewFacebook(users ...login.User) *Facebook {
	s := &Facebook{ClientID: "100000000000001", ClientSecret: "0123456789abcdef0123456789abcdef"}
	s.URL = s.listen(s)
	s.Users = slices.Clone(people(s.URL, users))
	return s
}

// Set calls change while no request is looking at the fields of s.
func (s *Facebook) Set(change func(*Facebook)) {
	s.fields.Lock()
	defer s.fields.Unlock()
	change(s)
}

func (s *Facebook) settings() settings {
	lifetime := s.TokenLifetime
	if lifetime == 0 {
		lifetime = 5108 * time.Second
	}
	return settings{
		url: s.URL, clientID: s.ClientID, clientSecret: s.ClientSecret, users: people(s.URL, s.Users),
		loginAs: s.LoginAs, interactive: s.Interactive, deny: s.Deny, lifetime: lifetime,
		intercept: s.Intercept, now: s.Now, requireProof: s.RequireProof,
	}
}

// Provider returns the stand-in as a provider named "facebook".
func (s *Facebook) Provider() login.Provider {
	set := s.read(s.settings)
	return facebook.Config{
		ClientID: set.clientID, ClientSecret: set.clientSecret, DialogURL: set.url, GraphURL: set.url,
	}.Provider()
}

// ServeHTTP answers as Facebook does.
func (s *Facebook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receive(w, r, s.read(s.settings), s.mux)
}

func (s *Facebook) mux() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*call){
		"/dialog/oauth":                         s.authorize,
		"POST /oauth/access_token":              s.token,
		"GET /debug_token":                      s.debugToken,
		"GET /{id}":                             s.graph(s.me),
		"GET /{id}/permissions":                 s.graph(s.permissions),
		"GET /{id}/accounts":                    s.graph(s.accounts),
		"POST /{id}/feed":                       s.graph(s.post),
		"DELETE /{id}/permissions":              s.graph(s.deletePermission),
		"DELETE /{id}/permissions/{permission}": s.graph(s.deletePermission),
		"/":                                     func(c *call) { c.graphError(&graphError{message: "Unknown path components.", code: 2500}) },
	} {
		s.on(mux, s.settings, pattern, h)
	}
	return withoutVersion(mux)
}

// withoutVersion takes a version such as /v25.0 off the path.
func withoutVersion(h http.Handler) http.Handler {
	version := regexp.MustCompile(`^/(v[0-9]+\.[0-9]+)(/.*)$`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := version.FindStringSubmatch(r.URL.Path); m != nil {
			w.Header().Set("Facebook-Api-Version", m[1])
			u := *r.URL
			u.Path, u.RawPath = m[2], ""
			r2 := *r
			r2.URL = &u
			r = &r2
		}
		h.ServeHTTP(w, r)
	})
}

// authorize is the login dialog.
func (s *Facebook) authorize(c *call) {
	q := c.authorizationParams()
	a, err := c.ask(q, " ,")
	if err != nil {
		c.refuse(http.StatusBadRequest, err)
		return
	}
	if a.state == "" {
		c.problem(errors.New("want a state, have none"))
	}
	if !slices.Contains(a.scopes, "public_profile") { // granted with every login
		a.scopes = append(a.scopes, "public_profile")
	}
	d, ok := c.decide(pageKind{"facebook", "Stand-in for Facebook", func(p string) bool { return p != "public_profile" }}, a)
	if !ok {
		return
	}
	params := url.Values{}
	if a.state != "" {
		params.Set("state", a.state)
	}
	if !d.allowed {
		params.Set("error", "access_denied")
		params.Set("error_code", "200")
		params.Set("error_description", "Permissions error")
		params.Set("error_reason", "user_denied")
		c.redirect(a.redirectURI, params, strayFragment)
		return
	}
	again := q.Get("auth_type") == "rerequest"
	if again && !c.interactive {
		d.declined = nil
	}
	g := s.remember(c, a, d, again || c.interactive)
	params.Set("code", s.ledger.newCode(g, c.now()))
	if q.Get("return_scopes") == "true" {
		params.Set("granted_scopes", strings.Join(g.scopes, ","))
		params.Set("denied_scopes", strings.Join(g.declined, ","))
	}
	c.redirect(a.redirectURI, params, strayFragment)
}

const maxPermissions = 1000 // of one person; Facebook knows fewer

// strayFragment is what Facebook's redirects end in.
const strayFragment = "#_=_"

// remember keeps the decision about each permission. What was declined once
// stays so until it is asked for again.
func (s *Facebook) remember(c *call, a *ask, d answer, again bool) *grant {
	s.installed.Lock()
	defer s.installed.Unlock()
	known := s.decisions[d.user.ID]
	if known == nil {
		known = make(map[string]string)
		if s.decisions == nil {
			s.decisions = make(map[string]map[string]string)
		}
		s.decisions[d.user.ID] = known
	}
	for _, p := range a.scopes {
		if known[p] == "declined" && !again && !slices.Contains(d.declined, p) {
			d.declined = append(d.declined, p)
		}
	}
	g := c.newGrant(a, d)
	if len(known) > maxPermissions {
		clear(known)
	}
	for _, p := range g.scopes {
		known[p] = "granted"
	}
	for _, p := range g.declined {
		known[p] = "declined"
	}
	return g
}

// token is the token endpoint. Facebook takes GET as well; the secret would be in
// the URL then, so this one does not.
func (s *Facebook) token(c *call) {
	form, err := c.form()
	if err != nil {
		c.graphError(&graphError{message: "The parameters must be in the body, once each.", code: 100, why: err})
		return
	}
	answer, e := s.exchange(c, form)
	if e != nil {
		c.graphError(e)
		return
	}
	c.graphJSON(http.StatusOK, answer)
}

func (s *Facebook) exchange(c *call, form url.Values) (map[string]any, *graphError) {
	switch {
	case form.Get("client_id") != c.clientID:
		return nil, &graphError{message: "Error validating application. Invalid application ID.", code: 101}
	case !equal(form.Get("client_secret"), c.clientSecret):
		return nil, &graphError{message: "Error validating client secret.", code: 1}
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		value := s.ledger.issue(c.clientID+"|"+rand.Text(), token{kind: appToken, issued: c.now()})
		return map[string]any{"access_token": value, "token_type": "bearer"}, nil
	case "fb_exchange_token":
		t, err := s.ledger.find(form.Get("fb_exchange_token"), accessToken, c.now())
		if err != nil {
			return nil, c.badToken(err)
		}
		return s.issue(c, t.grant, longLived), nil
	case "", "authorization_code":
		return s.exchangeCode(c, form)
	}
	return nil, &graphError{message: "Invalid grant_type.", code: 1}
}

func (s *Facebook) exchangeCode(c *call, form url.Values) (map[string]any, *graphError) {
	if u, err := url.Parse(form.Get("redirect_uri")); err != nil || !u.IsAbs() {
		return nil, &graphError{message: "redirect_uri isn't an absolute URI. Check RFC 3986.", code: 191}
	}
	g, err := s.ledger.redeem(form.Get("code"), c.now())
	if err != nil {
		return nil, badCode(err)
	}
	if form.Get("redirect_uri") != g.redirectURI {
		return nil, &graphError{message: "Error validating verification code. Please make sure your redirect_uri is " +
			"identical to the one you used in the OAuth dialog request", code: 100, subcode: 36008}
	}
	if err := g.checkVerifier(form.Get("code_verifier")); err != nil {
		return nil, &graphError{message: "Invalid code_verifier.", code: 100, challenge: "invalid_code", why: err}
	}
	return s.issue(c, g, c.lifetime), nil
}

const longLived = 5183944 * time.Second

func (s *Facebook) issue(c *call, g *grant, lifetime time.Duration) map[string]any {
	now := c.now()
	value := s.ledger.issue("EAA"+rand.Text()+rand.Text(), token{grant: g, issued: now, expires: now.Add(lifetime)})
	return map[string]any{"access_token": value, "token_type": "bearer", "expires_in": seconds(lifetime)}
}
