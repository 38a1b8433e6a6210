package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/doorlatch/login"
	jose "github.com/go-jose/go-jose/v4"
)

// JWT verifies access tokens that are JWTs of one issuer (RFC 9068). Nobody is
// asked, so a token that was revoked is good until it expires: let tokens live
// for minutes.
type JWT struct {
	// Issuer is compared with iss. KeysURL is the jwks_uri of its metadata.
	Issuer, KeysURL string

	// Audience is this API's identifier at the issuer. It is not a client ID:
	// that is the audience of ID tokens.
	Audience string

	// Provider is the name in login.Config of the provider at which these people
	// log in: then they are the same users with a token and with a session.
	Provider string

	// Types are the values of typ to accept. If empty, it is "at+jwt", and tokens
	// without typ. Some issuers write "JWT" into both kinds of tokens; what then
	// tells them apart is the audience.
	Types []string

	keys keys
}

// Verify implements [Verifier].
func (v *JWT) Verify(ctx context.Context, token string) (*login.User, []string, error) {
	if v.Issuer == "" || v.Audience == "" {
		return nil, nil, errors.New("want an issuer and an audience to compare with")
	}
	if len(token) > maxToken || !v.rightType(token) {
		return nil, nil, fmt.Errorf("%w: not a JWT of the right type", ErrToken)
	}
	signature := &judgement{keys: &v.keys, url: v.KeysURL}
	t, err := oidc.NewVerifier(v.Issuer, signature, &oidc.Config{
		ClientID: v.Audience, SupportedSigningAlgs: algorithms(),
	}).Verify(ctx, token)
	if signature.outage != nil {
		return nil, nil, signature.outage
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	var c struct {
		Scope    string
		ClientID string `json:"client_id"`
		CHash    string `json:"c_hash"`
		Events   any
	}
	if err := t.Claims(&c); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	switch {
	case t.Subject == "":
		return nil, nil, fmt.Errorf("%w: no sub", ErrToken)
	case t.Nonce != "" || t.AccessTokenHash != "" || c.CHash != "" || c.Events != nil:
		// ID tokens tell a client who logged in. They are shown around as hints,
		// and allow nothing. Logout tokens have events.
		return nil, nil, fmt.Errorf("%w: an ID token or a logout token", ErrToken)
	}
	u := &login.User{Provider: v.Provider, ID: t.Subject}
	if t.Subject == c.ClientID {
		// A program that acts for itself is nobody's user, whatever it chose
		// for its name (RFC 9068 section 5).
		u.Provider = "client"
	}
	return u, strings.Fields(c.Scope), nil
}

// algorithms are those with a key pair. With HMAC, the issuer's public key would
// pass for the secret; "none" is no signature at all (RFC 8725 section 2.1).
func algorithms() []string { return []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.EdDSA} }

// rightType reads the header only; nothing in it is believed before the
// signature is verified.
func (v *JWT) rightType(token string) bool {
	encoded, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	var h struct{ Typ string }
	if err != nil || json.Unmarshal(data, &h) != nil {
		return false
	}
	typ := strings.TrimPrefix(strings.ToLower(h.Typ), "application/")
	if len(v.Types) == 0 {
		return typ == "at+jwt" || typ == ""
	}
	return slices.ContainsFunc(v.Types, func(t string) bool { return strings.EqualFold(t, typ) })
}

const (
	keysFresh = time.Hour        // how long a key that was withdrawn is still believed
	keysStale = 24 * time.Hour   // the same, while the issuer cannot be reached
	keysEvery = 10 * time.Second // strangers' tokens must not make us hammer the issuer
)

// keys are the published keys of the issuer. (The RemoteKeySet of go-oidc would
// fetch for every token with an unknown key ID, and keep old keys for ever.)
type keys struct {
	fetch sync.Mutex // held during a fetch

	mu             sync.Mutex // guards what follows
	set            []jose.JSONWebKey
	fetched, tried time.Time
}

// current returns the keys, after a fetch if they are older than maxAge. There is
// one fetch at a time, and nobody who has keys waits for that of another.
func (k *keys) current(ctx context.Context, url string, maxAge time.Duration) ([]jose.JSONWebKey, error) {
	set, age, _ := k.read()
	if age < maxAge || age < keysStale && !k.fetch.TryLock() {
		return set, nil
	}
	if age >= keysStale {
		k.fetch.Lock()
	}
	defer k.fetch.Unlock()
	set, age, tried := k.read() // others may have been here meanwhile
	err := errors.New("there was no answer a moment ago")
	if age >= maxAge && tried >= keysEvery {
		// The next requests need the keys, too, if this one is given up.
		if err = k.load(context.WithoutCancel(ctx), url); err == nil {
			set, age, _ = k.read()
		}
	}
	if age >= keysStale {
		return nil, fmt.Errorf("keys of the issuer: %w", err)
	}
	return set, nil
}

func (k *keys) read() (set []jose.JSONWebKey, age, tried time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set, time.Since(k.fetched), time.Since(k.tried)
}

// load skips keys that cannot be used, so that one of them does not shut
// everybody out.
func (k *keys) load(ctx context.Context, url string) error {
	k.mu.Lock()
	k.tried = time.Now()
	k.mu.Unlock()
	var published struct{ Keys []json.RawMessage }
	if err := getJSON(ctx, url, "", &published); err != nil {
		return err
	}
	var set []jose.JSONWebKey
	for _, raw := range published.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && key.IsPublic() && key.Use != "enc" {
			set = append(set, key)
		}
	}
	if set == nil {
		return errors.New("none is usable")
	}
	k.mu.Lock()
	k.set, k.fetched = set, k.tried
	k.mu.Unlock()
	return nil
}

// judgement is an oidc.KeySet for one token. It remembers an outage, which go-oidc
// would turn into text.
type judgement struct {
	keys   *keys
	url    string
	outage error
}

func (j *judgement) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	var signatures []jose.SignatureAlgorithm
	for _, alg := range algorithms() {
		signatures = append(signatures, jose.SignatureAlgorithm(alg))
	}
	jws, err := jose.ParseSignedCompact(token, signatures)
	if err != nil {
		return nil, err
	}
	h := jws.Signatures[0].Protected
	for _, maxAge := range []time.Duration{keysFresh, keysEvery} { // the issuer may have changed its key just now
		set, err := j.keys.current(ctx, j.url, maxAge)
		if err != nil {
			j.outage = err
			return nil, err
		}
		for _, key := range set {
			if h.KeyID != "" && h.KeyID != key.KeyID || key.Algorithm != "" && key.Algorithm != h.Algorithm {
				continue
			}
			if payload, err := jws.Verify(key.Key); err == nil {
				return payload, nil
			}
		}
	}
	return nil, errors.New("no key of the issuer verifies the signature")
}
