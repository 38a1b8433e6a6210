package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/doorlatch/login"
)

// A witness sees a whole login: the secrets, and all that others than the browser
// and the provider may get to see.
type witness struct {
	t        *testing.T
	site     *site
	provider *fakeProvider
	text     *lockedBuffer // logs for people
	json     *lockedBuffer // logs for machines
	secrets  []string
	seen     []string // pages and headers
	printed  []string // errors
}

func (x *witness) secret(values ...string) {
	x.provider.mu.Lock()
	defer x.provider.mu.Unlock()
	for _, v := range values {
		if len(v) >= 8 {
			x.secrets = append(x.secrets, v)
		}
	}
}

// RoundTrip is the browser's transport.
func (x *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	before := strings.Count(x.text.String(), "\n")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || "http://"+r.URL.Host != x.site.URL {
		return resp, err
	}
	// A warning about the size of a session comes beside the line about the login.
	lines := x.text.String()
	warnings := strings.Count(lines, "session_too_large")
	if n := strings.Count(lines, "\n") - before - warnings; n > 1 {
		x.t.Errorf("%s %.60s: got %d lines in the log, want one at most", r.Method, r.URL.Path, n)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	for _, c := range resp.Cookies() {
		x.secret(c.Value)
	}
	h := resp.Header.Clone()
	h.Del("Set-Cookie")
	if h.Get("Location") != "" && (h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store") {
		x.t.Errorf("%s: got the header %v: the next site may learn the code from the referrer", r.URL.Path, h)
	}
	if to := h.Get("Location"); strings.HasPrefix(to, x.provider.URL) {
		h.Set("Location", x.withoutOwn(to))
	}
	x.seen = append(x.seen, fmt.Sprint(h, "\n", string(body)))
	return resp, nil
}

// withoutOwn returns the address of the authorization request without what belongs
// there: state, nonce, and the challenge that the verifier cannot be told from.
func (x *witness) withoutOwn(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		x.t.Fatal(err)
	}
	q := u.Query()
	x.secret(q.Get("state"), q.Get("nonce"))
	for _, key := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(key)) != 43 {
			x.t.Errorf("got the %s %q, want 256 bits", key, q.Get(key))
		}
		q.Del(key)
	}
	want := url.Values{
		"client_id": {"client"}, "response_type": {"code"}, "scope": {"openid"},
		"redirect_uri": {x.site.URL + "/callback/fake"}, "code_challenge_method": {"S256"},
	}
	if q.Encode() != want.Encode() {
		x.t.Errorf("the authorization request holds %v, want %v", q, want)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// check looks for the secrets in everything.
func (x *witness) check() {
	x.t.Helper()
	if len(x.secrets) < 6 {
		x.t.Fatalf("got only %d secrets", len(x.secrets))
	}
	logs := []string{x.text.String(), x.json.String()}
	findSecrets(x.t, slices.Concat(x.seen, x.printed, logs), x.secrets)
	for _, text := range slices.Concat(x.seen, logs) {
		for _, foreign := range []string{"\x1b", "alert(1)", "forged", "%!", "provider's words"} {
			if strings.Contains(text, foreign) {
				x.t.Errorf("%q is in %.1000s", foreign, text)
			}
		}
	}
	// A code of the right form (RFC 6749 section 4.1.2.1) is logged, but not shown.
	if text := strings.Join(x.seen, "\n"); strings.Contains(text, "alert(2)") {
		x.t.Errorf("the error code is shown in %s", text)
	}
	for line := range strings.Lines(x.text.String() + x.json.String()) {
		if len(line) > 4<<10 {
			x.t.Errorf("got a line of %d bytes in the log: %.100s", len(line), line)
		}
	}
}

const hostile = "provider's words \x1b[31m\r\nlevel=INFO msg=forged %s%d%!x(NIL) <script>alert(1)</script>'\"><img src=//evil.example> javascript:alert(1)"

// newWitness starts a site whose provider hands out secrets. On the way they are
// written down.
func newWitness(t *testing.T, sc scenario, onError bool) *witness {
	x := &witness{t: t, provider: newFakeProvider(t), text: new(lockedBuffer), json: new(lockedBuffer)}
	// Some look different in a URL.
	x.secret("SECRET+CANARY/=", "ACCESS-CANARY", "REFRESH+CANARY/=", "ID-TOKEN-CANARY", "CODE-CANARY", string(testKey))
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	p := x.provider.provider("fake")
	p.ClientSecret, p.Scopes = "SECRET+CANARY/=", []string{"openid"}
	c := login.Config{Logger: slog.New(slog.NewMultiHandler(slog.NewTextHandler(x.text, debug), slog.NewJSONHandler(x.json, debug)))}
	if sc.change != nil {
		sc.change(&c, &p)
	}
	if onError {
		c.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
			if strings.ContainsFunc(err.Error(), func(c rune) bool { return !unicode.IsPrint(c) }) {
				t.Errorf("there is something in %+q that can move the cursor", err.Error())
			}
			x.printed = append(x.printed, printings(err)...)
			http.Error(w, "failed", http.StatusTeapot)
		}
	}
	c.Providers = []login.Provider{p}
	x.provider.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
		r.ParseForm()
		x.secret(r.PostForm.Get("code_verifier"), r.PostForm.Get("code"))
		if step != "authorize" && r.URL.RawQuery != "" {
			t.Errorf("%s got the query %q: secrets may be in it", step, r.URL.RawQuery)
		}
		if sc.hook != nil && sc.hook(step, w, r) {
			return true
		}
		if step == "token" {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token":"ACCESS-CANARY","token_type":"bearer","refresh_token":"REFRESH+CANARY/=","id_token":"ID-TOKEN-CANARY"}`)
		}
		return step == "token"
	}
	x.site = newSite(t, c)
	return x
}

// A hook reports whether it has answered.
type hook func(step string, w http.ResponseWriter, r *http.Request) bool

type scenario struct {
	name   string
	change func(*login.Config, *login.Provider)
	hook   hook
	drive  func(b *browser, s *site) // nil: log in
	ok     bool                      // somebody gets in
}

// TestLoginsShowNoSecret: what browsers are shown and what is logged in whole
// logins, whatever goes wrong, holds no secret and nothing that a provider or an
// attacker wrote; every request logs one line at most (T43, T44, L6, B7).
func TestLoginsShowNoSecret(t *testing.T) {
	for _, sc := range scenarios() {
		for _, onError := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/OnError=%t", sc.name, onError), func(t *testing.T) {
				x := newWitness(t, sc, onError)
				b := newBrowser(t)
				b.Transport = x
				b.open(x.site.URL + "/login")
				if sc.drive != nil {
					sc.drive(b, x.site)
				}
				if got := loggedIn(t, x.site, b); got != sc.ok {
					t.Errorf("got %t for somebody being logged in, want %t", got, sc.ok)
				}
				x.check()
			})
		}
	}
}

func scenarios() []scenario {
	return slices.Concat(browserScenarios(), errorScenarios(), tokenScenarios(), functionScenarios())
}

// browserScenarios: what a browser can do.
func browserScenarios() []scenario {
	callback := func(change func(url.Values)) func(*browser, *site) {
		return func(b *browser, s *site) {
			u, err := url.Parse(b.callbackURL(s, "fake"))
			if err != nil {
				panic(err)
			}
			q := u.Query()
			change(q)
			u.RawQuery = q.Encode()
			b.open(u.String())
		}
	}
	return []scenario{
		{name: "a good login", ok: true, drive: func(b *browser, s *site) {
			b.open(s.URL + "/logout")
			b.open(s.URL + "/login/nobody")
		}},
		{name: "a login and a logout", drive: func(b *browser, s *site) {
			r := navigationTo(s.URL + "/logout")
			r.Method = "POST"
			b.send(r)
		}},
		{name: "a callback elsewhere and twice", ok: true, drive: func(b *browser, s *site) {
			used := b.callbackURL(s, "fake")
			other := newBrowser(b.t)
			other.Transport = b.Transport
			other.open(used)
			b.open(used)
			b.open(used)
		}},
		{name: "an unknown state", ok: true, drive: callback(func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) })},
		{name: "a hostile state", ok: true, drive: callback(func(q url.Values) { q.Set("state", hostile) })},
		{name: "two states", ok: true, drive: callback(func(q url.Values) { q.Add("state", hostile) })},
		{name: "two codes", ok: true, drive: callback(func(q url.Values) { q.Add("code", hostile) })},
	}
}

// errorScenarios: what the authorization endpoint can answer, or whoever makes a
// link that looks like its answer.
func errorScenarios() []scenario {
	answer := func(query url.Values) hook {
		return func(step string, w http.ResponseWriter, r *http.Request) bool {
			if step == "authorize" {
				q := maps.Clone(query)
				q.Set("state", r.URL.Query().Get("state"))
				http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+q.Encode(), http.StatusFound)
			}
			return step == "authorize"
		}
	}
	long := func(n int) string { return strings.Repeat(hostile, n/len(hostile)) }
	return []scenario{
		{name: "denied", hook: answer(url.Values{"error": {"access_denied"}, "error_description": {hostile}, "error_uri": {"javascript:alert(1)"}})},
		{name: "a hostile error", hook: answer(url.Values{"error": {hostile}, "error_description": {hostile}})},
		{name: "an error and a code", hook: answer(url.Values{"error": {"CODE-CANARY-x"}, "code": {"CODE-CANARY-x"}})},
		{name: "an error in markup", hook: answer(url.Values{"error": {"<svg/onload=alert(2)>"}})},
		{name: "4 kB of error", hook: answer(url.Values{"error": {long(2000)}, "error_description": {long(2000)}})},
		{name: "64 kB of error", hook: answer(url.Values{"error": {long(64 << 10)}})},
		{name: "64 kB of description", hook: answer(url.Values{"error": {"server_error"}, "error_description": {long(64 << 10)}})},
		{name: "another issuer", hook: answer(url.Values{"code": {"CODE-CANARY-x"}, "iss": {hostile}}),
			change: func(_ *login.Config, p *login.Provider) { p.Issuer = "https://id.example" }},
	}
}

// tokenScenarios: what the token endpoint can answer.
func tokenScenarios() []scenario {
	answer := func(status int, contentType string, body func(url.Values) string) hook {
		return func(step string, w http.ResponseWriter, r *http.Request) bool {
			if step == "token" {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				io.WriteString(w, body(r.PostForm))
			}
			return step == "token"
		}
	}
	quote := func(form url.Values) string { return "error=x&" + form.Encode() + fmt.Sprint(form) }
	large := func(url.Values) string {
		return `{"access_token":"ACCESS-CANARY` + strings.Repeat("x", 9000) + `","id_token":"ID-TOKEN-CANARY"}`
	}
	all := []scenario{
		{name: "the token endpoint unreachable", change: func(c *login.Config, _ *login.Provider) { c.Client = &http.Client{Transport: chatty{}} }},
		{name: "TokenError quotes an answer that quotes the request", hook: answer(400, "text/plain", quote),
			change: func(_ *login.Config, p *login.Provider) {
				p.TokenError = func(status int, body []byte) error { return fmt.Errorf("%d %s", status, body) }
			}},
		{name: "a token that is too large", ok: true, hook: answer(200, "application/json", large), change: identifyAs("17")},
	}
	for _, code := range []string{hostile, strings.Repeat("x", 5000), "<svg/onload=alert(2)>"} {
		b, _ := json.Marshal(map[string]string{"error": code, "error_description": code})
		all = append(all, scenario{
			name: fmt.Sprintf("the token endpoint answers %.10q", code),
			hook: answer(400, "application/json", func(url.Values) string { return string(b) }),
		})
	}
	for _, status := range []int{200, 400, 401, 500} {
		for _, key := range []string{"code", "code_verifier", "client_secret", "redirect_uri"} {
			echo := func(form url.Values) string {
				b, _ := json.Marshal(map[string]string{"error": form.Get(key), "error_description": hostile + fmt.Sprint(form), "error_uri": form.Encode()})
				return string(b)
			}
			all = append(all, scenario{
				name: fmt.Sprintf("the token endpoint answers %d with the %s", status, key),
				hook: answer(status, "application/json", echo),
			})
		}
		for contentType, body := range map[string]string{
			"text/html":                         hostile + "ACCESS-CANARY",
			"application/json":                  `{"access_token":"ACCESS-CANARY","refresh_token":"REFRESH+CANARY/=`,
			"application/x-www-form-urlencoded": "error=bad_verification_code&error_description=" + url.QueryEscape(hostile),
			"text/plain":                        `{"access_token":"ACCESS-CANARY","token_type":"mac ACCESS-CANARY"}`,
		} {
			all = append(all, scenario{
				name: fmt.Sprintf("the token endpoint answers %d in %s", status, contentType),
				hook: answer(status, contentType, func(form url.Values) string { return body }),
			})
		}
	}
	return all
}

// chatty is a transport that fails with all that it was given.
type chatty struct{}

func (chatty) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	return nil, fmt.Errorf("cannot send %q with %v to %s", body, r.Header, r.URL)
}

// functionScenarios: how the functions of a Provider and of the application can
// fail.
func functionScenarios() []scenario {
	userAnswer := func(contentType, body string) hook {
		return func(step string, w http.ResponseWriter, r *http.Request) bool {
			if step == "user" {
				w.Header().Set("Content-Type", contentType+"; x="+r.Header.Get("Authorization"))
				io.WriteString(w, strings.ReplaceAll(body, "TOKEN", r.Header.Get("Authorization")))
			}
			return step == "user"
		}
	}
	identify := func(err func(*login.Grant) error) func(*login.Config, *login.Provider) {
		return func(_ *login.Config, p *login.Provider) {
			p.Identify = func(_ context.Context, g *login.Grant) (*login.User, error) { return nil, err(g) }
		}
	}
	onLogin := func(f func(*login.Grant) error) func(*login.Config, *login.Provider) {
		return func(c *login.Config, _ *login.Provider) {
			c.OnLogin = func(_ *http.Request, _ *login.User, g *login.Grant) error { return f(g) }
		}
	}
	return []scenario{
		{name: "the user endpoint answers in HTML", hook: userAnswer("text/html", "TOKEN "+hostile)},
		{name: "the user endpoint answers other JSON", hook: userAnswer("application/json", `{"id":["TOKEN is the provider's words"]}`)},
		{name: "Identify fails", change: identify(everything)},
		{name: "Identify fails with its Grant", change: identify(func(g *login.Grant) error { return fmt.Errorf("%v %+v %#v %x", g, *g, g, *g) })},
		{name: "Identify fails at length", change: identify(func(*login.Grant) error { return errors.New(strings.Repeat("x", 64<<10)) })},
		{name: "Identify finds nobody", change: identify(func(*login.Grant) error { return nil })},
		{name: "OnLogin fails", change: onLogin(everything)},
		{name: "OnLogin refuses", change: onLogin(func(g *login.Grant) error {
			return fmt.Errorf("%w: %w", login.Refusal("Not you."), everything(g))
		})},
		{name: "OnLogin fails after it removed the token", change: onLogin(func(g *login.Grant) error {
			err := everything(g)
			g.Token, g.IDToken = nil, ""
			return err
		})},
		{name: "Discover fails", change: func(_ *login.Config, p *login.Provider) {
			p.Issuer = "https://id.example"
			p.Discover = func(_ context.Context, p login.Provider) (login.Metadata, error) {
				return login.Metadata{}, fmt.Errorf("with %s, %q, %+v", p.ClientSecret, p.ClientSecret, p)
			}
		}},
		{name: "a user that is too large", change: identifyAs(strings.Repeat("x", 5000))},
	}
}

// everything is an error that quotes all there is, and more.
func everything(g *login.Grant) error {
	return fmt.Errorf("\x1b[31m\r\n\u009b31m\u202e%+v %q %s %s with %s: %w",
		*g.Token, g.Token.AccessToken, g.IDToken, g.Nonce, g.Provider.ClientSecret,
		&url.Error{Op: "Get", URL: "https://api.example/?token=" + url.QueryEscape(g.Token.RefreshToken), Err: errors.New(g.Token.RefreshToken)})
}

func identifyAs(id string) func(*login.Config, *login.Provider) {
	return func(_ *login.Config, p *login.Provider) {
		p.Identify = func(context.Context, *login.Grant) (*login.User, error) { return &login.User{ID: id, Name: "Ada"}, nil }
	}
}
