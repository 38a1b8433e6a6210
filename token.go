package login

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Token returns the token of the user who is logged in in r, renewed if it has
// ended or is about to. Its granted scopes are at Extra("scope"), separated by
// spaces, and its raw ID token, if there is one, at Extra("id_token").
//
// A renewed token is kept in a cookie, so Token has to be called before the
// answer is begun. Requests that come at the same time share one renewal, and so
// do those of the next 30 seconds that still carry the old token.
//
// The error is ErrLoginRequired if nobody is logged in through a, or the
// provider has withdrawn what the login began: then the session ends. It is
// ErrNoToken, with the reason, if the session holds no token, or one that has
// ended and cannot be renewed; and ErrProvider if the provider did not answer,
// which changes nothing. Another error means that the Store, or Config.Once, did
// not answer.
func (a *Auth) Token(w http.ResponseWriter, r *http.Request) (*oauth2.Token, error) {
	_, t, err := a.current(w, r)
	if err != nil {
		return nil, err
	}
	return t.token(), nil
}

// Client returns a client that acts as the user who is logged in in r: it adds
// the token to requests for Provider.API (and the userinfo endpoint), and to no
// others. Relative URLs are joined to the first of Provider.API. Redirects are
// followed, up to ten, without the token where they leave those origins. An
// answer may take 30 seconds, and is as large as it is.
//
// The errors are those of [Auth.Token]; Client, too, has to be called before the
// answer is begun. An API's own 401 is handed to the caller; the token counts as
// ended from then on, so that the next call of Token or Client renews it.
func (a *Auth) Client(w http.ResponseWriter, r *http.Request) (*http.Client, error) {
	s, t, err := a.current(w, r)
	if err != nil {
		return nil, err
	}
	p := a.providers[s.user.Provider]
	md, err := p.metadata(r.Context())
	if err != nil {
		return nil, fmt.Errorf("%w: discovery: %w", ErrProvider, err)
	}
	return newGrant(p, md, &s.user, t, newAPIClient(p.base), func() { a.refused.add(t.mark(), a.now()) }).Client, nil
}

// current returns the session of r and its token, renewed if need be.
func (a *Auth) current(w http.ResponseWriter, r *http.Request) (*session, tokenRecord, error) {
	_, v := a.visitor(w, r)
	switch {
	case v.err != nil:
		return nil, tokenRecord{}, v.err
	case v.user == nil:
		return nil, tokenRecord{}, ErrLoginRequired
	case v.session == nil:
		return nil, tokenRecord{}, fmt.Errorf("%w: the user was put into the context by WithUser", ErrNoToken)
	}
	t, err := a.token(r, v.session)
	if err == nil && a.due(&t) {
		t, err = a.keepRenewed(w, r, v.session, t)
	}
	return v.session, t, err
}

// keepRenewed renews t and gives the browser what came of it.
func (a *Auth) keepRenewed(w http.ResponseWriter, r *http.Request, s *session, t tokenRecord) (tokenRecord, error) {
	var fresh tokenRecord
	err := a.renewable(s.user.Provider, &t)
	if err == nil {
		fresh, err = a.renewed(r, s, t)
	}
	switch {
	case a.dead(s): // meanwhile; a late answer must not bring it back
		return tokenRecord{}, ErrLoginRequired
	case err == nil:
		return fresh, a.replaceToken(w, r, s, fresh)
	case a.valid(&t) && !errors.Is(err, ErrLoginRequired): // renewed a little early, and perhaps by another replica
		return t, nil
	case withdrawn(err):
		a.end(w, r)
		return tokenRecord{}, fmt.Errorf("%w: the provider has withdrawn the token: %w", ErrLoginRequired, err)
	case errors.Is(err, ErrNoToken), errors.Is(err, errStoreDown), errors.Is(err, ErrProvider):
		return tokenRecord{}, err
	}
	return tokenRecord{}, fmt.Errorf("%w: renewing the token: %w", ErrProvider, err)
}

// renewable reports why t cannot be renewed, if it cannot.
func (a *Auth) renewable(provider string, t *tokenRecord) error {
	switch {
	case t.RefreshToken != "" || a.providers[provider].Renew != nil:
		return nil
	case a.refused.has(t.mark()):
		return fmt.Errorf("%w: it was refused, and there is no refresh token", ErrNoToken)
	}
	return fmt.Errorf("%w: it expired at %s, and there is no refresh token", ErrNoToken, t.Expiry.UTC().Format(time.RFC3339))
}

// token returns the token record of s.
func (a *Auth) token(r *http.Request, s *session) (tokenRecord, error) {
	switch s.tokens {
	case tokenNone:
		return tokenRecord{}, fmt.Errorf("%w: none was kept at login", ErrNoToken)
	case tokenTooLong:
		return tokenRecord{}, fmt.Errorf("%w: it was too large for cookies; configure a Store", ErrNoToken)
	}
	sealed := s.sealedToken
	if a.config.Store == nil {
		sealed = a.cookies.join(r)
	}
	t, ok := a.openToken(s, sealed)
	if !ok {
		return tokenRecord{}, fmt.Errorf("%w: its cookies are incomplete, or it was too large for them when it was renewed", ErrNoToken)
	}
	return t, nil
}

// replaceToken puts t in the place of the token in the cookies of r.
func (a *Auth) replaceToken(w http.ResponseWriter, r *http.Request, s *session, t tokenRecord) error {
	if a.config.Store != nil {
		return nil // see storeToken
	}
	jar, err := a.tokenCookies(r, s, t, s.cookieBytes)
	if err != nil {
		return err
	}
	for name := range a.cookies.each(r, a.cookies.token()) {
		if _, ok := a.cookies.pieceOf(name); ok {
			a.cookies.clear(w, name)
		}
	}
	for _, c := range jar {
		a.cookies.set(w, c)
	}
	return nil
}

// tokenCookies returns the cookies of t, over as many as it takes, unless that
// would be, together with others of that size, more than proxies accept. Then
// the raw ID token is left out, and then there are none.
func (a *Auth) tokenCookies(r *http.Request, s *session, t tokenRecord, others int) ([]*http.Cookie, error) {
	full := t
	for {
		value, err := a.sealToken(s, t)
		if err != nil {
			return nil, err
		}
		jar := a.cookies.split(value, a.maxAge(s))
		if len(jar) > 0 && others+cookieBytes(jar) <= maxSessionBytes {
			if t.idToken != full.idToken {
				a.warnSize(r, s, full, "raw ID token left out of the session")
			}
			return jar, nil
		}
		if t.idToken == "" {
			a.warnSize(r, s, full, "token left out of the session")
			return nil, nil
		}
		t.idToken = ""
	}
}

func (a *Auth) warnSize(r *http.Request, s *session, t tokenRecord, what string) {
	a.logger().WarnContext(r.Context(), "login: "+what+": more than cookies can hold; configure a Store",
		"provider", s.user.Provider, "reason", "session_too_large",
		"access_token_bytes", len(t.AccessToken), "refresh_token_bytes", len(t.RefreshToken),
		"id_token_bytes", len(t.idToken), "limit_bytes", maxSessionBytes)
}

// newTokenRecord holds the token and what was said with it. The session's ID,
// which sealToken adds, keeps it from being used with another identity.
func newTokenRecord(g *Grant, now time.Time) tokenRecord {
	return tokenRecord{
		Token: oauth2.Token{
			AccessToken: g.Token.AccessToken, TokenType: g.Token.TokenType,
			RefreshToken: g.Token.RefreshToken, Expiry: g.Token.Expiry,
		},
		idToken: g.IDToken, scopes: g.Scopes, issued: now,
	}
}

type tokenRecord struct {
	oauth2.Token
	idToken string
	scopes  []string
	issued  time.Time
}

// token returns t as applications get it.
func (t *tokenRecord) token() *oauth2.Token {
	extra := map[string]any{"scope": strings.Join(t.scopes, " ")}
	if t.idToken != "" {
		extra["id_token"] = t.idToken
	}
	return t.Token.WithExtra(extra)
}

func (a *Auth) sealToken(s *session, t tokenRecord) (string, error) {
	return a.sealTokenFor(string(s.id[:]), t)
}

// sealTokenFor seals t for what owner stands for: a session, or those who wait for a
// renewal.
func (a *Auth) sealTokenFor(owner string, t tokenRecord) (string, error) {
	return a.tokens.seal(a.cookies.token(), t.fields(newRecord(purposeToken).str(owner)))
}

// fields adds those of t to r.
func (t *tokenRecord) fields(r record) record {
	expiry := int64(0)
	if !t.Expiry.IsZero() {
		expiry = t.Expiry.Unix()
	}
	return r.str(t.AccessToken).str(t.TokenType).str(t.RefreshToken).int(expiry).
		str(t.idToken).strs(t.scopes).int(t.issued.Unix())
}

// token reads what fields has added.
func (r *recordReader) token() tokenRecord {
	t := tokenRecord{Token: oauth2.Token{AccessToken: r.str(), TokenType: r.str(), RefreshToken: r.str()}}
	if expiry := r.int(); expiry != 0 {
		t.Expiry = time.Unix(expiry, 0)
	}
	t.idToken, t.scopes, t.issued = r.str(), r.strs(), time.Unix(r.int(), 0)
	return t
}

func (a *Auth) openToken(s *session, sealed string) (tokenRecord, bool) {
	return a.openTokenFor(string(s.id[:]), sealed)
}

func (a *Auth) openTokenFor(owner, sealed string) (tokenRecord, bool) {
	b, ok := a.tokens.open(a.cookies.token(), sealed)
	if !ok {
		return tokenRecord{}, false
	}
	r := readRecord(b, purposeToken)
	of := r.str()
	t := r.token()
	return t, r.ok() && of == owner
}
