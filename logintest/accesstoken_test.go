package logintest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/doorlatch/login/logintest"
)

func machineForm(s *logintest.Server, changes ...string) url.Values {
	return with(url.Values{
		"grant_type": {"client_credentials"}, "scope": {"notes:write"},
		"client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
	}, changes...)
}

// header reads the JOSE header of a JWT.
func header(t *testing.T, jwt string) (h struct{ Typ, Alg string }) {
	t.Helper()
	encoded, _, _ := strings.Cut(jwt, ".")
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		t.Fatalf("the header of %q: %v", jwt, err)
	}
	return h
}

// R85: an application's own token opens no account.
func TestClientCredentials(t *testing.T) {
	s := newServer(t)
	a := post(t, s.URL+"/token", machineForm(s))
	wantStatus(t, a, http.StatusOK)
	got := a.json(t)
	if got["access_token"] == "" || got["token_type"] != "Bearer" || got["scope"] != "notes:write" || got["expires_in"] != 3600.0 {
		t.Errorf("got %v, want a token", got)
	}
	if got["refresh_token"] != nil || got["id_token"] != nil { // RFC 6749 section 4.4.3
		t.Errorf("got %v, want an access token only", got)
	}
	for _, path := range []string{"/userinfo", "/api/user"} {
		wantStatus(t, get(t, s.URL+path, "Authorization", "Bearer "+got["access_token"].(string)), http.StatusUnauthorized)
	}
	wantProblems(t, s, 2)
	for want, form := range map[string]url.Values{
		"invalid_client": machineForm(s, "client_secret", "wrong"),
		"invalid_scope":  machineForm(s, "scope", "openid"),
	} {
		if a := post(t, s.URL+"/token", form); a.status/100 != 4 || a.json(t)["error"] != want {
			t.Errorf("got %v, want %s", a, want)
		}
	}
	s.Set(func(s *logintest.Server) { s.Minimal = true })
	if a := post(t, s.URL+"/token", machineForm(s)); a.status != http.StatusBadRequest || a.json(t)["error"] != "unauthorized_client" {
		t.Errorf("Minimal: got %v, want unauthorized_client", a)
	}
}

// RFC 9068. The JWT is verified by somebody else's library.
func TestAudience(t *testing.T) {
	s := newServer(t)
	if token := tokens(t, s, "openid")["access_token"].(string); strings.Contains(token, ".") {
		t.Errorf("without Audience: got %q, want random text", token)
	}
	s.Set(func(s *logintest.Server) { s.Audience = "https://api.example.test" })
	person := tokens(t, s, "openid email")
	machine := post(t, s.URL+"/token", machineForm(s)).json(t)
	p, err := oidc.NewProvider(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, test := range []struct{ token, sub, scope string }{
		{person["access_token"].(string), "90000001", "openid email"},
		{machine["access_token"].(string), s.ClientID, "notes:write"},
	} {
		if h := header(t, test.token); h.Typ != "at+jwt" || h.Alg != "RS256" {
			t.Errorf("got the header %+v, want at+jwt and RS256", h)
		}
		jwt, err := p.Verifier(&oidc.Config{ClientID: "https://api.example.test"}).Verify(t.Context(), test.token)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Scope, Jti, Email string
			ClientID          string `json:"client_id"`
		}
		if err := jwt.Claims(&c); err != nil {
			t.Fatal(err)
		}
		if jwt.Subject != test.sub || c.Scope != test.scope || c.ClientID != s.ClientID || c.Jti == "" || seen[c.Jti] || c.Email != "" {
			t.Errorf("got the subject %q and %+v, want %q with the scope %q", jwt.Subject, c, test.sub, test.scope)
		}
		seen[c.Jti] = true
	}
	if h := header(t, person["id_token"].(string)); h.Typ != "JWT" {
		t.Errorf("ID token: got %+v, want the type JWT", h)
	}
	wantStatus(t, userInfo(t, s, person["access_token"]), http.StatusOK)
	again := refresh(t, s, person["refresh_token"]).json(t)
	if again["access_token"] == person["access_token"] || header(t, again["access_token"].(string)).Typ != "at+jwt" {
		t.Errorf("refresh: got %v, want another JWT", again)
	}
}
