package logintest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

func newServer(t *testing.T, users ...login.User) *logintest.Server {
	s := logintest.NewServer(users...)
	t.Cleanup(s.Close)
	return s
}

// tokens runs a whole code flow.
func tokens(t *testing.T, s *logintest.Server, scope string) map[string]any {
	t.Helper()
	code := get(t, s.URL+"/authorize?"+askFor(s.ClientID, scope).Encode()).params(t).Get("code")
	a := post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, code))
	wantStatus(t, a, http.StatusOK)
	return a.json(t)
}

func userInfo(t *testing.T, s *logintest.Server, token any) answer {
	t.Helper()
	return get(t, s.URL+"/userinfo", "Authorization", "Bearer "+token.(string))
}

// R91: the roles of authorization server, token endpoint and resource. The ID
// token is verified by somebody else's library.
func TestServer(t *testing.T) {
	s := newServer(t)
	a := get(t, s.URL+"/authorize?"+askFor(s.ClientID, "openid profile email").Encode())
	q := a.params(t)
	if !strings.HasPrefix(a.header.Get("Location"), callback+"&") || q.Get("state") != "a-state" || q.Get("iss") != s.URL {
		t.Errorf("redirect: got %q, want the callback with state and iss", a.header.Get("Location"))
	}
	a = post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, q.Get("code")))
	answer := a.json(t)
	if a.header.Get("Cache-Control") != "no-store" || answer["token_type"] != "Bearer" || answer["expires_in"] != 3600.0 ||
		answer["scope"] != "openid profile email" {
		t.Errorf("token response: got %v with %v", answer, a.header)
	}
	p, err := oidc.NewProvider(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.Verifier(&oidc.Config{ClientID: s.ClientID}).Verify(t.Context(), answer["id_token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if id.Nonce != "a-nonce" || id.VerifyAccessToken(answer["access_token"].(string)) != nil {
		t.Errorf("ID token: got nonce %q and at_hash %q, want those of the request and the token", id.Nonce, id.AccessTokenHash)
	}
	var claims struct {
		Email, Name, Picture string
		Username             string `json:"preferred_username"`
		EmailVerified        bool   `json:"email_verified"`
		AuthTime             int64  `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != "90000001" || claims.Email != "ada@example.test" || !claims.EmailVerified || claims.Name != "Ada Example" ||
		claims.Username != "ada-example" || claims.AuthTime == 0 {
		t.Errorf("ID token: got subject %q and %+v", id.Subject, claims)
	}
	info := userInfo(t, s, answer["access_token"]).json(t)
	if info["sub"] != id.Subject || info["email"] != claims.Email {
		t.Errorf("userinfo: got %v, want what the ID token says", info)
	}
	if pic := get(t, claims.Picture); pic.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(pic.body, "AE") {
		t.Errorf("picture: got %v", pic)
	}
	wantProblems(t, s, 0)
}

// The plain resource (R92) has what the seed articles' API has.
func TestAPIUser(t *testing.T) {
	s := newServer(t, login.User{ID: "a b/c", Username: "zoë", Name: "Zoë", UnverifiedEmail: "zoe@example.test", Extra: map[string]string{"bio": "Hello"}})
	token := tokens(t, s, "profile email")["access_token"].(string)
	got := get(t, s.URL+"/api/user", "Authorization", "bearer "+token).json(t)
	for key, want := range map[string]any{
		"id": "a b/c", "login": "zoë", "name": "Zoë", "avatar_url": "", "email": "zoe@example.test", "bio": "Hello",
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	if a := userInfo(t, s, token); a.status != http.StatusForbidden || !strings.Contains(a.header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("userinfo without the scope openid: got %v", a)
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	s := newServer(t)
	good := askFor(s.ClientID, "openid")
	for _, test := range []struct{ name, query string }{
		{"another client", with(good, "client_id", "other").Encode()},
		{"implicit flow", with(good, "response_type", "token").Encode()},
		{"no redirect_uri", with(good, "redirect_uri", "").Encode()},
		{"plain http", with(good, "redirect_uri", "http://app.example.test/").Encode()},
		{"fragment", with(good, "redirect_uri", callback+"#x").Encode()},
		{"user", with(good, "redirect_uri", "https://a@app.example.test/").Encode()},
		{"other scheme", with(good, "redirect_uri", "javascript://127.0.0.1/").Encode()},
		{"no state", with(good, "state", "").Encode()},
		{"no PKCE", with(good, "code_challenge", "", "code_challenge_method", "").Encode()},
		{"plain PKCE", with(good, "code_challenge_method", "plain").Encode()},
		{"short challenge", with(good, "code_challenge", "short").Encode()},
		{"no nonce", with(good, "nonce", "").Encode()},
		{"twice", good.Encode() + "&state=other"},
		{"secret", with(good, "client_secret", s.ClientSecret).Encode()},
		{"verifier", with(good, "code_verifier", verifier).Encode()},
		{"too long", with(good, "scope", strings.Repeat("x", 8<<10)).Encode()},
		{"response_mode", with(good, "response_mode", "fragment").Encode()},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.Problems())
			a := get(t, s.URL+"/authorize?"+test.query)
			if a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("got %v, want status 400 and no redirect", a)
			}
			wantProblems(t, s, before+1)
		})
	}
	wantStatus(t, get(t, s.URL+"/authorize?"+good.Encode()), http.StatusSeeOther)
	wantStatus(t, get(t, s.URL+"/authorize?"+with(good, "redirect_uri", "http://127.0.0.1:1/x").Encode()), http.StatusSeeOther)
	wantStatus(t, post(t, s.URL+"/authorize", good), http.StatusSeeOther) // OpenID Connect Core 3.1.2.1
}

// I2, OpenID Connect RP-Initiated Logout 1.0.
func TestEndSession(t *testing.T) {
	s := newServer(t)
	hint := tokens(t, s, "openid")["id_token"].(string)
	other := tokens(t, newServer(t), "openid")["id_token"].(string)
	good := url.Values{"id_token_hint": {hint}, "client_id": {s.ClientID}, "post_logout_redirect_uri": {"http://localhost:8080/"}, "state": {"x"}}
	if a := get(t, s.URL+"/end_session?"+good.Encode()); a.header.Get("Location") != "http://localhost:8080/?state=x" {
		t.Errorf("got %v, want a redirect with state", a)
	}
	wantStatus(t, post(t, s.URL+"/end_session", good), http.StatusSeeOther)
	wantStatus(t, get(t, s.URL+"/end_session?"+with(good, "post_logout_redirect_uri", "").Encode()), http.StatusOK)
	for name, q := range map[string]url.Values{
		"no hint":        with(good, "id_token_hint", ""),
		"another's hint": with(good, "id_token_hint", other),
		"changed hint":   with(good, "id_token_hint", hint[:len(hint)-8]+"AAAAAAAA"),
		"other client":   with(good, "client_id", "other"),
		"foreign target": with(good, "post_logout_redirect_uri", "http://evil.example.test/"),
	} {
		if a := get(t, s.URL+"/end_session?"+q.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("%s: got %v, want status 400", name, a)
		}
	}
	// The hint is ours, but of before.
	good = with(good, "client_id", "")
	url, id := s.URL, s.ClientID
	s.Set(func(s *logintest.Server) { s.ClientID = "renamed" })
	wantStatus(t, get(t, url+"/end_session?"+good.Encode()), http.StatusBadRequest)
	s.Set(func(s *logintest.Server) { s.ClientID, s.URL = id, "http://localhost:1" })
	wantStatus(t, get(t, url+"/end_session?"+good.Encode()), http.StatusBadRequest)
}

func TestWhoLogsIn(t *testing.T) {
	s := newServer(t)
	who := func(hint string) any {
		code := get(t, s.URL+"/authorize?"+with(askFor(s.ClientID, "openid"), "login_hint", hint).Encode()).params(t).Get("code")
		answer := post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, code)).json(t)
		return userInfo(t, s, answer["access_token"]).json(t)["sub"]
	}
	for hint, want := range map[string]string{
		"": "90000001", "90000002": "90000002", "alan-specimen": "90000003", "grace@example.test": "90000002", "nobody": "90000001",
	} {
		if got := who(hint); got != want {
			t.Errorf("hint %q: got %v, want %s", hint, got, want)
		}
	}
	s.Set(func(s *logintest.Server) { s.LoginAs = "alan@example.test" })
	if got := who(""); got != "90000003" {
		t.Errorf("LoginAs: got %v, want 90000003", got)
	}
}

func TestDenyAndSilence(t *testing.T) {
	s := newServer(t)
	s.Deny = true
	q := get(t, s.URL+"/authorize?"+askFor(s.ClientID, "openid").Encode()).params(t)
	if q.Get("error") != "access_denied" || q.Has("code") || q.Get("state") != "a-state" || q.Get("iss") != s.URL {
		t.Errorf("Deny: got %v, want access_denied with state and iss", q)
	}
	s.Set(func(s *logintest.Server) { s.Interactive, s.SendIss = true, false })
	q = get(t, s.URL+"/authorize?"+with(askFor(s.ClientID, "openid"), "prompt", "none").Encode()).params(t)
	if q.Get("error") != "login_required" || q.Has("iss") {
		t.Errorf("prompt=none: got %v, want login_required without iss", q)
	}
	if md := get(t, s.URL+"/.well-known/openid-configuration").json(t); md["authorization_response_iss_parameter_supported"] != false {
		t.Errorf("metadata: got %v, want no support of iss", md)
	}
}

// OAuth 2.0 Form Post Response Mode.
func TestFormPost(t *testing.T) {
	s := newServer(t)
	a := get(t, s.URL+"/authorize?"+with(askFor(s.ClientID, "openid"), "response_mode", "form_post").Encode())
	f := readForm(t, a.body)
	if f.action != callback || f.values.Get("state") != "a-state" || f.values.Get("code") == "" {
		t.Errorf("got the form %+v, want one for the callback", f)
	}
}

// R90, R20: the second seed article's server.
func TestMinimal(t *testing.T) {
	s := newServer(t)
	s.Minimal = true
	plain := url.Values{"response_type": {"code"}, "client_id": {s.ClientID}, "redirect_uri": {callback}, "state": {"a-state"}}
	q := get(t, s.URL+"/authorize?"+plain.Encode()).params(t)
	if q.Has("iss") {
		t.Errorf("callback: got %v, want no iss", q)
	}
	answer := post(t, s.URL+"/token", with(exchangeOf(s.ClientID, s.ClientSecret, q.Get("code")), "code_verifier", "")).json(t)
	if len(answer) != 2 || answer["access_token"] == nil || answer["refresh_token"] == nil {
		t.Errorf("token response: got %v, want access_token and refresh_token only", answer)
	}
	if again := refresh(t, s, answer["refresh_token"]).json(t); again["refresh_token"] == answer["refresh_token"] {
		t.Errorf("refresh: got the same refresh token, want another")
	}
	a := refresh(t, s, answer["refresh_token"])
	if a.status != http.StatusBadRequest || a.json(t)["error"] != "invalid_grant" {
		t.Errorf("second refresh: got %v, want status 400 and invalid_grant", a)
	}
	wantStatus(t, post(t, s.URL+"/token", with(exchangeOf(s.ClientID, "wrong", "x"))), http.StatusBadRequest)
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/userinfo", "/end_session"} {
		wantStatus(t, get(t, s.URL+path), http.StatusNotFound)
	}
	// PKCE is not known here, so a challenge does no harm.
	with := tokens(t, s, "profile")
	wantStatus(t, get(t, s.URL+"/api/user", "Authorization", "Bearer "+with["access_token"].(string)), http.StatusOK)
}

// R91: fault injection; and what was received can be looked at.
func TestInterceptAndRequests(t *testing.T) {
	s := newServer(t)
	s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" || r.PostFormValue("code") != "lost" {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	wantStatus(t, post(t, s.URL+"/token?a=b", exchangeOf(s.ClientID, s.ClientSecret, "lost"), "Accept", "text/x"), http.StatusServiceUnavailable)
	tokens(t, s, "openid")
	wantStatus(t, send(t, http.MethodPost, s.URL+"/token", strings.Repeat("x", 64<<10+1)), http.StatusRequestEntityTooLarge)
	all := s.Requests()
	r := all[0]
	if r.Method != http.MethodPost || r.Path != "/token" || r.Query.Get("a") != "b" || r.Form.Get("code") != "lost" || r.Header.Get("Accept") != "text/x" {
		t.Errorf("first request: got %+v", r)
	}
	if len(all) != 4 || all[1].Query.Get("client_id") != s.ClientID || all[2].Form.Get("code_verifier") != verifier {
		t.Errorf("got %+v, want 4 requests with their parameters", all)
	}
	all[1].Query.Set("client_id", "changed")
	if s.Requests()[1].Query.Get("client_id") != s.ClientID {
		t.Error("Requests is not a copy")
	}
}

// A literal is used without a socket. What is kept has a bound: 1,000 requests
// and problems, 10,000 codes.
func TestBounds(t *testing.T) {
	s := &logintest.Server{URL: "http://localhost:1", ClientID: "app"}
	path := "/authorize?" + askFor("app", "profile").Encode()
	serve := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	first, err := url.Parse(serve(path).Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	for range 1001 {
		serve("/authorize")
	}
	if n, m := len(s.Requests()), len(s.Problems()); n != 1000 || m != 1000 {
		t.Errorf("kept %d requests and %d problems, want 1000 each", n, m)
	}
	for range 10_000 {
		serve(path)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(exchangeOf("app", "logintest-secret-which-everybody-knows", first.Query().Get("code")).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), "not one of ours") {
		t.Errorf("the oldest of 10,001 codes: got %q, want that it is unknown", w.Body)
	}
}

// Fields may change while requests are under way. The race detector looks on.
func TestSet(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				get(t, s.URL+"/authorize?"+askFor(s.ClientID, "profile").Encode())
			}
		})
	}
	for i := range 50 {
		s.Set(func(s *logintest.Server) {
			s.Deny, s.Users = i%2 == 0, []login.User{{Username: "only"}}
		})
	}
	wg.Wait()
	s.Set(func(s *logintest.Server) { s.Deny = false })
	info := get(t, s.URL+"/api/user", "Authorization", "Bearer "+tokens(t, s, "profile")["access_token"].(string)).json(t)
	if info["id"] != "1" || info["login"] != "only" {
		t.Errorf("got %v, want the user set last, with an ID", info)
	}
}

func TestClose(t *testing.T) {
	s := logintest.NewServer()
	get(t, s.URL+"/jwks")
	s.Close()
	s.Close()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Error("a closed server answers")
	}
	if !slices.ContainsFunc(s.Requests(), func(r logintest.Request) bool { return r.Path == "/jwks" }) {
		t.Error("a closed server has forgotten what it received")
	}
	(&logintest.Server{}).Close()
}
