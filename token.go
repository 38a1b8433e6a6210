package login

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Token returns the token of the user who is logged in in r. Its granted scopes
// are at Extra("scope"), separated by spaces, and its raw ID token, if there is
// one, at Extra("id_token").
//
// The error is ErrLoginRequired if nobody is logged in through a, and
// ErrNoToken, with the reason, if the session holds no token or one that has
// expired. Another error means that the Store did not answer.
func (a *Auth) Token(w http.ResponseWriter, r *http.Request) (*oauth2.Token, error) {
	_, v := a.visitor(w, r)
	switch {
	case v.err != nil:
		return nil, v.err
	case v.user == nil:
		return nil, ErrLoginRequired
	case v.session == nil:
		return nil, fmt.Errorf("%w: the user was put into the context by WithUser", ErrNoToken)
	}
	t, err := a.token(r, v.session)
	if err != nil {
		return nil, err
	}
	if !t.Expiry.IsZero() && !a.now().Before(t.Expiry) {
		return nil, fmt.Errorf("%w: it expired at %s", ErrNoToken, t.Expiry.UTC().Format(time.RFC3339))
	}
	extra := map[string]any{"scope": strings.Join(t.scopes, " ")}
	if t.idToken != "" {
		extra["id_token"] = t.idToken
	}
	return t.Token.WithExtra(extra), nil
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
		return tokenRecord{}, fmt.Errorf("%w: its cookies are incomplete", ErrNoToken)
	}
	return t, nil
}

// newTokenRecord holds the token and what was said with it. The session's ID,
// which sealToken adds, keeps it from being used with another identity.
func newTokenRecord(g *Grant, idToken string) tokenRecord {
	return tokenRecord{
		Token: oauth2.Token{
			AccessToken: g.Token.AccessToken, TokenType: g.Token.TokenType,
			RefreshToken: g.Token.RefreshToken, Expiry: g.Token.Expiry,
		},
		idToken: idToken, scopes: g.Scopes,
	}
}

type tokenRecord struct {
	oauth2.Token
	idToken string
	scopes  []string
}

func (a *Auth) sealToken(s *session, t tokenRecord) (string, error) {
	expiry := int64(0)
	if !t.Expiry.IsZero() {
		expiry = t.Expiry.Unix()
	}
	rec := newRecord(purposeToken).str(string(s.id[:])).str(t.AccessToken).str(t.TokenType).
		str(t.RefreshToken).int(expiry).str(t.idToken).strs(t.scopes)
	return a.tokens.seal(a.cookies.token(), rec)
}

func (a *Auth) openToken(s *session, sealed string) (tokenRecord, bool) {
	b, ok := a.tokens.open(a.cookies.token(), sealed)
	if !ok {
		return tokenRecord{}, false
	}
	r := readRecord(b, purposeToken)
	id := r.str()
	t := tokenRecord{Token: oauth2.Token{AccessToken: r.str(), TokenType: r.str(), RefreshToken: r.str()}}
	if expiry := r.int(); expiry != 0 {
		t.Expiry = time.Unix(expiry, 0)
	}
	t.idToken, t.scopes = r.str(), r.strs()
	return t, r.ok() && id == string(s.id[:])
}
