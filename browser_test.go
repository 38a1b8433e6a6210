package login_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/gorilla/sessions"
)

// A wallet holds one of each of our cookies, all of which count: a session that
// would be over without its last-seen time, with a token, and a login begun.
type wallet struct {
	*site
	provider *fakeProvider
	session  map[string]string
	flow     map[string]string
	callback string // the provider's answer to the flow
}

func newWallet(t *testing.T, token int, change func(*login.Config)) *wallet {
	t.Helper()
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.Idle = 20 * time.Minute
		if change != nil {
			change(c)
		}
	})
	bigToken(f, token, 0, 0)
	now := time.Now()
	b, other := jarOf(t, s), newBrowser(t)
	for _, after := range []time.Duration{15 * time.Minute, 25 * time.Minute} {
		s.auth.SetNow(func() time.Time { return now.Add(after) })
		if !loggedIn(t, s, b) {
			t.Fatalf("logged out after %s", after)
		}
	}
	callback := other.callbackURL(s, "fake")
	return &wallet{s, f, b.cookies(s.URL), other.cookies(s.URL), callback}
}

// role is what a cookie is for: what its name has after that of the identity.
func role(name string) string {
	return regexp.MustCompile(`^(__Host-)?login-[0-9a-f]{8}`).ReplaceAllString(name, "")
}

// named returns the name of the cookie with that role.
func named(t *testing.T, cookies map[string]string, want string) string {
	t.Helper()
	for name := range cookies {
		if role(name) == want {
			return name
		}
	}
	t.Fatalf("no cookie has the role %q", want)
	return ""
}

// cookieHeader joins cookies as a browser does, in the order of their names.
func cookieHeader(cookies map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		parts = append(parts, name+"="+cookies[name])
	}
	return strings.Join(parts, "; ")
}

// A visit is what Require and Token make of a request.
type visit struct {
	status      int
	user, token string
	err         error // of Token
	header      http.Header
}

func visitWith(auth *login.Auth, cookie string) (v visit) {
	r, w := httptest.NewRequest("GET", "/me", nil), httptest.NewRecorder()
	r.Header.Set("Cookie", cookie)
	auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.user = login.UserFrom(r.Context()).ID
		token, err := auth.Token(w, r)
		if v.err = err; err == nil {
			v.token = token.AccessToken
		}
	})).ServeHTTP(w, r)
	v.status, v.header = w.Code, w.Header()
	return v
}

// refuses checks that value is no good in place of the cookie of that name: the
// callback is refused before anything is sent, nobody is logged in, or there is
// no token, whichever hangs on it.
func (x *wallet) refuses(t *testing.T, what, name, value string) {
	t.Helper()
	if x.flow[name] != "" {
		r, w := httptest.NewRequest("GET", x.callback, nil), httptest.NewRecorder()
		r.Header.Set("Cookie", name+"="+value)
		before := x.provider.tokenRequests()
		x.auth.ServeHTTP(w, r)
		if w.Code != 400 || x.provider.tokenRequests() != before || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s%s: got status %d, %d token requests, cookies %q", role(name), what, w.Code, x.provider.tokenRequests()-before, w.Header()["Set-Cookie"])
		}
		return
	}
	changed := maps.Clone(x.session)
	changed[name] = value
	got, status, user, err := visitWith(x.auth, cookieHeader(changed)), 401, "", error(nil)
	if strings.HasPrefix(role(name), "-t") { // who somebody is does not hang on the token
		status, user, err = 200, "17", login.ErrNoToken
	}
	if got.status != status || got.user != user || got.token != "" || !errors.Is(got.err, err) {
		t.Errorf("%s%s: got %+v, want status %d, user %q, %v", role(name), what, got, status, user, err)
	}
}

// damages are ways in which a value can be changed, with names: every bit of it,
// every length below its own, and more than there was. Of a long value some bits
// in the middle are left out.
func damages(value string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range value {
			for bit := range 8 {
				if len(value) > 2000 && i > 100 && i < len(value)-100 && (i+bit)%29 != 0 {
					continue
				}
				b := []byte(value)
				b[i] ^= 1 << bit
				if !yield(fmt.Sprintf(" with bit %d of byte %d flipped", bit, i), string(b)) {
					return
				}
			}
			if len(value) > 2000 && i%29 != 0 {
				continue
			}
			if !yield(fmt.Sprintf(" cut to %d bytes", i), value[:i]) || i > 0 && !yield(fmt.Sprintf(" without %d bytes", i), value[i:]) {
				return
			}
		}
		for _, s := range []string{"A", "=", "==", "AAAA", "|", ",", "%00", "\x00", "\x80", "\r\n", value, strings.Repeat("A", 64<<10)} {
			if !yield(fmt.Sprintf(" and %.20q", s), value+s) || !yield(fmt.Sprintf(" after %.20q", s), s+value) {
				return
			}
		}
		for _, s := range []string{`"` + value + `"`, strings.ToLower(value), strings.ToUpper(value), strings.ReplaceAll(value, "=", "%3D"), ""} {
			if s != value && !yield(fmt.Sprintf(" as %.20q", s), s) {
				return
			}
		}
	}
}

// T12, T16: no bit of any of our cookies can be changed, and nothing taken away
// or added: that is nobody, no token, or no login, and never a 500.
func TestEveryBitOfEveryCookie(t *testing.T) {
	files, _ := fileStore(t)
	store := &spyStore{Store: files}
	for _, tt := range []struct {
		name  string
		token int
		roles string
		store sessions.Store
	}{
		{"one piece", 10, "[ -s -t0]", nil},
		{"two pieces", 2500, "[ -s -t0 -t1]", nil},
		{"store", 2500, "[ -s]", store},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWallet(t, tt.token, func(c *login.Config) { c.Store = tt.store })
			if got := visitWith(x.auth, cookieHeader(x.session)); got.user != "17" || len(got.token) != tt.token {
				t.Fatalf("unchanged: got %+v", got)
			}
			names := slices.Sorted(maps.Keys(x.session))
			roles := []string{}
			for _, name := range names {
				roles = append(roles, role(name))
			}
			if got := fmt.Sprint(roles); got != tt.roles {
				t.Fatalf("got the roles %q, want %q", got, tt.roles)
			}
			asked := store.loads.Load()
			for _, name := range names {
				for what, value := range damages(x.session[name]) {
					x.refuses(t, what, name, value)
				}
				if n := store.loads.Load() - asked; role(name) == "" && n != 0 {
					t.Errorf("the Store was asked %d times for what we did not seal", n)
				}
			}
			if tt.token != 10 {
				return
			}
			for name, value := range x.flow {
				for what, value := range damages(value) {
					x.refuses(t, what, name, value)
				}
				r, w := httptest.NewRequest("GET", x.callback, nil), httptest.NewRecorder()
				r.Header.Set("Cookie", name+"="+value)
				if x.auth.ServeHTTP(w, r); w.Code != 303 || x.provider.tokenRequests() != 2 {
					t.Errorf("unchanged: got status %d, %d token requests", w.Code, x.provider.tokenRequests())
				}
			}
		})
	}
}

// T13, H9: a cookie is good in its own place only: not in that of another of the
// same browser, nor where the key or the URL is another.
func TestCookiesInEachOthersPlace(t *testing.T) {
	files, _ := fileStore(t)
	for name, store := range map[string]sessions.Store{"cookies": nil, "store": files} {
		t.Run(name, func(t *testing.T) {
			x := newWallet(t, 2500, func(c *login.Config) { c.Store = store })
			all := maps.Clone(x.session)
			maps.Copy(all, x.flow)
			for to := range all {
				for from, value := range all {
					if from != to {
						x.refuses(t, " replaced by "+role(from), to, value)
					}
				}
			}
			for what, c := range map[string]login.Config{
				"another key": {URL: x.URL, Key: otherKey('x')},
				"another URL": {URL: x.URL + "/auth", Key: testKey},
			} {
				c.Idle, c.Store, c.Providers = 20*time.Minute, store, []login.Provider{x.provider.provider("fake")}
				a, err := login.New(c)
				if err != nil {
					t.Fatal(err)
				}
				flow, session := wholeLogin(t, a)
				for _, c := range session {
					if c.MaxAge > 0 && role(c.Name) != "-l" {
						x.refuses(t, " from "+what, named(t, x.session, role(c.Name)), c.Value)
					}
				}
				for name := range x.flow {
					x.refuses(t, " from "+what, name, flow[0].Value)
				}
			}
		})
	}
}
