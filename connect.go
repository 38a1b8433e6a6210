package login

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Start is what [Auth.Start] begins a login with.
type Start struct {
	// Provider is the name of one. With a single provider it may be empty.
	Provider string

	// Next is where the person goes afterwards, under the rules of [Auth.Login].
	Next string

	// Scopes are requested in addition to Provider.Scopes (incremental consent).
	Scopes []string

	// Params are sent in addition to Provider.Params, and in place of those of the
	// same name: prompt=select_account, login_hint. Together with Scopes they may
	// take 1 KB. Those that a login sets itself are refused, and response_mode.
	Params url.Values

	// Connect adds an account to the user who is logged in, instead of logging
	// anybody in: see [Config.OnConnect].
	Connect bool
}

const maxWish = 1 << 10 // bytes of the scopes and parameters of one login

// A wish is what one login differs in from others with the same provider.
type wish struct {
	scopes  []string
	params  url.Values
	connect string // key of the user to whom the account is added, "" if it is to log in
}

// with returns p as w wants it.
func (w *wish) with(p *Provider) Provider {
	q := p.clone()
	for _, s := range w.scopes {
		if !slices.Contains(q.Scopes, s) {
			q.Scopes = append(q.Scopes, s)
		}
	}
	if q.Params == nil {
		q.Params = make(url.Values)
	}
	maps.Copy(q.Params, w.params)
	return q
}

// check reports what is wrong with s.
func (s *Start) check() error {
	size := len(s.Params.Encode())
	for _, scope := range s.Scopes {
		if size += len(scope) + 1; !validScope(scope) {
			return errors.New("Start.Scopes: want scopes as in RFC 6749 section 3.3, one each")
		}
	}
	for _, key := range append(strings.Fields(ownParams), "response_mode") {
		if s.Params.Has(key) {
			return fmt.Errorf("Start.Params: want none that a login sets itself, have %s", key)
		}
	}
	if size > maxWish {
		return fmt.Errorf("Start: want at most %d bytes of Scopes and Params, have %d", maxWish, size)
	}
	return nil
}

// Start sends the browser to a provider, as [Auth.Login] does, with wishes of the
// application. It is for handlers of the application's own, behind whatever guards
// them: GET or POST, and with Start.Connect only POST, from a page of this site. It
// always answers the request: with 404 if there is no such provider, and with 500 if
// something else is wrong with s, which is logged.
func (a *Auth) Start(w http.ResponseWriter, r *http.Request, s Start) {
	p := a.providers[s.Provider]
	if s.Provider == "" && len(a.order) == 1 {
		p = a.order[0]
	}
	if p == nil {
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "unknown_provider"})
		return
	}
	methods := []string{http.MethodGet, http.MethodPost}
	if s.Connect {
		methods = methods[1:]
	}
	if !a.direct(w, r, methods...) {
		return
	}
	next, ok := a.localPath(s.Next)
	if !ok {
		next = defaultNext
	}
	asked := wish{scopes: s.Scopes, params: s.Params}
	err := s.check()
	if s.Connect && err == nil {
		if asked.connect, ok = a.connecting(w, r); !ok {
			return
		}
		if a.config.OnConnect == nil {
			err = errors.New("Start.Connect: want Config.OnConnect")
		}
	}
	if err != nil {
		a.fail(w, r, &failure{reason: "bad_start", provider: p, next: next, connect: s.Connect, err: err})
		return
	}
	a.start(w, r, p, next, asked)
}

// Connect serves POST /connect/{provider}?next=/path, which connects an account at
// the provider with the user who is logged in: see [Config.OnConnect]. Like
// [Auth.Logout] it takes requests of pages of this site only.
func (a *Auth) Connect(w http.ResponseWriter, r *http.Request) {
	p, _ := a.providerOf(r, "connect")
	if p == nil || a.config.OnConnect == nil {
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "unknown_provider"})
		return
	}
	a.Start(w, r, Start{Provider: p.Name, Next: r.URL.Query().Get("next"), Connect: true})
}

// connecting returns the key of the user with whom r may connect an account. If
// there is none, it has answered.
func (a *Auth) connecting(w http.ResponseWriter, r *http.Request) (key string, ok bool) {
	// Otherwise any page could connect its owner's account with a visitor's.
	if err := a.sameOrigin(r); err != nil {
		a.fail(w, r, &failure{status: http.StatusForbidden, reason: "cross_origin", err: err})
		return "", false
	}
	r, v := a.visitor(w, r)
	switch {
	case v.err != nil:
		a.fail(w, r, v.err)
	case v.user == nil:
		a.demandLogin(w, r)
	case v.user.ID == "":
		a.fail(w, r, &failure{reason: "bad_start", err: errors.New("want a user with an ID to connect an account with")})
	default:
		return v.user.key(), true
	}
	return "", false
}

// key is what a flow is bound to u by.
func (u *User) key() string {
	key := userKey(u.Provider, u.ID)
	return string(key[:])
}

// connect hands the account that the provider names to whoever began f, and leaves
// the session as it is. Somebody else must not get it: it would let them in as this
// person, or this person see what is theirs.
func (a *Auth) connect(w http.ResponseWriter, r *http.Request, p *provider, f *flow, params url.Values) error {
	r, v := a.visitor(w, r)
	switch {
	case v.err != nil:
		return v.err
	case a.config.OnConnect == nil: // begun at a replica with another configuration
		return &failure{kind: ErrBadCallback, reason: "bad_start"}
	case v.user == nil || v.user.key() != f.connect:
		return &failure{kind: ErrBadCallback, reason: "connect_other_user"}
	}
	_, g, err := a.finish(r, p, f, params, func(u *User, g *Grant) error {
		if v.session != nil && a.dead(v.session) { // logged out while the provider was asked
			return &failure{kind: ErrBadCallback, reason: "connect_other_user"}
		}
		return asRefusal(a.config.OnConnect(r, v.user, g), "on_connect_failed")
	})
	if err == nil {
		a.logger().DebugContext(r.Context(), "login: connected", "provider", p.Name, "user", g.User.ID)
	}
	return err
}
