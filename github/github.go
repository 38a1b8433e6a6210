// Package github logs people in with GitHub: github.com, an Enterprise Server,
// or an enterprise of its own at ghe.com. OAuth Apps and GitHub Apps both work.
//
//	auth, err := login.New(login.Config{
//		URL:       "https://example.com",
//		Key:       key,
//		Providers: []login.Provider{github.New(id, secret)},
//	})
//
// A user's ID is the number of the account, which stays when the account is
// renamed; Username is the name, which may then be taken by somebody else. Email
// is the primary address, and only once GitHub has verified it.
//
// Tokens of an OAuth App do not expire, but GitHub keeps ten for each person,
// app and set of scopes: an eleventh login ends the oldest. Tokens of a GitHub
// App last eight hours and can be renewed for half a year; each renewal ends the
// token and the refresh token before it. Provider.Revoke ends one token; what the
// person allowed the app stays allowed, and their next login asks nothing.
package github

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

const (
	webURL         = "https://github.com"
	apiURL         = "https://api.github.com"
	defaultVersion = "2022-11-28" // supported until March 2028 at least, and by every Enterprise Server in use
)

// New returns a Provider for github.com that asks who somebody is and for the
// e-mail addresses. For anything else there is [Config].
func New(id, secret string) login.Provider {
	return Config{ClientID: id, ClientSecret: secret}.Provider()
}

// Config describes an app registered at GitHub. ClientID and ClientSecret are
// required. Printing a Config shows no secret.
type Config struct {
	// ClientID and ClientSecret are those of the OAuth App or the GitHub App.
	ClientID, ClientSecret string

	// Name and Label are as in [login.Provider]. If empty, they are "github" and
	// "GitHub". Two GitHubs in one application need two names.
	Name, Label string

	// URL is where people see GitHub in their browsers. If empty, it is
	// https://github.com. The API belonging to it is
	//
	//	https://github.com           https://api.github.com
	//	https://sub.ghe.com          https://api.sub.ghe.com
	//	https://ghe.example.com      https://ghe.example.com/api/v3
	URL string

	// APIURL is the base of the REST API, where it cannot be told from URL.
	APIURL string

	// Scopes are requested at login. If nil, they are read:user and user:email,
	// which show the profile and all e-mail addresses. An OAuth App that sends
	// none, because this is empty but not nil, is given whatever the person
	// granted it before. A GitHub App has permissions in their place, which are
	// chosen at its registration: for addresses, read access to "Email
	// addresses".
	Scopes []string

	// Organizations lets in only people with an active membership in at least
	// one of these, by the names in their URLs; an open invitation does not
	// count. If empty, everybody with an account may log in.
	//
	// The scope read:org is added where it is missing; a GitHub App needs read
	// access to "Members". Memberships are looked at during login, one request
	// each, and not again while the session lasts. An organization that is
	// renamed gives its name up: take it off the list.
	//
	// login.New refuses a text that is no name, such as that of a variable that was
	// not set.
	Organizations []string

	// APIVersion is sent as X-GitHub-Api-Version. If empty, it is "2022-11-28".
	// An older Enterprise Server answers 400 to a newer one.
	APIVersion string
}

// Provider returns c as a Provider. Whatever Config does not mention is changed
// there: Params, for example, with allow_signup=false or prompt=select_account.
//
// An iss parameter in callbacks (RFC 9207) is compared with the issuer,
// https://github.com/login/oauth, and not demanded: GitHub began to send it in
// 2026, stopped, and began again, and an Enterprise Server may never do so. What
// iss defends against, one provider's answer taken for another's, cannot happen
// anyway, because every provider has a redirect URL of its own (RFC 9700 section
// 4.4.2.2).
func (c Config) Provider() login.Provider {
	if c.Name == "" {
		c.Name = "github"
	}
	if c.Label == "" {
		c.Label = "GitHub"
	}
	if c.APIVersion == "" {
		c.APIVersion = defaultVersion
	}
	web, api := c.bases()
	a := account{version: c.APIVersion, organizations: slices.Clone(c.Organizations)}
	p := login.Provider{
		Name:         c.Name,
		Label:        c.Label,
		ClientID:     c.ClientID,
		ClientSecret: c.ClientSecret,
		Endpoint: oauth2.Endpoint{
			AuthURL:   web + "/login/oauth/authorize",
			TokenURL:  web + "/login/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes:     c.scopes(),
		Issuer:     web + "/login/oauth",
		API:        []string{api},
		TokenError: tokenError,
		Identify:   a.identify,
		Revoke:     a.revoke,
	}
	var errs []error
	for _, name := range c.Organizations {
		if notName(name) {
			errs = append(errs, fmt.Errorf("%s: want names as in URLs, have %q", "Organizations", name))
		}
	}
	p.Err = errors.Join(errs...)
	return p
}

func notName(organization string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
	return organization == "" || strings.Trim(organization, letters) != ""
}

// bases returns where the web pages and the REST API are. What is not a URL is
// left as it is, for login.New to report.
func (c Config) bases() (web, api string) {
	web = strings.TrimRight(c.URL, "/")
	if web == "" {
		web = webURL
	}
	u, err := url.Parse(web)
	if err == nil {
		u.Host = strings.ToLower(u.Host)
		web = u.String()
	}
	switch {
	case c.APIURL != "":
		return web, strings.TrimRight(c.APIURL, "/")
	case web == webURL:
		return web, apiURL
	case err == nil && strings.HasSuffix(u.Hostname(), ".ghe.com"):
		return web, u.Scheme + "://api." + u.Host
	}
	return web, web + "/api/v3"
}

func (c Config) scopes() []string {
	scopes := slices.Clone(c.Scopes)
	if scopes == nil {
		scopes = []string{"read:user", "user:email"}
	}
	sees := func(scope string) bool { // memberships; the larger scopes hold read:org
		return scope == "read:org" || scope == "write:org" || scope == "admin:org"
	}
	if len(c.Organizations) > 0 && !slices.ContainsFunc(scopes, sees) {
		scopes = append(scopes, "read:org")
	}
	return scopes
}
