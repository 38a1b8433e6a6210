package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/providertest"
	"golang.org/x/oauth2"
)

// Every form in which a token comes, and what was granted with it (R10, R30, R31,
// R37, C13).
func TestToken(t *testing.T) {
	tests := []struct {
		answer, access, refresh string
		scopes                  []string
		expires                 time.Duration
	}{
		{"token_ok", "gho_000000000000000000000000000000000000", "", []string{"read:user", "user:email"}, 0},
		{"token_ok_form_encoded", "gho_000000000000000000000000000000000000", "", []string{"read:user", "user:email"}, 0},
		{"token_ok_normalized_scope", "gho_000000000000000000000000000000000000", "", []string{"user"}, 0},
		{"token_ok_reduced_scope", "gho_000000000000000000000000000000000000", "", []string{"read:user"}, 0},
		{"token_app_expiring_ok", "ghu_000000000000000000000000000000000000", "ghr_" + strings.Repeat("0", 76), nil, 8 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			gh := start(t, map[string]string{"POST token": tt.answer})
			began := time.Now()
			got := logIn(t, config(gh).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			token := got.Grant.Token
			if token.AccessToken != tt.access || token.RefreshToken != tt.refresh || token.Type() != "Bearer" {
				t.Errorf("got another token, want %s and the refresh token %q", tt.access, tt.refresh)
			}
			if !slices.Equal(got.Grant.Scopes, tt.scopes) {
				t.Errorf("got scopes %q, want %q", got.Grant.Scopes, tt.scopes)
			}
			switch lasts := token.Expiry.Sub(began).Round(time.Minute); {
			case tt.expires == 0 && !token.Expiry.IsZero():
				t.Errorf("got expiry %v, want none", token.Expiry)
			case tt.expires != 0 && lasts != tt.expires:
				t.Errorf("got a token for %v, want %v", lasts, tt.expires)
			}
		})
	}
}

// GitHub reports failures with status 200. They end the login with their code,
// after one request (R33, C2, C11).
func TestTokenErrors(t *testing.T) {
	tests := []struct{ answer, code string }{
		{"token_error_bad_verification_code", "bad_verification_code"},
		{"token_error_form_encoded", "bad_verification_code"},
		{"token_error_incorrect_client_credentials", "incorrect_client_credentials"},
		{"token_error_redirect_uri_mismatch", "redirect_uri_mismatch"},
		{"token_error_unverified_user_email", "unverified_user_email"},
		{"token_error_bad_refresh_token", "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			gh := start(t, map[string]string{"POST token": tt.answer})
			got := logIn(t, config(gh).Provider())
			retrieve, ok := errors.AsType[*oauth2.RetrieveError](got.Err)
			if !errors.Is(got.Err, login.ErrProvider) || !ok || retrieve.ErrorCode != tt.code {
				t.Fatalf("got user %v, error %v, want ErrProvider and %s", got.User, got.Err, tt.code)
			}
			if text := got.Err.Error(); !strings.Contains(text, tt.code) || strings.Contains(text, "The ") {
				t.Errorf("got %q, want the code and not the description", text)
			}
			if want := []string{"POST token"}; !slices.Equal(gh.Lines(), want) {
				t.Errorf("got requests %q, want %q", gh.Lines(), want)
			}
		})
	}
}

// A refresh token is used up as RFC 6749 section 6 says, and one that no longer
// works is invalid_grant, in JSON and as a form (R21, R37, J3).
func TestRefresh(t *testing.T) {
	gh := start(t, map[string]string{"POST token": "token_app_expiring_ok"})
	got := logIn(t, config(gh).Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	p := got.Grant.Provider
	if p.Renew != nil {
		t.Fatal("got a Renew, want nil: there is nothing to do differently")
	}
	gh.Set("POST token", providertest.Load(t, "token_app_refresh_ok").Response)
	c := oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: p.Endpoint}
	token, err := c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: got.Grant.Token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token.AccessToken, "ghu_1") || !strings.HasPrefix(token.RefreshToken, "ghr_1") {
		t.Error("got the old pair of tokens, want the new one")
	}
	form := gh.Last("POST token").Form()
	for key, want := range providertest.Load(t, "token_app_refresh_ok").Request.Form {
		if form.Get(key) != want {
			t.Errorf("got another %s, want %q", key, want)
		}
	}

	bad := providertest.Load(t, "token_error_bad_refresh_token").Response
	for name, body := range map[string]string{
		"JSON": string(bad.Body),
		"form": "error=bad_refresh_token&error_description=spent",
	} {
		e, ok := errors.AsType[*oauth2.RetrieveError](p.TokenError(bad.Status, []byte(body)))
		if !ok || e.ErrorCode != "invalid_grant" || len(e.Body) > 0 || e.ErrorDescription != "" {
			t.Errorf("%s: got %v, want invalid_grant and nothing else", name, e)
		}
	}
	for _, body := range []string{"", "{}", "null", `{"error":{}}`, `{"error":"incorrect_client_credentials"}`, "error=x", "%zz"} {
		if err := p.TokenError(200, []byte(body)); err != nil {
			t.Errorf("%s: got %v, want nil", body, err)
		}
	}
}

// Revoking asks as the app, with what the Provider of the grant holds, and takes
// "gone already" for success (R87).
func TestRevoke(t *testing.T) {
	tests := []struct {
		name   string
		answer providertest.Answer
		want   error
		words  string
	}{
		{"revoked", providertest.Load(t, "revoke_token_ok").Response, nil, ""},
		{"unknown", providertest.JSON(404, `{"message":"Not Found"}`), nil, ""},
		{"invalid", providertest.JSON(422, `{"message":"Validation Failed"}`), nil, ""},
		{"bad secret", providertest.JSON(401, `{"message":"Bad credentials"}`), login.ErrProvider, "status 401, the token or the client secret"},
		{"trouble", providertest.JSON(500, `{"message":"unicorn"}`), login.ErrProvider, "status 500"},
		{"rate limit", providertest.JSON(429, `{}`), login.ErrProvider, "a rate limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			got := logIn(t, config(gh).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			const id, secret = "Iv1/changed", "SYNTHETIC-SECRET+2"
			line := "DELETE applications/Iv1%2Fchanged/token"
			gh.Set(line, tt.answer)
			g := got.Grant
			g.Provider.ClientID, g.Provider.ClientSecret = id, secret
			err := g.Provider.Revoke(t.Context(), g)
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("got %v, want %v: %s", err, tt.want, tt.words)
			}
			if err != nil {
				canaries.NotIn(t, err.Error())
			}
			r := gh.Last(line)
			u, p, _ := (&http.Request{Header: r.Header}).BasicAuth()
			if u != id || p != secret {
				t.Errorf("got Basic %q and another secret, want those of the grant's Provider", u)
			}
			var body map[string]string
			if json.Unmarshal(r.Body, &body) != nil || len(body) != 1 || body["access_token"] != g.Token.AccessToken {
				t.Error("got another body, want the access token in it")
			}
			for key, want := range providertest.Load(t, "revoke_token_ok").Request.Headers {
				if key != "Authorization" && key != "User-Agent" && r.Header.Get(key) != want {
					t.Errorf("got %s %q, want %q", key, r.Header.Get(key), want)
				}
			}
		})
	}
}

func TestRevokeWithout(t *testing.T) {
	gh := start(t, nil)
	p := config(gh).Provider()
	for _, token := range []*oauth2.Token{nil, {}} {
		err := p.Revoke(t.Context(), &login.Grant{Provider: p, Token: token})
		if !errors.Is(err, login.ErrNoToken) {
			t.Errorf("got %v, want ErrNoToken", err)
		}
	}
	g := &login.Grant{Provider: p, Token: &oauth2.Token{AccessToken: "gho_0000"}}
	for _, api := range [][]string{nil, {"http://[gho_"}} {
		g.Provider.API = api
		if err := p.Revoke(t.Context(), g); err == nil || !strings.Contains(err.Error(), "Provider.API") {
			t.Errorf("API %q: got %v, want one about Provider.API", api, err)
		}
	}
	g.Provider.API = []string{"http://127.0.0.1:1"}
	err := p.Revoke(t.Context(), g)
	if !errors.Is(err, login.ErrProvider) || strings.Contains(err.Error(), clientID) {
		t.Errorf("got %v, want ErrProvider without the URL", err)
	}
}
