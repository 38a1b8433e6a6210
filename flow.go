package login

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	flowLifetime = 10 * time.Minute // as long as a code may live (RFC 6749 section 4.1.2)
	maxFlows     = 5                // login attempts that one browser may have open
	maxFlowBytes = 4096             // of their cookies together
	clockSkew    = time.Minute      // by which the clocks of replicas may differ
)

// A flow is one login attempt. It lives in a sealed cookie of its own, named
// after its state, so that attempts in several tabs do not disturb each other
// and the server need not remember those that are open.
type flow struct {
	state    string // 256 bits; what ties the callback to this browser (RFC 6749 section 10.12)
	verifier string // PKCE (RFC 7636)
	nonce    string // ties the ID token to this attempt (OpenID Connect Core 3.1.2.1)

	// What the attempt was begun with. A callback that arrives for anything
	// else is a mix-up (RFC 9700 section 4.4).
	provider, issuer, redirectURL string

	wish

	next   string
	began  time.Time
	streak int // of logins that the browser began in quick succession, with this one

	old *oldSession // see Auth.endUnseen
}

// An oldSession is what it takes to end a session whose cookies are out of sight.
type oldSession struct {
	id     [16]byte
	handle string // of the Store's record, if there is one
}

func newFlow(p *Provider, md *Metadata, next string, now time.Time) *flow {
	return &flow{
		state: randomText(), verifier: randomText(), nonce: randomText(),
		provider: p.Name, issuer: md.Issuer, redirectURL: p.RedirectURL,
		next: next, began: now,
	}
}

// randomText returns 256 random bits as 43 characters of base64url, which is
// also the shortest PKCE verifier that RFC 7636 section 4.1 allows.
func randomText() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (f *flow) record() record {
	r := newRecord(purposeFlow).str(f.state).str(f.verifier).str(f.nonce).
		str(f.provider).str(f.issuer).str(f.redirectURL).str(f.next).int(f.began.Unix()).int(int64(f.streak)).
		strs(f.scopes).str(f.params.Encode()).str(f.connect)
	if f.old != nil {
		r = r.str(string(f.old.id[:])).str(f.old.handle)
	}
	return r
}

func readFlow(b []byte) (*flow, bool) {
	r := readRecord(b, purposeFlow)
	f := &flow{
		state: r.str(), verifier: r.str(), nonce: r.str(),
		provider: r.str(), issuer: r.str(), redirectURL: r.str(), next: r.str(),
		began: time.Unix(r.int(), 0), streak: int(r.int()),
	}
	f.scopes = r.strs()
	params, err := url.ParseQuery(r.str())
	f.params, f.connect = params, r.str()
	if r.rest != "" {
		f.old = new(oldSession)
		copy(f.old.id[:], r.str())
		f.old.handle = r.str()
	}
	return f, r.ok() && err == nil
}

// expired reports whether f is too old, or younger than the clock allows.
func (f *flow) expired(now time.Time) bool {
	return now.Sub(f.began) > flowLifetime || f.began.Sub(now) > clockSkew
}

// authURL is the address of the authorization request (RFC 6749 section 4.1.1) to
// p, as f wants it.
func (f *flow) authURL(p *Provider, md *Metadata) string {
	c := oauth2.Config{ClientID: p.ClientID, Endpoint: md.Endpoint, RedirectURL: f.redirectURL}
	var opts []oauth2.AuthCodeOption
	var more []string // of one name, such as resource (RFC 8707 section 2)
	for key, values := range p.Params {
		for i, v := range values {
			if i == 0 {
				opts = append(opts, oauth2.SetAuthURLParam(key, v))
			} else {
				more = append(more, "&"+url.QueryEscape(key)+"="+url.QueryEscape(v))
			}
		}
	}
	if len(p.Scopes) > 0 { // an empty scope parameter breaks some providers
		sep := p.ScopeSeparator
		if sep == "" {
			sep = " "
		}
		opts = append(opts, oauth2.SetAuthURLParam("scope", strings.Join(p.Scopes, sep)))
	}
	if p.openID() {
		opts = append(opts, oauth2.SetAuthURLParam("nonce", f.nonce))
	}
	u := c.AuthCodeURL(f.state, append(opts, oauth2.S256ChallengeOption(f.verifier))...) + strings.Join(more, "")
	// The query encodes a plus sign as %2B, so every "+" left is a space; Apple
	// and others understand only %20. What stands before the query is not ours.
	base, query, _ := strings.Cut(u, "?")
	return base + "?" + strings.ReplaceAll(query, "+", "%20")
}

// openID reports whether p is asked for an ID token.
func (p *Provider) openID() bool { return slices.Contains(p.Scopes, "openid") }

// formPost reports whether p answers by a POST from its own site (OAuth 2.0 Form
// Post Response Mode).
func (p *Provider) formPost() bool { return p.Params.Get("response_mode") == "form_post" }

// keepFlow sets the cookie of f, and removes the oldest others where there are
// too many of them.
func (a *Auth) keepFlow(w http.ResponseWriter, r *http.Request, p *Provider, f *flow, others []flowCookie) error {
	if p.formPost() {
		f.old = a.oldSession(r)
	}
	name, session := a.cookies.flow(f.state), a.sessionBytes(r)
	value, err := a.flows.seal(name, f.record())
	room := a.cookies.room(name, int(flowLifetime.Seconds()))
	if err == nil && (len(value) > room || session+len(name)+len(value) > maxCookieBytes) {
		f.next = defaultNext // better than no login at all
		value, err = a.flows.seal(name, f.record())
	}
	if err == nil && len(value) > room {
		err = errors.New("it does not fit a cookie; shorten Start.Params")
	}
	if err != nil {
		return err
	}
	a.evictFlows(w, others, session, len(name)+len(value))
	c := a.cookies.cookie(name, value, int(flowLifetime.Seconds()))
	if p.formPost() {
		// The callback is a POST from another site, which Lax cookies do not
		// accompany. Browsers want Secure with None, and allow both on loopback.
		c.SameSite, c.Secure = http.SameSiteNoneMode, true
	}
	a.cookies.set(w, c)
	return nil
}

// oldSession returns the session that r carries.
func (a *Auth) oldSession(r *http.Request) *oldSession {
	for value := range a.eachIdentity(r) {
		if s, _ := a.open(r, value); s != nil {
			_, handle, _ := a.openHandle(value)
			return &oldSession{s.id, handle}
		}
	}
	return nil
}

// sessionBytes is what our cookies but those of flows take of r.
func (a *Auth) sessionBytes(r *http.Request) int {
	n := 0
	for name, value := range a.cookies.each(r, a.cookies.base) {
		if !strings.HasPrefix(name, a.cookies.flowPrefix()) {
			n += len(name) + len("=") + len(value) + len("; ")
		}
	}
	return n
}

// evictFlows removes the oldest flows: at most maxFlows and maxFlowBytes are kept,
// with a new one of the given size (0: there is none), and not so many that
// together with the session they exceed what proxies accept in a request.
func (a *Auth) evictFlows(w http.ResponseWriter, flows []flowCookie, session, size int) {
	slices.SortStableFunc(flows, func(x, y flowCookie) int { return y.began.Compare(x.began) })
	room := min(maxFlowBytes, maxCookieBytes-session) - size
	for i, f := range flows {
		if room -= f.size; i+1 >= maxFlows || room < 0 || f.began.IsZero() {
			a.cookies.clear(w, f.name)
		}
	}
}

// A flowCookie is an open flow in a request. One that is of no use any more began
// at the zero time, before all others.
type flowCookie struct {
	name   string
	size   int
	began  time.Time
	streak int
}

// flowCookies returns the open flows of r, but not more than a few times as many
// as there can be.
func (a *Auth) flowCookies(r *http.Request) []flowCookie {
	var flows []flowCookie
	for name, value := range a.cookies.each(r, a.cookies.flowPrefix()) {
		if len(flows) == 4*maxFlows {
			break
		}
		f, ok := a.openFlow(name, value)
		if !ok || a.finished.has(f.key()) {
			f = new(flow)
		}
		flows = append(flows, flowCookie{name, len(name) + len("=") + len(value) + len("; "), f.began, f.streak})
	}
	return flows
}

// loopTime is how soon after the one before a login has to begin to count as one
// of a streak. A streak of more than maxStreak is no person, but a provider that
// sends people back to the page that they came from.
const (
	loopTime  = 2 * time.Second
	maxStreak = 5
)

// streak returns how many logins the browser has begun in quick succession.
func (a *Auth) streak(flows []flowCookie) int {
	n := 0
	for _, f := range flows {
		if a.now().Sub(f.began) < loopTime {
			n = max(n, f.streak)
		}
	}
	return n
}

// openFlow opens a flow cookie.
func (a *Auth) openFlow(name, value string) (*flow, bool) {
	if len(value) > maxSetCookie {
		return nil, false
	}
	b, ok := a.flows.open(name, value)
	if !ok {
		return nil, false
	}
	f, ok := readFlow(b)
	return f, ok && !f.expired(a.now())
}

// findFlow returns the flow that r belongs to by its state parameter and one of
// its cookies, nil if there is none.
func (a *Auth) findFlow(r *http.Request, state string) *flow {
	if len(state) != base64.RawURLEncoding.EncodedLen(32) {
		return nil
	}
	want := a.cookies.flow(state)
	for name, value := range a.cookies.each(r, want) {
		if name != want {
			continue
		}
		f, ok := a.openFlow(name, value)
		if ok && subtle.ConstantTimeCompare([]byte(f.state), []byte(state)) == 1 {
			return f
		}
	}
	return nil
}

// use marks f as finished and reports whether this is the first time, so that
// of parallel callbacks only one goes on to the token endpoint.
func (a *Auth) use(f *flow) bool { return a.finished.add(f.key(), a.now()) }

// key is what a finished flow is remembered by.
func (f *flow) key() [16]byte { return [16]byte([]byte(f.state)[:16]) }
