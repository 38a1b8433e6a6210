package logintest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// githubTokenError is an error of the token endpoint by its code.
type githubTokenError string

func (e githubTokenError) answer() url.Values {
	description, uri := "", ""
	switch e {
	case "incorrect_client_credentials":
		description = "The client_id and/or client_secret passed are incorrect."
	case "redirect_uri_mismatch":
		description = "The redirect_uri MUST match the registered callback URL for this application."
		uri = "/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#redirect-uri-mismatch2"
	case "bad_verification_code":
		description = "The code passed is incorrect or expired."
	case "unsupported_grant_type":
		description = "The grant type is not supported."
	case "bad_refresh_token":
		description, uri = "The refresh token passed is incorrect or expired.", "https://docs.github.com"
	}
	if uri == "" {
		uri = "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#" +
			strings.ReplaceAll(string(e), "_", "-")
	}
	return url.Values{"error": {string(e)}, "error_description": {description}, "error_uri": {uri}}
}

// token answers in a form unless JSON is asked for, with status 200 whatever
// happened.
func (s *GitHub) token(c *call) {
	c.w.Header().Set("Cache-Control", "no-store")
	form, err := c.form()
	if err != nil {
		c.refuse(http.StatusBadRequest, err)
		return
	}
	answer, code, err := s.exchange(c, form)
	if err != nil {
		c.problem(err)
		answer = map[string]any{}
		for key, v := range code.answer() {
			answer[key] = v[0]
		}
	}
	if strings.Contains(c.r.Header.Get("Accept"), "json") {
		c.json(http.StatusOK, answer)
		return
	}
	values := url.Values{}
	for key, v := range answer {
		values.Set(key, fmt.Sprint(v))
	}
	c.w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	c.w.Write([]byte(values.Encode()))
}

// exchange returns the token answer, or an error with GitHub's code for it.
func (s *GitHub) exchange(c *call, form url.Values) (map[string]any, githubTokenError, error) {
	if e := c.authenticate(form); e != nil {
		return nil, "incorrect_client_credentials", e.why
	}
	switch grantType := form.Get("grant_type"); grantType {
	case "refresh_token":
		g, err := s.ledger.spend(form.Get("refresh_token"), c.now())
		if err != nil {
			return nil, "bad_refresh_token", fmt.Errorf("the refresh_token is not good: %w", err)
		}
		s.ledger.supersede(g) // the old access token dies too
		return s.issue(c, g), "", nil
	case "", "authorization_code":
	default:
		return nil, "unsupported_grant_type", fmt.Errorf("want the grant_type authorization_code or refresh_token, have %q", grantType)
	}
	g, err := s.ledger.redeem(form.Get("code"), c.now())
	if err != nil {
		return nil, "bad_verification_code", fmt.Errorf("the code is not good: %w", err)
	}
	if form.Get("redirect_uri") != g.redirectURI {
		return nil, "redirect_uri_mismatch", errors.New("the redirect_uri is not that of the authorization request")
	}
	if err := g.checkVerifier(form.Get("code_verifier")); err != nil {
		return nil, "bad_verification_code", err
	}
	return s.issue(c, g), "", nil
}

func (s *GitHub) issue(c *call, g *grant) map[string]any {
	text := rand.Text() + rand.Text() + rand.Text()
	now := c.now()
	if c.lifetime == 0 {
		return map[string]any{
			"access_token": s.ledger.issue("gho_"+text[:36], token{grant: g, issued: now}),
			"token_type":   "bearer",
			"scope":        strings.Join(g.scopes, ","),
		}
	}
	const refreshLifetime = 15811200 // seconds; half a year
	return map[string]any{
		"access_token": s.ledger.issue("ghu_"+text[:36], token{grant: g, issued: now, expires: now.Add(c.lifetime)}),
		"expires_in":   seconds(c.lifetime),
		"refresh_token": s.ledger.issue("ghr_"+text[:76],
			token{grant: g, kind: refreshToken, issued: now, expires: now.Add(refreshLifetime * time.Second)}),
		"refresh_token_expires_in": refreshLifetime,
		"scope":                    "", // a GitHub App has permissions instead
		"token_type":               "bearer",
	}
}

// normalize leaves out scopes that a wider one holds.
func normalize(scopes []string) []string {
	wider := map[string]string{
		"read:user": "user", "user:email": "user", "user:follow": "user", "read:org": "admin:org", "write:org": "admin:org",
	}
	var kept []string
	for _, s := range scopes {
		if !slices.Contains(kept, s) && !slices.Contains(scopes, wider[s]) {
			kept = append(kept, s)
		}
	}
	return kept
}

// app admits the app itself, by Basic authentication, with the access token that
// the body is about.
func (s *GitHub) app(h func(*call, string)) func(*call) {
	return func(c *call) {
		id, secret, _ := c.r.BasicAuth()
		if id != c.clientID || secret != c.clientSecret || c.r.PathValue("client") != id {
			c.problem(errors.New("the app's credentials are wrong"))
			c.githubError(http.StatusNotFound, "Not Found")
			return
		}
		var body struct {
			AccessToken string `json:"access_token"`
		}
		if json.NewDecoder(c.r.Body).Decode(&body) != nil || body.AccessToken == "" {
			c.githubError(http.StatusUnprocessableEntity, "Validation Failed")
			return
		}
		h(c, body.AccessToken)
	}
}

// checkToken is POST /applications/{client}/token.
func (s *GitHub) checkToken(c *call, value string) {
	t, err := s.ledger.find(value, accessToken, c.now())
	if err != nil || c.user(t.user) == nil {
		c.githubError(http.StatusNotFound, "Not Found")
		return
	}
	sum := sha256.Sum256([]byte(value))
	issued := t.issued.UTC().Format(time.RFC3339)
	var expires any
	if !t.expires.IsZero() {
		expires = t.expires.UTC().Format(time.RFC3339)
	}
	c.json(http.StatusOK, map[string]any{
		"id": 1, "url": c.url + githubAPI + "/authorizations/1", "scopes": t.scopes, "token": value,
		"token_last_eight": value[max(0, len(value)-8):], "hashed_token": hex.EncodeToString(sum[:]),
		"app":  map[string]any{"client_id": c.clientID, "name": "Example App", "url": "https://app.example.test"},
		"note": nil, "note_url": nil, "updated_at": issued, "created_at": issued, "fingerprint": nil,
		"expires_at": expires, "user": c.simpleUser(c.user(t.user)),
	})
}

// deleteToken is DELETE /applications/{client}/token.
func (s *GitHub) deleteToken(c *call, value string) {
	if !s.ledger.revoke(value) {
		c.githubError(http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// deleteGrant is DELETE /applications/{client}/grant: all tokens of the person.
func (s *GitHub) deleteGrant(c *call, value string) {
	t, err := s.ledger.find(value, accessToken, c.now())
	if err != nil {
		c.githubError(http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	s.ledger.revokeUser(t.user)
	c.w.WriteHeader(http.StatusNoContent)
}
