package logintest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// endSession is OpenID Connect RP-Initiated Logout 1.0 section 2. It demands the
// id_token_hint, which the standard recommends: without it anybody's link could
// log people out. The hint may have expired.
func (s *Server) endSession(c *call) {
	q := c.authorizationParams()
	if err := s.checkEndSession(c, q); err != nil {
		c.refuse(http.StatusBadRequest, err)
		return
	}
	to := q.Get("post_logout_redirect_uri")
	if to == "" {
		c.page(goodbyeHTML, nil)
		return
	}
	params := url.Values{}
	if q.Has("state") {
		params.Set("state", q.Get("state"))
	}
	c.redirect(to, params, "")
}

func (s *Server) checkEndSession(c *call, q url.Values) error {
	if err := repeated(q); err != nil {
		return err
	}
	var hint struct{ Iss, Aud string }
	if err := s.key.verify(q.Get("id_token_hint"), &hint); err != nil {
		return fmt.Errorf("the id_token_hint is not good: %w", err)
	}
	switch {
	case hint.Iss != c.url || hint.Aud != c.clientID:
		return errors.New("the id_token_hint was not issued for this client")
	case q.Has("client_id") && q.Get("client_id") != hint.Aud:
		return errors.New("the client_id is not that of the id_token_hint")
	case !q.Has("post_logout_redirect_uri"):
		return nil
	}
	if checkRedirectURI(q.Get("post_logout_redirect_uri")) != nil {
		return errors.New("want a post_logout_redirect_uri that is https, or http on loopback")
	}
	return nil
}
