package login_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/gorilla/sessions"
)

// newPeople is a site that logs in whoever *who says, with a token of their own.
func newPeople(t *testing.T, change func(*login.Config)) (*fakeProvider, *site, *string) {
	t.Helper()
	who := new(string)
	f, s := newLogin(t, func(c *login.Config, p *login.Provider) {
		p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
			return &login.User{ID: strings.TrimPrefix(g.Token.AccessToken, "TOKEN-OF-")}, nil
		}
		if change != nil {
			change(c)
		}
	})
	f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
		if step == "token" {
			fmt.Fprintf(w, `{"access_token":"TOKEN-OF-%s","token_type":"Bearer"}`, *who)
		}
		return step == "token"
	}
	return f, s, who
}

// hostileIDs are what an attacker would like the Store to look for.
var hostileIDs = []string{
	"ATTACKER-CHOSEN", "../../../etc/passwd", `..\..\x`, "/etc/passwd", "a\x00b", "a\r\nSet-Cookie: x=y", "*", "session_*", "[a-z]?",
	"' OR '1'='1", "{\"$gt\":\"\"}", "\u202e", "\xff\xfe", ".", "..", "%2e%2e%2f", strings.Repeat("A", 10<<10), "",
}

// T19, T21, B14: with every kind of Store, whatever was planted in the browser
// before a login is worth nothing after it: there is a new cookie and a new record,
// the old record is gone, and the Store never hears of an ID that it did not give.
func TestFixation(t *testing.T) {
	for kind, newStore := range map[string]func(*testing.T) (sessions.Store, func() []string, func()){
		"none": func(*testing.T) (sessions.Store, func() []string, func()) { return nil, nil, nil },
		"FilesystemStore": func(t *testing.T) (sessions.Store, func() []string, func()) {
			files, dir := fileStore(t)
			return files, func() []string { return records(t, dir) }, func() { removeAll(t, dir) }
		},
		"CookieStore": func(*testing.T) (sessions.Store, func() []string, func()) {
			return sessions.NewCookieStore([]byte("store-key-0123456789abcdefghijkl")), nil, nil
		},
		"unsigned IDs": func(*testing.T) (sessions.Store, func() []string, func()) {
			s := newMemoryStore(false)
			return s, s.ids, s.wipe
		},
		"signed IDs": func(*testing.T) (sessions.Store, func() []string, func()) {
			s := newMemoryStore(true)
			return s, s.ids, s.wipe
		},
	} {
		t.Run(kind, func(t *testing.T) {
			store, ids, wipe := newStore(t)
			_, s, who := newPeople(t, func(c *login.Config) { c.Store = store })
			x := &fixation{t, s, who, store, ids}
			x.plant("the attacker's session", x.attackers(nil), nil)
			x.plant("a session that was logged out", x.attackers(func(b *browser) { logOut(s, b) }), nil)
			if wipe != nil {
				x.plant("a session that was deleted on the server", x.attackers(func(*browser) { wipe() }), nil)
			}
			name := named(t, x.attackers(nil), "")
			for _, id := range hostileIDs {
				what := fmt.Sprintf("the ID %.20q", id)
				x.plant(what, nil, map[string]string{name: id, "login": id, "session": id, name + "-s": id})
			}
		})
	}
}

// A fixation is an attacker and a victim at one site.
type fixation struct {
	*testing.T
	site  *site
	who   *string
	store sessions.Store
	ids   func() []string // of the records in the Store; nil: they cannot be counted
}

func (x *fixation) records() []string {
	if x.ids == nil {
		return nil
	}
	return x.ids()
}

// attackers are the cookies of somebody who logged in and then did something.
func (x *fixation) attackers(then func(*browser)) map[string]string {
	*x.who = "attacker"
	b := jarOf(x.T, x.site)
	planted := b.cookies(x.site.URL)
	if then != nil {
		then(b)
	}
	return planted
}

// plant puts cookies into a victim's browser, or in front of all that it sends,
// and lets the victim log in and out.
func (x *fixation) plant(what string, planted, inFront map[string]string) {
	x.Helper()
	before := x.records()
	victim := newBrowser(x.T)
	victim.put(x.site, planted)
	if inFront != nil {
		victim.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return x.answer(r, inFront) })
	}
	own := x.logIn(what, victim, planted)
	x.worthless(what, planted)
	x.worthless(what, inFront)
	fresh := slices.DeleteFunc(x.records(), func(id string) bool { return slices.Contains(before, id) })
	if x.ids != nil && (len(fresh) != 1 || planted != nil && len(x.records()) != 1) {
		x.Errorf("%s: got the records %q after %q, want a new one, and the old one gone", what, x.records(), before)
	}
	logOut(x.site, victim)
	x.worthless(what+", after logout", planted)
	x.worthless(what+", the victim's cookies after logout", own)
	heard := x.records()
	if slices.ContainsFunc(fresh, func(id string) bool { return slices.Contains(heard, id) }) {
		x.Errorf("%s: the record is still there after logout", what)
	}
	if s, ok := x.store.(*memoryStore); ok {
		heard = slices.Concat(heard, s.asked)
	}
	for _, id := range heard {
		if slices.Contains(hostileIDs, id) {
			x.Errorf("%s: the Store heard of it", what)
		}
	}
}

// logIn logs the victim in and returns the cookies that the browser then has,
// none of which is a planted one.
func (x *fixation) logIn(what string, victim *browser, planted map[string]string) map[string]string {
	x.Helper()
	*x.who = "victim"
	before := x.records()
	resp, _ := victim.step(x.site.URL + "/login/fake")
	if got := x.records(); !slices.Equal(got, before) {
		x.Errorf("%s: a login that has only begun made the records %q of %q", what, got, before)
	}
	resp, _ = victim.step(resp.Header.Get("Location"))
	if resp, _ = victim.step(resp.Header.Get("Location")); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		x.Fatalf("%s: got status %d to %q", what, resp.StatusCode, resp.Header.Get("Location"))
	}
	own := victim.cookies(x.site.URL)
	if got := visitWith(x.site.auth, cookieHeader(own)); got.user != "victim" || got.token != "TOKEN-OF-victim" {
		x.Errorf("%s: the victim got %+v", what, got)
	}
	for name, value := range own {
		if value == planted[name] {
			x.Errorf("%s: the planted %s was kept", what, name)
		}
	}
	return own
}

// worthless checks that cookies let nobody in, and bring no record back.
func (x *fixation) worthless(what string, cookies map[string]string) {
	x.Helper()
	before := x.records()
	if got := visitWith(x.site.auth, cookieHeader(cookies)); got.status != 401 {
		x.Errorf("%s: whoever knows the cookies got %+v", what, got)
	}
	if got := x.records(); !slices.Equal(got, before) {
		x.Errorf("%s: records %q became %q", what, before, got)
	}
}

// answer is the victim's transport: it has the cookies in front of each request
// to the site, which knows no network, so that they may hold any byte.
func (x *fixation) answer(r *http.Request, inFront map[string]string) (*http.Response, error) {
	if "http://"+r.URL.Host != x.site.URL {
		return http.DefaultTransport.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Cookie", cookieHeader(inFront)+"; "+r.Header.Get("Cookie"))
	w := httptest.NewRecorder()
	x.site.Config.Handler.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// T20: nothing that a browser says about itself, before or during a login, gets
// into the session, and nothing of the session before.
func TestNothingSurvivesLogin(t *testing.T) {
	first := true
	_, s, who := newPeople(t, func(c *login.Config) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error {
			if u.Extra != nil || u.Name != "" || u.Email != "" {
				t.Errorf("OnLogin got %+v", u)
			}
			if first {
				u.Name, u.Email, u.Extra = "First", "first@example.test", map[string]string{"role": "admin"}
			}
			first = false
			return nil
		}
	})
	b := newBrowser(t)
	claims := "&" + url.Values{
		"id": {"evil"}, "sub": {"evil"}, "user": {`{"id":"evil"}`}, "user_id": {"evil"}, "name": {"evil"}, "email": {"evil@example.test"},
		"role": {"evil"}, "Extra": {"evil"}, "provider": {"evil"}, "access_token": {"evil"}, "scope": {"evil"}, "expires_in": {"9"}, "id_token": {"e.v.il"},
	}.Encode()
	b.put(s, map[string]string{"user": "evil", "login": "evil", "id": "evil", "email": "evil@example.test"})
	for _, name := range []string{"ada", "eve"} {
		*who = name
		resp, _ := b.step(s.URL + "/login/fake?" + claims)
		resp, _ = b.step(resp.Header.Get("Location"))
		b.step(resp.Header.Get("Location") + claims)
		_, body := b.open(s.URL + "/me")
		if strings.Contains(body, "evil") || strings.Contains(visitToken(s, b), "evil") {
			t.Errorf("%s: the session holds what the browser said: %s", name, body)
		}
		var u login.User
		if err := json.Unmarshal([]byte(body), &u); err != nil || u.ID != name || u.Provider != "fake" || (name == "eve" && (u.Name != "" || u.Email != "" || u.Extra != nil)) {
			t.Errorf("%s: got %s", name, body)
		}
	}
}

func visitToken(s *site, b *browser) string {
	v := visitWith(s.auth, cookieHeader(b.cookies(s.URL)))
	return fmt.Sprint(v.user, v.token, v.err)
}

// T61, B14: who logs in as somebody else, or finishes a login in a second tab, is
// that person and nobody before; copies of the session before are worth nothing.
func TestLoginAsSomebodyElse(t *testing.T) {
	for _, kind := range []string{"cookies", "store"} {
		store, _ := fileStore(t)
		f, s, who := newPeople(t, func(c *login.Config) {
			if kind == "store" {
				c.Store = store
			}
		})
		b := newBrowser(t)
		tab1, tab2 := b.callbackURL(s, "fake"), b.callbackURL(s, "fake")
		*who = "ada"
		b.step(tab1)
		ada := b.cookies(s.URL)
		if got := visitWith(s.auth, cookieHeader(ada)); got.user != "ada" || got.token != "TOKEN-OF-ada" {
			t.Errorf("%s: the first tab got %+v", kind, got)
		}
		*who = "eve"
		b.step(tab2)
		if got := visitWith(s.auth, cookieHeader(b.cookies(s.URL))); got.user != "eve" || got.token != "TOKEN-OF-eve" {
			t.Errorf("%s: the second tab got %+v", kind, got)
		}
		if got := visitWith(s.auth, cookieHeader(ada)); got.status != 401 {
			t.Errorf("%s: the session before got %+v", kind, got)
		}
		// Pressing Back in the first tab changes nobody, and asks nobody.
		if resp, _ := b.step(tab1); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" || f.tokenRequests() != 2 {
			t.Errorf("%s: back in the first tab: got status %d, %d token requests", kind, resp.StatusCode, f.tokenRequests())
		}
		if got := visitWith(s.auth, cookieHeader(b.cookies(s.URL))); got.user != "eve" {
			t.Errorf("%s: back in the first tab: got %+v", kind, got)
		}
	}
}

// T4: a login that is begun, even by a link on another site, leaves the session as
// it is, and so does one that fails.
func TestStartLeavesSession(t *testing.T) {
	_, s, who := newPeople(t, nil)
	*who = "ada"
	b := jarOf(t, s)
	before := b.cookies(s.URL)
	r := navigationTo(s.URL + "/login/fake?prompt=none&connect=1&link=1")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, _ := b.send(r)
	if len(resp.Cookies()) != 1 || !strings.HasPrefix(role(resp.Cookies()[0].Name), "-f-") {
		t.Errorf("beginning a login sets %v", resp.Cookies())
	}
	resp, _ = b.step(resp.Header.Get("Location"))
	b.step(withQuery(resp.Header.Get("Location"), "code", "", "error", "access_denied"))
	if got := b.cookies(s.URL); !maps.Equal(got, before) {
		t.Errorf("got the cookies %v, want those of before", slices.Sorted(maps.Keys(got)))
	}
	if got := visitWith(s.auth, cookieHeader(before)); got.user != "ada" || got.token != "TOKEN-OF-ada" {
		t.Errorf("got %+v", got)
	}
}

// logOut presses the button on the logout page.
func logOut(s *site, b *browser) {
	r := navigationTo(s.URL + "/logout")
	r.Method = "POST"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	b.send(r)
}

// removeAll deletes what is in dir.
func removeAll(t *testing.T, dir string) {
	t.Helper()
	for _, file := range records(t, dir) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
