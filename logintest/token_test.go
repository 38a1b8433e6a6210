package logintest_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login/logintest"
)

func TestTokenRefuses(t *testing.T) {
	s := newServer(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(s.ClientID)+":"+url.QueryEscape(s.ClientSecret)))
	newCode := func() string {
		return get(t, s.URL+"/authorize?"+askFor(s.ClientID, "openid").Encode()).params(t).Get("code")
	}
	for _, test := range []struct {
		name   string
		change []string // of the form
		header []string
		query  string
		want   string
	}{
		{"wrong verifier", []string{"code_verifier", strings.Repeat("x", 43)}, nil, "", "invalid_grant"},
		{"no verifier", []string{"code_verifier", ""}, nil, "", "invalid_grant"},
		{"other redirect_uri", []string{"redirect_uri", "https://app.example.test/callback?tenant=2"}, nil, "", "invalid_grant"},
		{"no redirect_uri", []string{"redirect_uri", ""}, nil, "", "invalid_grant"},
		{"unknown code", []string{"code", "unknown"}, nil, "", "invalid_grant"},
		{"wrong secret", []string{"client_secret", "wrong"}, nil, "", "invalid_client"},
		{"no secret", []string{"client_secret", ""}, nil, "", "invalid_client"},
		{"two secrets", nil, []string{"Authorization", basic}, "", "invalid_request"},
		{"secret in the URL", []string{"client_secret", ""}, nil, "?client_secret=x", ""},
		{"code in the URL", []string{"code", ""}, nil, "?code=x", "invalid_request"},
		{"password grant", []string{"grant_type", "password"}, nil, "", "unsupported_grant_type"},
		{"not a form", nil, []string{"Content-Type", "application/json"}, "", "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.Problems())
			a := post(t, s.URL+"/token"+test.query, with(exchangeOf(s.ClientID, s.ClientSecret, newCode()), test.change...), test.header...)
			want := http.StatusBadRequest
			if test.want == "invalid_client" {
				want = http.StatusUnauthorized
			}
			wantStatus(t, a, want)
			if test.want != "" && a.json(t)["error"] != test.want {
				t.Errorf("got %q, want the error %s", a.body, test.want)
			}
			wantProblems(t, s, before+1)
		})
	}
	twice := exchangeOf(s.ClientID, s.ClientSecret, newCode())
	twice.Add("code", newCode())
	wantStatus(t, post(t, s.URL+"/token", twice), http.StatusBadRequest)
	wantStatus(t, get(t, s.URL+"/token"), http.StatusMethodNotAllowed)
	good := with(exchangeOf(s.ClientID, s.ClientSecret, newCode()), "client_id", "", "client_secret", "")
	wantStatus(t, post(t, s.URL+"/token", good, "Authorization", basic), http.StatusOK)
}

// RFC 6749 section 4.1.2: a code that is used twice has been stolen, and so may
// have been the tokens made from it.
func TestCodeTwice(t *testing.T) {
	s := newServer(t)
	code := get(t, s.URL+"/authorize?"+askFor(s.ClientID, "openid").Encode()).params(t).Get("code")
	first := post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, code)).json(t)
	wantStatus(t, userInfo(t, s, first["access_token"]), http.StatusOK)
	second := post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, code))
	if second.status != http.StatusBadRequest || second.json(t)["error"] != "invalid_grant" {
		t.Errorf("second time: got %v, want invalid_grant", second)
	}
	wantStatus(t, userInfo(t, s, first["access_token"]), http.StatusUnauthorized)
	wantStatus(t, refresh(t, s, first["refresh_token"]), http.StatusBadRequest)
	wantProblems(t, s, 3)
}

func refresh(t *testing.T, s *logintest.Server, token any) answer {
	t.Helper()
	return post(t, s.URL+"/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.(string)},
		"client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
	})
}

// A clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// R91: clock control.
func TestLifetimes(t *testing.T) {
	s, c := newServer(t), &clock{now: time.Now()}
	s.Now, s.TokenLifetime = c.Now, 90*time.Second
	code := get(t, s.URL+"/authorize?"+askFor(s.ClientID, "openid").Encode()).params(t).Get("code")
	c.advance(time.Minute)
	wantStatus(t, post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, code)), http.StatusBadRequest)
	answer := tokens(t, s, "openid")
	if answer["expires_in"] != 90.0 {
		t.Errorf("expires_in: got %v, want 90", answer["expires_in"])
	}
	c.advance(89 * time.Second)
	wantStatus(t, userInfo(t, s, answer["access_token"]), http.StatusOK)
	c.advance(time.Second)
	if a := userInfo(t, s, answer["access_token"]); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("expired: got %v, want invalid_token", a)
	}
	wantStatus(t, refresh(t, s, answer["refresh_token"]), http.StatusOK)
}

// RFC 9700 section 4.14.2: refresh tokens rotate, and one that comes again ends
// the family.
func TestRefresh(t *testing.T) {
	s := newServer(t)
	first := tokens(t, s, "openid")
	second := refresh(t, s, first["refresh_token"]).json(t)
	if second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"] || second["id_token"] == nil {
		t.Errorf("refresh: got %v, want everything new", second)
	}
	if payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(second["id_token"].(string), ".")[1]); strings.Contains(string(payload), "nonce") {
		t.Errorf("refreshed ID token: got %s, want no nonce", payload)
	}
	third := refresh(t, s, second["refresh_token"]).json(t)
	if a := refresh(t, s, first["refresh_token"]); a.status != http.StatusBadRequest || a.json(t)["error"] != "invalid_grant" {
		t.Errorf("old refresh token: got %v, want invalid_grant", a)
	}
	wantStatus(t, refresh(t, s, third["refresh_token"]), http.StatusBadRequest)
	wantStatus(t, userInfo(t, s, third["access_token"]), http.StatusUnauthorized)
	s.Set(func(s *logintest.Server) { s.NoRefresh = true })
	if answer := tokens(t, s, "openid"); answer["refresh_token"] != nil {
		t.Errorf("NoRefresh: got %v", answer)
	}
}

func TestBearer(t *testing.T) {
	s := newServer(t)
	token := tokens(t, s, "openid")["access_token"].(string)
	for _, test := range []struct {
		name, query, header string
		status              int
		challenge           string
	}{
		{"none", "", "", 401, `Bearer realm="logintest"`},
		{"unknown", "", "Bearer unknown", 401, `error="invalid_token"`},
		{"other scheme", "", "Basic " + token, 401, `Bearer realm="logintest"`},
		{"in the URL", "?access_token=" + token, "", 400, ""},
		{"good", "", "Bearer " + token, 200, ""},
	} {
		for _, path := range []string{"/userinfo", "/api/user"} {
			a := get(t, s.URL+path+test.query, "Authorization", test.header)
			if a.status != test.status || !strings.Contains(a.header.Get("WWW-Authenticate"), test.challenge) {
				t.Errorf("%s %s: got %v, want status %d and %q", path, test.name, a, test.status, test.challenge)
			}
		}
	}
	if a := get(t, s.URL+"/userinfo"); strings.Contains(a.header.Get("WWW-Authenticate"), "error=") {
		t.Errorf("no token: got %q, want no error code (RFC 6750 section 3.1)", a.header.Get("WWW-Authenticate"))
	}
}

// RFC 7009.
func TestRevoke(t *testing.T) {
	s := newServer(t)
	revoke := func(token any, changes ...string) answer {
		return post(t, s.URL+"/revoke", with(url.Values{
			"token": {token.(string)}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
		}, changes...))
	}
	answer := tokens(t, s, "openid")
	wantStatus(t, revoke(answer["access_token"], "client_secret", "wrong"), http.StatusUnauthorized)
	wantStatus(t, revoke(answer["access_token"]), http.StatusOK)
	wantStatus(t, userInfo(t, s, answer["access_token"]), http.StatusUnauthorized)
	answer = refresh(t, s, answer["refresh_token"]).json(t)
	wantStatus(t, revoke(answer["refresh_token"]), http.StatusOK)
	wantStatus(t, userInfo(t, s, answer["access_token"]), http.StatusUnauthorized)
	wantStatus(t, refresh(t, s, answer["refresh_token"]), http.StatusBadRequest)
	wantStatus(t, revoke("unknown"), http.StatusOK)
	wantStatus(t, revoke(""), http.StatusBadRequest)
}
