package logintest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/doorlatch/login"
)

const maxAsk = 8 << 10 // bytes of an authorization request; a code remembers much of it

// An ask is an authorization request: what an application would like to be
// allowed.
type ask struct {
	redirectURI, state, challenge, nonce string
	scopes                               []string
	hint                                 string // who is probably going to log in
}

// answer is what the person decided. declined holds the optional scopes that
// were unticked.
type answer struct {
	allowed  bool
	user     *login.User
	declined []string
}

// authorizationParams are those of the query, or of the body of a POST (OpenID
// Connect Core section 3.1.2.1). The form of the page is posted to the URL of
// the request itself.
func (c *call) authorizationParams() url.Values {
	if c.r.Method == http.MethodPost && c.r.URL.RawQuery == "" {
		c.r.ParseForm()
		return c.r.PostForm
	}
	return c.r.URL.Query()
}

// ask reads what all providers have in common. separators stand between scopes.
func (c *call) ask(q url.Values, separators string) (*ask, error) {
	a := &ask{
		redirectURI: q.Get("redirect_uri"), state: q.Get("state"),
		challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), hint: q.Get("login_hint"),
		scopes: strings.FieldsFunc(q.Get("scope"), func(r rune) bool { return strings.ContainsRune(separators, r) }),
	}
	if err := repeated(q); err != nil {
		return nil, err
	}
	if len(q.Encode()) > maxAsk {
		return nil, fmt.Errorf("the request is longer than %d bytes", maxAsk)
	}
	if have := q.Get("client_id"); have != c.clientID {
		return nil, fmt.Errorf("want the client_id %q, have %q", c.clientID, have)
	}
	if err := checkRedirectURI(a.redirectURI); err != nil {
		return nil, err
	}
	return a, checkChallenge(q)
}

// checkRedirectURI takes any client of this machine, and any https URL: there is
// no registration.
func checkRedirectURI(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return errors.New("want a redirect_uri, have none")
	case err != nil || u.Host == "" || u.User != nil || strings.Contains(raw, "#"):
		return errors.New("the redirect_uri is not an absolute URL without user and fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("want a redirect_uri that is https, or http on loopback")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkChallenge checks the parameters of PKCE, if there are any (RFC 7636
// section 4.3).
func checkChallenge(q url.Values) error {
	if !q.Has("code_challenge") && !q.Has("code_challenge_method") {
		return nil
	}
	if method := q.Get("code_challenge_method"); method != "S256" {
		return fmt.Errorf("want the code_challenge_method S256, have %q", method)
	}
	if b, err := base64.RawURLEncoding.DecodeString(q.Get("code_challenge")); err != nil || len(b) != sha256.Size {
		return errors.New("the code_challenge is not a SHA-256 sum in base64url")
	}
	return nil
}

// checkVerifier compares verifier with the challenge of the authorization
// request. A verifier without a challenge is refused too: somebody may have taken
// the challenge away (RFC 9700 section 2.1.1).
func (g *grant) checkVerifier(verifier string) error {
	if g.challenge == "" && verifier == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(verifier))
	have := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(have), []byte(g.challenge)) != 1 {
		return errors.New("the code_verifier does not belong to the code_challenge")
	}
	return nil
}

// decide answers for the person, or asks at the browser. If it returns false, it
// has sent a page.
func (c *call) decide(p pageKind, a *ask) (answer, bool) {
	switch {
	case !c.interactive:
		u := c.pick(a.hint)
		return answer{allowed: !c.deny, user: u, declined: intersect(extraList(u, "declined"), a.scopes)}, true
	case c.r.Method == http.MethodPost && c.r.PostFormValue("decision") != "":
		return c.readDecision(p, a)
	}
	c.askPage(p, a)
	return answer{}, false
}

// readDecision reads the form of the page.
func (c *call) readDecision(p pageKind, a *ask) (answer, bool) {
	d := answer{user: c.user(c.r.PostForm.Get("user")), allowed: c.r.PostForm.Get("decision") == "allow"}
	if d.user == nil {
		c.refuse(http.StatusBadRequest, errors.New("the form names nobody who has an account here"))
		return answer{}, false
	}
	for _, scope := range a.scopes {
		if p.optional(scope) && !c.r.PostForm.Has("allow:"+scope) {
			d.declined = append(d.declined, scope)
		}
	}
	return d, true
}

// newGrant is what comes of an answer.
func (c *call) newGrant(a *ask, d answer) *grant {
	return &grant{
		user:     d.user.ID,
		scopes:   slices.DeleteFunc(slices.Clone(a.scopes), func(s string) bool { return slices.Contains(d.declined, s) }),
		declined: d.declined,
		authTime: c.now(),

		redirectURI: a.redirectURI, challenge: a.challenge, nonce: a.nonce,
	}
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}
