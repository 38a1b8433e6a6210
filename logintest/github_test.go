package logintest_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

func newGitHub(t *testing.T, users ...login.User) *logintest.GitHub {
	s := logintest.NewGitHub(users...)
	t.Cleanup(s.Close)
	return s
}

func githubCode(t *testing.T, s *logintest.GitHub, scope string) string {
	t.Helper()
	return get(t, s.URL+"/login/oauth/authorize?"+askFor(s.ClientID, scope).Encode()).params(t).Get("code")
}

func githubToken(t *testing.T, s *logintest.GitHub, form url.Values) answer {
	t.Helper()
	return post(t, s.URL+"/login/oauth/access_token", form, "Accept", "application/json")
}

// githubLogin runs a whole code flow and returns a function that calls the API.
func githubLogin(t *testing.T, s *logintest.GitHub, scope string) (api func(path string, header ...string) answer, token string) {
	t.Helper()
	token, _ = githubToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, githubCode(t, s, scope))).json(t)["access_token"].(string)
	return func(path string, header ...string) answer {
		t.Helper()
		return get(t, s.URL+"/api/v3"+path, append([]string{"Authorization", "Bearer " + token}, header...)...)
	}, token
}

func TestGitHubCallback(t *testing.T) {
	s := newGitHub(t)
	ask := askFor(s.ClientID, "user:email")
	q := get(t, s.URL+"/login/oauth/authorize?"+ask.Encode()).params(t)
	wantCallback(t, q, "github/callback_ok")
	if q.Get("iss") != s.URL+"/login/oauth" {
		t.Errorf("iss: got %q, want that of the web address", q.Get("iss"))
	}
	s.Set(func(s *logintest.GitHub) { s.Deny, s.SendIss = true, false })
	wantCallback(t, get(t, s.URL+"/login/oauth/authorize?"+ask.Encode()).params(t), "github/callback_access_denied")
	wantProblems(t, s, 0)
	s.Set(func(s *logintest.GitHub) { s.Deny = false })
	get(t, s.URL+"/login/oauth/authorize?"+with(ask, "state", "").Encode()).params(t)
	get(t, s.URL+"/login/oauth/authorize?"+with(ask, "code_challenge", "", "code_challenge_method", "").Encode()).params(t)
	wantProblems(t, s, 2) // taken, as GitHub does, but noted
	wantStatus(t, get(t, s.URL+"/login/oauth/authorize?"+with(ask, "code_challenge_method", "plain").Encode()), http.StatusBadRequest)
}

// R31, R33: two forms of answer, and errors with status 200.
func TestGitHubToken(t *testing.T) {
	s := newGitHub(t)
	form := func(changes ...string) url.Values {
		return with(exchangeOf(s.ClientID, s.ClientSecret, githubCode(t, s, "read:user user:email")), changes...)
	}
	wantShape(t, githubToken(t, s, form()), "github/token_ok")
	wantShape(t, githubToken(t, s, form("grant_type", "")), "github/token_ok")
	wantShape(t, post(t, s.URL+"/login/oauth/access_token", form()), "github/token_ok_form_encoded")
	wantProblems(t, s, 0)
	wantShape(t, githubToken(t, s, form("code", "unknown")), "github/token_error_bad_verification_code")
	wantShape(t, post(t, s.URL+"/login/oauth/access_token", form("code", "unknown")), "github/token_error_form_encoded")
	wantShape(t, githubToken(t, s, form("client_secret", "wrong")), "github/token_error_incorrect_client_credentials")
	wantShape(t, githubToken(t, s, form("redirect_uri", "https://app.example.test/")), "github/token_error_redirect_uri_mismatch")
	wantProblems(t, s, 4)
	for _, test := range []struct{ change, value, want string }{
		{"code", "unknown", "bad_verification_code"},
		{"code_verifier", "wrong", "bad_verification_code"},
		{"code_verifier", "", "bad_verification_code"},
		{"client_secret", "wrong", "incorrect_client_credentials"},
		{"redirect_uri", "", "redirect_uri_mismatch"},
		{"grant_type", "password", "unsupported_grant_type"},
	} {
		if got := githubToken(t, s, form(test.change, test.value)).json(t)["error"]; got != test.want {
			t.Errorf("%s=%q: got %v, want %s", test.change, test.value, got, test.want)
		}
	}
	wantStatus(t, post(t, s.URL+"/login/oauth/access_token?client_secret=x", form()), http.StatusBadRequest)
	// PKCE taken out on the way (RFC 9700 section 2.1.1).
	ask := with(askFor(s.ClientID, ""), "code_challenge", "", "code_challenge_method", "")
	code := get(t, s.URL+"/login/oauth/authorize?"+ask.Encode()).params(t).Get("code")
	if got := githubToken(t, s, form("code", code)).json(t)["error"]; got != "bad_verification_code" {
		t.Errorf("a verifier without a challenge: got %v", got)
	}
}

// R37: a code twice, tokens that never expire, and those of a GitHub App.
func TestGitHubTokenLife(t *testing.T) {
	s, c := newGitHub(t), &clock{now: time.Now()}
	s.Now = c.Now
	code := exchangeOf(s.ClientID, s.ClientSecret, githubCode(t, s, ""))
	token := githubToken(t, s, code).json(t)["access_token"].(string)
	user := func(token any) answer {
		return get(t, s.URL+"/api/v3/user", "Authorization", "Bearer "+token.(string))
	}
	c.advance(1000 * time.Hour)
	wantStatus(t, user(token), http.StatusOK)
	if got := githubToken(t, s, code).json(t)["error"]; got != "bad_verification_code" {
		t.Errorf("code twice: got %v", got)
	}
	wantShape(t, user(token), "github/user_bad_credentials")

	s.Set(func(s *logintest.GitHub) { s.TokenLifetime = 8 * time.Hour })
	a := githubToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, githubCode(t, s, "")))
	wantShape(t, a, "github/token_app_expiring_ok")
	first := a.json(t)
	again := url.Values{"grant_type": {"refresh_token"}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret}}
	a = githubToken(t, s, with(again, "refresh_token", first["refresh_token"].(string)))
	wantShape(t, a, "github/token_app_refresh_ok")
	wantStatus(t, user(first["access_token"]), http.StatusUnauthorized) // the old pair is dead
	wantStatus(t, user(a.json(t)["access_token"]), http.StatusOK)
	wantShape(t, githubToken(t, s, with(again, "refresh_token", first["refresh_token"].(string))), "github/token_error_bad_refresh_token")
	c.advance(8 * time.Hour)
	wantStatus(t, user(a.json(t)["access_token"]), http.StatusUnauthorized)
}

// R35, R36, R40: the profile and the addresses.
func TestGitHubUser(t *testing.T) {
	s := newGitHub(t)
	api, _ := githubLogin(t, s, "user:email")
	a := api("/user")
	wantShape(t, a, "github/user_private_email")
	if u := a.json(t); u["id"] != 90000001.0 || u["login"] != "ada-example" || a.header.Get("X-OAuth-Scopes") != "user:email" {
		t.Errorf("got %v with %v, want Ada", u, a.header)
	}
	wantShape(t, api("/user", "X-GitHub-Api-Version", "1999-01-01"), "github/user_unsupported_api_version")
	wantStatus(t, api("/user", "User-Agent", ""), http.StatusForbidden)
	wantStatus(t, api("/nothing"), http.StatusNotFound)
	wantShape(t, api("/user/emails"), "github/emails")
	if a := api("/user/emails?per_page=1"); !strings.Contains(a.header.Get("Link"), `/api/v3/user/emails?per_page=1&page=2>; rel="next"`) ||
		strings.Contains(a.body, "ada@example.test") {
		t.Errorf("first page: got %v, want the primary address on the next", a)
	}
	if a := api("/user/emails?per_page=1&page=2"); a.header.Get("Link") != "" || !strings.Contains(a.body, `"email":"ada@example.test","primary":true,"verified":true`) {
		t.Errorf("second page: got %v, want the primary address and no next", a)
	}
	api, _ = githubLogin(t, s, "read:user")
	wantShape(t, api("/user"), "github/user_with_private_profile")
	wantShape(t, api("/user/emails"), "github/emails_missing_scope")
}

func TestGitHubUsers(t *testing.T) {
	s := newGitHub(t,
		login.User{ID: "3000000001", Username: "no-mail"},
		login.User{Username: "doubtful", Name: "Doubtful", UnverifiedEmail: "d@example.test", Extra: map[string]string{"public_email": "true"}},
		login.User{Username: "reserved", Email: "r@example.test", Extra: map[string]string{"declined": "user:email"}})
	api, _ := githubLogin(t, s, "user:email")
	wantShape(t, api("/user/emails"), "github/emails_empty")
	if u := api("/user"); !strings.Contains(u.body, `"id":3000000001,`) || !strings.Contains(u.body, `"name":null`) {
		t.Errorf("got %v, want a long id and no name", u)
	}
	s.Set(func(s *logintest.GitHub) { s.LoginAs = "doubtful" })
	api, _ = githubLogin(t, s, "user:email")
	wantShape(t, api("/user"), "github/user_public_email")
	if a := api("/user/emails"); !strings.Contains(a.body, `"email":"d@example.test","primary":true,"verified":false,"visibility":"public"`) {
		t.Errorf("got %v, want an address that is not verified", a)
	}
	ask := with(askFor(s.ClientID, "read:user user:email"), "login", "reserved")
	code := get(t, s.URL+"/login/oauth/authorize?"+ask.Encode()).params(t).Get("code")
	a := githubToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, code))
	wantShape(t, a, "github/token_ok_reduced_scope")
	if scope := a.json(t)["scope"]; scope != "read:user" {
		t.Errorf("got the scope %v, want what was not declined", scope)
	}
	code = githubCode(t, s, "user user:email")
	if scope := githubToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, code)).json(t)["scope"]; scope != "user" {
		t.Errorf("got the scope %v, want the wider one only", scope)
	}
	defer func() {
		if recover() == nil {
			t.Error("a user whose ID is not a number: got no panic")
		}
	}()
	logintest.NewGitHub(login.User{ID: "ada"})
}

func TestGitHubOrganizations(t *testing.T) {
	s := newGitHub(t, login.User{Username: "ada-example", Extra: map[string]string{
		"orgs": "example-org, other:pending,third:sso,fourth", "teams": "example-org/operators:active",
	}})
	api, _ := githubLogin(t, s, "read:org")
	wantShape(t, api("/user/memberships/orgs/example-org"), "github/org_membership_active")
	wantShape(t, api("/user/memberships/orgs/other"), "github/org_membership_pending")
	wantShape(t, api("/user/memberships/orgs/none"), "github/org_membership_none")
	wantShape(t, api("/user/memberships/orgs/third"), "github/org_membership_sso_required")
	wantShape(t, api("/user/orgs"), "github/orgs")
	wantShape(t, api("/user/orgs?per_page=1"), "github/orgs_page1_link")
	wantShape(t, api("/orgs/example-org/teams/operators/memberships/ada-example"), "github/team_membership_active")
	wantStatus(t, api("/orgs/example-org/teams/guests/memberships/ada-example"), http.StatusNotFound)
	wantStatus(t, api("/orgs/example-org/teams/operators/memberships/grace"), http.StatusNotFound)
	if state := api("/user/memberships/orgs/other").json(t)["state"]; state != "pending" {
		t.Errorf("got the state %v, want pending", state)
	}
	api, _ = githubLogin(t, s, "user:email")
	wantShape(t, api("/user/orgs"), "github/orgs_missing_scope")
	wantStatus(t, api("/user/memberships/orgs/example-org"), http.StatusForbidden)
}

func TestGitHubApplication(t *testing.T) {
	s := newGitHub(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.ClientID+":"+s.ClientSecret))
	app := func(method, what, token, auth string) answer {
		return send(t, method, s.URL+"/api/v3/applications/"+s.ClientID+"/"+what, `{"access_token":"`+token+`"}`, "Authorization", auth)
	}
	api, token := githubLogin(t, s, "read:user user:email")
	wantShape(t, app("POST", "token", token, basic), "github/check_token_ok")
	wantShape(t, app("POST", "token", "gho_bad", basic), "github/check_token_invalid")
	wrong := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.ClientID+":wrong"))
	wantStatus(t, app("DELETE", "token", token, wrong), http.StatusNotFound)
	wantStatus(t, api("/user"), http.StatusOK)
	if a := app("DELETE", "token", token, basic); a.status != readFixture(t, "github/revoke_token_ok").Response.Status || a.body != "" {
		t.Errorf("DELETE token: got %v, want 204", a)
	}
	wantStatus(t, api("/user"), http.StatusUnauthorized)
	wantStatus(t, app("DELETE", "token", "gho_bad", basic), http.StatusUnprocessableEntity)
	api1, token := githubLogin(t, s, "read:user")
	api2, _ := githubLogin(t, s, "user:email")
	if a := app("DELETE", "grant", token, basic); a.status != readFixture(t, "github/revoke_grant_ok").Response.Status {
		t.Errorf("DELETE grant: got %v, want 204", a)
	}
	wantStatus(t, api1("/user"), http.StatusUnauthorized)
	wantStatus(t, api2("/user"), http.StatusUnauthorized)
}
