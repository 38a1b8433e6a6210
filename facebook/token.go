package facebook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/fetch"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// exchange returns the long-lived token for the short-lived one of g. It goes to
// the token endpoint as a form, like the code before it: in a URL, the secret and
// the token would end up in logs.
func exchange(ctx context.Context, g *login.Grant) (*oauth2.Token, error) {
	p := &g.Provider
	c := clientcredentials.Config{
		ClientID:     p.ClientID,
		ClientSecret: p.ClientSecret,
		TokenURL:     p.Endpoint.TokenURL,
		AuthStyle:    p.Endpoint.AuthStyle,
		EndpointParams: url.Values{
			"grant_type":        {"fb_exchange_token"},
			"fb_exchange_token": {g.Token.AccessToken},
		},
	}
	token, err := c.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: exchange for a long-lived token: %w", login.ErrProvider, fetch.WithoutURL(err))
	}
	return token, nil
}

// renew says what Facebook has in place of it: another login, which is a redirect
// there and back while the person still allows the app.
func renew(context.Context, *login.Grant) (*oauth2.Token, error) {
	return nil, fmt.Errorf("%w: Facebook renews no tokens, the person has to log in again", login.ErrNoToken)
}

// revoke withdraws everything the person allowed the app, their tokens included.
func revoke(ctx context.Context, g *login.Grant) error {
	if !hasToken(g) {
		return fmt.Errorf("%w: nothing to revoke", login.ErrNoToken)
	}
	var answer any // true, or {"success":true}
	err := call(ctx, g, http.MethodDelete, "me/permissions", &answer)
	if e, ok := errors.AsType[*Error](err); ok && e.Expired() {
		return nil // dead already
	}
	if err != nil {
		return err
	}
	if object, ok := answer.(map[string]any); ok {
		answer = object["success"]
	}
	if answer != true {
		return fmt.Errorf("%w: DELETE me/permissions: want true, have something else", login.ErrProvider)
	}
	return nil
}
