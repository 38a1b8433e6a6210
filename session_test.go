package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// jarOf logs in and returns the browser with its session.
func jarOf(t *testing.T, s *site) *browser {
	t.Helper()
	b := newBrowser(t)
	if resp, body := b.open(s.URL + "/login/fake"); resp.StatusCode != 200 || !loggedIn(t, s, b) {
		t.Fatalf("login: got status %d, %q", resp.StatusCode, body)
	}
	return b
}

// H8, T24b: lifetime and idle time are checked inside the session, whatever the
// browser does with the cookies.
func TestSessionExpires(t *testing.T) {
	for _, tt := range []struct {
		name           string
		lifetime, idle time.Duration
		visits         []time.Duration // since login
		want           bool            // at the last visit
	}{
		{"default lifetime", 0, 0, []time.Duration{24*time.Hour - time.Second}, true},
		{"after default lifetime", 0, 0, []time.Duration{24*time.Hour + 2*time.Second}, false},
		{"lifetime", time.Hour, 0, []time.Duration{59 * time.Minute}, true},
		{"after lifetime", time.Hour, 0, []time.Duration{61 * time.Minute}, false},
		{"however busy", time.Hour, 20 * time.Minute, []time.Duration{15 * time.Minute, 30 * time.Minute, 45 * time.Minute, 59 * time.Minute, 61 * time.Minute}, false},
		{"used now and then", time.Hour, 20 * time.Minute, []time.Duration{15 * time.Minute, 30 * time.Minute, 45 * time.Minute}, true},
		{"not used", time.Hour, 20 * time.Minute, []time.Duration{21 * time.Minute}, false},
		{"not used any more", time.Hour, 20 * time.Minute, []time.Duration{15 * time.Minute, 36 * time.Minute}, false},
		{"from the future", time.Hour, 0, []time.Duration{-2 * time.Minute}, false},
		{"from the near future", time.Hour, 0, []time.Duration{-30 * time.Second}, true},
		{"last seen in the future", time.Hour, 20 * time.Minute, []time.Duration{15 * time.Minute, 13 * time.Minute}, false},
		{"last seen in the near future", time.Hour, 20 * time.Minute, []time.Duration{15 * time.Minute, 14*time.Minute + 30*time.Second}, true},
	} {
		for _, kind := range []string{"cookies", "store"} {
			t.Run(tt.name+"/"+kind, func(t *testing.T) {
				_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
					c.Lifetime, c.Idle = tt.lifetime, tt.idle
					if kind == "store" { // whose records last longer
						c.Store, _ = fileStore(t)
					}
				})
				b := jarOf(t, s)
				now := time.Now()
				got := false
				for _, after := range tt.visits {
					s.auth.SetNow(func() time.Time { return now.Add(after) })
					got = loggedIn(t, s, b)
				}
				if got != tt.want {
					t.Errorf("logged in: %v, want %v", got, tt.want)
				}
			})
		}
	}
}

// The last-seen time is written at most every quarter of Idle, on a response
// that caches then may not keep, and a stolen identity cookie cannot do without it.
func TestIdleCookie(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Idle = 20 * time.Minute })
	b := jarOf(t, s)
	now := time.Now()
	for _, tt := range []struct {
		after time.Duration
		sets  bool
	}{{4 * time.Minute, false}, {6 * time.Minute, true}, {10 * time.Minute, false}, {12 * time.Minute, true}} {
		s.auth.SetNow(func() time.Time { return now.Add(tt.after) })
		resp, _ := b.open(s.URL + "/")
		if got := len(resp.Cookies()) == 1; got != tt.sets {
			t.Errorf("after %s: sets a cookie: %v, want %v", tt.after, got, tt.sets)
		}
		if tt.sets && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got Cache-Control %q", resp.Header.Get("Cache-Control"))
		}
		if resp.Header.Get("Vary") != "Cookie" {
			t.Errorf("got Vary %q", resp.Header.Get("Vary"))
		}
	}
	thief := newBrowser(t)
	for name, value := range b.cookies(s.URL) {
		if !strings.HasSuffix(name, "-s") {
			thief.put(s, map[string]string{name: value})
		}
	}
	s.auth.SetNow(func() time.Time { return now.Add(25 * time.Minute) })
	if loggedIn(t, s, thief) {
		t.Error("without its last-seen cookie the session does not end")
	}
	for name, value := range jarOf(t, s).cookies(s.URL) { // nor with that of a session of one's own
		if strings.HasSuffix(name, "-s") {
			thief.put(s, map[string]string{name: value})
		}
	}
	if loggedIn(t, s, thief) {
		t.Error("the last-seen cookie of another session keeps this one alive")
	}
	if !loggedIn(t, s, b) {
		t.Error("the busy session ended")
	}
}

// H1, T15: the attributes of every cookie, and that they persist for Lifetime.
func TestCookieAttributes(t *testing.T) {
	f := newFakeProvider(t)
	a, err := login.New(login.Config{
		URL: "https://app.example.test", Key: testKey, Idle: time.Hour, Lifetime: 2 * time.Hour,
		Providers: []login.Provider{f.provider("fake")},
	})
	if err != nil {
		t.Fatal(err)
	}
	flow, session := wholeLogin(t, a)
	for _, c := range append(flow, session...) {
		if c.MaxAge < 0 {
			continue
		}
		if !strings.HasPrefix(c.Name, "__Host-login-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
			c.Path != "/" || c.Domain != "" {
			t.Errorf("got cookie %s", c.Raw[:40])
		}
		want := 7200
		switch {
		case strings.Contains(c.Name, "-f-"):
			want = 600
		case strings.HasSuffix(c.Name, "-l"):
			want = 30
		}
		if c.MaxAge < want-2 || c.MaxAge > want {
			t.Errorf("%s: got Max-Age %d, want %d", c.Name, c.MaxAge, want)
		}
	}
	if len(flow) != 1 || len(session) != 5 { // identity, token, last seen, just logged in, and the flow's removal
		t.Errorf("got %d and %d cookies", len(flow), len(session))
	}
}

// wholeLogin drives a without a browser, so that https needs no certificate, and
// returns what /login and /callback set.
func wholeLogin(t *testing.T, a *login.Auth, extra ...*http.Cookie) (flow, session []*http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	a.Login(w, httptest.NewRequest("GET", "/login/fake", nil))
	resp, err := (&browser{&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, t}).Get(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	flow = w.Result().Cookies()
	r := httptest.NewRequest("GET", resp.Header.Get("Location"), nil)
	for _, c := range append(flow, extra...) {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	a.Callback(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("got status %d, %s", w.Code, w.Body)
	}
	return flow, w.Result().Cookies()
}

// H7, T23: rotation of keys.
func TestKeyRotation(t *testing.T) {
	f := newFakeProvider(t)
	newKey := []byte("NEW-456789abcdefghijklmnopqrstuv")
	old := newSite(t, login.Config{Providers: []login.Provider{f.provider("fake")}})
	b := jarOf(t, old)
	with := func(c login.Config) bool {
		c.URL, c.Providers = old.URL, []login.Provider{f.provider("fake")}
		a, err := login.New(c)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		for name, value := range b.cookies(old.URL) {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		in := false
		a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := a.Token(w, r)
			in = login.UserFrom(r.Context()) != nil && err == nil
		})).ServeHTTP(httptest.NewRecorder(), r)
		return in
	}
	if !with(login.Config{Key: newKey, OldKeys: [][]byte{testKey}}) {
		t.Error("an old key does not open what it sealed")
	}
	if with(login.Config{Key: newKey}) {
		t.Error("a key that is gone still opens")
	}
	if !with(login.Config{Key: testKey, OldKeys: [][]byte{newKey}}) {
		t.Error("the new key may not yet be known everywhere as an old one")
	}
}

// H9, T13: a cookie is good for one purpose, under one name, for one site.
func TestCookiesDoNotStandIn(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Idle = time.Hour })
	b := jarOf(t, s)
	all := b.cookies(s.URL)
	all2 := newBrowser(t)
	all2.step(s.URL + "/login/fake")
	for name, value := range all2.cookies(s.URL) {
		all[name] = value
	}
	identity := ""
	for name := range all {
		if !strings.Contains(strings.TrimPrefix(name, "login-"), "-") {
			identity = name
		}
	}
	for name, value := range all {
		thief := newBrowser(t)
		thief.put(s, map[string]string{identity: value, identity + "-s": all[identity+"-s"]})
		if got := loggedIn(t, s, thief); got != (name == identity) {
			t.Errorf("%s in place of the identity: logged in %v", name, got)
		}
	}
	_, other := newLogin(t) // same key, other URL
	thief := newBrowser(t)
	otherIdentity := ""
	for name := range jarOf(t, other).cookies(other.URL) {
		if !strings.HasSuffix(name, "-t0") {
			otherIdentity = name
		}
	}
	thief.put(other, map[string]string{otherIdentity: all[identity]})
	if loggedIn(t, other, thief) || otherIdentity == identity {
		t.Error("the session of one site is good at another")
	}
}

// The token of one session is not that of another, though both are ours.
func TestTokenBoundToIdentity(t *testing.T) {
	var got error
	f := newFakeProvider(t)
	s := newSite(t, login.Config{Providers: []login.Provider{f.provider("fake")}})
	ada, eve := jarOf(t, s).cookies(s.URL), jarOf(t, s).cookies(s.URL)
	for _, from := range []map[string]string{ada, eve} {
		r := httptest.NewRequest("GET", "/", nil)
		for name, value := range ada {
			if strings.HasSuffix(name, "-t0") {
				value = from[name]
			}
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		_, got = s.auth.Token(httptest.NewRecorder(), r)
		if want := map[bool]error{true: nil, false: login.ErrNoToken}[from[""] == ada[""] && fmt.Sprint(from) == fmt.Sprint(ada)]; !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// T12: whatever is done to a cookie makes an anonymous visitor, never a 500.
func TestBrokenCookies(t *testing.T) {
	_, s := newLogin(t)
	good := jarOf(t, s).cookies(s.URL)
	identity := ""
	for name := range good {
		if !strings.HasSuffix(name, "-t0") {
			identity = name
		}
	}
	v := good[identity]
	broken := []string{"", "x", v[:len(v)/2], v + "A", v + v, strings.Repeat("A", 4097), strings.Repeat("A", 64<<10), v[:4], v[4:], "%00", "\"\""}
	for i := 0; i < len(v); i += 3 {
		broken = append(broken, v[:i]+string(v[i]^1)+v[i+1:])
	}
	h := s.auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login.UserFrom(r.Context()) != nil {
			t.Error("somebody is logged in")
		}
	}))
	for _, value := range broken {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", identity+"="+value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%.20q: got status %d", value, w.Code)
		}
	}
	// T24, H11: tossed duplicates do not lock anybody out.
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", identity+"=garbage; "+identity+"="+v+"; "+identity+"=x")
	in := false
	s.auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { in = login.UserFrom(r.Context()) != nil })).
		ServeHTTP(httptest.NewRecorder(), r)
	if !in {
		t.Error("garbage in front hides the good cookie")
	}
	// T16: three thousand tiny ones.
	r.Header.Set("Cookie", strings.Repeat(identity+"=x; ", 1500)+strings.Repeat("a=b; ", 1500)+identity+"="+v)
	in = false
	s.auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { in = login.UserFrom(r.Context()) != nil })).
		ServeHTTP(httptest.NewRecorder(), r)
	if !in {
		t.Error("not logged in")
	}
}

// H10, decision 8, T56: a copy of the cookies is dead after logout, and after
// another login in the same browser.
func TestLogoutEndsCopies(t *testing.T) {
	for _, how := range []string{"logout", "login"} {
		_, s := newLogin(t)
		b := jarOf(t, s)
		thief := newBrowser(t)
		thief.put(s, b.cookies(s.URL))
		if !loggedIn(t, s, thief) {
			t.Fatal("the copy is not a copy")
		}
		if how == "logout" {
			r := navigationTo(s.URL + "/logout")
			r.Method = "POST"
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			if resp, _ := b.send(r); resp.StatusCode != 200 || loggedIn(t, s, b) || len(b.cookies(s.URL)) != 0 {
				t.Errorf("logout: got status %d, cookies %v", resp.StatusCode, b.cookies(s.URL))
			}
		} else {
			b.open(s.URL + "/login/fake")
		}
		if loggedIn(t, s, thief) {
			t.Errorf("after %s the copy is good still", how)
		}
	}
}

// A1, T39, I1: who may log out.
func TestLogoutOrigin(t *testing.T) {
	_, s := newLogin(t)
	origin := s.URL
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		out    bool
	}{
		{"same origin", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, true},
		{"typed in", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, true},
		{"no headers", func(r *http.Request) {}, true},
		{"our Origin", func(r *http.Request) { r.Header.Set("Origin", origin) }, true},
		{"cross-site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
		{"same site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, false},
		{"null Origin", func(r *http.Request) { r.Header.Set("Origin", "null") }, false},
		{"other Origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.test") }, false},
		{"other port", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, false},
		{"GET", func(r *http.Request) { r.Method = "GET" }, false},
		{"HEAD", func(r *http.Request) { r.Method = "HEAD" }, false},
		{"PUT", func(r *http.Request) { r.Method = "PUT" }, false},
		{"override", func(r *http.Request) { r.Method = "GET"; r.Header.Set("X-HTTP-Method-Override", "POST") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := jarOf(t, s)
			r := navigationTo(s.URL + "/logout")
			r.Method = "POST"
			tt.change(r)
			resp, _ := b.send(r)
			if out := !loggedIn(t, s, b); out != tt.out {
				t.Errorf("got status %d, logged out %v, want %v", resp.StatusCode, out, tt.out)
			}
		})
	}
}

// bigToken makes the fake provider hand out tokens of these sizes.
func bigToken(f *fakeProvider, access, refresh, id int) {
	f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
		switch step {
		case "token":
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","refresh_token":%q,"id_token":%q,"scope":"a b"}`,
				strings.Repeat("a", access), strings.Repeat("r", refresh), strings.Repeat("i", id))
		case "user":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"id":"17","name":"Ada"}`)
		default:
			return false
		}
		return true
	}
}

// H6, T22b, decision 4: everything that cookies can hold is kept whole, over
// several cookies; what proxies would refuse is left out, the ID token first,
// and Token says so.
func TestTokenSizes(t *testing.T) {
	for _, tt := range []struct {
		access, refresh, id int
		token, idToken      bool
	}{
		{40, 0, 0, true, false},
		{500, 500, 900, true, true},
		{1500, 700, 1400, true, true},
		{1500, 1000, 1600, true, false},
		{1500, 1000, 30000, true, false},
		{3600, 0, 100, true, true},
		{3600, 0, 400, true, false},
		{4200, 0, 0, false, false},
		{100000, 0, 0, false, false},
	} {
		t.Run(fmt.Sprint(tt.access, tt.refresh, tt.id), func(t *testing.T) {
			f, s := newLogin(t)
			bigToken(f, tt.access, tt.refresh, tt.id)
			b := newBrowser(t)
			resp, _ := b.step(s.URL + "/login/fake")
			resp, _ = b.step(resp.Header.Get("Location"))
			resp, _ = b.step(resp.Header.Get("Location"))
			total := 0
			for _, line := range resp.Header["Set-Cookie"] {
				if len(line) > 4096 {
					t.Errorf("a Set-Cookie line has %d bytes", len(line))
				}
			}
			r := httptest.NewRequest("GET", "/", nil)
			for name, value := range b.cookies(s.URL) {
				total += len(name) + 1 + len(value) + 2
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			if total > 7168 || !loggedIn(t, s, b) {
				t.Errorf("the browser sends %d bytes; logged in %v", total, loggedIn(t, s, b))
			}
			token, err := s.auth.Token(httptest.NewRecorder(), r)
			if !tt.token {
				if !errors.Is(err, login.ErrNoToken) || !strings.Contains(err.Error(), "too large") {
					t.Errorf("got %v, want ErrNoToken with the reason", err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if len(token.AccessToken) != tt.access || len(token.RefreshToken) != tt.refresh || token.Extra("scope") != "a b" {
				t.Errorf("got tokens of %d and %d bytes, scope %v", len(token.AccessToken), len(token.RefreshToken), token.Extra("scope"))
			}
			if tt.token {
				id, _ := token.Extra("id_token").(string)
				if (len(id) == tt.id && tt.id > 0) != tt.idToken {
					t.Errorf("got an ID token of %d bytes, want %v", len(id), tt.idToken)
				}
			}
			warned := strings.Contains(s.log.String(), "session_too_large") && strings.Contains(s.log.String(), "configure a Store")
			if want := !tt.token || tt.id > 0 && !tt.idToken; warned != want {
				t.Errorf("warned: %v, want %v", warned, want)
			}
		})
	}
}

// T22b: pieces of a longer token do not stay behind a shorter one.
func TestTokenShrinks(t *testing.T) {
	f, s := newLogin(t)
	b := newBrowser(t)
	for _, size := range []int{3500, 40, 2500, 40} {
		bigToken(f, size, 0, 0)
		b.open(s.URL + "/login/fake")
		want := 2 + size/2300
		if got := len(b.cookies(s.URL)); got != want {
			t.Errorf("token of %d bytes: got %d cookies, want %d", size, got, want)
		}
	}
}

// A user who does not fit is refused by name and number, never cut or dropped by
// the browser.
func TestUserTooLarge(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error {
			u.Extra = map[string]string{"x": strings.Repeat("x", 2400)}
			return nil
		}
	})
	b := newBrowser(t)
	resp, _ := b.open(s.URL + "/login/fake")
	if resp.StatusCode != 500 || loggedIn(t, s, b) || !strings.Contains(s.log.String(), "bytes too many") {
		t.Errorf("got status %d, log %s", resp.StatusCode, s.log)
	}
}

// T22b, H6: as much of a user is kept as a Set-Cookie line of 4096 bytes holds, and
// no more.
func TestUserAtTheLimit(t *testing.T) {
	size := 0
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error {
			u.Extra = map[string]string{"x": strings.Repeat("x", size)}
			return nil
		}
	})
	line := func() (n int, kept bool) {
		b := newBrowser(t)
		resp, _ := b.step(b.callbackURL(s, "fake"))
		for _, line := range resp.Header["Set-Cookie"] {
			n = max(n, len(line))
		}
		return n, loggedIn(t, s, b)
	}
	fits, not := 0, 4096
	for longest := 0; not-fits > 1; {
		size = (fits + not) / 2
		n, kept := line()
		if kept {
			fits, longest = size, n
		} else {
			not = size
		}
		if kept && n > 4096 || not-fits == 1 && longest < 4096-24 { // sealing makes steps of up to 8 bytes, twice encoded
			t.Errorf("an Extra of %d bytes: the longest Set-Cookie line has %d bytes, kept %v", size, n, kept)
		}
	}
}

// What Token answers, and why.
func TestToken(t *testing.T) {
	_, s := newLogin(t)
	request := func(b *browser) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		for name, value := range b.cookies(s.URL) {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		return r
	}
	in := jarOf(t, s)
	token, err := s.auth.Token(httptest.NewRecorder(), request(in))
	if err != nil || token.AccessToken != "ACCESS-CANARY" || token.RefreshToken != "REFRESH-CANARY" || token.Type() != "Bearer" ||
		time.Until(token.Expiry) < 59*time.Minute || token.Extra("scope") != "profile" { // R10, C13: absent scope is as requested
		t.Errorf("got %v, %v, scope %v", token, err, token.Extra("scope"))
	}
	if _, err := s.auth.Token(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)); !errors.Is(err, login.ErrLoginRequired) {
		t.Errorf("nobody: got %v", err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(login.WithUser(r.Context(), &login.User{ID: "1"}))
	if _, err := s.auth.Token(httptest.NewRecorder(), r); !errors.Is(err, login.ErrNoToken) {
		t.Errorf("WithUser: got %v", err)
	}
	r = request(in)
	r.Header.Set("Cookie", strings.Split(r.Header.Get("Cookie"), "-t0")[0]) // whatever is left, no token
	if _, err := s.auth.Token(httptest.NewRecorder(), r); err == nil {
		t.Error("without the token cookie: got none")
	}
	_, noRefresh := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error { g.Token.RefreshToken = ""; return nil }
	})
	in = jarOf(t, noRefresh)
	noRefresh.auth.SetNow(func() time.Time { return time.Now().Add(2 * time.Hour) })
	r = httptest.NewRequest("GET", "/", nil)
	for name, value := range in.cookies(noRefresh.URL) {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if _, err := noRefresh.auth.Token(httptest.NewRecorder(), r); !errors.Is(err, login.ErrNoToken) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: got %v", err)
	}
	_, without := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error { g.Token = nil; return nil }
	})
	b := jarOf(t, without)
	if len(b.cookies(without.URL)) != 1 {
		t.Errorf("got cookies %v, want the identity only", b.cookies(without.URL))
	}
	r = httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies(without.URL) {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if _, err := without.auth.Token(httptest.NewRecorder(), r); !errors.Is(err, login.ErrNoToken) {
		t.Errorf("dropped by OnLogin: got %v", err)
	}
}

// R37, J6: a token without expiry is kept as one whose expiry is unknown.
func TestTokenWithoutExpiry(t *testing.T) {
	f, s := newLogin(t)
	bigToken(f, 40, 0, 0)
	b := jarOf(t, s)
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies(s.URL) {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	token, err := s.auth.Token(httptest.NewRecorder(), r)
	if err != nil || !token.Expiry.IsZero() {
		t.Errorf("got %v, %v", token, err)
	}
}

// T38, L5: nothing is taken from Host or from what proxies add.
func TestHostIgnored(t *testing.T) {
	f := newFakeProvider(t)
	a, err := login.New(login.Config{URL: "https://app.example.test/auth", Key: testKey, Providers: []login.Provider{f.provider("fake")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evil.example.test", "", "app.example.test:8443"} {
		r := httptest.NewRequest("GET", "http://evil.example.test/auth/login/fake", nil)
		r.Host = host
		for _, h := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Original-Url"} {
			r.Header.Set(h, "evil.example.test")
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		u, _ := url.Parse(w.Header().Get("Location"))
		if got := u.Query().Get("redirect_uri"); got != "https://app.example.test/auth/callback/fake" {
			t.Errorf("Host %q: got redirect_uri %q", host, got)
		}
	}
}

// A session of a provider that is not configured any more, or never was here, is
// nobody's.
func TestSessionOfMissingProvider(t *testing.T) {
	f, s := newLogin(t)
	cookies := jarOf(t, s).cookies(s.URL)
	for name, want := range map[string]int{"fake": 200, "staff": 401} {
		a, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{f.provider(name)}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		a.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, requestWith(cookies))
		if w.Code != want {
			t.Errorf("only provider %s: got status %d, want %d", name, w.Code, want)
		}
	}
}

// T5, H6: whatever is open beside a large session, the request stays below what
// proxies accept.
func TestCookieHeaderStaysSmall(t *testing.T) {
	long := "/" + strings.Repeat("n", 900)
	for _, access := range []int{40, 2000, 3300, 3700} {
		f, s := newLogin(t)
		bigToken(f, access, 0, 0)
		b := newBrowser(t)
		size := func() int {
			n := 0
			for name, value := range b.cookies(s.URL) {
				n += len(name) + len(value) + 3
			}
			return n
		}
		now := time.Now()
		for i := range 12 {
			s.auth.SetNow(func() time.Time { return now.Add(time.Duration(i) * 3 * time.Second) })
			next := []string{"/", long}[i%2]
			resp, _ := b.step(s.URL + "/login/fake?next=" + next)
			if n := size(); n > 8000 {
				t.Errorf("token of %d bytes, login %d begun: the request has %d bytes of cookies", access, i, n)
			}
			if i%3 == 2 { // finish it, with others open
				resp, _ = b.step(resp.Header.Get("Location"))
				if resp, _ = b.step(resp.Header.Get("Location")); resp.StatusCode != 303 || !loggedIn(t, s, b) {
					t.Errorf("token of %d bytes, login %d: got status %d", access, i, resp.StatusCode)
				}
				if n := size(); n > 8000 {
					t.Errorf("token of %d bytes, login %d finished: the request has %d bytes of cookies", access, i, n)
				}
			}
		}
	}
}

// What OnLogin does to a Grant is not done to the Auth.
func TestGrantSharesNothing(t *testing.T) {
	_, s := newLogin(t, func(c *login.Config, p *login.Provider) {
		p.Scopes, p.Params = []string{"write", "read"}, url.Values{"prompt": {"login"}}
		c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error {
			g.Scopes[0], g.Provider.Scopes[1], g.Provider.Params["prompt"][0] = "admin", "admin", "none"
			g.Provider.API[0] = "https://evil.example.test"
			return nil
		}
	})
	for range 2 {
		jarOf(t, s)
	}
	resp, _ := newBrowser(t).step(s.URL + "/login/fake")
	u, _ := url.Parse(resp.Header.Get("Location"))
	if q := u.Query(); q.Get("scope") != "write read" || q.Get("prompt") != "login" {
		t.Errorf("the next login asks for %v", q)
	}
}

// User IDs that cannot be a key are refused.
func TestUserID(t *testing.T) {
	for id, want := range map[string]int{
		"17": 200, "ä|b c": 200, strings.Repeat("x", 255): 200,
		"": 502, strings.Repeat("x", 256): 502, "a\nb": 502, "a\x00": 502, "\xff": 502,
	} {
		_, s := newLogin(t, func(_ *login.Config, p *login.Provider) {
			p.Identify = func(context.Context, *login.Grant) (*login.User, error) { return &login.User{ID: id}, nil }
		})
		if resp, _ := newBrowser(t).open(s.URL + "/login/fake"); resp.StatusCode != want {
			t.Errorf("%.20q: got status %d, want %d", id, resp.StatusCode, want)
		}
	}
}
