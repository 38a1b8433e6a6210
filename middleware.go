package login

import (
	"context"
	"crypto/sha256"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/sessions"
)

// Config says how people log in. URL, Key and Providers are required; the zero
// value of everything else is safe. [New] copies it.
//
// Printing a Config shows no secret. (Package fmt asks no type that stands in an
// unexported field of another how to print itself; do not print such a struct.)
type Config struct {
	// URL is where browsers reach the handlers: "https://example.com", or
	// "https://example.com/auth" to have them below /auth. It decides the paths
	// that are served, the redirect URLs, the names and attributes of cookies
	// and the origin that may log out; nothing is ever taken from the Host or
	// X-Forwarded-* headers. Plain http is for loopback hosts only.
	URL string

	// Key seals the cookies: at least 32 random bytes, the same on all
	// replicas. Who knows it can log in as anybody.
	Key []byte

	// OldKeys open cookies that were sealed before Key was changed. Keep an old
	// key here for a Lifetime.
	OldKeys [][]byte

	// Providers are the ways to log in. With a single one, /login goes straight
	// there; with several it lets people choose.
	Providers []Provider

	// Lifetime is how long a login lasts, however busy its user is. It is
	// checked inside the session as well as by the browser. If zero, it is 24
	// hours; the least is a minute, the most 400 days, which is as long as browsers
	// keep a cookie. Raising it does not make sessions longer that have begun.
	Lifetime time.Duration

	// Idle ends a login that was not used for so long: from a minute to Lifetime.
	// Its precision is a quarter. If zero, there is no idle limit.
	Idle time.Duration

	// OnLogin is called after the provider has said who logs in and before the
	// session begins. It may look the user up in the application's database and
	// fill in User.Extra, set Grant.Token to nil so that no token is kept, or
	// refuse: with a [Refusal], whose words the person sees, or with any other
	// error, which is logged and answered with 500, or 502 if it wraps ErrProvider.
	OnLogin func(*http.Request, *User, *Grant) error

	// OnConnect is called when a user who is logged in has connected an account at a
	// provider, by POST /connect/{provider} or [Auth.Start]: the first User is who
	// is logged in, Grant.User the account. The session stays as it is, and the
	// token is not kept in it; [Auth.Keep] keeps it. The account is connected with
	// whom it was begun by, or with nobody. Errors count as in OnLogin. If nil,
	// nothing can be connected.
	//
	// Somebody who is logged in by other means than this Auth has to be in the
	// context ([WithUser]) of the callback, too: put what does that around
	// [Auth.Wrap].
	OnConnect func(*http.Request, *User, *Grant) error

	// OnError answers failed requests in place of the built-in pages. The error
	// is an *[Error]. It has been logged already.
	OnError func(http.ResponseWriter, *http.Request, error)

	// Pages replaces built-in pages: templates named "chooser", "error" and
	// "logout", executed with a [Page]. Pages that are not there stay built in, and
	// so does one whose template fails. New executes each once with an example, to
	// report mistakes.
	Pages *template.Template

	// Store holds sessions on the server: Redis, PostgreSQL, files, anything
	// with the interface of gorilla/sessions. What it gets is sealed already.
	// Its records should last as long as Lifetime and hold 100 kB (of gorilla's own
	// stores, FilesystemStore holds 4 kB until MaxLength(0)). It must give up by itself
	// when its engine does not answer. If nil, sessions live in encrypted cookies.
	Store sessions.Store

	// Tokens keeps tokens for use without a request: see [Auth.Keep]. If nil, none
	// can be kept.
	Tokens TokenStore

	// Revocations are shared by replicas, so that a logout at one of them, or a call
	// of [Auth.End], counts at all. If nil, each process knows of its own, and
	// forgets them when it ends: then a copy of a session's cookies is good again
	// until its Lifetime is over, unless a Store held the session. Replicas with a
	// Store need it, too: a token that one renews while another logs its owner out
	// brings the deleted record back.
	Revocations Revocations

	// Once makes replicas renew a token once, though each of them gets requests with
	// the old one. If nil, each asks the provider for itself; one that rotates refresh
	// tokens may take that for theft.
	Once Once

	// RevokeTokens makes the provider forget a user's token when they log out, by
	// Provider.Revoke or, where its metadata names an endpoint, by RFC 7009. That
	// may take up to two seconds of the logout and never makes it fail.
	RevokeTokens bool

	// EndSession makes POST /logout go on to the provider, where its metadata names
	// an endpoint for that, to end the session there as well (OpenID Connect
	// RP-Initiated Logout 1.0). Register URL + "/logout" there as a post-logout
	// redirect URI. A page of yours with a form that posts to /logout must allow
	// the provider in its Content-Security-Policy, if that names form-action.
	EndSession bool

	// Client reaches the providers: through a proxy, say. Of it, Transport and a
	// Timeout below 10 seconds are used; CheckRedirect and Jar are not. A copy of an
	// [http.Transport] without TLSHandshakeTimeout is used with one of 10 seconds, and
	// keeps its connections apart. If nil, it is http.DefaultTransport.
	Client *http.Client

	// Logger gets a line for every failed request, with the provider, a reason
	// code and the error, and for every login at level Debug. If nil, it is
	// slog.Default().
	Logger *slog.Logger
}

// An Auth logs people in with the providers of one [Config]. It is safe for
// concurrent use. The zero Auth lets nobody in.
//
// Printing an Auth shows no secret.
type Auth struct {
	config    Config
	origin    string // of Config.URL
	base      string // path of Config.URL, without a slash at the end
	providers map[string]*provider
	order     []*provider       // as in Config
	callbacks map[string]string // path of a RedirectURL of its own -> name of the provider
	cookies   cookies
	crossSite *http.CrossOriginProtection
	pages     *pages

	flows, identities, tokens, lastSeen, handles, logouts, kept keyring

	opened        *openedSet[*session]   // identity cookies that were opened recently
	sights        *openedSet[sight]      // last-seen cookies, likewise
	openedHandles *openedSet[oldSession] // of a Store, likewise
	finished      *recentSet             // states of flows that were used
	revoked       *recentSet             // sessions and users that were logged out
	refused       *recentSet             // tokens that an API did not accept

	renewals *renewals

	now func() time.Time
}

// New returns an Auth, or an error that names every mistake in c at once.
func New(c Config) (*Auth, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	a := &Auth{
		origin:    u.Scheme + "://" + u.Host,
		base:      strings.TrimSuffix(u.EscapedPath(), "/"),
		providers: make(map[string]*provider),
		callbacks: make(map[string]string),
		crossSite: http.NewCrossOriginProtection(),
		now:       time.Now,
	}
	c.URL = a.origin + a.base
	if c.Lifetime == 0 {
		c.Lifetime = 24 * time.Hour
	}
	a.cookies = newCookies(c.URL, u.Scheme == "https")
	if err = a.deriveKeys(&c); err != nil {
		return nil, err
	}
	if a.pages, err = newPages(c.Pages); err != nil {
		return nil, err
	}
	if err = a.crossSite.AddTrustedOrigin(a.origin); err != nil {
		return nil, err
	}
	a.opened, a.sights, a.openedHandles = newOpenedSet[*session](), newOpenedSet[sight](), newOpenedSet[oldSession]()
	a.finished = newRecentSet(flowLifetime, 1<<16)
	a.revoked = newRecentSet(c.Lifetime+clockSkew, 1<<17)
	a.refused = newRecentSet(c.Lifetime, 1<<14)
	a.renewals = &renewals{byKey: make(map[[sha256.Size]byte]*renewal)}
	for i := range c.Providers {
		p := c.newProvider(i)
		a.order = append(a.order, p)
		a.providers[p.Name] = p
		if redirect, ok := url.Parse(p.RedirectURL); ok == nil && redirect.Path != a.base+"/callback/"+p.Name {
			a.callbacks[redirect.Path] = p.Name
		}
	}
	c.Providers = nil // completed in a.order
	a.config = c
	return a, nil
}

// deriveKeys makes the keys for each purpose and forgets what they are made of.
func (a *Auth) deriveKeys(c *Config) (err error) {
	keys := append([][]byte{c.Key}, c.OldKeys...)
	for purpose, ring := range map[byte]*keyring{
		purposeFlow: &a.flows, purposeIdentity: &a.identities, purposeToken: &a.tokens,
		purposeSeen: &a.lastSeen, purposeHandle: &a.handles, purposeLogout: &a.logouts,
		purposeKept: &a.kept,
	} {
		if *ring, err = newKeyring(purpose, c.URL, keys); err != nil {
			return err
		}
	}
	c.Key, c.OldKeys = nil, nil
	return nil
}

// CallbackURL returns what to register at the provider of that name as its
// redirect URL or callback URL, "" if there is no such provider.
func (a *Auth) CallbackURL(provider string) string {
	if p := a.providers[provider]; p != nil {
		return p.RedirectURL
	}
	return ""
}

// Wrap serves the paths of a itself and hands all other requests to next, with
// the logged-in user, if there is one, in the context: see [UserFrom]. It never
// calls a provider and never turns anybody away; for that there is [Auth.Require].
//
// Where a cookie is set, the answer gets Cache-Control: no-store. A handler that
// removes it again, as [http.FileServer] does with its errors, must not let caches
// keep the answer.
//
// Answers to people who are logged in vary by Cookie, so that no cache shows them
// to others. A cached page for the others may be shown to people who are logged
// in, unless the application says Vary: Cookie there, too.
func (a *Auth) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.owns(r.URL.Path) {
			a.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, a.attach(w, r))
	})
}

// Require admits only users logged in through a, or put into the context by
// [WithUser]. Others are sent to /login and back again if they navigate with a
// browser (after a POST to "/", and without its data), and get 401 with a JSON
// body (RFC 9457) if they are programs: fetch, curl, a WebSocket. It works inside
// [Auth.Wrap] and without it.
func (a *Auth) Require(next http.Handler) http.Handler {
	return a.Allow(func(*User) bool { return true })(next)
}

// Allow is Require for the users for whom ok returns true. Others get 403.
func (a *Auth) Allow(ok func(*User) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.cookies.varyCookie(w.Header())
			r, v := a.visitor(w, r)
			switch {
			case v.err != nil:
				a.fail(w, r, v.err)
			case v.user == nil:
				a.demandLogin(w, r)
			case !ok(v.user):
				a.fail(w, r, &failure{kind: ErrForbidden, reason: "not_allowed", user: v.user})
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

// UserFrom returns the user whom the nearest [Auth.Wrap], [Auth.Require] or
// [WithUser] put into ctx, nil if nobody is logged in.
func UserFrom(ctx context.Context) *User {
	if v, ok := ctx.Value(nearestKey{}).(*visitor); ok {
		return v.user
	}
	return nil
}

// WithUser returns a context in which u is logged in, as far as every Auth is
// concerned, whoever was logged in before. It is for tests of handlers behind
// Require, and for other ways of authenticating, such as an API key. There is no
// token with it.
func WithUser(ctx context.Context, u *User) context.Context {
	return &visitor{Context: ctx, user: u}
}

// A visitor is the context of a request with somebody logged in.
type visitor struct {
	context.Context
	auth    *Auth // nil if made by WithUser
	user    *User
	session *session
	err     error // the session could not be looked up

	own User // of this request, so that handlers that change theirs do not change others'
}

// nearestKey finds the nearest visitor.
type nearestKey struct{}

// visitorKey finds the nearest visitor who counts for one Auth: its own, or one
// made by WithUser. A user of one Auth is nobody to another.
type visitorKey struct{ auth *Auth }

func (v *visitor) Value(key any) any {
	switch key := key.(type) {
	case nearestKey:
		if v.err == nil {
			return v
		}
	case visitorKey:
		if v.auth == nil || v.auth == key.auth {
			return v
		}
	}
	return v.Context.Value(key)
}

// attach returns r with whoever is logged in through a in its context.
func (a *Auth) attach(w http.ResponseWriter, r *http.Request) *http.Request {
	s, err := a.load(w, r)
	if err != nil {
		return r.WithContext(&visitor{Context: r.Context(), auth: a, err: err})
	}
	if s == nil {
		return r
	}
	v := &visitor{Context: r.Context(), auth: a, session: s, own: s.user.clone()}
	v.user = &v.own
	return r.WithContext(v)
}

// visitor returns who sends r as far as a is concerned, and r with that user as
// the one whom UserFrom finds.
func (a *Auth) visitor(w http.ResponseWriter, r *http.Request) (*http.Request, *visitor) {
	v, ok := r.Context().Value(visitorKey{a}).(*visitor)
	if !ok {
		r = a.attach(w, r)
		v, ok = r.Context().Value(visitorKey{a}).(*visitor)
	}
	if !ok {
		return r, &visitor{}
	}
	if v.user != nil && UserFrom(r.Context()) != v.user {
		r = r.WithContext(&visitor{Context: r.Context(), auth: v.auth, user: v.user, session: v.session})
	}
	return r, v
}
