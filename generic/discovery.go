package generic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// document is the part of a provider's metadata that is used (OpenID Connect
// Discovery section 3, RFC 8414, RFC 9207). code_challenge_methods_supported is
// not: the challenge is always sent, because many servers that know PKCE do not
// say so and the others ignore it.
type document struct {
	Issuer        string   `json:"issuer"`
	AuthURL       string   `json:"authorization_endpoint"`
	TokenURL      string   `json:"token_endpoint"`
	KeysURL       string   `json:"jwks_uri"`
	UserInfoURL   string   `json:"userinfo_endpoint"`
	RevocationURL string   `json:"revocation_endpoint"`
	EndSessionURL string   `json:"end_session_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	SendsIss      bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover reads {issuer}/.well-known/openid-configuration. pinned are the
// algorithms of the Config, if any.
func discover(ctx context.Context, p login.Provider, pinned []string) (login.Metadata, error) {
	m, err := readMetadata(ctx, p, pinned)
	if err != nil {
		return login.Metadata{}, fmt.Errorf("%w: discovery: %w", login.ErrProvider, err)
	}
	return m, nil
}

func readMetadata(ctx context.Context, p login.Provider, pinned []string) (login.Metadata, error) {
	if err := checkIssuer(p.Issuer); err != nil {
		return login.Metadata{}, fmt.Errorf("issuer: %w", err)
	}
	answer, err := get(ctx, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return login.Metadata{}, err
	}
	if !answer.JSON() {
		return login.Metadata{}, errors.New("want JSON")
	}
	var d document
	if json.Unmarshal(answer.Body, &d) != nil {
		return login.Metadata{}, errors.New("want the JSON of OpenID Connect Discovery section 3")
	}
	if d.Issuer != p.Issuer {
		return login.Metadata{}, issuerError(p.Issuer, d.Issuer)
	}
	if err = d.checkURLs(); err != nil {
		return login.Metadata{}, err
	}
	style, err := d.authStyle(p)
	if err != nil {
		return login.Metadata{}, err
	}
	algs := slices.Clone(pinned)
	if len(algs) == 0 {
		if algs, err = d.algorithms(); err != nil {
			return login.Metadata{}, err
		}
	}
	return login.Metadata{
		Endpoint:      oauth2.Endpoint{AuthURL: d.AuthURL, TokenURL: d.TokenURL, AuthStyle: style},
		Issuer:        d.Issuer,
		RequireIss:    d.SendsIss,
		UserInfoURL:   d.UserInfoURL,
		KeysURL:       d.KeysURL,
		RevocationURL: d.RevocationURL,
		EndSessionURL: d.EndSessionURL,
		Algorithms:    algs,
	}, nil
}

func checkIssuer(issuer string) error {
	if strings.Contains(issuer, "?") {
		return errors.New("want a URL without query")
	}
	return checkURL(issuer, true)
}

// issuerError shows the other issuer, since a slash too many is the most
// frequent mistake, unless it may be something else altogether.
func issuerError(want, have string) error {
	if checkIssuer(have) != nil || len(have) > 200 {
		return fmt.Errorf("issuer: want %q, have another", want)
	}
	return fmt.Errorf("issuer: want %q, have %q", want, have)
}

// checkURLs refuses endpoints to which nothing may be sent. Plain http is for
// an issuer on loopback that itself uses it.
func (d document) checkURLs() error {
	allowHTTP := strings.HasPrefix(d.Issuer, "http://")
	for _, e := range []struct {
		name, url string
		optional  bool
	}{
		{"authorization_endpoint", d.AuthURL, false},
		{"token_endpoint", d.TokenURL, false},
		{"jwks_uri", d.KeysURL, false},
		{"userinfo_endpoint", d.UserInfoURL, true},
		{"revocation_endpoint", d.RevocationURL, true},
		{"end_session_endpoint", d.EndSessionURL, true},
	} {
		if e.optional && e.url == "" {
			continue
		}
		if err := checkURL(e.url, allowHTTP); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// authStyle is the application's choice, else the header, which is the default
// of the standard and what RFC 6749 section 2.3.1 prefers, else the body.
func (d document) authStyle(p login.Provider) (oauth2.AuthStyle, error) {
	switch {
	case p.Public:
		return oauth2.AuthStyleInParams, nil
	case p.Endpoint.AuthStyle != oauth2.AuthStyleAutoDetect:
		return p.Endpoint.AuthStyle, nil
	case d.AuthMethods == nil || slices.Contains(d.AuthMethods, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, nil
	case slices.Contains(d.AuthMethods, "client_secret_post"):
		return oauth2.AuthStyleInParams, nil
	}
	return 0, errors.New("token_endpoint_auth_methods_supported: " +
		"neither client_secret_basic nor client_secret_post; AuthStyle chooses one all the same")
}

func (d document) algorithms() ([]string, error) {
	if d.Algorithms == nil {
		return []string{"RS256"}, nil
	}
	algs := slices.DeleteFunc(slices.Clone(d.Algorithms), func(alg string) bool { return !supported(alg) })
	if len(algs) == 0 {
		return nil, errors.New("id_token_signing_alg_values_supported: none that is supported")
	}
	return algs, nil
}
