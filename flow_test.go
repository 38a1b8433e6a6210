package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// newLogin is a site with one fake provider.
func newLogin(t *testing.T, change ...func(*login.Config, *login.Provider)) (*fakeProvider, *site) {
	t.Helper()
	f := newFakeProvider(t)
	c, p := login.Config{}, f.provider("fake")
	for _, f := range change {
		f(&c, &p)
	}
	c.Providers = append([]login.Provider{p}, c.Providers...)
	return f, newSite(t, c)
}

// callbackURL begins a login and returns the callback that the provider would
// send the browser to.
func (b *browser) callbackURL(s *site, provider string) string {
	b.t.Helper()
	resp, _ := b.step(s.URL + "/login/" + provider)
	resp, _ = b.step(resp.Header.Get("Location"))
	return resp.Header.Get("Location")
}

func loggedIn(t *testing.T, s *site, b *browser) bool {
	t.Helper()
	_, body := b.open(s.URL + "/")
	return body != "nobody"
}

// withQuery returns rawURL with some parameters changed; "" removes one.
func withQuery(rawURL string, pairs ...string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// A1, A2, A5, A8, A10, R3, R4, R82, T6, T8: the authorization request is exactly this.
func TestAuthorizationRequest(t *testing.T) {
	f, s := newLogin(t, func(c *login.Config, p *login.Provider) {
		p.Endpoint.AuthURL += "?tenant=a+b"
		p.Scopes = []string{"openid", "user:email"}
		p.Params = url.Values{"prompt": {"select account+now"}}
	})
	resp, _ := newBrowser(t).step(s.URL + "/login/fake?next=/private&state=chosen-by-somebody")
	if resp.StatusCode != http.StatusSeeOther { // A16
		t.Errorf("got status %d, want 303", resp.StatusCode)
	}
	location := resp.Header.Get("Location")
	if !strings.HasPrefix(location, f.URL+"/authorize?tenant=a%20b&") { // A17: an existing query is kept
		t.Errorf("got Location %q", location)
	}
	if strings.Contains(location, "+") || strings.Contains(location, "private") {
		t.Errorf("Location %q holds a plus sign or the return path", location)
	}
	u, _ := url.Parse(location)
	q := u.Query()
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	want := "[client_id code_challenge code_challenge_method nonce prompt redirect_uri response_type scope state tenant]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("got parameters %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "client", "redirect_uri": s.URL + "/callback/fake",
		"scope": "openid user:email", "code_challenge_method": "S256", "prompt": "select account+now",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("got %s=%q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(q.Get(name)) {
			t.Errorf("got %s=%q, want 256 bits of base64url", name, q.Get(name))
		}
	}
}

func TestNonceOnlyForOpenID(t *testing.T) {
	_, s := newLogin(t, func(_ *login.Config, p *login.Provider) { p.Scopes, p.ScopeSeparator = []string{"a", "b"}, "," })
	resp, _ := newBrowser(t).step(s.URL + "/login/fake")
	u, _ := url.Parse(resp.Header.Get("Location"))
	if u.Query().Has("nonce") || u.Query().Get("scope") != "a,b" { // R51
		t.Errorf("got query %q", u.RawQuery)
	}
}

// T6: nothing random is used twice.
func TestFreshValues(t *testing.T) {
	_, s := newLogin(t, func(_ *login.Config, p *login.Provider) { p.Scopes = []string{"openid"} })
	seen := map[string]bool{}
	for range 1000 {
		w := httptest.NewRecorder()
		s.auth.Login(w, httptest.NewRequest("GET", "/login/fake", nil))
		u, _ := url.Parse(w.Header().Get("Location"))
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			v := u.Query().Get(name)
			if v == "" || seen[v] {
				t.Fatalf("%s %q is empty or was used before", name, v)
			}
			seen[v] = true
		}
	}
}

// T1, T3, T11, B1, B2, B3, B12, R6, R7, R14: none of these reaches the provider, logs
// anybody in or sets a cookie (but for removing that of the flow).
func TestCallbackRefused(t *testing.T) {
	f, s := newLogin(t)
	last := func(s string) string { return s[:len(s)-1] }
	for _, tt := range []struct {
		name   string
		change func(callback, state string) string
		want   int
		keeps  bool // the flow, because the request does not belong to it
	}{
		{"no parameters", func(c, s string) string { return withQuery(c, "state", "", "code", "") }, 400, true},
		{"no state", func(c, s string) string { return withQuery(c, "state", "") }, 400, true},
		{"empty state", func(c, s string) string { return withQuery(c, "state", "") + "&state=" }, 400, true},
		{"state array", func(c, s string) string { return withQuery(c, "state", "", "state[]", s) }, 400, true},
		{"state twice", func(c, s string) string { return c + "&state=" + s }, 400, true},
		{"state and another", func(c, s string) string { return c + "&state=x" }, 400, true},
		{"prefix of state", func(c, s string) string { return withQuery(c, "state", last(s)) }, 400, true},
		{"longer state", func(c, s string) string { return withQuery(c, "state", s+"A") }, 400, true},
		{"last byte", func(c, s string) string { return withQuery(c, "state", last(s)+string(s[42]^1)) }, 400, true},
		{"case", func(c, s string) string { return withQuery(c, "state", swapCase(s)) }, 400, true},
		{"another state", func(c, _ string) string { return withQuery(c, "state", strings.Repeat("A", 43)) }, 400, true},
		{"huge query", func(c, s string) string { return c + "&x=" + strings.Repeat("x", 9000) }, 400, true},
		{"broken query", func(c, s string) string { return c + "&x=%zz" }, 400, true},
		{"code twice", func(c, s string) string { return c + "&code=x" }, 400, true},
		{"iss twice", func(c, s string) string { return c + "&iss=a&iss=a" }, 400, true},
		{"no code", func(c, s string) string { return withQuery(c, "code", "") }, 400, false},
		{"empty code", func(c, s string) string { return withQuery(c, "code", "") + "&code=" }, 400, false},
		{"huge code", func(c, s string) string { return withQuery(c, "code", strings.Repeat("x", 5000)) }, 400, false},
		{"token in query", func(c, s string) string {
			return withQuery(c, "code", "", "access_token", "ACCESS-CANARY", "id_token", "a.b.c")
		}, 400, false},
		{"denied", func(c, s string) string { return withQuery(c, "code", "", "error", "access_denied") }, 403, false},
		{"error and code", func(c, s string) string { return withQuery(c, "error", "access_denied") }, 403, false}, // B6, T11c
		{"other error", func(c, s string) string { return withQuery(c, "error", "server_error") }, 502, false},
		{"empty error", func(c, s string) string { return c + "&error=" }, 502, false},
		{"error without state", func(c, s string) string { return withQuery(c, "state", "", "error", "access_denied") }, 400, true},
		{"Facebook's error_code", func(c, s string) string {
			return withQuery(c, "code", "", "error_code", "1349187", "error_message", "Something")
		}, 502, false},
		{"unknown provider", func(c, s string) string { return strings.Replace(c, "/callback/fake", "/callback/other", 1) }, 404, true},
		{"trailing slash", func(c, s string) string { return strings.Replace(c, "/callback/fake", "/callback/fake/", 1) }, 404, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t)
			callback := b.callbackURL(s, "fake")
			before := f.tokenRequests()
			u, _ := url.Parse(callback)
			resp, body := b.step(tt.change(callback, u.Query().Get("state")))
			if resp.StatusCode != tt.want {
				t.Errorf("got status %d, want %d", resp.StatusCode, tt.want)
			}
			if f.tokenRequests() != before {
				t.Error("the token endpoint was asked")
			}
			if loggedIn(t, s, b) {
				t.Error("somebody is logged in")
			}
			for _, c := range resp.Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("the answer sets %s", c.Name)
				}
			}
			if got := len(b.cookies(s.URL)) == 1; got != tt.keeps {
				t.Errorf("flow cookie kept: %v, want %v", got, tt.keeps)
			}
			if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" { // B10, T45
				t.Errorf("got headers %v", resp.Header)
			}
			if !strings.Contains(body, "<h1>") {
				t.Errorf("got %q, want a page", body)
			}
		})
	}
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 32
		case c >= 'A' && c <= 'Z':
			return c + 32
		}
		return c
	}, s)
}

// B8: the codes that a provider may send are told apart.
func TestCallbackErrors(t *testing.T) {
	var got error
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.OnError = func(w http.ResponseWriter, r *http.Request, err error) { got = err }
	})
	for code, want := range map[string]error{
		"access_denied": login.ErrDenied, "consent_required": login.ErrDenied,
		"login_required": login.ErrLoginRequired, "interaction_required": login.ErrLoginRequired,
		"account_selection_required": login.ErrLoginRequired,
		"temporarily_unavailable":    login.ErrProvider, "server_error": login.ErrProvider, "invalid_scope": login.ErrProvider,
	} {
		b := newBrowser(t)
		b.open(withQuery(b.callbackURL(s, "fake"), "code", "", "error", code))
		var re *oauth2.RetrieveError
		if !errors.Is(got, want) || !errors.As(got, &re) || re.ErrorCode != code {
			t.Errorf("%s: got %v (%v), want %v", code, got, re, want)
		}
	}
}

// T2: a callback opened in another browser, as in login CSRF.
func TestCallbackInOtherBrowser(t *testing.T) {
	f, s := newLogin(t)
	attacker, victim := newBrowser(t), newBrowser(t)
	callback := attacker.callbackURL(s, "fake")
	victim.callbackURL(s, "fake") // the victim has a flow of its own
	if resp, _ := victim.open(callback); resp.StatusCode != 400 || loggedIn(t, s, victim) || f.tokenRequests() != 0 {
		t.Errorf("got status %d, logged in %v, %d token requests", resp.StatusCode, loggedIn(t, s, victim), f.tokenRequests())
	}
}

// T9: the code of one flow with the state of another, both of one browser: PKCE
// stops it.
func TestCodeOfAnotherFlow(t *testing.T) {
	_, s := newLogin(t)
	attacker, victim := newBrowser(t), newBrowser(t)
	stolen, _ := url.Parse(attacker.callbackURL(s, "fake"))
	resp, _ := victim.open(withQuery(victim.callbackURL(s, "fake"), "code", stolen.Query().Get("code")))
	if resp.StatusCode != http.StatusBadGateway || loggedIn(t, s, victim) {
		t.Errorf("got status %d", resp.StatusCode)
	}
}

// T10, A6, A7: a flow is refused at the callback of another provider before
// anything is sent.
func TestCallbackOfAnotherProvider(t *testing.T) {
	other := newFakeProvider(t)
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Providers = []login.Provider{other.provider("other")} })
	b := newBrowser(t)
	callback := b.callbackURL(s, "fake")
	resp, _ := b.step(strings.Replace(callback, "/callback/fake", "/callback/other", 1))
	if resp.StatusCode != 400 || f.tokenRequests()+other.tokenRequests() != 0 {
		t.Errorf("got status %d, %d token requests", resp.StatusCode, f.tokenRequests()+other.tokenRequests())
	}
	if resp, _ := b.step(callback); resp.StatusCode != 400 { // B9: used up
		t.Errorf("afterwards got status %d, want 400", resp.StatusCode)
	}
}

// B4, B5, T11b, RFC 9207.
func TestIssuerParameter(t *testing.T) {
	const good = "https://issuer.example.test"
	for _, tt := range []struct {
		name, issuer string
		require      bool
		query        []string
		want         int
	}{
		{"known and equal", good, false, []string{"iss", good}, 200},
		{"known and absent", good, false, nil, 200},
		{"known and other", good, false, []string{"iss", "https://evil.example.test"}, 400},
		{"known, with a slash", good, false, []string{"iss", good + "/"}, 400},
		{"required and equal", good, true, []string{"iss", good}, 200},
		{"required and absent", good, true, nil, 400},
		{"unknown", "", false, []string{"iss", "https://evil.example.test"}, 200},
		{"other, with an error", good, false, []string{"iss", "https://evil.example.test", "error", "access_denied"}, 400},
		{"absent, with an error", good, true, []string{"error", "access_denied"}, 400},
		{"equal, with an error", good, true, []string{"iss", good, "error", "access_denied"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, s := newLogin(t, func(_ *login.Config, p *login.Provider) { p.Issuer, p.RequireIss = tt.issuer, tt.require })
			b := newBrowser(t)
			resp, _ := b.open(withQuery(b.callbackURL(s, "fake"), tt.query...))
			if resp.StatusCode != tt.want || loggedIn(t, s, b) != (tt.want == 200) {
				t.Errorf("got status %d, want %d", resp.StatusCode, tt.want)
			}
			if tt.want != 200 && f.tokenRequests() != 0 {
				t.Error("the token endpoint was asked")
			}
		})
	}
}

// T9: replays one after another, with and without the session.
func TestReplay(t *testing.T) {
	f, s := newLogin(t)
	b := newBrowser(t)
	callback := b.callbackURL(s, "fake")
	before := b.cookies(s.URL)
	if resp, _ := b.step(callback); resp.StatusCode != 303 {
		t.Fatalf("got status %d", resp.StatusCode)
	}
	// The back button: logged in already, so there is nothing to complain about.
	if resp, _ := b.step(callback); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" || len(resp.Cookies()) != 0 {
		t.Errorf("replay while logged in: got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	// The same with the flow cookie put back, as in a copied profile.
	thief := newBrowser(t)
	thief.put(s, before)
	if resp, _ := thief.step(callback); resp.StatusCode != 400 || loggedIn(t, s, thief) {
		t.Errorf("replay with the old flow cookie: got %d", resp.StatusCode)
	}
	if n := f.tokenRequests(); n != 1 {
		t.Errorf("got %d token requests, want 1", n)
	}
}

func (b *browser) put(s *site, cookies map[string]string) {
	u, _ := url.Parse(s.URL)
	for name, value := range cookies {
		b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
	}
}

// T9: fifty replays at once make one token request and one login.
func TestParallelReplay(t *testing.T) {
	f, s := newLogin(t)
	b := newBrowser(t)
	callback := b.callbackURL(s, "fake")
	cookie := b.cookies(s.URL)
	var wg sync.WaitGroup
	var mu sync.Mutex
	status := map[int]int{}
	for range 50 {
		wg.Go(func() {
			one := newBrowser(t)
			one.put(s, cookie)
			resp, _ := one.step(callback)
			mu.Lock()
			defer mu.Unlock()
			status[resp.StatusCode]++
		})
	}
	wg.Wait()
	if f.tokenRequests() != 1 || status[303] != 1 || status[400] != 49 {
		t.Errorf("got %d token requests, statuses %v; want 1 and one 303", f.tokenRequests(), status)
	}
}

// B11, L2: nothing but a GET uses a callback up.
func TestCallbackWithoutSideEffects(t *testing.T) {
	f, s := newLogin(t)
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"HEAD", func(r *http.Request) { r.Method = "HEAD" }, 405},
		{"POST", func(r *http.Request) { r.Method = "POST" }, 405},
		{"prefetch", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") }, 403},
		{"prerender", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch;prerender") }, 403},
		{"old prefetch", func(r *http.Request) { r.Header.Set("Purpose", "prefetch") }, 403},
		{"older prefetch", func(r *http.Request) { r.Header.Set("X-Moz", "prefetch") }, 403},
		{"iframe", func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "iframe") }, 403}, // L3
		{"object", func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "object") }, 403},
		{"fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, 403},
		{"img", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
			r.Header.Set("Sec-Fetch-Dest", "image")
		}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t)
			callback := b.callbackURL(s, "fake")
			before := f.tokenRequests()
			r := navigationTo(callback)
			tt.change(r)
			resp, _ := b.send(r)
			if resp.StatusCode != tt.want || len(resp.Cookies()) != 0 || f.tokenRequests() != before {
				t.Errorf("got status %d and cookies %v, want %d and none", resp.StatusCode, resp.Cookies(), tt.want)
			}
			if resp, _ := b.open(callback); resp.StatusCode != 200 || !loggedIn(t, s, b) {
				t.Errorf("afterwards the real callback got %d", resp.StatusCode)
			}
		})
	}
}

// L1, L2, A12: /login is for people opening it, and sets no cookie otherwise.
func TestLoginWithoutSideEffects(t *testing.T) {
	_, s := newLogin(t)
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"plain program", func(r *http.Request) { r.Header = http.Header{} }, 303},
		{"cross-site link", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 303},
		{"HEAD", func(r *http.Request) { r.Method = "HEAD" }, 405},
		{"POST", func(r *http.Request) { r.Method = "POST" }, 405},
		{"prefetch", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") }, 403},
		{"iframe", func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "iframe") }, 403},
		{"embed", func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "embed") }, 403},
		{"fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, 403},
	} {
		for _, path := range []string{"/login", "/login/fake"} {
			r := navigationTo(s.URL + path)
			tt.change(r)
			w := httptest.NewRecorder()
			s.auth.ServeHTTP(w, r)
			if cookies := w.Result().Cookies(); w.Code != tt.want || (len(cookies) > 0) != (tt.want == 303) {
				t.Errorf("%s, %s: got status %d and %d cookies, want %d", tt.name, path, w.Code, len(cookies), tt.want)
			}
		}
	}
}

// T5, H3: an attacker or an impatient person can fill the jar only so far.
func TestManyFlows(t *testing.T) {
	for next, kept := range map[string]int{"/": 5, "/" + strings.Repeat("n", 1000): 1} {
		_, s := newLogin(t)
		b := newBrowser(t)
		var callbacks []string
		now := time.Now()
		for i := range 30 {
			s.auth.SetNow(func() time.Time { return now.Add(time.Duration(i) * 3 * time.Second) })
			resp, _ := b.step(s.URL + "/login/fake?next=" + next)
			resp, _ = b.step(resp.Header.Get("Location"))
			callbacks = append(callbacks, resp.Header.Get("Location"))
			bytes := 0
			for name, value := range b.cookies(s.URL) {
				bytes += len(name) + len(value)
			}
			if n := len(b.cookies(s.URL)); n > 5 || bytes > 4096 {
				t.Fatalf("after %d logins there are %d cookies of %d bytes", i+1, n, bytes)
			}
		}
		// The newest are kept.
		for i, callback := range callbacks {
			want := 400
			if i >= 30-kept {
				want = 303
			}
			if resp, _ := b.step(callback); resp.StatusCode != want {
				t.Errorf("login %d of 30 got %d, want %d", i+1, resp.StatusCode, want)
			}
		}
	}
}

// R5, T61: five tabs, finished in reverse order; each ends where it wanted to go.
func TestTabs(t *testing.T) {
	_, s := newLogin(t)
	b := newBrowser(t)
	var callbacks []string
	for i := range 5 {
		resp, _ := b.step(fmt.Sprintf("%s/login/fake?next=/page%d", s.URL, i))
		resp, _ = b.step(resp.Header.Get("Location"))
		callbacks = append(callbacks, resp.Header.Get("Location"))
	}
	for i := 4; i >= 0; i-- {
		resp, _ := b.step(callbacks[i])
		if want := fmt.Sprintf("/page%d", i); resp.StatusCode != 303 || resp.Header.Get("Location") != want {
			t.Errorf("got %d to %q, want 303 to %q", resp.StatusCode, resp.Header.Get("Location"), want)
		}
		if !loggedIn(t, s, b) {
			t.Errorf("tab %d: not logged in", i)
		}
	}
	if n := len(b.cookies(s.URL)); n != 2 {
		t.Errorf("got %d cookies, want identity and token", n)
	}
}

// T24b, R22: ten minutes, by the time inside the cookie.
func TestFlowExpires(t *testing.T) {
	for after, want := range map[time.Duration]int{
		9*time.Minute + 59*time.Second: 303, 11 * time.Minute: 400,
		-30 * time.Second: 303, -2 * time.Minute: 400, // from a replica whose clock is ahead
	} {
		_, s := newLogin(t)
		b := newBrowser(t)
		callback := b.callbackURL(s, "fake")
		s.auth.SetNow(func() time.Time { return time.Now().Add(after) })
		if resp, _ := b.step(callback); resp.StatusCode != want {
			t.Errorf("after %s: got status %d, want %d", after, resp.StatusCode, want)
		}
	}
}

// A6: a flow does not outlive the configuration that it was begun with.
func TestFlowOfAnotherConfiguration(t *testing.T) {
	for name, change := range map[string]func(*login.Provider, string){
		"none":         func(p *login.Provider, _ string) {},
		"issuer":       func(p *login.Provider, _ string) { p.Issuer = "https://old.example.test" },
		"redirect URL": func(p *login.Provider, url string) { p.RedirectURL = url + "/callback/fake/v1" },
		"name":         func(p *login.Provider, url string) { p.Name, p.RedirectURL = "old", url+"/callback/fake" },
	} {
		f := newFakeProvider(t)
		p := f.provider("fake")
		p.Issuer = "https://new.example.test"
		s := newSite(t, login.Config{Providers: []login.Provider{p}})
		change(&p, s.URL)
		old, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{p}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		old.Login(w, httptest.NewRequest("GET", "/login", nil))
		b := newBrowser(t)
		for _, c := range w.Result().Cookies() {
			b.put(s, map[string]string{c.Name: c.Value})
		}
		u, _ := url.Parse(w.Header().Get("Location"))
		resp, _ := b.step(s.URL + "/callback/fake?code=x&state=" + u.Query().Get("state"))
		if refused := resp.StatusCode == 400 && f.tokenRequests() == 0; refused != (name != "none") {
			t.Errorf("%s: got status %d, %d token requests", name, resp.StatusCode, f.tokenRequests())
		}
	}
}

// C1, C2, C4, R8, R17: one POST, everything in its body, nothing in its URL.
func TestTokenRequest(t *testing.T) {
	for name, public := range map[string]bool{"confidential": false, "public": true} {
		t.Run(name, func(t *testing.T) {
			f, s := newLogin(t, func(_ *login.Config, p *login.Provider) {
				if public {
					p.Public, p.ClientSecret, p.Endpoint.AuthStyle = true, "", oauth2.AuthStyleAutoDetect
				}
			})
			var got *http.Request
			f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
				if step == "token" {
					r.ParseForm()
					got = r
				}
				return false
			}
			newBrowser(t).open(s.URL + "/login/fake")
			if got.Method != "POST" || got.URL.RawQuery != "" || got.Header.Get("Authorization") != "" {
				t.Errorf("got %s %s with Authorization %q", got.Method, got.URL, got.Header.Get("Authorization"))
			}
			if got.Header.Get("Accept") != "application/json" || !strings.Contains(got.UserAgent(), "login") { // R31
				t.Errorf("got Accept %q, User-Agent %q", got.Header.Get("Accept"), got.UserAgent())
			}
			var names []string
			for n := range got.PostForm {
				names = append(names, n)
			}
			slices.Sort(names)
			want := "[client_id client_secret code code_verifier grant_type redirect_uri]"
			if public {
				want = "[client_id code code_verifier grant_type redirect_uri]"
			}
			if fmt.Sprint(names) != want || f.tokenRequests() != 1 {
				t.Errorf("got %v in %d requests, want %s in one", names, f.tokenRequests(), want)
			}
		})
	}
}

// C2: a failed exchange is not tried again in another style.
func TestFailedExchangeIsOneRequest(t *testing.T) {
	f, s := newLogin(t)
	f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
		if step == "token" {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"invalid_client"}`)
		}
		return step == "token"
	}
	if resp, _ := newBrowser(t).open(s.URL + "/login/fake"); resp.StatusCode != 502 || f.tokenRequests() != 1 {
		t.Errorf("got status %d after %d token requests", resp.StatusCode, f.tokenRequests())
	}
}

// B13, R18, R19: what OnLogin may do, and that nothing holds before it agrees.
func TestOnLogin(t *testing.T) {
	for _, tt := range []struct {
		name    string
		onLogin func(*http.Request, *login.User, *login.Grant) error
		want    int
		page    string
	}{
		{"fills Extra", func(r *http.Request, u *login.User, g *login.Grant) error {
			u.Extra = map[string]string{"role": "admin", "seen": g.Token.AccessToken[:6] + g.Scopes[0] + u.Provider}
			return nil
		}, 200, `"seen":"ACCESSprofilefake"`},
		{"refuses in words", func(*http.Request, *login.User, *login.Grant) error {
			return fmt.Errorf("no row: %w", login.Refusal("Only members of <the club> may log in."))
		}, 403, "Only members of &lt;the club&gt; may log in."},
		{"forbids", func(*http.Request, *login.User, *login.Grant) error { return login.ErrForbidden }, 403, "not allowed"},
		{"fails", func(*http.Request, *login.User, *login.Grant) error { return errors.New("database on fire") }, 500, "went wrong"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.OnLogin = tt.onLogin })
			b := newBrowser(t)
			resp, body := b.open(s.URL + "/login/fake")
			if resp.StatusCode != tt.want || !strings.Contains(body, tt.page) || strings.Contains(body, "fire") {
				t.Errorf("got status %d, %q", resp.StatusCode, body)
			}
			if loggedIn(t, s, b) != (tt.want == 200) {
				t.Error("logged in is wrong")
			}
			if tt.want != 200 && len(b.cookies(s.URL)) != 0 {
				t.Errorf("cookies are left: %v", b.cookies(s.URL))
			}
		})
	}
}

// Identify decides: an error, a Refusal or an empty ID lets nobody in.
func TestIdentify(t *testing.T) {
	for _, tt := range []struct {
		name     string
		identify func(context.Context, *login.Grant) (*login.User, error)
		want     int
	}{
		{"error", func(context.Context, *login.Grant) (*login.User, error) {
			return &login.User{ID: "1"}, errors.New("no")
		}, 502},
		{"refusal", func(context.Context, *login.Grant) (*login.User, error) { return nil, login.Refusal("Sorry.") }, 403},
		{"nobody", func(context.Context, *login.Grant) (*login.User, error) { return nil, nil }, 502},
		{"no ID", func(context.Context, *login.Grant) (*login.User, error) { return &login.User{Name: "Ada"}, nil }, 502},
		{"timeout", func(context.Context, *login.Grant) (*login.User, error) { return nil, context.DeadlineExceeded }, 504},
	} {
		_, s := newLogin(t, func(_ *login.Config, p *login.Provider) { p.Identify = tt.identify })
		b := newBrowser(t)
		if resp, _ := b.open(s.URL + "/login/fake"); resp.StatusCode != tt.want || loggedIn(t, s, b) {
			t.Errorf("%s: got status %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
	}
}

// R60, R79: refusing at the provider is a page with a way on, not a failure.
func TestDenied(t *testing.T) {
	f, s := newLogin(t)
	f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
		if step == "authorize" {
			q := r.URL.Query()
			http.Redirect(w, r, q.Get("redirect_uri")+"?error=access_denied&error_reason=user_denied"+
				"&error_description=%3Cscript%3EPermissions+error&state="+q.Get("state"), http.StatusFound)
		}
		return step == "authorize"
	}
	resp, body := newBrowser(t).open(s.URL + "/login/fake?next=/me")
	if resp.StatusCode != 403 || strings.Contains(body, "Permissions error") { // B7
		t.Errorf("got status %d, %q", resp.StatusCode, body)
	}
	for _, want := range []string{"<h1>Login cancelled</h1>", `href="/login/fake?next=%2Fme"`, "Try again", "Back"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

// R63: the provider's "#_=_" does not stay in the address bar.
func TestStrayFragment(t *testing.T) {
	_, s := newLogin(t, func(_ *login.Config, p *login.Provider) { p.StrayFragment = true })
	for next, want := range map[string]string{"/me?a=b": "/me?a=b#", "/me%23x": "/me#x"} {
		b := newBrowser(t)
		resp, _ := b.step(s.URL + "/login/fake?next=" + next)
		resp, _ = b.step(resp.Header.Get("Location"))
		resp, _ = b.step(resp.Header.Get("Location"))
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("got Location %q, want %q", got, want)
		}
	}
}

// R15, R24, A9: a redirect URL of its own, as registered long ago, with characters
// that have to be encoded.
func TestRedirectURL(t *testing.T) {
	f := newFakeProvider(t)
	p := f.provider("fake")
	ts := httptest.NewUnstartedServer(nil)
	p.RedirectURL = "http://" + ts.Listener.Addr().String() + "/auth/done&x=%C3%A9"
	a, err := login.New(login.Config{URL: "http://" + ts.Listener.Addr().String() + "/auth", Key: testKey, Providers: []login.Provider{p}})
	if err != nil {
		t.Fatal(err)
	}
	ts.Config.Handler = a.Wrap(http.NotFoundHandler())
	ts.Start()
	defer ts.Close()
	w := httptest.NewRecorder() // below a prefix that a router has taken away
	http.StripPrefix("/auth", a).ServeHTTP(w, httptest.NewRequest("GET", "/auth/done&x=%C3%A9", nil))
	if w.Code != 400 {
		t.Errorf("stripped: got status %d, want 400", w.Code)
	}
	if got := a.CallbackURL("fake"); got != p.RedirectURL { // R24
		t.Errorf("got callback URL %q", got)
	}
	b := newBrowser(t)
	resp, _ := b.step(ts.URL + "/auth/login/fake")
	resp, _ = b.step(resp.Header.Get("Location"))
	if got := resp.Header.Get("Location"); !strings.HasPrefix(got, p.RedirectURL+"?") {
		t.Fatalf("got Location %q", got)
	}
	if resp, _ = b.step(resp.Header.Get("Location")); resp.StatusCode != 303 || len(resp.Cookies()) < 3 {
		t.Errorf("got status %d, cookies %v", resp.StatusCode, resp.Cookies())
	}
}

// B11, T15: a provider that posts its answer gets a flow cookie that comes along
// with a POST from another site, and nothing else is loosened.
func TestFormPost(t *testing.T) {
	f := newFakeProvider(t)
	f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool { return false }
	p := f.provider("fake")
	p.Params = url.Values{"response_mode": {"form_post"}}
	s := newSite(t, login.Config{Providers: []login.Provider{p}})
	b := newBrowser(t)
	start, _ := b.step(s.URL + "/login/fake")
	c := start.Cookies()[0]
	if c.SameSite != http.SameSiteNoneMode || !c.Secure || !c.HttpOnly {
		t.Errorf("got flow cookie %v", c)
	}
	back, _ := b.step(start.Header.Get("Location"))
	u, _ := url.Parse(back.Header.Get("Location"))
	send := func(contentType, body string) *http.Response {
		r := navigationTo(s.URL + "/callback/fake")
		r.Method, r.Body = "POST", io.NopCloser(strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) // the jar keeps Secure cookies from http
		w := httptest.NewRecorder()
		s.auth.Callback(w, r)
		return w.Result()
	}
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct{ name, contentType, body string }{ // T50
		{"no content type", "", u.RawQuery},
		{"JSON", "application/json", `{"state":"x"}`},
		{"multipart", "multipart/form-data; boundary=x", "--x--"},
		{"huge", form, u.RawQuery + "&x=" + strings.Repeat("x", 1<<20)},
		{"many", form, u.RawQuery + strings.Repeat("&x=1", 100000)},
	} {
		if resp := send(tt.contentType, tt.body); resp.StatusCode != 400 || f.tokenRequests() != 0 {
			t.Errorf("%s: got status %d", tt.name, resp.StatusCode)
		}
	}
	// T32: what else is in the form identifies nobody.
	resp := send(form, u.RawQuery+"&id_token=a.b.c&user="+url.QueryEscape(`{"email":"evil@example.test"}`))
	if resp.StatusCode != 303 || f.tokenRequests() != 1 {
		t.Errorf("got status %d, %d token requests", resp.StatusCode, f.tokenRequests())
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge > 0 && c.SameSite != http.SameSiteLaxMode {
			t.Errorf("session cookie %v is not Lax", c)
		}
	}
}

// T8, T63: what is discovered obeys the rules of what is configured, and what was
// configured does not change any more.
func TestDiscoveredEndpoint(t *testing.T) {
	for query, want := range map[string]int{"": 303, "?audience=x": 303, "?state=mine": 502, "?redirect_uri=x": 502} {
		f := newFakeProvider(t)
		p := f.provider("fake")
		endpoint := p.Endpoint
		endpoint.AuthURL += query
		p.Endpoint, p.Issuer, p.Client = oauth2.Endpoint{}, f.URL, new(http.Client)
		client := p.Client
		p.Discover = func(context.Context, login.Provider) (login.Metadata, error) {
			return login.Metadata{Endpoint: endpoint, Issuer: f.URL}, nil
		}
		s := newSite(t, login.Config{Providers: []login.Provider{p}})
		client.Transport = http.NewFileTransport(http.Dir(t.TempDir())) // too late
		b := newBrowser(t)
		if resp, _ := b.step(s.URL + "/login/fake"); resp.StatusCode != want {
			t.Errorf("%q: got status %d, want %d", query, resp.StatusCode, want)
		}
		if want == 303 {
			jarOf(t, s)
		}
	}
}

// The provider is down when somebody wants to log in, and up again later.
func TestDiscoveryFails(t *testing.T) {
	down := true
	f := newFakeProvider(t)
	p := f.provider("fake")
	endpoint := p.Endpoint
	p.Endpoint, p.Issuer = oauth2.Endpoint{}, f.URL
	p.Discover = func(context.Context, login.Provider) (login.Metadata, error) {
		if down {
			return login.Metadata{}, errors.New("connection refused")
		}
		return login.Metadata{Endpoint: endpoint, Issuer: f.URL}, nil
	}
	s := newSite(t, login.Config{Providers: []login.Provider{p}})
	b := newBrowser(t)
	if resp, body := b.open(s.URL + "/login/fake?next=/me"); resp.StatusCode != 502 || !strings.Contains(body, "Try again") || len(b.cookies(s.URL)) != 0 {
		t.Errorf("got status %d, %q", resp.StatusCode, body)
	}
	down = false
	s.auth.SetNow(func() time.Time { return time.Now().Add(2 * time.Second) })
	if resp, _ := b.open(s.URL + "/login/fake?next=/me"); resp.StatusCode != 200 || !loggedIn(t, s, b) {
		t.Errorf("afterwards got status %d", resp.StatusCode)
	}
}

// T62: without cookies there is a page in the end, not an endless redirect.
func TestNoCookies(t *testing.T) {
	_, s := newLogin(t)
	b := newBrowser(t)
	b.Jar = nil
	if resp, body := b.open(s.URL + "/me"); resp.StatusCode != 400 || !strings.Contains(body, "Please log in again") {
		t.Errorf("got status %d, %q", resp.StatusCode, body)
	}
}

// A5: the functions of a provider learn the nonce that was sent, and none where
// none was.
func TestGrantNonce(t *testing.T) {
	for _, scope := range []string{"openid", "profile"} {
		var got string
		_, s := newLogin(t, func(c *login.Config, p *login.Provider) {
			p.Scopes = []string{scope}
			c.OnLogin = func(r *http.Request, u *login.User, g *login.Grant) error { got = g.Nonce; return nil }
		})
		b := newBrowser(t)
		start, _ := b.step(s.URL + "/login/fake")
		u, _ := url.Parse(start.Header.Get("Location"))
		b.open(start.Header.Get("Location"))
		if want := u.Query().Get("nonce"); got != want || (got != "") != (scope == "openid") {
			t.Errorf("scope %s: got nonce %q, want %q", scope, got, want)
		}
	}
}

// T62: where sessions do not stick and the provider answers at once, there is a
// page in the end, too; and when they stick again, so does the next login.
func TestLostSession(t *testing.T) {
	files, dir := fileStore(t)
	forgetful := true
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		c.Store = files
		c.OnLogin = func(*http.Request, *login.User, *login.Grant) error { return nil }
	})
	b := newBrowser(t)
	b.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if forgetful {
			for _, file := range records(t, dir) {
				os.Remove(file)
			}
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	if resp, body := b.open(s.URL + "/me"); resp.StatusCode != 500 || !strings.Contains(body, `href="/login?next=%2Fme"`) || !strings.Contains(s.log.String(), "session_lost") {
		t.Errorf("got status %d, %q", resp.StatusCode, body)
	}
	forgetful = false
	if resp, _ := b.open(s.URL + "/me"); resp.StatusCode != 200 {
		t.Errorf("afterwards got status %d", resp.StatusCode)
	}
	// Logging out and in again at once is no loss.
	r := navigationTo(s.URL + "/logout")
	r.Method = "POST"
	b.send(r)
	if resp, _ := b.open(s.URL + "/me"); resp.StatusCode != 200 {
		t.Errorf("after logging out got status %d", resp.StatusCode)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
