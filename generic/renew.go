package generic

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// renew refreshes the token of a session (RFC 6749 section 6) and verifies the ID
// token that may come with it. One of another person, issuer or client ends the
// session.
func renew(ctx context.Context, g *login.Grant, keys *keySet, now time.Time) (*oauth2.Token, error) {
	if g.Token.RefreshToken == "" {
		return nil, fmt.Errorf("%w: it has ended, and there is no refresh token", login.ErrNoToken)
	}
	c := oauth2.Config{ClientID: g.Provider.ClientID, ClientSecret: g.Provider.ClientSecret, Endpoint: g.Metadata.Endpoint}
	token, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: g.Token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	fresh := *g
	fresh.Token = token
	if fresh.IDToken, _ = token.Extra("id_token").(string); fresh.IDToken == "" {
		return token, nil
	}
	err = verifyRenewed(ctx, &fresh, g.IDToken, keys, now)
	kind := login.ErrProvider
	if _, ok := errors.AsType[foreignError](err); ok {
		kind = login.ErrLoginRequired
	}
	if err != nil {
		return nil, fmt.Errorf("%w: refreshed ID token: %w", kind, err)
	}
	return token, nil
}

// verifyRenewed compares a refreshed ID token with the one from the login, as far
// as that was kept (OpenID Connect Core section 12.2).
func verifyRenewed(ctx context.Context, g *login.Grant, old string, keys *keySet, now time.Time) error {
	c, err := verifySigned(ctx, g, keys, now)
	if err != nil {
		return err
	}
	if c.text("sub") != g.User.ID {
		return foreignError{errors.New("sub: want that of the session")}
	}
	if old == "" {
		return nil
	}
	first, err := payloadOf(old)
	if err != nil {
		return fmt.Errorf("the first one: %w", err)
	}
	for _, name := range []string{"nonce", "azp", "auth_time"} {
		// The nonce need not come again, and auth_time and azp only if they came.
		if c[name] != nil && first[name] != nil && string(c[name]) != string(first[name]) {
			return foreignError{fmt.Errorf("%s: want that of the login", name)}
		}
	}
	return nil
}

// payloadOf returns the claims of an ID token that was verified before.
func payloadOf(jwt string) (claims, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil, errors.New("want a JWS in compact form")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("want base64url")
	}
	return parseClaims(data)
}
