// Package facebook logs people in with Facebook.
//
//	auth, err := login.New(login.Config{
//		URL:       "https://example.com",
//		Key:       key,
//		Providers: []login.Provider{facebook.New(id, secret)},
//	})
//
// A user's ID is Facebook's for this app: another app knows the same person by
// another. There is no user name. An address comes in UnverifiedEmail and never
// in Email, because Facebook does not say whether it verified it; many people
// have none, or do not share it. The picture's URL works for a while only.
//
// Every request to the Graph API carries a proof that the sender knows the app
// secret, so that a stolen token is of no use without it: switch on "Require App
// Secret" in the settings of the app. Failures are an [*Error].
//
// # Tokens
//
// The token of a login lasts an hour or two; [Config].LongLived makes that about
// 60 days. It cannot be renewed. When it ends is in the Expiry of what
// [login.Auth.Token] returns, where Facebook said so, and once it has ended that
// method returns [login.ErrNoToken]. It can only be replaced by a new login: send
// the person to /login/facebook, in good time or at the end, and they are sent
// straight back, since Facebook asks nothing that they have answered before. A
// password change or a withdrawn permission ends a token early; then the Graph API
// answers with an error of which [Error.Expired] is true. [Inspect] tells all of
// this about a token without using it.
//
// A program that posts to a page needs a token of that page: [Pages] has those of
// all that the person manages. The token of a page has no end of its own if it was
// asked for with a long-lived one, but what ends the person's tokens early ends it
// too.
//
// Provider.Revoke withdraws everything that the person allowed the app, so that
// their next login asks them again. If they do so at Facebook, it tells the app in
// a [SignedRequest].
package facebook

import (
	"net/url"
	"slices"
	"strings"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// Version is the version of the Graph API that is used where [Config] names no
// other. Facebook supports it until 29 July 2028.
const Version = "v25.0"

// New returns a Provider that asks who somebody is and for their e-mail address.
// For anything else there is [Config].
func New(id, secret string) login.Provider {
	return Config{ClientID: id, ClientSecret: secret}.Provider()
}

// Config describes an app registered at Facebook. ClientID and ClientSecret are
// required. Printing a Config shows no secret.
type Config struct {
	// ClientID and ClientSecret are the app ID and the app secret.
	ClientID, ClientSecret string

	// Name and Label are as in [login.Provider]. If empty, they are "facebook"
	// and "Facebook".
	Name, Label string

	// Version is the version of the Graph API and of the login dialog, such as
	// "v26.0". If empty, it is [Version].
	Version string

	// Scopes are the permissions requested at login. If nil, they are
	// public_profile and email. People may decline any of them but the first:
	// see Scopes and Declined of [login.Grant].
	Scopes []string

	// LongLived exchanges the token of a login, which lasts an hour or two, for
	// one of about 60 days. If that fails, so does the login. Where Facebook
	// does not say when the token expires, its Expiry stays zero, which here
	// means unknown: ask [Inspect].
	LongLived bool

	// Rerequest asks again for permissions that the person declined at an
	// earlier login. Without it the dialog leaves them out.
	Rerequest bool

	// DialogURL and GraphURL are where the login dialog and the Graph API are,
	// without the version. If empty, they are https://www.facebook.com and
	// https://graph.facebook.com; others are for tests.
	DialogURL, GraphURL string
}

// Provider returns c as a Provider. Whatever Config does not mention is changed
// there: Params, for example, with auth_type=reauthenticate or config_id.
func (c Config) Provider() login.Provider {
	setDefault(&c.Name, "facebook")
	setDefault(&c.Label, "Facebook")
	setDefault(&c.Version, Version)
	setDefault(&c.DialogURL, "https://www.facebook.com")
	setDefault(&c.GraphURL, "https://graph.facebook.com")
	dialog := strings.TrimRight(c.DialogURL, "/") + "/" + c.Version
	graph := strings.TrimRight(c.GraphURL, "/") + "/" + c.Version
	p := login.Provider{
		Name:         c.Name,
		Label:        c.Label,
		ClientID:     c.ClientID,
		ClientSecret: c.ClientSecret,
		Endpoint: oauth2.Endpoint{
			AuthURL:   dialog + "/dialog/oauth",
			TokenURL:  graph + "/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes:         slices.Clone(c.Scopes),
		ScopeSeparator: ",",
		StrayFragment:  true, // "#_=_"
		API:            []string{graph},
		Authorize:      prove,
		TokenError:     tokenError,
		Identify:       identify,
		Renew:          renew,
		Revoke:         revoke,
	}
	if p.Scopes == nil {
		p.Scopes = []string{"public_profile", "email"}
	}
	if c.LongLived {
		p.Identify = identifyLongLived
	}
	if c.Rerequest {
		p.Params = url.Values{"auth_type": {"rerequest"}}
	}
	return p
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
