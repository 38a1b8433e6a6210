// Package generic makes a [login.Provider] for any server that speaks OpenID
// Connect ([OIDC]) or plain OAuth 2.0 ([OAuth2]).
//
// OpenID Connect needs an issuer and nothing else about the server:
//
//	generic.OIDC(generic.Config{
//		Name:         "work",
//		Issuer:       "https://id.example.com",
//		ClientID:     os.Getenv("WORK_CLIENT_ID"),
//		ClientSecret: os.Getenv("WORK_CLIENT_SECRET"),
//	})
//
// Plain OAuth 2.0 has no standard way to say who logged in, so OAuth2 is told
// the three URLs and where in the answer the fields are.
//
// Neither function fails or touches the network: [login.New] reports what is
// wrong with a Config, and a provider that is down when the application starts
// is found at the first login. What a Provider does beyond a Config is changed
// in the Provider itself: set its Authorize or Revoke, or wrap its Identify to
// add a check of your own.
package generic

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// Config describes a provider. Fields that are not explained here are as in
// [login.Provider].
//
// A field that belongs to the other function is a mistake, and so is one that
// is required and empty.
type Config struct {
	Name, Label            string
	ClientID, ClientSecret string
	Public                 bool
	Params                 url.Values
	RedirectURL            string
	Client                 *http.Client

	// Scopes are requested at login. For OIDC, empty means openid, profile and
	// email, and openid is added where it is missing.
	Scopes []string

	// Issuer is the issuer identifier exactly as the provider writes it: a
	// slash at the end counts. OIDC requires it. For OAuth2 it is optional, and
	// is compared with the iss parameter of callbacks (RFC 9207).
	Issuer string

	// AuthStyle is how the client secret is sent to the token endpoint.
	// If zero, OIDC takes it from the provider's metadata, and OAuth2 sends it
	// in the body, which more servers accept than the header.
	AuthStyle oauth2.AuthStyle

	// API lists the origins that may receive the user's token. The origin of
	// UserURL is always among them, and is all of them if API is empty.
	API []string

	// Algorithms are the ID token signature algorithms that are accepted, such
	// as "ES256". If empty, they are those that the provider's metadata lists,
	// without the ones that [OIDC] always refuses. OIDC only.
	Algorithms []string

	// NoUserInfo leaves the userinfo endpoint alone: everything comes from the
	// ID token. Some servers refuse their own tokens there: dex does when it signs
	// with anything but RS256. OIDC only.
	NoUserInfo bool

	// AuthURL and TokenURL are the authorization and the token endpoint.
	// UserURL answers with JSON about the user whose token is sent along.
	// OAuth2 requires all three; OIDC discovers them.
	AuthURL, TokenURL, UserURL string

	// Fields says where in the answer of UserURL the user is. OAuth2 only; its
	// ID is required.
	Fields Fields

	// ScopeSeparator stands between scopes. If empty, it is a space. OAuth2 only.
	ScopeSeparator string

	// TokenScheme stands before the access token in the Authorization header,
	// for the few providers that want another word there than "Bearer", such
	// as "OAuth" or "Token". If empty, it is Bearer. OAuth2 only.
	TokenScheme string

	// UserMethod is GET or POST, for the request to UserURL. If empty, it is
	// GET. OAuth2 only.
	UserMethod string

	// UserHeader is added to the request to UserURL: an API version, a client
	// ID. OAuth2 only.
	UserHeader http.Header
}

// mistake is what is wrong with a field, as login.New reports it.
func mistake(field, want string) error { return fmt.Errorf("%s: want %s", field, want) }

// provider is what both constructors have in common.
func (c Config) provider() login.Provider {
	return login.Provider{
		Name:         c.Name,
		Label:        c.Label,
		ClientID:     c.ClientID,
		ClientSecret: c.ClientSecret,
		Public:       c.Public,
		Issuer:       c.Issuer,
		Scopes:       slices.Clone(c.Scopes),
		Params:       url.Values(http.Header(c.Params).Clone()),
		RedirectURL:  c.RedirectURL,
		API:          slices.Clone(c.API),
		Client:       c.Client,
	}
}
