package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/doorlatch/login"
)

const (
	goodFor  = time.Minute // how long a token that was revoked is still believed
	badFor   = 10 * time.Second
	maxKnown = 1000 // tokens, of each kind
	maxBody  = 1 << 20
)

// UserInfo verifies access tokens by asking the issuer's userinfo endpoint
// (OpenID Connect Core section 5.3): for issuers whose tokens are opaque.
//
// The answer says who, and not for whom: a token that the person gave to any
// other application of the issuer is good here, too. Use this only where you
// trust all of the issuer's applications, such as a company's own. It does not
// know programs, since they are nobody's token.
type UserInfo struct {
	URL string

	// Provider is as in [JWT].
	Provider string

	// Scopes are what every token is good for. The answer does not say.
	Scopes []string

	// The bad are apart, so that somebody who makes tokens up pushes no good
	// one out.
	good, bad cache
}

// Verify implements [Verifier].
func (v *UserInfo) Verify(ctx context.Context, token string) (*login.User, []string, error) {
	if len(token) > maxToken {
		return nil, nil, fmt.Errorf("%w: too long", ErrToken)
	}
	key := sha256.Sum256([]byte(token)) // a copy of this memory holds no token
	if u, ok := v.good.get(key); ok {
		return &u, v.Scopes, nil
	}
	if _, ok := v.bad.get(key); ok {
		return nil, nil, ErrToken
	}
	var c struct {
		Sub, Name, Email, Picture string
		Username                  string `json:"preferred_username"`
		EmailVerified             any    `json:"email_verified"`
	}
	err := getJSON(ctx, v.URL, token, &c)
	if errors.Is(err, ErrToken) {
		v.bad.put(key, login.User{}, badFor)
	}
	if err == nil && c.Sub == "" {
		err = errors.New("want a sub")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("userinfo: %w", err)
	}
	u := login.User{Provider: v.Provider, ID: c.Sub, Username: c.Username, Name: c.Name, Picture: c.Picture}
	if c.EmailVerified == true {
		u.Email = c.Email
	} else {
		u.UnverifiedEmail = c.Email
	}
	v.good.put(key, u, goodFor)
	return &u, v.Scopes, nil
}

// getJSON reads url into v, within bounds. It follows no redirect, which could
// lead a token, or us, anywhere (SSRF). If there is a token that is refused, the
// error is [ErrToken].
func getJSON(ctx context.Context, url, token string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(v)
	case http.StatusUnauthorized, http.StatusForbidden:
		if token != "" {
			return ErrToken
		}
	}
	return fmt.Errorf("want status 200, have %d", resp.StatusCode)
}

// cache keeps maxKnown users for a while. The zero value is empty.
type cache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]cached
}

type cached struct {
	user login.User
	ends time.Time
}

func (c *cache) get(key [sha256.Size]byte) (login.User, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.user, ok && time.Now().Before(e.ends)
}

func (c *cache) put(key [sha256.Size]byte, u login.User, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[[sha256.Size]byte]cached)
	}
	if len(c.entries) >= maxKnown { // those that have ended go, or else any one
		now := time.Now()
		for k, e := range c.entries {
			if !now.Before(e.ends) {
				delete(c.entries, k)
			}
		}
		for k := range c.entries {
			if len(c.entries) < maxKnown {
				break
			}
			delete(c.entries, k)
		}
	}
	c.entries[key] = cached{u, time.Now().Add(d)}
}
