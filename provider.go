package login

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// A Provider is one way to log in: GitHub, Facebook, a company's OpenID
// Connect server. It is plain data and a few functions, so a provider that
// this module does not know is a literal; see the example.
//
// [New] copies what it is given: a Provider may be changed freely before, and
// changing it afterwards does nothing. Its functions are called from several
// goroutines at once. The context they get ends with the login attempt (10
// seconds) and carries a bounded [http.Client] under [oauth2.HTTPClient].
type Provider struct {
	// Name identifies the provider in paths (/login/{name}), in cookies and in
	// [User.Provider]: lower-case letters, digits, "-" and "_", at most 32, and
	// none of login, callback, logout and connect. It is half of the key under
	// which an application stores a user, so it must not change.
	Name string

	// Label is what people read on the button. If empty, it is Name.
	Label string

	// ClientID and ClientSecret are what the provider gave the application at
	// registration. The secret is sent in the body or header of requests to the
	// token endpoint and nowhere else.
	ClientID, ClientSecret string

	// Public says that the application has no secret (RFC 6749 section 2.1).
	// Without it an empty ClientSecret is refused, because it is nearly always
	// a variable that was not set.
	Public bool

	// Endpoint holds the authorization and token URLs. Its AuthStyle must be
	// explicit, unless Discover finds it: x/oauth2's auto-detection sends a
	// single-use code twice. A public client is always sent in the body.
	Endpoint oauth2.Endpoint

	// Scopes are requested at login. Ask for as little as will do.
	Scopes []string

	// ScopeSeparator stands between scopes in the authorization request.
	// If empty, it is a space (RFC 6749 section 3.3).
	ScopeSeparator string

	// Issuer is the provider's issuer identifier. Where a callback carries an
	// iss parameter, it must be equal to it (RFC 9207). If empty, iss is ignored.
	// Discover requires it.
	Issuer string

	// RequireIss refuses callbacks without iss. Set it only for a provider that
	// is known to send iss always.
	RequireIss bool

	// Params are added to the authorization request: prompt, audience and the
	// like. Those that this package sets itself (state, code_challenge and so
	// on) are refused by New. response_mode=form_post makes the callback
	// accept a POST as well.
	Params url.Values

	// RedirectURL is where the provider sends the browser back. If empty, it is
	// Config.URL + "/callback/" + Name. It must have the origin of Config.URL.
	RedirectURL string

	// StrayFragment says that the provider appends a fragment to the redirect
	// URL (Facebook: "#_=_"). The redirect after login then carries an empty
	// fragment of its own, so that browsers do not show the provider's.
	StrayFragment bool

	// API lists the origins ("https://api.example.com") that may receive the
	// user's token. Relative URLs are joined to the first, which may have a
	// path. Requests to any other origin go out without the token.
	API []string

	// Client is used instead of Config.Client for this provider, and like it: a
	// private root certificate, a proxy.
	Client *http.Client

	// Discover finds what is not written down here, at the first login. An answer
	// is kept for a day, and longer while there is no new one; an error for a
	// second, then two, up to a minute. It must not return secrets.
	Discover func(context.Context, Provider) (Metadata, error)

	// Identify says who logged in. It is required. Anything but a User with a
	// stable ID and a nil error refuses the login. Mind zero values: an integer
	// that is missing from an answer decodes as 0, which is an ID like any other;
	// a [json.Number] stays empty.
	Identify func(context.Context, *Grant) (*User, error)

	// Authorize attaches the token to a request that acts as the user, in the
	// header; never in the URL. If nil, it is "Authorization: Bearer" (RFC 6750
	// section 2.1).
	Authorize func(*http.Request, *Grant)

	// TokenError reads a failed answer of the token endpoint that does not
	// follow RFC 6749 section 5.2. It may return nil to leave it to this
	// package. The error must not hold the provider's text.
	TokenError func(status int, body []byte) error

	// Renew gets the token that follows Grant.Token, which has ended or is about to.
	// It is called once for all requests that wait, with a context that does not end
	// with theirs. What its answer leaves out (the refresh token, the scopes, the ID
	// token) stays as it was. An error that wraps ErrLoginRequired, or an
	// [oauth2.RetrieveError] with invalid_grant, ends the session; one that wraps
	// ErrNoToken says that there is no renewal; all others change nothing. If nil, the
	// refresh token is used as RFC 6749 section 6 says.
	Renew func(context.Context, *Grant) (*oauth2.Token, error)

	// Revoke makes the provider forget Grant.Token; see [Config.RevokeTokens] and
	// [Auth.Forget]. Its context ends after a few seconds. If nil, it is RFC 7009 where the metadata
	// names an endpoint, and nothing otherwise.
	Revoke func(context.Context, *Grant) error

	// EndSession returns the URL at which the person ends their session at the
	// provider, for [Config.EndSession]: it has to lead back to returnTo with a
	// query parameter state. "" means that there is none. If nil, it is that of
	// OpenID Connect RP-Initiated Logout 1.0 where the metadata names an endpoint.
	EndSession func(g *Grant, returnTo, state string) string

	// Err is for functions that make a Provider: what is wrong with their
	// arguments. New reports it.
	Err error
}

// Metadata is what Discover finds out about a provider.
type Metadata struct {
	Endpoint   oauth2.Endpoint // AuthStyle explicit
	Issuer     string
	RequireIss bool // authorization_response_iss_parameter_supported (RFC 9207 section 3)

	UserInfoURL   string // its origin may receive the user's token
	KeysURL       string // jwks_uri
	RevocationURL string // RFC 7009
	EndSessionURL string // OpenID Connect RP-Initiated Logout 1.0

	// Algorithms are the ID token signature algorithms that are accepted.
	Algorithms []string
}

// A Grant is what a provider returned for one login: it is handed to the
// functions of a [Provider] and to [Config.OnLogin]. It is not kept.
//
// Printing a Grant shows no secret.
type Grant struct {
	Provider Provider
	Metadata Metadata // of Discover, or made from Provider
	User     *User    // nil until Identify has returned

	// Token is the provider's answer, with its raw fields under Token.Extra.
	// OnLogin may set it to nil: then the session holds no token.
	Token *oauth2.Token

	// IDToken is the raw ID token, if one came. Nonce is what it must carry;
	// empty if "openid" was not among the scopes.
	IDToken, Nonce string

	// Scopes are those granted, as far as the provider tells; those requested,
	// if it tells nothing (RFC 6749 section 5.1). Declined are those that the
	// person unticked, for providers that report them.
	Scopes, Declined []string

	// Client acts as the user towards Provider.API (and Metadata.UserInfoURL).
	// It is bounded: 10 seconds, answers of 1 MiB, no redirects, https except
	// on loopback.
	Client *http.Client
}

// A User is who logged in.
//
// Store users under (Provider, ID): that pair is stable and is never given to
// anybody else. User names and e-mail addresses change hands.
//
// A User from [UserFrom] is shared and must not be modified.
type User struct {
	Provider string // Provider.Name
	ID       string // the provider's own, immutable identifier

	Username string // a handle such as GitHub's login; may change
	Name     string // for display
	Picture  string // URL of an image

	// Email is empty unless the provider vouches that the address is this
	// person's. UnverifiedEmail is what the provider says without vouching:
	// enough to fill in a form, never to look a user up.
	Email, UnverifiedEmail string

	// Extra belongs to the application: OnLogin fills it in, and the session
	// keeps it. Together with the rest it must fit one cookie (about 2 KB).
	Extra map[string]string

	// Raw is what the provider said, in its own words. It is there during
	// OnLogin only.
	Raw json.RawMessage `json:"-"`
}

// clone returns a copy of u that shares nothing that handlers change.
func (u *User) clone() User {
	c := *u
	c.Extra = maps.Clone(u.Extra)
	return c
}

// A Refusal is an error whose words are meant for the person at the browser.
// Return one from OnLogin or Identify to turn somebody away: the answer is 403
// and shows the text. errors.Is(refusal, ErrForbidden) holds.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Is reports whether target is ErrForbidden.
func (r Refusal) Is(target error) bool { return target == ErrForbidden }
