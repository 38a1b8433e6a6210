package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

const (
	maxCallback  = 8 << 10 // bytes of a callback's parameters
	maxCodeBytes = 4 << 10

	callbackTimeout = 10 * time.Second // for a form to arrive
)

// callbackKeys returns the parameters of a callback that matter.
func callbackKeys() []string { return []string{"state", "code", "iss", "error", "error_code"} }

// callbackParams returns the parameters of r. None that matters may come twice
// (RFC 6749 section 3.1): whoever looks at the first would disagree with whoever
// looks at the last.
func callbackParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	var params url.Values
	var err error
	switch {
	case r.Method == http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
		c := http.NewResponseController(w)
		c.SetReadDeadline(time.Now().Add(callbackTimeout)) // where that is possible
		if err = r.ParseForm(); err != nil {
			// The deadline stays: net/http reads what is left before it answers.
			return nil, errors.New("want a form of at most 8 KiB within 10 seconds")
		}
		c.SetReadDeadline(time.Time{}) // or net/http takes its end for a client that left
		params = r.PostForm
	case len(r.URL.RawQuery) > maxCallback:
		return nil, errors.New("want a query of at most 8 KiB")
	default:
		if params, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return nil, errors.New("want a well-formed query")
		}
	}
	for _, key := range callbackKeys() {
		if len(params[key]) > 1 {
			return nil, fmt.Errorf("want one %s, have %d", key, len(params[key]))
		}
	}
	return params, nil
}

// logIn begins the session of whoever the provider names, if all is well.
func (a *Auth) logIn(w http.ResponseWriter, r *http.Request, p *provider, f *flow, params url.Values) error {
	u, g, err := a.finish(r, p, f, params, func(u *User, g *Grant) error {
		if a.config.OnLogin == nil {
			return nil
		}
		return asRefusal(a.config.OnLogin(r, u, g), "on_login_failed")
	})
	if err != nil {
		return err
	}
	if err := a.begin(w, r, f, u, g); err != nil {
		return err
	}
	a.logger().DebugContext(r.Context(), "login: logged in", "provider", p.Name, "user", u.ID)
	return nil
}

// finish turns the answer of the provider into a user: every check between the
// browser's return and the session, in order. The last is the application's.
func (a *Auth) finish(r *http.Request, p *provider, f *flow, params url.Values, last func(*User, *Grant) error) (*User, *Grant, error) {
	if f.provider != p.Name || f.redirectURL != p.RedirectURL {
		return nil, nil, &failure{kind: ErrBadCallback, reason: "wrong_provider"}
	}
	if !a.use(f) {
		return nil, nil, &failure{kind: ErrBadCallback, reason: "already_used"}
	}
	md, err := p.metadata(r.Context())
	if err != nil {
		return nil, nil, &failure{kind: ErrProvider, reason: "discovery_failed", err: err}
	}
	if err := checkIssuer(f, md, params); err != nil {
		return nil, nil, err
	}
	if err := callbackError(params); err != nil {
		return nil, nil, err
	}
	code := params.Get("code")
	if code == "" || len(code) > maxCodeBytes {
		return nil, nil, &failure{kind: ErrBadCallback, reason: "missing_code"}
	}
	return a.redeem(r, p, md, f, code, last)
}

// checkIssuer is RFC 9207 section 2.4, for successes and errors alike.
func checkIssuer(f *flow, md *Metadata, params url.Values) error {
	if f.issuer != md.Issuer {
		return &failure{kind: ErrBadCallback, reason: "issuer_changed"}
	}
	switch iss, present := params.Get("iss"), params.Has("iss"); {
	case present && md.Issuer != "" && iss != md.Issuer:
		return &failure{kind: ErrBadCallback, reason: "wrong_issuer"}
	case !present && md.RequireIss:
		return &failure{kind: ErrBadCallback, reason: "missing_issuer"}
	}
	return nil
}

// callbackError returns the error that the provider reports, nil if none. What
// it says in words may have been written by anybody who can make a link.
func callbackError(params url.Values) error {
	code := params.Get("error")
	if code == "" && !params.Has("error") {
		if code = params.Get("error_code"); code == "" { // Facebook, at times
			return nil
		}
	}
	code = safeCode(code)
	f := &failure{kind: ErrProvider, reason: "provider_error", err: &oauth2.RetrieveError{ErrorCode: code}}
	switch code {
	case "access_denied", "user_denied", "consent_required":
		f.kind, f.reason = ErrDenied, "denied"
	case "login_required", "interaction_required", "account_selection_required":
		f.kind, f.reason = ErrLoginRequired, code
	case "temporarily_unavailable":
		f.reason = code
	}
	return f
}

// redeem exchanges code for a token, once, and asks who it belongs to.
func (a *Auth) redeem(r *http.Request, p *provider, md *Metadata, f *flow, code string, last func(*User, *Grant) error) (*User, *Grant, error) {
	ctx, cancel := context.WithTimeout(r.Context(), providerTimeout)
	defer cancel()
	client := newClient(p.base, &p.Provider, md.Endpoint.TokenURL)
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	c := oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret,
		Endpoint: md.Endpoint, RedirectURL: f.redirectURL,
	}
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return nil, nil, &failure{kind: ErrProvider, reason: "exchange_failed", err: withoutURL(err)}
	}
	asked := f.with(&p.Provider)
	g := &Grant{Provider: asked, Metadata: *md, Token: token, Scopes: scopesOf(token, asked.Scopes)}
	g.Metadata.Algorithms = slices.Clone(md.Algorithms)
	g.IDToken, _ = token.Extra("id_token").(string)
	if asked.openID() {
		g.Nonce = f.nonce
	}
	g.Client = newUserClient(client, g, nil)
	secrets := []string{token.AccessToken, token.RefreshToken, g.IDToken} // before anybody changes them
	u, err := identify(ctx, p, g)
	if err == nil {
		err = last(u, g)
	}
	if err != nil {
		fail := asFailure(err)
		fail.secrets = append(secrets, token.AccessToken, token.RefreshToken, g.IDToken)
		if g.Token != nil {
			fail.secrets = append(fail.secrets, g.Token.AccessToken, g.Token.RefreshToken)
		}
		return nil, nil, fail
	}
	return u, g, nil
}

// identify asks the provider about the user of g.
func identify(ctx context.Context, p *provider, g *Grant) (*User, error) {
	u, err := p.Identify(ctx, g)
	switch {
	case errors.Is(err, ErrForbidden):
		return nil, &failure{kind: ErrForbidden, reason: "refused", err: err}
	case err != nil:
		return nil, &failure{kind: ErrProvider, reason: "identify_failed", err: err}
	case u == nil || !validID(u.ID):
		return nil, &failure{kind: ErrProvider, reason: "identify_failed", err: errors.New("want a user ID of 1 to 255 printable bytes")}
	}
	u.Provider, g.User = p.Name, u
	return u, nil
}

// asRefusal is what becomes of an error of the application's.
func asRefusal(err error, reason string) error {
	switch {
	case errors.Is(err, ErrForbidden):
		return &failure{kind: ErrForbidden, reason: "refused", err: err}
	case errors.Is(err, ErrProvider): // by Grant.Get, say
		return &failure{kind: ErrProvider, reason: reason, err: err}
	case err != nil:
		return &failure{reason: reason, err: err}
	}
	return nil
}

// validID reports whether id can be half of the key of a user.
func validID(id string) bool {
	return id != "" && len(id) <= 255 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}
