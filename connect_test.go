package login_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// hosts is a network of servers by host.
type hosts map[string]http.Handler

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	return inProcess{h[r.URL.Host]}.RoundTrip(r)
}

// connecting is an application whose users can connect accounts at a second
// provider, "other".
type connecting struct {
	*living
	other     *logintest.Server
	connected []string // "user <- account"
	result    error    // of OnConnect
}

func newConnecting(t *testing.T, change func(*login.Config)) *connecting {
	c := &connecting{other: &logintest.Server{URL: "http://127.0.0.1:10", Users: []login.User{{ID: "account"}}}}
	c.living = newLiving(t, func(config *login.Config) {
		config.Client = &http.Client{Transport: hosts{
			"127.0.0.1:9": config.Client.Transport.(inProcess).Handler, "127.0.0.1:10": c.other,
		}}
		p := c.other.Provider()
		p.Name = "other"
		config.Providers = append(config.Providers, p)
		config.OnConnect = func(r *http.Request, u *login.User, g *login.Grant) error {
			if login.UserFrom(r.Context()) != u || g.Token.AccessToken == "" {
				t.Errorf("got %v in the context and token %v, want %v and one", login.UserFrom(r.Context()), g.Token, u)
			}
			c.connected = append(c.connected, u.Provider+"/"+u.ID+" <- "+g.User.Provider+"/"+g.User.ID)
			return c.result
		}
		if change != nil {
			change(config)
		}
	})
	c.op.Set(func(s *logintest.Server) { s.Users = []login.User{{ID: "ada"}, {ID: "bob"}} })
	return c
}

func (c *connecting) logInAs(id string) cookieSet {
	c.t.Helper()
	c.op.Set(func(s *logintest.Server) { s.LoginAs = id })
	return c.logIn()
}

// begin posts to target and returns the callback that the provider sends the
// browser to.
func (c *connecting) begin(target string, cookies cookieSet) (callback string, after cookieSet) {
	c.t.Helper()
	w, after := c.visit(c.t.Context(), http.MethodPost, target, cookies)
	if w.Code != http.StatusSeeOther {
		c.t.Fatalf("got status %d %s, want to be sent to the provider", w.Code, w.Body)
	}
	return c.provider(w.Header().Get("Location")), after
}

// provider returns where the other provider sends the browser.
func (c *connecting) provider(location string) string {
	c.t.Helper()
	resp, err := inProcess{c.other}.RoundTrip(httptest.NewRequest(http.MethodGet, location, nil))
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.Header.Get("Location")
}

// tokenRequests counts those to the other provider.
func (c *connecting) tokenRequests() int {
	n := 0
	for _, r := range c.other.Requests() {
		if r.Path == "/token" {
			n++
		}
	}
	return n
}

// sessionOf is the part of cookies that is a session.
func sessionOf(cookies cookieSet) cookieSet {
	s := maps.Clone(cookies)
	maps.DeleteFunc(s, func(name, _ string) bool { return strings.Contains(name, "-f-") || strings.HasSuffix(name, "-l") })
	return s
}

// An account is connected with whoever is logged in, who stays logged in as before.
func TestConnect(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		c := newConnecting(t, func(config *login.Config) {
			kind(config)
			config.OnLogin = func(_ *http.Request, u *login.User, _ *login.Grant) error {
				if u.Provider == "other" {
					t.Error("OnLogin is called")
				}
				return nil
			}
		})
		cookies := c.logInAs("ada")
		callback, during := c.begin("/connect/other?next=/settings", cookies)
		w, after := c.get(callback, during)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/settings" {
			t.Errorf("got status %d to %q, want 303 to /settings", w.Code, w.Header().Get("Location"))
		}
		if want := []string{"oidc/ada <- other/account"}; !slices.Equal(c.connected, want) {
			t.Errorf("got %q, want %q", c.connected, want)
		}
		if !maps.Equal(sessionOf(after), sessionOf(cookies)) {
			t.Errorf("the session has changed: %q, was %q", after, cookies)
		}
		if w, _ := c.get("/private", after); w.Body.String() != "ada" {
			t.Errorf("got %s, want ada", w.Body)
		}
		if w, _ := c.get(callback, during); w.Code != http.StatusBadRequest || len(c.connected) != 1 {
			t.Errorf("once more: got status %d, %q, want 400", w.Code, c.connected)
		}
		if p := c.other.Problems(); len(p) > 0 {
			t.Error(p)
		}
	})
}

// The callback belongs to whoever began, or to nobody (the cross-user attack on
// connecting that RFC 9700's update describes).
func TestConnectSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, nil)
		ada, bob := c.logInAs("ada"), c.logInAs("bob")
		flowOf := func(cookies cookieSet) cookieSet {
			f := maps.Clone(cookies)
			maps.DeleteFunc(f, func(name, _ string) bool { return !strings.Contains(name, "-f-") })
			return f
		}
		with := func(session, flow cookieSet) cookieSet {
			all := maps.Clone(session)
			maps.Copy(all, flow)
			return all
		}
		for name, session := range map[string]cookieSet{"somebody else": bob, "nobody": {}} {
			callback, during := c.begin("/connect/other", ada)
			w, after := c.get(callback, with(session, flowOf(during)))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "connect_other_user") {
				t.Errorf("%s: got status %d %s, want 400", name, w.Code, w.Body)
			}
			if !maps.Equal(sessionOf(after), sessionOf(session)) || len(flowOf(after)) > 0 {
				t.Errorf("%s: got cookies %q", name, after)
			}
			if strings.Contains(w.Body.String(), "/login/other") {
				t.Errorf("%s: the page leads to a login", name)
			}
		}
		callback, during := c.begin("/connect/other", ada)
		c.logOut("/logout", during)
		if w, _ := c.get(callback, during); w.Code != http.StatusBadRequest {
			t.Errorf("a copy of ended cookies: got status %d, want 400", w.Code)
		}
		if len(c.connected) > 0 || c.tokenRequests() > 0 {
			t.Errorf("got %q after %d token requests, want none", c.connected, c.tokenRequests())
		}
		// A flow that was begun to log in connects nothing, and the other way round.
		w, during := c.get("/login/other", bob)
		w, after := c.get(c.provider(w.Header().Get("Location")), during)
		if got, _ := c.get("/private", after); w.Code != http.StatusSeeOther || got.Body.String() != "account" || len(c.connected) > 0 {
			t.Errorf("got %s logged in and %q, want account and none", got.Body, c.connected)
		}
	})
}

// A logout while the provider is asked is final.
func TestLogoutDuringConnect(t *testing.T) {
	eachKind(t, func(t *testing.T, kind func(*login.Config)) {
		c := newConnecting(t, kind)
		callback, during := c.begin("/connect/other", c.logInAs("ada"))
		c.other.Set(func(s *logintest.Server) { s.Intercept = c.slow("/token", 3*time.Second, nil) })
		done := make(chan int)
		go func() {
			w, _ := c.get(callback, during)
			done <- w.Code
		}()
		time.Sleep(time.Second)
		c.logOut("/logout", during)
		if code := <-done; code != http.StatusBadRequest || len(c.connected) > 0 {
			t.Errorf("got status %d, %q, want 400 and nothing", code, c.connected)
		}
	})
}

// Who may begin.
func TestConnectBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, nil)
		ada := c.logInAs("ada")
		tests := []struct {
			name, method, target string
			header               map[string]string
			cookies              cookieSet
			want                 int
			location             string
		}{
			{"a person", "POST", "/connect/other", nil, ada, 303, c.other.URL},
			{"nobody", "POST", "/connect/other", nil, nil, 303, "/login"},
			{"a program that is nobody", "POST", "/connect/other", map[string]string{"Accept": ""}, nil, 401, ""},
			{"a link", "GET", "/connect/other", nil, ada, 405, ""},
			{"another site", "POST", "/connect/other", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, ada, 403, ""},
			{"another site, an old browser", "POST", "/connect/other", map[string]string{"Origin": "https://evil.example"}, ada, 403, ""},
			{"a frame", "POST", "/connect/other", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, ada, 403, ""},
			{"a script", "POST", "/connect/other", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}, ada, 403, ""},
			{"no such provider", "POST", "/connect/nothing", nil, ada, 404, ""},
			{"no provider", "POST", "/connect/", nil, ada, 404, ""},
			{"no path", "POST", "/connect", nil, ada, 404, ""},
		}
		for _, test := range tests {
			r := httptest.NewRequest(test.method, test.target, nil)
			r.Header.Set("Accept", "text/html")
			r.Header.Set("Origin", "http://localhost:8080")
			if strings.HasPrefix(test.name, "nobody") {
				r.Header.Set("Sec-Fetch-Mode", "navigate")
				r.Header.Set("Sec-Fetch-Dest", "document")
				r.Header.Set("Sec-Fetch-Site", "same-origin")
			}
			for key, value := range test.header {
				r.Header.Set(key, value)
			}
			for name, value := range test.cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			w := httptest.NewRecorder()
			c.app.ServeHTTP(w, r)
			if w.Code != test.want || !strings.HasPrefix(w.Header().Get("Location"), test.location) {
				t.Errorf("%s: got status %d to %q, want %d to %q", test.name, w.Code, w.Header().Get("Location"), test.want, test.location)
			}
			if sealed := strings.Contains(w.Header().Get("Set-Cookie"), "-f-"); sealed != (test.name == "a person") {
				t.Errorf("%s: a flow was begun: %v", test.name, sealed)
			}
		}
	})
}

// Without OnConnect the path is the application's.
func TestNothingToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, func(config *login.Config) { config.OnConnect = nil })
		ada := c.logInAs("ada")
		if w, _ := c.logOut("/connect/other", ada); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "unknown_provider") {
			t.Errorf("got status %d %s, want the application's 404", w.Code, w.Body)
		}
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		for name, value := range ada {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		c.auth.Start(w, r, login.Start{Provider: "other", Connect: true})
		if w.Code != http.StatusInternalServerError {
			t.Errorf("Start: got status %d, want 500", w.Code)
		}
	})
}

// What OnConnect says is what the person sees; the way back leads to no login.
func TestOnConnectRefuses(t *testing.T) {
	for _, test := range []struct {
		err    error
		deny   bool
		status int
		text   string
	}{
		{login.Refusal("That account belongs to somebody else."), false, 403, "That account belongs to somebody else."},
		{login.ErrForbidden, false, 403, "not allowed"},
		{errors.New("PROSE"), false, 500, "The fault is ours"},
		{fmt.Errorf("%w: PROSE", login.ErrProvider), false, 502, "Connecting is not possible right now"},
		{nil, true, 403, "Nothing was connected"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newConnecting(t, nil)
			c.result = test.err
			c.other.Set(func(s *logintest.Server) { s.Deny = test.deny })
			cookies := c.logInAs("ada")
			callback, during := c.begin("/connect/other?next=/settings", cookies)
			w, after := c.get(callback, during)
			body := w.Body.String()
			if w.Code != test.status || !strings.Contains(body, test.text) || strings.Contains(body, "PROSE") {
				t.Errorf("got status %d %s, want %d %q", w.Code, body, test.status, test.text)
			}
			if !strings.Contains(body, `href="/settings"`) || strings.Contains(body, "/login") {
				t.Errorf("got %s, want a way back to /settings only", body)
			}
			if !maps.Equal(sessionOf(after), sessionOf(cookies)) {
				t.Error("the session has changed")
			}
		})
	}
}

// Somebody who is logged in by other means connects an account, and stays who they
// are (R50).
func TestConnectByOtherMeans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, nil)
		inner := c.app
		admin := &login.User{Provider: "staff", ID: "7"}
		c.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if admin != nil {
				r = r.WithContext(login.WithUser(r.Context(), admin))
			}
			inner.ServeHTTP(w, r)
		})
		callback, during := c.begin("/connect/other", nil)
		if w, after := c.get(callback, during); w.Code != http.StatusSeeOther || len(sessionOf(after)) > 0 {
			t.Errorf("got status %d %s and cookies %q, want 303 and none", w.Code, w.Body, after)
		}
		if want := []string{"staff/7 <- other/account"}; !slices.Equal(c.connected, want) {
			t.Errorf("got %q, want %q", c.connected, want)
		}
		callback, during = c.begin("/connect/other", nil)
		for _, now := range []*login.User{{Provider: "staff", ID: "8"}, {Provider: "other", ID: "7"}, nil} {
			admin = now
			if w, _ := c.get(callback, during); w.Code != http.StatusBadRequest || len(c.connected) > 1 {
				t.Errorf("%v: got status %d, %q, want 400", now, w.Code, c.connected)
			}
		}
		admin = &login.User{Provider: "staff", Username: "without an ID"}
		if w, _ := c.logOut("/connect/other", nil); w.Code != http.StatusInternalServerError {
			t.Errorf("a user without ID: got status %d, want 500", w.Code)
		}
	})
}

// A provider that posts its answer from its own site, where the browser sends no
// cookies of a session.
func TestConnectByFormPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, func(config *login.Config) {
			config.Providers[1].Params = url.Values{"response_mode": {"form_post"}}
		})
		cookies := c.logInAs("ada")
		w, during := c.visit(t.Context(), http.MethodPost, "/connect/other?next=/settings", cookies)
		location, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := location.Query()
		q.Del("response_mode")
		location.RawQuery = q.Encode()
		back, err := url.Parse(c.provider(location.String()))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/callback/other", strings.NewReader(back.RawQuery+"&user=%7B%7D"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range during {
			if strings.Contains(name, "-f-") {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		}
		posted := httptest.NewRecorder()
		c.app.ServeHTTP(posted, r)
		if posted.Code != http.StatusSeeOther || c.tokenRequests() > 0 || posted.Header().Get("Set-Cookie") != "" {
			t.Fatalf("got status %d %s, want to come again", posted.Code, posted.Body)
		}
		w, _ = c.get(posted.Header().Get("Location"), during)
		if w.Header().Get("Location") != "/settings" || len(c.connected) != 1 {
			t.Errorf("got status %d %s, %q, want an account connected", w.Code, w.Body, c.connected)
		}
	})
}

// start serves a page that begins a login with wishes.
func (c *connecting) start(method string, s login.Start, cookies cookieSet) (*httptest.ResponseRecorder, cookieSet) {
	inner := c.app
	defer func() { c.app = inner }()
	c.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.auth.Start(w, r, s) })
	return c.visit(c.t.Context(), method, "/begin", cookies)
}

// A login with wishes: more scopes, other parameters (R76, A14); what was asked for
// is what the provider's functions see.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var grant *login.Grant
		c := newConnecting(t, func(config *login.Config) {
			config.Providers[1].Params = url.Values{"prompt": {"none"}, "audience": {"api"}}
			config.OnLogin = func(_ *http.Request, _ *login.User, g *login.Grant) error {
				grant = g
				return nil
			}
		})
		w, during := c.start(http.MethodGet, login.Start{
			Provider: "other", Next: "/files", Scopes: []string{"openid", "files.read"},
			Params: url.Values{"prompt": {"select_account"}, "login_hint": {"account"}, "x": {"1 & 2", "3"}},
		}, nil)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther {
			t.Fatalf("got status %d %s, want to be sent to the provider", w.Code, w.Body)
		}
		scope := strings.Join(append(c.other.Provider().Scopes, "files.read"), " ")
		for key, want := range map[string]string{
			"prompt": "select_account", "login_hint": "account", "audience": "api", "scope": scope, "x": "1 & 2",
		} {
			if got := u.Query().Get(key); got != want {
				t.Errorf("%s: got %q, want %q", key, got, want)
			}
		}
		q := u.Query()
		if !slices.Equal(q["x"], []string{"1 & 2", "3"}) {
			t.Errorf("got %q, want both", q["x"])
		}
		q.Del("x") // which this provider refuses
		u.RawQuery = q.Encode()
		w, _ = c.get(c.provider(u.String()), during)
		if w.Header().Get("Location") != "/files" || grant == nil {
			t.Fatalf("got status %d %s, want to be sent to /files", w.Code, w.Body)
		}
		if p := grant.Provider; p.Params.Get("prompt") != "select_account" || !slices.Contains(p.Scopes, "files.read") || len(p.Params["x"]) != 2 {
			t.Errorf("got %q and %q, want what was asked for", p.Params, p.Scopes)
		}
		// And the next login is as the Provider says.
		w, _ = c.get("/login/other", nil)
		if u, _ := url.Parse(w.Header().Get("Location")); u.Query().Get("prompt") != "none" || strings.Contains(u.Query().Get("scope"), "files") {
			t.Errorf("got %s, want the Provider's own", u)
		}
	})
}

func TestStartRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, nil)
		ada := c.logInAs("ada")
		tests := []struct {
			name, method string
			start        login.Start
			want         int
		}{
			{"state", "GET", login.Start{Provider: "other", Params: url.Values{"state": {"x"}}}, 500},
			{"redirect_uri", "GET", login.Start{Provider: "other", Params: url.Values{"redirect_uri": {"x"}}}, 500},
			{"code_challenge", "GET", login.Start{Provider: "other", Params: url.Values{"code_challenge_method": {"plain"}}}, 500},
			{"scope", "GET", login.Start{Provider: "other", Params: url.Values{"scope": {"x"}}}, 500},
			{"response_mode", "GET", login.Start{Provider: "other", Params: url.Values{"response_mode": {"form_post"}}}, 500},
			{"two scopes in one", "GET", login.Start{Provider: "other", Scopes: []string{"a b"}}, 500},
			{"too long", "GET", login.Start{Provider: "other", Params: url.Values{"login_hint": {strings.Repeat("x", 1<<10)}}}, 500},
			{"too many", "GET", login.Start{Provider: "other", Scopes: slices.Repeat([]string{"x"}, 600)}, 500},
			{"no provider", "GET", login.Start{}, 404},
			{"no such provider", "GET", login.Start{Provider: "x"}, 404},
			{"connect by GET", "GET", login.Start{Provider: "other", Connect: true}, 405},
			{"by PUT", "PUT", login.Start{Provider: "other"}, 405},
			{"by POST", "POST", login.Start{Provider: "other"}, 303},
			{"a foreign next", "GET", login.Start{Provider: "other", Next: "https://evil.example/"}, 303},
		}
		for _, test := range tests {
			w, after := c.start(test.method, test.start, ada)
			if w.Code != test.want || (w.Code == 303) != (len(after) > len(ada)) {
				t.Errorf("%s: got status %d %s, want %d", test.name, w.Code, w.Body, test.want)
			}
		}
		prefetch := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/begin", nil)
		prefetch.Header.Set("Sec-Purpose", "prefetch")
		w := httptest.NewRecorder()
		if c.auth.Start(w, prefetch, login.Start{Provider: "other"}); w.Code != 403 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("prefetch: got status %d, want 403 and no cookie", w.Code)
		}
	})
}

// A connection that cannot be begun, or ends at a replica that knows of none, leads
// to no login with the other account.
func TestConnectFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, func(config *login.Config) {
			config.Providers[1].Discover = func(context.Context, login.Provider) (login.Metadata, error) {
				return login.Metadata{}, errors.New("it is down")
			}
		})
		w, _ := c.logOut("/connect/other?next=/settings", c.logInAs("ada"))
		if body := w.Body.String(); w.Code != http.StatusBadGateway || strings.Contains(body, "/login") || !strings.Contains(body, `href="/settings"`) {
			t.Errorf("got status %d %s, want 502 and a way back", w.Code, body)
		}
		c = newConnecting(t, nil)
		callback, during := c.begin("/connect/other", c.logInAs("ada"))
		other := newConnecting(t, func(config *login.Config) { config.OnConnect = nil })
		if w, _ := other.get(callback, during); w.Code != http.StatusBadRequest || other.tokenRequests() > 0 {
			t.Errorf("got status %d %s, want 400", w.Code, w.Body)
		}
	})
}

// Everything that Start allows comes back; what does not fit goes without.
func TestLargeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnecting(t, func(config *login.Config) {
			config.Providers[1].RedirectURL = "http://localhost:8080/" + strings.Repeat("r", 300)
		})
		w, during := c.start(http.MethodGet, login.Start{
			Provider: "other", Next: "/" + strings.Repeat("n", 1000), Params: url.Values{"login_hint": {strings.Repeat("h", 1000)}},
		}, nil)
		for name, value := range during {
			if n := len(name) + len(value); n > 4096 {
				t.Errorf("got a cookie of %d bytes", n)
			}
		}
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("login_hint", "account")
		u.RawQuery = q.Encode()
		if w, _ = c.get(c.provider(u.String()), during); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
			t.Errorf("got status %d to %q, want 303 to /", w.Code, w.Header().Get("Location"))
		}
	})
}
