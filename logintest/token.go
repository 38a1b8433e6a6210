package logintest

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// tokenError is an error answer of the token endpoint (RFC 6749 section 5.2).
type tokenError struct {
	code string
	why  error
}

func (c *call) tokenError(e *tokenError) {
	c.problem(e.why)
	status := http.StatusBadRequest
	if e.code == "invalid_client" && !c.minimal {
		status = http.StatusUnauthorized
		c.w.Header().Set("WWW-Authenticate", `Basic realm="logintest"`)
	}
	c.json(status, map[string]string{"error": e.code, "error_description": e.why.Error()})
}

// tokenForm reads a request to the token or revocation endpoint and
// authenticates the application.
func (c *call) tokenForm() (url.Values, *tokenError) {
	c.w.Header().Set("Cache-Control", "no-store")
	form, err := c.form()
	if err != nil {
		return nil, &tokenError{"invalid_request", err}
	}
	return form, c.authenticate(form)
}

// authenticate takes client_secret_basic and client_secret_post, one of them
// (RFC 6749 section 2.3).
func (c *call) authenticate(form url.Values) *tokenError {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := c.r.BasicAuth(); ok {
		if form.Has("client_secret") {
			return &tokenError{"invalid_request", errors.New("the client authenticates in two ways at once")}
		}
		var err1, err2 error
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err1 != nil || err2 != nil || form.Has("client_id") && form.Get("client_id") != id {
			return &tokenError{"invalid_request", errors.New("the client's credentials are malformed")}
		}
	}
	if !equal(id, c.clientID) || !equal(secret, c.clientSecret) {
		return &tokenError{"invalid_client", errors.New("the client's credentials are wrong")}
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// token is the token endpoint (RFC 6749 section 3.2).
func (s *Server) token(c *call) {
	form, e := c.tokenForm()
	if e == nil {
		switch grantType := form.Get("grant_type"); grantType {
		case "authorization_code":
			e = s.exchange(c, form)
		case "refresh_token":
			e = s.refresh(c, form)
		case "client_credentials":
			e = s.clientCredentials(c, form)
		default:
			e = &tokenError{"unsupported_grant_type", fmt.Errorf("want the grant_type authorization_code, refresh_token or client_credentials, have %q", grantType)}
		}
	}
	if e != nil {
		c.tokenError(e)
	}
}

// exchange is RFC 6749 section 4.1.3 with RFC 7636 section 4.6.
func (s *Server) exchange(c *call, form url.Values) *tokenError {
	g, err := s.ledger.redeem(form.Get("code"), c.now())
	if err != nil {
		return &tokenError{"invalid_grant", fmt.Errorf("the code is not good: %w", err)}
	}
	if form.Get("redirect_uri") != g.redirectURI {
		return &tokenError{"invalid_grant", errors.New("the redirect_uri is not that of the authorization request")}
	}
	if !c.minimal {
		if err := g.checkVerifier(form.Get("code_verifier")); err != nil {
			return &tokenError{"invalid_grant", err}
		}
	}
	return s.issue(c, g, g.nonce)
}

// refresh is RFC 6749 section 6. The refresh token is replaced by a new one.
func (s *Server) refresh(c *call, form url.Values) *tokenError {
	if c.noRefresh {
		return &tokenError{"unauthorized_client", errors.New("there are no refresh tokens here")}
	}
	g, err := s.ledger.spend(form.Get("refresh_token"), c.now())
	if err != nil {
		return &tokenError{"invalid_grant", fmt.Errorf("the refresh_token is not good: %w", err)}
	}
	return s.issue(c, g, "") // no nonce the second time (OpenID Connect Core section 12.2)
}

// issue answers with tokens for g.
func (s *Server) issue(c *call, g *grant, nonce string) *tokenError {
	now := c.now()
	access, err := s.accessToken(c, g)
	if err != nil {
		return &tokenError{"server_error", err}
	}
	s.ledger.issue(access, token{grant: g, issued: now, expires: now.Add(c.lifetime)})
	answer := map[string]any{"access_token": access}
	if !c.noRefresh && !g.isMachine() {
		answer["refresh_token"] = s.ledger.issue(rand.Text(), token{grant: g, kind: refreshToken, issued: now})
	}
	if !c.minimal {
		answer["token_type"] = "Bearer"
		answer["expires_in"] = seconds(c.lifetime)
		answer["scope"] = joinScopes(g.scopes)
	}
	if slices.Contains(g.scopes, "openid") && !c.minimal {
		id, err := s.idToken(c, g, access, nonce)
		if err != nil {
			return &tokenError{"invalid_grant", err}
		}
		answer["id_token"] = id
	}
	c.json(http.StatusOK, answer)
	return nil
}

// revokeToken is RFC 7009. Unknown tokens are no error (section 2.2).
func (s *Server) revokeToken(c *call) {
	form, e := c.tokenForm()
	if e == nil && form.Get("token") == "" {
		e = &tokenError{"invalid_request", errors.New("want a token, have none")}
	}
	if e != nil {
		c.tokenError(e)
		return
	}
	s.ledger.revoke(form.Get("token"))
}
