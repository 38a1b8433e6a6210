package logintest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/doorlatch/login"
)

// userInfo is OpenID Connect Core section 5.3.
func (s *Server) userInfo(c *call) {
	u, t, ok := s.resource(c)
	if !ok {
		return
	}
	if !slices.Contains(t.scopes, "openid") {
		c.bearerError(http.StatusForbidden, "insufficient_scope", errors.New("want the scope openid"))
		return
	}
	c.json(http.StatusOK, claimsOf(u, t.scopes))
}

// apiUser is a resource of plain OAuth 2.0.
func (s *Server) apiUser(c *call) {
	u, _, ok := s.resource(c)
	if !ok {
		return
	}
	email, _ := address(u)
	c.json(http.StatusOK, map[string]any{
		"id": u.ID, "login": u.Username, "name": u.Name, "avatar_url": u.Picture, "email": email, "bio": u.Extra["bio"],
	})
}

// resource returns whom the token of the request belongs to, or answers with an
// error (RFC 6750 section 3). A token counts in the header only.
func (s *Server) resource(c *call) (*login.User, token, bool) {
	c.w.Header().Set("Cache-Control", "no-store")
	value := c.bearer()
	if value == "" {
		c.bearerError(http.StatusUnauthorized, "", errors.New("want a bearer token in the Authorization header, have none"))
		return nil, token{}, false
	}
	t, err := s.ledger.find(value, accessToken, c.now())
	switch {
	case err != nil:
	case t.isMachine():
		err = errMachine
	case c.user(t.user) == nil:
		err = errRevoked
	}
	if err != nil {
		c.bearerError(http.StatusUnauthorized, "invalid_token", fmt.Errorf("the access token is not good: %w", err))
		return nil, token{}, false
	}
	return c.user(t.user), t, true
}

func (c *call) bearerError(status int, code string, why error) {
	c.problem(why)
	challenge := `Bearer realm="logintest"`
	body := map[string]string{"message": why.Error()}
	if code != "" { // none where no token was sent (RFC 6750 section 3.1)
		challenge += fmt.Sprintf(`, error=%q, error_description=%q`, code, why.Error())
		body["error"] = code
	}
	c.w.Header().Set("WWW-Authenticate", challenge)
	c.json(status, body)
}
