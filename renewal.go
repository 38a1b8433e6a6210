package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	// sharedFor is how long the outcome of a renewal serves requests that still
	// carry the old token: those that were under way, and those of browsers that
	// have not got the new cookie yet.
	sharedFor = 30 * time.Second

	// maxLeeway is how long before its end a token is renewed, or a quarter of
	// its life if that is less.
	maxLeeway = 30 * time.Second

	// maxChain is how many renewals in a row are followed. A provider may hand out
	// tokens that it has handed out before.
	maxChain = 8
)

// renewals lets one request at a time ask for the token that follows a token.
// Providers that rotate refresh tokens take a second use of one for theft, and
// end the whole family (RFC 9700 section 4.14.2).
type renewals struct {
	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*renewal
}

// A renewal is under way until done is closed. Then the rest is set.
type renewal struct {
	done  chan struct{}
	token tokenRecord
	err   error
}

// join returns the renewal of that key, which it begins by calling ask unless
// there is one already.
func (rs *renewals) join(key [sha256.Size]byte, ask func() (tokenRecord, error)) *renewal {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if n := rs.byKey[key]; n != nil {
		return n
	}
	n := &renewal{done: make(chan struct{})}
	rs.byKey[key] = n
	go func() {
		defer close(n.done)
		defer func() {
			share := sharedFor
			if errors.Is(n.err, errStoreDown) || errors.Is(n.err, errTokens) { // not the provider's answer
				share = time.Second
			}
			time.AfterFunc(share, func() {
				rs.mu.Lock()
				defer rs.mu.Unlock()
				delete(rs.byKey, key)
			})
		}()
		defer func() {
			if r := recover(); r != nil { // in a function of the Provider: one login must not end the program
				n.err = fmt.Errorf("%w: Renew panicked: %v", ErrProvider, r)
			}
		}()
		n.token, n.err = ask()
	}()
	return n
}

// latest returns the token that followed t, if it was renewed a moment ago, and t
// if it was not.
func (rs *renewals) latest(t tokenRecord) tokenRecord {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for range maxChain {
		n := rs.byKey[t.key()]
		if n == nil {
			return t
		}
		select {
		case <-n.done:
		default:
			return t // under way; see Auth.renew
		}
		if n.err != nil || n.token.key() == t.key() {
			return t
		}
		t = n.token
	}
	return t
}

// key is what a renewal of t is known by.
func (t *tokenRecord) key() [sha256.Size]byte {
	return sha256.Sum256([]byte(t.RefreshToken + "\x00" + t.AccessToken))
}

// mark is what t is known by once an API has refused it.
func (t *tokenRecord) mark() [16]byte {
	sum := sha256.Sum256([]byte(t.AccessToken))
	return [16]byte(sum[:16])
}

// valid reports whether t may still be used, as far as anybody knows. That it
// does not say when it ends does not mean that it never does.
func (a *Auth) valid(t *tokenRecord) bool {
	return (t.Expiry.IsZero() || a.now().Before(t.Expiry)) && !a.refused.has(t.mark())
}

// due reports whether t has to be renewed, now or in a moment.
func (a *Auth) due(t *tokenRecord) bool {
	leeway := min(maxLeeway, t.Expiry.Sub(t.issued)/4)
	return !a.valid(t) || !t.Expiry.IsZero() && !a.now().Before(t.Expiry.Add(-leeway))
}

// renewed returns the token that follows t. The provider is asked once, whoever
// waits for it, and to the end, whoever leaves: a token that was used up and
// whose successor nobody has would be the end of the session.
func (a *Auth) renewed(r *http.Request, s *session, t tokenRecord) (tokenRecord, error) {
	for range 2 { // what another request got may have ended by now: then the one after that
		n := a.renewals.join(t.key(), func() (tokenRecord, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), providerTimeout)
			defer cancel()
			return a.renewOnce(ctx, s, t)
		})
		select {
		case <-n.done:
		case <-r.Context().Done():
			return tokenRecord{}, r.Context().Err()
		}
		if n.err != nil || a.valid(&n.token) {
			return n.token, n.err
		}
		t = n.token
	}
	return tokenRecord{}, fmt.Errorf("%w: the renewed token had expired", ErrProvider)
}

// renew asks the provider for the token that follows t.
func (a *Auth) renew(ctx context.Context, s *session, t tokenRecord) (tokenRecord, error) {
	if newer, err := a.storedToken(ctx, s, t); err != nil || newer.AccessToken != t.AccessToken {
		return newer, err
	}
	p := a.providers[s.user.Provider]
	t, err := a.ask(ctx, p, &s.user, t)
	if err != nil {
		return tokenRecord{}, err
	}
	err = retry(ctx, func() (err error) {
		t, err = a.storeToken(ctx, s, t)
		return err
	})
	if a.dead(s) || errors.Is(err, ErrLoginRequired) { // logged out meanwhile, when this token was not there yet
		if a.config.RevokeTokens {
			a.giveBack(ctx, p, &s.user, t)
		}
		return tokenRecord{}, ErrLoginRequired
	}
	return t, err
}

// ask gets the token of u that follows t from p.
func (a *Auth) ask(ctx context.Context, p *provider, u *User, t tokenRecord) (tokenRecord, error) {
	ctx, g, err := p.acting(ctx, u, t)
	if err != nil {
		return tokenRecord{}, err
	}
	renew := p.Renew
	if renew == nil {
		renew = refresh
	}
	token, err := renew(ctx, g)
	if err == nil && (token == nil || token.AccessToken == "") {
		err = errors.New("want a token")
	}
	if err != nil {
		return tokenRecord{}, withoutURL(err)
	}
	return t.next(token, a.now()), nil
}

// acting returns the grant of u, who has the token t of p, and a context for the
// functions of p.
func (p *provider) acting(ctx context.Context, u *User, t tokenRecord) (context.Context, *Grant, error) {
	md, err := p.metadata(ctx)
	if err != nil {
		return ctx, nil, err
	}
	c := newClient(p.base, &p.Provider, md.Endpoint.TokenURL)
	return context.WithValue(ctx, oauth2.HTTPClient, c), newGrant(p, md, u, t, c, nil), nil
}

// refresh is RFC 6749 section 6.
func refresh(ctx context.Context, g *Grant) (*oauth2.Token, error) {
	c := oauth2.Config{ClientID: g.Provider.ClientID, ClientSecret: g.Provider.ClientSecret, Endpoint: g.Metadata.Endpoint}
	return c.TokenSource(ctx, &oauth2.Token{RefreshToken: g.Token.RefreshToken}).Token()
}

// next returns the record of the token that came in the place of t. What it does
// not say stays as it was.
func (t tokenRecord) next(token *oauth2.Token, now time.Time) tokenRecord {
	n := tokenRecord{
		Token: oauth2.Token{
			AccessToken: token.AccessToken, TokenType: token.TokenType,
			RefreshToken: token.RefreshToken, Expiry: token.Expiry,
		},
		idToken: t.idToken, scopes: scopesOf(token, t.scopes), issued: now,
	}
	if !n.Expiry.IsZero() && !now.Before(n.Expiry) {
		n.Expiry = time.Time{} // nobody gives out a token that has ended: when it does is unknown
	}
	if n.RefreshToken == "" {
		n.RefreshToken = t.RefreshToken
	}
	if idToken, _ := token.Extra("id_token").(string); idToken != "" {
		n.idToken = idToken
	}
	return n
}

// newGrant returns the grant of a session that holds t, acting through c.
func newGrant(p *provider, md *Metadata, u *User, t tokenRecord, c *http.Client, refused func()) *Grant {
	user := u.clone()
	g := &Grant{
		Provider: p.Provider.clone(), Metadata: *md, User: &user,
		Token: t.token(), IDToken: t.idToken, Scopes: slices.Clone(t.scopes),
	}
	g.Metadata.Algorithms = slices.Clone(md.Algorithms)
	g.Client = newUserClient(c, g, refused)
	return g
}

// withdrawn reports whether err of a renewal means that the provider has ended what
// the login began.
func withdrawn(err error) bool {
	var re *oauth2.RetrieveError
	return errors.Is(err, ErrLoginRequired) || errors.As(err, &re) && re.ErrorCode == "invalid_grant"
}
