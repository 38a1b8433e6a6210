package generic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// OIDC returns a provider that speaks OpenID Connect. Its endpoints come from
// {Issuer}/.well-known/openid-configuration at the first login.
//
// # What is verified
//
// The metadata must carry the very issuer that was configured and https
// endpoints without user and fragment (plain http only if the issuer itself is
// on loopback and uses it). Whatever it says about PKCE, PKCE is used.
//
// Every login must bring an ID token (OpenID Connect Core section 3.1.3.7): one
// compact JWS of at most 64 KiB, not encrypted, with typ absent or JWT and no
// critical extension; an accepted signature algorithm; a signature by a key of
// the provider's key set that is meant for it; iss (Google may leave out its
// "https://"); aud with the client ID, and azp equal to it where azp is present
// or there are several audiences; exp and nbf with 60 seconds for clocks that
// differ; iat at most 60 seconds in the future and at most 10 minutes in the
// past; the nonce of this login; a sub of at most 255 printable ASCII
// characters; at_hash where it is present. No claim may occur twice or in
// another spelling. If Params asks for max_age, auth_time must be recent
// enough, with 60 seconds of leeway; if Params asks in claims for an essential
// acr of the ID token, it must be one of those asked for. The token response
// must say that the access token is a bearer token.
//
// The algorithms RS, PS and ES with 256, 384 and 512 bits and EdDSA (Ed25519)
// can be accepted. Refused always are HS256 and the like, since whoever can
// make the application take a public key for the shared secret can forge such
// tokens; none; and encrypted ID tokens, which hide from a browser that
// never sees them and would bring decryption keys and their trouble. RSA keys
// have 2048 to 8192 bits.
//
// # Who it is
//
// The ID is sub. Email is filled if email_verified says so (true, "true", 1,
// "1") and the address is plain ASCII with one "@"; else the address is in
// UnverifiedEmail. Aggregated and distributed claims are not followed, and no
// URL in a claim is fetched.
//
// If the provider has a userinfo endpoint, it is asked too, unless NoUserInfo is
// set: many ID tokens hold little more than sub. The answer, JSON or a JWT
// signed with the same keys, must have the sub of the ID token, and a failure
// refuses the login. What it says fills in what the ID token leaves open.
// An address and its email_verified always come from the same of the two: from
// the ID token if that has both, else from userinfo if that has an address.
// Set NoUserInfo if Scopes ask for a token that is meant for another API, as at
// Microsoft, and the endpoint would refuse it.
//
// [login.User.Raw] is a JSON object of all these claims, where those of the ID
// token win.
//
// # Keys
//
// The key set is shared by all logins of a Provider and kept for as long as the
// provider's Cache-Control says, at least a minute, at most 24 hours (an hour
// if it says nothing), and up to 48 hours while the provider does not answer. An
// unknown key is looked for at once; but after five fetches in a row, only once
// in ten seconds.
//
// # What it cannot do
//
// Providers that do not echo the nonce (LinkedIn, Dropbox) or sign with HS256
// (LINE) cannot log anybody in this way; use [OAuth2] with their user endpoint.
// An issuer that is a template (Microsoft's common and organizations) is not
// the issuer of any token; use the issuer of a tenant.
func OIDC(c Config) login.Provider {
	return oidcProvider(c, &keySets{now: time.Now, patience: 2 * time.Second})
}

func oidcProvider(c Config, sets *keySets) login.Provider {
	p := c.provider()
	p.Endpoint.AuthStyle = c.AuthStyle
	switch {
	case len(c.Scopes) == 0:
		p.Scopes = []string{"openid", "profile", "email"}
	case !slices.Contains(c.Scopes, "openid"):
		p.Scopes = slices.Concat([]string{"openid"}, c.Scopes)
	}
	algorithms := slices.Clone(c.Algorithms)
	p.Discover = func(ctx context.Context, p login.Provider) (login.Metadata, error) {
		return discover(ctx, p, algorithms)
	}
	if p.Err = c.checkOIDC(); p.Err != nil {
		return p
	}
	noUserInfo := c.NoUserInfo
	p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
		return identify(ctx, g, sets.at(g.Metadata.KeysURL), noUserInfo, sets.now())
	}
	p.Renew = func(ctx context.Context, g *login.Grant) (*oauth2.Token, error) {
		return renew(ctx, g, sets.at(g.Metadata.KeysURL), sets.now())
	}
	return p
}

// checkOIDC reports the mistakes that New cannot see in a Provider.
func (c Config) checkOIDC() error {
	var errs []error
	for _, alg := range c.Algorithms {
		if !supported(alg) {
			errs = append(errs, mistake("Algorithms", fmt.Sprintf("RS256 to ES512 or EdDSA, have %q", alg)))
		}
	}
	if cmp.Or(c.AuthURL, c.TokenURL, c.UserURL, c.TokenScheme, c.UserMethod, c.ScopeSeparator) != "" ||
		c.Fields != (Fields{}) || c.UserHeader != nil {
		errs = append(errs, mistake("AuthURL, TokenURL, UserURL, Fields, ScopeSeparator, TokenScheme, UserMethod, UserHeader", "them with OAuth2 only"))
	}
	return errors.Join(errs...)
}

// keySets holds the key set of each jwks_uri. There is one; a new one when the
// provider moves; several when an application derives providers from this one.
type keySets struct {
	now      func() time.Time
	patience time.Duration // see keySet

	mu    sync.Mutex
	byURL map[string]*keySet
}

const maxKeySets = 16

func (s *keySets) at(url string) *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.byURL[url]
	if set == nil {
		if s.byURL == nil || len(s.byURL) == maxKeySets {
			s.byURL = make(map[string]*keySet)
		}
		set = &keySet{url: url, now: s.now, patience: s.patience}
		s.byURL[url] = set
	}
	return set
}

// identify says who a grant belongs to.
func identify(ctx context.Context, g *login.Grant, keys *keySet, noUserInfo bool, now time.Time) (*login.User, error) {
	if err := checkToken(g); err != nil {
		return nil, fmt.Errorf("%w: token response: %w", login.ErrProvider, err)
	}
	id, err := verifyIDToken(ctx, g, keys, now)
	if err != nil {
		return nil, fmt.Errorf("%w: ID token: %w", login.ErrProvider, err)
	}
	var info claims
	if g.Metadata.UserInfoURL != "" && !noUserInfo {
		if info, err = userInfo(ctx, g, keys, id.text("sub")); err != nil {
			return nil, fmt.Errorf("%w: userinfo: %w", login.ErrProvider, err)
		}
	}
	u, err := profile(id, info)
	if err != nil {
		return nil, err
	}
	u.Provider = g.Provider.Name
	return u, nil
}

// checkToken wants what section 3.1.3.3 of OpenID Connect Core requires of the
// token response. Plain OAuth 2.0 may leave the type out; here it may not.
func checkToken(g *login.Grant) error {
	switch {
	case g.Token == nil || g.Token.AccessToken == "":
		return errors.New("no access token")
	case !strings.EqualFold(g.Token.TokenType, "Bearer"):
		return errors.New("token_type: want Bearer")
	case g.IDToken == "":
		return errors.New("no ID token")
	}
	return nil
}

// profile makes a user of the claims of the ID token and of userinfo.
func profile(id, info claims) (*login.User, error) {
	merged := maps.Clone(info)
	if merged == nil {
		merged = claims{}
	}
	maps.Copy(merged, id)
	raw, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	first := func(name string) string { return cmp.Or(id.text(name), info.text(name)) }
	u := &login.User{
		ID:       id.text("sub"),
		Username: cmp.Or(first("preferred_username"), first("nickname")),
		Name:     first("name"),
		Picture:  picture(first("picture")),
		Raw:      raw,
	}
	// One document must vouch for the address it names itself.
	from := id
	if id["email_verified"] == nil || id.text("email") == "" {
		if info.text("email") != "" {
			from = info
		}
	}
	setEmail(u, from.text("email"), truth(from["email_verified"]))
	return u, nil
}
