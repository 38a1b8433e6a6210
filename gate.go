package login

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// sameOrigin reports what is wrong with r if no page of this site sent it, as far
// as the browser says. What r says about its host does not count. Where there is
// only an Origin, CrossOriginProtection compares hosts, and takes http for https.
func (a *Auth) sameOrigin(r *http.Request) error {
	own := *r
	_, own.Host, _ = strings.Cut(a.origin, "://")
	if err := a.crossSite.Check(&own); err != nil {
		return err
	}
	if o := r.Header.Get("Origin"); o != "" && o != a.origin && r.Header.Get("Sec-Fetch-Site") == "" {
		return errors.New("the request comes from another origin")
	}
	return nil
}

// direct reports whether r may have effects: it has one of methods, and a person
// sent it by following a link or a redirect in a whole window, as far as the
// browser says. Otherwise it has answered.
func (a *Auth) direct(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	reason, status := "", http.StatusForbidden
	switch {
	case !slices.Contains(methods, r.Method):
		w.Header().Set("Allow", strings.Join(methods, ", "))
		reason, status = "method", http.StatusMethodNotAllowed
	case prefetch(r):
		reason = "prefetch"
	case !slices.Contains([]string{"", "navigate"}, r.Header.Get("Sec-Fetch-Mode")):
		reason = "not_a_navigation"
	case !slices.Contains([]string{"", "document"}, r.Header.Get("Sec-Fetch-Dest")):
		reason = "framed"
	default:
		return true
	}
	a.fail(w, r, &failure{status: status, reason: reason})
	return false
}

// prefetch reports whether a browser sends r before anybody has asked for it.
func prefetch(r *http.Request) bool {
	for _, key := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.HasPrefix(r.Header.Get(key), "prefetch") {
			return true
		}
	}
	return false
}

// scripted reports whether a library of JavaScript says that it sends r. Android's
// web views put another value there, and it is a person who sends theirs.
func scripted(r *http.Request) bool {
	return r.Header.Get("X-Requested-With") == "XMLHttpRequest"
}

// navigation reports whether r is a browser opening a page, as opposed to a
// program, or a script on a page, that could do nothing with HTML.
func navigation(r *http.Request) bool {
	if prefetch(r) || scripted(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// demandLogin answers a request that needs somebody to be logged in.
func (a *Auth) demandLogin(w http.ResponseWriter, r *http.Request) {
	if !navigation(r) || len(a.providers) == 0 {
		a.fail(w, r, &failure{kind: ErrLoginRequired, reason: "login_required"})
		return
	}
	// RequestURI is what the browser asked for, before any router took parts of
	// it away. After a POST there is nothing to return to.
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // the absolute form, or made by a test
		target = r.URL.RequestURI()
	}
	next, ok := a.localPath(target)
	if !ok || r.Method != http.MethodGet {
		next = ""
	}
	if a.lost(w, r) {
		a.fail(w, r, &failure{reason: lostSession, next: next, err: errors.New("the session that was begun a moment ago cannot be found")})
		return
	}
	redirect(w, a.loginURL("", next))
}
