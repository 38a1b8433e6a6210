package logintest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
)

// A GitHub is a stand-in for GitHub's login and the part of its REST API that is
// about users, laid out like an Enterprise Server: the web part is at URL, the
// API at URL + "/api/v3". It answers in GitHub's shapes, such as errors with
// status 200.
//
// GitHub is less strict than this library is. What GitHub takes but a careful
// client does not send, such as a request without state or PKCE, is answered as
// GitHub answers it, and is listed by Problems.
//
// As with a [Server], set fields before the first request, or within
// [GitHub.Set].
type GitHub struct {
	// URL is the address of the web part, without a slash at the end.
	URL string

	// ClientID and ClientSecret are those of the one app that is registered. NewGitHub fills
	// them in.
	ClientID, ClientSecret string

	// Users have an account here. If empty, there are three invented ones. IDs
	// are positive integers. An Email is verified and an UnverifiedEmail is not;
	// both are primary and hidden from the profile. These keys of Extra say more:
	//
	//	orgs          memberships, "example-org:active,other:pending,third:sso";
	//	              sso answers 403 until the person has signed on there
	//	teams         "example-org/operators:active,example-org/guests:pending"
	//	public_email  "true" shows the address in the profile
	//	declined      scopes that are not granted, "user:email"
	//	bio           as in the profile
	Users []login.User

	// Interactive, LoginAs and Deny are as in [Server]. The hint is the
	// parameter login.
	Interactive, Deny bool
	LoginAs           string

	// TokenLifetime makes the app a GitHub App whose tokens expire, and are
	// renewed by refresh tokens. If zero, it is an OAuth App, whose tokens do not.
	TokenLifetime time.Duration

	// SendIss adds iss to callbacks (RFC 9207). NewGitHub sets it.
	SendIss bool

	// Intercept and Now are as in [Server].
	Intercept func(http.ResponseWriter, *http.Request) bool
	Now       func() time.Time

	standIn
}

// NewGitHub returns a GitHub that listens on a free port of the loopback
// interface. It panics if the ID of a user is not a positive integer.
func NewGitHub(users ...login.User) *GitHub {
	for i, u := range people("", users) {
		if id, err := strconv.ParseInt(u.ID, 10, 64); err != nil || id <= 0 {
			panic(fmt.Sprintf("logintest: users[%d].ID: want a positive integer, have %q", i, u.ID))
		}
	}
	s := &GitHub{ClientID: "Iv1.logintest", ClientSecret: defaultClientSecret, SendIss: true}
	s.URL = s.listen(s)
	s.Users = slices.Clone(people(s.URL, users))
	return s
}

// Set calls change while no request is looking at the fields of s.
func (s *GitHub) Set(change func(*GitHub)) {
	s.fields.Lock()
	defer s.fields.Unlock()
	change(s)
}

func (s *GitHub) settings() settings {
	return settings{
		url: s.URL, clientID: s.ClientID, clientSecret: s.ClientSecret, users: people(s.URL, s.Users),
		loginAs: s.LoginAs, interactive: s.Interactive, deny: s.Deny, lifetime: s.TokenLifetime,
		intercept: s.Intercept, now: s.Now, sendIss: s.SendIss,
	}
}

// Provider returns the stand-in as a provider named "github".
func (s *GitHub) Provider() login.Provider {
	set := s.read(s.settings)
	return github.Config{ClientID: set.clientID, ClientSecret: set.clientSecret, URL: set.url}.Provider()
}

// ServeHTTP answers as GitHub does.
func (s *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receive(w, r, s.read(s.settings), s.mux)
}

func (s *GitHub) mux() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*call){
		"/login/oauth/authorize":                                           s.authorize,
		"POST /login/oauth/access_token":                                   s.token,
		"GET " + githubAPI + "/user":                                       s.api(s.user),
		"GET " + githubAPI + "/user/orgs":                                  s.api(s.orgs),
		"GET " + githubAPI + "/user/emails":                                s.api(s.emails),
		"GET " + githubAPI + "/user/memberships/orgs/{org}":                s.api(s.membership),
		"GET " + githubAPI + "/orgs/{org}/teams/{team}/memberships/{user}": s.api(s.teamMembership),
		"POST " + githubAPI + "/applications/{client}/token":               s.app(s.checkToken),
		"DELETE " + githubAPI + "/applications/{client}/token":             s.app(s.deleteToken),
		"DELETE " + githubAPI + "/applications/{client}/grant":             s.app(s.deleteGrant),
		githubAPI + "/": func(c *call) { c.githubError(http.StatusNotFound, "Not Found") },
	} {
		s.on(mux, s.settings, pattern, h)
	}
	return mux
}

// authorize is https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps.
func (s *GitHub) authorize(c *call) {
	q := c.authorizationParams()
	a, err := c.ask(q, " ,")
	if err != nil {
		c.refuse(http.StatusBadRequest, err)
		return
	}
	if a.state == "" || a.challenge == "" {
		c.problem(errors.New("want a state and a code_challenge, have one of them at most"))
	}
	a.hint = q.Get("login")
	d, ok := c.decide(pageKind{"github", "Stand-in for GitHub", none}, a)
	if !ok {
		return
	}
	params := url.Values{}
	if a.state != "" {
		params.Set("state", a.state)
	}
	if c.sendIss {
		params.Set("iss", c.url+"/login/oauth")
	}
	if d.allowed {
		g := c.newGrant(a, d)
		g.scopes = normalize(g.scopes)
		params.Set("code", s.ledger.newCode(g, c.now()))
	} else {
		params.Set("error", "access_denied")
		params.Set("error_description", "The user has denied your application access.")
		params.Set("error_uri", "/apps/building-integrations/setting-up-and-registering-oauth-apps/"+
			"troubleshooting-authorization-request-errors/%23access-denied")
	}
	c.redirect(a.redirectURI, params, "")
}
