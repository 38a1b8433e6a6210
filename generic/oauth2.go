package generic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// OAuth2 returns a provider that speaks OAuth 2.0 and nothing more: three URLs
// and the places of the fields. Who logged in is what UserURL answers to the
// token that this login's code was exchanged for; no token from the browser is
// ever accepted (RFC 9700 section 4.6).
//
// An answer of UserURL is refused unless its status is 200, it is JSON of at
// most 1 MiB, it reports no error within, and has an ID. A redirect is not
// followed.
//
// [login.User.Raw] is the answer.
func OAuth2(c Config) login.Provider {
	p := c.provider()
	p.Endpoint = oauth2.Endpoint{AuthURL: c.AuthURL, TokenURL: c.TokenURL, AuthStyle: c.AuthStyle}
	if c.AuthStyle == oauth2.AuthStyleAutoDetect {
		p.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	p.ScopeSeparator = c.ScopeSeparator
	if c.TokenScheme != "" {
		p.Authorize = func(r *http.Request, g *login.Grant) {
			r.Header.Set("Authorization", c.TokenScheme+" "+g.Token.AccessToken)
		}
	}
	fields, err := c.checkOAuth2()
	if p.Err = err; err != nil {
		return p
	}
	if o := origin(c.UserURL); !slices.ContainsFunc(p.API, func(api string) bool { return origin(api) == o }) {
		p.API = append(p.API, o)
	}
	c.UserHeader = c.UserHeader.Clone()
	p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
		u, err := c.user(ctx, g, fields)
		if err != nil {
			return nil, fmt.Errorf("%w: user: %w", login.ErrProvider, err)
		}
		u.Provider = g.Provider.Name
		return u, nil
	}
	return p
}

// checkOAuth2 reports the mistakes that New cannot see in a Provider.
func (c Config) checkOAuth2() (paths, error) {
	var errs []error
	if err := checkURL(c.UserURL, true); err != nil {
		errs = append(errs, fmt.Errorf("UserURL: %w", err))
	}
	fields, err := c.Fields.parse()
	if err != nil {
		errs = append(errs, err)
	}
	switch c.UserMethod {
	case "", http.MethodGet, http.MethodPost:
	default:
		errs = append(errs, mistake("UserMethod", fmt.Sprintf("GET or POST, have %q", c.UserMethod)))
	}
	if c.UserHeader.Get("Authorization") != "" {
		errs = append(errs, mistake("UserHeader", "no Authorization, which is for the user's token"))
	}
	if strings.ContainsFunc(c.TokenScheme, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, mistake("TokenScheme", fmt.Sprintf("one word, have %q", c.TokenScheme)))
	}
	if c.Algorithms != nil || c.NoUserInfo {
		errs = append(errs, mistake("Algorithms, NoUserInfo", "them with OIDC only"))
	}
	return fields, errors.Join(errs...)
}

// user asks UserURL who the grant's user is.
func (c Config) user(ctx context.Context, g *login.Grant, fields paths) (*login.User, error) {
	method := c.UserMethod
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, c.UserURL, nil)
	if err != nil {
		return nil, errors.New("bad URL")
	}
	r.Header.Set("Accept", "application/json")
	for name, values := range c.UserHeader {
		r.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	answer, err := do(g.Client, r)
	if err != nil {
		return nil, err
	}
	if !answer.JSON() {
		return nil, errors.New("want JSON")
	}
	return fields.user(answer.Body)
}
