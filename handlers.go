package login

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

const defaultNext = "/" // where people land who did not come from anywhere

// owns reports whether path is one that ServeHTTP answers.
func (a *Auth) owns(path string) bool {
	rest, ok := strings.CutPrefix(path, a.base)
	return ok && (under(rest, "/login") || under(rest, "/callback") || under(rest, "/logout") ||
		a.config.OnConnect != nil && under(rest, "/connect")) || len(a.callbacks) > 0 && a.callbacks[path] != ""
}

// under reports whether path is dir or below it.
func under(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// callbackAt returns the provider whose RedirectURL has a path of its own, which
// is path, with that of Config.URL in front or taken away by a router.
func (a *Auth) callbackAt(path string) string {
	if len(a.callbacks) == 0 {
		return ""
	}
	if name := a.callbacks[path]; name != "" {
		return name
	}
	return a.callbacks[a.base+path]
}

// ServeHTTP serves /login, /login/{provider}, /callback/{provider}, /logout and,
// with [Config.OnConnect], /connect/{provider}; with or without the path of Config.URL in front (see [http.StripPrefix]). All
// else is 404. [Auth.Wrap] does this by itself.
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, a.base); ok && strings.HasPrefix(rest, "/") {
		path = rest
	}
	name, _ := strings.CutPrefix(path, "/login/")
	switch {
	case a.callbackAt(r.URL.Path) != "":
		a.Callback(w, r)
	case path == "/login", path == "/login/"+name && a.providers[name] != nil:
		a.Login(w, r)
	case strings.HasPrefix(path, "/callback/") && a.providers[path[len("/callback/"):]] != nil:
		a.Callback(w, r)
	case path == "/logout":
		a.Logout(w, r)
	case strings.HasPrefix(path, "/connect/"):
		a.Connect(w, r)
	default:
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "not_found"})
	}
}

// providerOf returns the provider that r names: by the path value {provider}, or
// else by the last segment of its path. It is nil if there is none, and ok is
// false if one is named that does not exist.
func (a *Auth) providerOf(r *http.Request, own string) (p *provider, ok bool) {
	name := r.PathValue("provider")
	if name == "" {
		name = r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if name == own {
			return nil, len(a.providers) > 0
		}
	}
	p = a.providers[name]
	return p, p != nil
}

// Login serves GET /login, which lets people choose a provider, and GET
// /login/{provider}?next=/path, which sends them there and, once they are logged
// in, to next. A next that is not a path of this site, or one of those that a
// serves itself, or longer than 1 KB, falls to "/". A browser that begins a sixth
// login within seconds gets a page, with status 429: the provider sends it back
// without an answer.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) {
	p, ok := a.providerOf(r, "login")
	if !ok {
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "unknown_provider"})
		return
	}
	if p == nil && len(a.order) == 1 {
		p = a.order[0]
	}
	methods := []string{http.MethodGet}
	if p == nil {
		methods = append(methods, http.MethodHead)
	}
	if !a.direct(w, r, methods...) {
		return
	}
	next, ok := a.localPath(r.URL.Query().Get("next"))
	if !ok {
		next = defaultNext
	}
	if p == nil {
		a.choose(w, r, next)
		return
	}
	a.start(w, r, p, next, wish{})
}

// start sends the browser to p.
func (a *Auth) start(w http.ResponseWriter, r *http.Request, p *provider, next string, asked wish) {
	md, err := p.metadata(r.Context())
	if err != nil {
		a.fail(w, r, &failure{kind: ErrProvider, reason: "discovery_failed", provider: p, next: next, connect: asked.connect != "", err: err})
		return
	}
	flows := a.flowCookies(r)
	f := newFlow(&p.Provider, md, next, a.now())
	f.wish = asked
	if f.streak = a.streak(flows) + 1; f.streak > maxStreak {
		a.fail(w, r, &failure{status: http.StatusTooManyRequests, reason: "too_many_logins", provider: p, next: next, connect: asked.connect != "",
			err: errors.New("the browser has just begun several logins; does the provider send it back to a page that needs one?")})
		return
	}
	if err := a.keepFlow(w, r, &p.Provider, f, flows); err != nil {
		a.fail(w, r, &failure{reason: "flow_not_kept", provider: p, next: next, connect: asked.connect != "", err: err})
		return
	}
	effective := f.with(&p.Provider)
	redirect(w, f.authURL(&effective, md))
}

// redirect answers 303, which makes a GET of every method: 307 would post what
// the browser sent to us on to the next site (RFC 9700 section 4.12). Unlike
// http.Redirect it does not clean the path, which can turn a safe one into one
// that leaves the site.
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// Callback serves GET /callback/{provider}, where the provider sends browsers
// back to; POST too, for a provider with response_mode=form_post: a form of at most
// 8 KiB, which may take ten seconds to arrive whatever the server's ReadTimeout.
func (a *Auth) Callback(w http.ResponseWriter, r *http.Request) {
	var p *provider
	if name := a.callbackAt(r.URL.Path); name != "" {
		p = a.providers[name]
	} else if p, _ = a.providerOf(r, "callback"); p == nil {
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "unknown_provider"})
		return
	}
	methods := []string{http.MethodGet}
	if p.formPost() {
		methods = append(methods, http.MethodPost)
	}
	if !a.direct(w, r, methods...) {
		return
	}
	params, err := callbackParams(w, r)
	if err != nil {
		a.fail(w, r, &failure{kind: ErrBadCallback, reason: "bad_parameters", provider: p, err: err})
		return
	}
	f := a.findFlow(r, params.Get("state"))
	if f == nil {
		a.strayCallback(w, r, p)
		return
	}
	finish := a.logIn
	if f.connect != "" {
		if r.Method == http.MethodPost {
			comeAgain(w, p, params)
			return
		}
		finish = a.connect
	}
	a.cookies.clear(w, a.cookies.flow(f.state)) // used, whatever comes of it
	if err := finish(w, r, p, f, params); err != nil {
		fail := asFailure(err)
		fail.provider, fail.next, fail.connect = p, f.next, f.connect != ""
		fail.secrets = append(fail.secrets, params.Get("code"), f.state, f.verifier, f.nonce)
		a.fail(w, r, fail)
		return
	}
	if next := f.next; p.StrayFragment && !strings.Contains(next, "#") {
		redirect(w, next+"#")
	} else {
		redirect(w, next)
	}
}

// comeAgain turns a callback that was posted from the provider's site, without the
// cookies that say who is logged in here, into one that has them.
func comeAgain(w http.ResponseWriter, p *provider, params url.Values) {
	query := make(url.Values)
	for _, key := range callbackKeys() {
		if params.Has(key) {
			query.Set(key, params.Get(key))
		}
	}
	redirect(w, p.RedirectURL+"?"+query.Encode())
}

// strayCallback answers a callback that belongs to no open flow: pressed Back or
// Reload after the login, or never began here.
func (a *Auth) strayCallback(w http.ResponseWriter, r *http.Request, p *provider) {
	if s, err := a.load(w, r); s != nil && err == nil {
		redirect(w, defaultNext)
		return
	}
	a.fail(w, r, &failure{kind: ErrBadCallback, reason: "no_such_flow", provider: p,
		err: errors.New("it came without the cookie of this login; do browsers reach the site at " + a.origin + "?")})
}

// Logout serves POST /logout, which ends the session and goes to "/", or to the
// path in the query parameter next, under the rules of [Auth.Login]. That should
// be a public page: with a single provider, one behind Require sends people to
// log in, and they are in again without being asked.
//
// It takes requests of pages of this site only (see
// [http.CrossOriginProtection]). GET shows a page with a button and changes
// nothing: links are followed by programs too, and by other people's pages. With
// [Config.EndSession], it is also where the provider sends people back to.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) {
	if len(a.providers) == 0 { // the zero Auth
		a.fail(w, r, &failure{status: http.StatusNotFound, reason: "not_found"})
		return
	}
	if r.Method != http.MethodPost {
		if !a.direct(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
			return
		}
		if next, ok := a.returned(r.URL.Query().Get("state")); ok {
			redirect(w, next)
			return
		}
		a.confirmLogout(w, r)
		return
	}
	if err := a.sameOrigin(r); err != nil {
		a.fail(w, r, &failure{status: http.StatusForbidden, reason: "cross_origin", err: err})
		return
	}
	next, ok := a.localPath(r.URL.Query().Get("next"))
	if !ok {
		next = defaultNext
	}
	if s := a.end(w, r); s != nil {
		a.logger().DebugContext(r.Context(), "login: logged out", "provider", s.user.Provider, "user", s.user.ID)
		if location := a.leave(r, s, next); location != "" {
			next = location
		}
	}
	redirect(w, next)
}

func (a *Auth) logger() *slog.Logger {
	if a.config.Logger != nil {
		return a.config.Logger
	}
	return slog.Default()
}

// problem is the body of an answer to a program (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, detail, reason string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, detail, reason})
}
