package hostile

import (
	"crypto/sha256"
	"time"
)

// An IDToken is one before it is signed.
type IDToken struct {
	Alg     string
	Header  Object
	Claims  Object
	RawHead string // instead of Header
	Raw     string // instead of Claims
	Key     Key
	Login   *Login
	Keys    *Keys

	Finish func(jws string) string // the last word
}

func (p *Provider) newIDToken(l *Login) *IDToken {
	now := time.Now()
	sum := sha256.Sum256([]byte(l.Token))
	return &IDToken{
		Alg: "RS256", Header: Object{"alg": "RS256", "kid": p.Keys.Current.JWK["kid"], "typ": "JWT"},
		Key: p.Keys.Current, Keys: p.Keys, Login: l,
		Claims: l.Claims.With(Object{
			"iss": Issuer, "aud": ClientID, "nonce": l.Nonce,
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": l.At.Unix(), "at_hash": b64(sum[:16]),
		}),
	}
}

func (t *IDToken) sign() string {
	header, payload := t.RawHead, t.Raw
	if header == "" {
		header = t.Header.json()
	}
	if payload == "" {
		payload = t.Claims.json()
	}
	jws := t.Key.Sign(t.Alg, header, payload)
	if t.Finish != nil {
		jws = t.Finish(jws)
	}
	return jws
}
