package generic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/doorlatch/login"
)

// userInfo asks the userinfo endpoint about the user of an ID token (OpenID
// Connect Core section 5.3).
func userInfo(ctx context.Context, g *login.Grant, keys *keySet, sub string) (claims, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Metadata.UserInfoURL, nil)
	if err != nil {
		return nil, errors.New("bad URL")
	}
	r.Header.Set("Accept", "application/json, application/jwt")
	answer, err := do(g.Client, r)
	if err != nil {
		return nil, err
	}
	var c claims
	switch {
	case answer.JSON():
		c, err = parseClaims(answer.Body)
	case answer.MediaType() == "application/jwt":
		c, err = signedUserInfo(ctx, g, keys, string(answer.Body))
	default:
		return nil, errors.New("want JSON or a JWT")
	}
	if err != nil {
		return nil, err
	}
	// Otherwise the access token of somebody else, put in the place of ours,
	// would lend this user another's name and address (section 5.3.2).
	if got, err := c.optional("sub"); err != nil || got != sub {
		return nil, errors.New("sub: want that of the ID token")
	}
	return c, nil
}

// signedUserInfo reads an answer in the form of a JWT. iss and aud may be
// absent from it, but may not be another's.
func signedUserInfo(ctx context.Context, g *login.Grant, keys *keySet, jwt string) (claims, error) {
	if err := checkHeader(jwt, accepted(g.Metadata)); err != nil {
		return nil, err
	}
	payload, err := keys.VerifySignature(ctx, jwt)
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	if iss, err := c.optional("iss"); err != nil || c["iss"] != nil && iss != g.Metadata.Issuer {
		return nil, fmt.Errorf("iss: want %q", g.Metadata.Issuer)
	}
	if c["aud"] != nil {
		if aud, err := c.list("aud"); err != nil || !slices.Contains(aud, g.Provider.ClientID) {
			return nil, errors.New("aud: want the client ID")
		}
	}
	return c, nil
}
