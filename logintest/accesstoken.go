package logintest

import (
	"crypto/rand"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// clientCredentials is RFC 6749 section 4.4: the application acts for itself.
// There is no user, so there is neither an ID token nor a refresh token.
func (s *Server) clientCredentials(c *call, form url.Values) *tokenError {
	if c.minimal {
		return &tokenError{"unauthorized_client", errors.New("only people get tokens here")}
	}
	scopes := strings.Fields(form.Get("scope"))
	if slices.Contains(scopes, "openid") {
		return &tokenError{"invalid_scope", errors.New("the scope openid is for people, and nobody logs in here")}
	}
	return s.issue(c, &grant{scopes: scopes, authTime: c.now()}, "")
}

// accessToken makes the text of an access token for g: random, or the JWT of RFC
// 9068 section 2.
func (s *Server) accessToken(c *call, g *grant) (string, error) {
	if c.audience == "" || c.minimal {
		return rand.Text(), nil
	}
	now := c.now().Unix()
	claims := map[string]any{
		"iss": c.url, "aud": c.audience, "client_id": c.clientID, "jti": rand.Text(),
		"iat": now, "exp": now + int64(seconds(c.lifetime)),
		"sub": c.clientID, "scope": joinScopes(g.scopes),
	}
	if !g.isMachine() {
		claims["sub"], claims["auth_time"] = g.user, g.authTime.Unix()
	}
	return s.key.sign("at+jwt", claims)
}

// isMachine reports whether nobody allowed g: the application asked for itself.
func (g *grant) isMachine() bool { return g.user == "" }
