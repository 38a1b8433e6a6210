package generic

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	jose "github.com/go-jose/go-jose/v4"
)

// maxKeys bounds the work that a key set without key IDs can cause.
const maxKeys = 100

// algorithms returns the signatures that can be verified. HMAC is not among them:
// where a public key may be taken for a shared secret, a token can be forged
// (RFC 8725 section 2.1). Nor is none.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512,
		jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512,
		jose.EdDSA,
	}
}

func supported(alg string) bool {
	return slices.Contains(algorithms(), jose.SignatureAlgorithm(alg))
}

// A key is a published public key that is fit for verifying signatures.
type key struct {
	id     string
	alg    string // the only algorithm it may be used with; empty: any that fits
	public any
}

// fits reports whether a signature of that algorithm can be the key's.
func (k key) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return len(alg) == 5 && (alg[:2] == "RS" || alg[:2] == "PS")
	case *ecdsa.PublicKey:
		switch alg {
		case "ES256", "ES384":
			return alg[2:] == strconv.Itoa(p.Curve.Params().BitSize)
		case "ES512":
			return p.Curve.Params().BitSize == 521
		}
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// parseKeys reads a JWK Set (RFC 7517 section 5). Keys that cannot be used are
// skipped, so that one of them does not stop all logins.
func parseKeys(body []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("not a JWK Set")
	}
	var keys []key
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok && len(keys) < maxKeys {
			keys = append(keys, k)
		}
	}
	if keys == nil {
		return nil, errors.New("the JWK Set has no usable key")
	}
	return keys, nil
}

// jwk leaves out the certificates: they prove nothing here, and go-jose would
// refuse a key for them.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid,omitempty"`
	Algorithm  string   `json:"alg,omitempty"`
	Use        string   `json:"use,omitempty"`
	Operations []string `json:"key_ops,omitempty"`
	Curve      string   `json:"crv,omitempty"`
	N          string   `json:"n,omitempty"`
	E          string   `json:"e,omitempty"`
	X          string   `json:"x,omitempty"`
	Y          string   `json:"y,omitempty"`
	D          string   `json:"d,omitempty"`
}

func parseKey(raw []byte) (key, bool) {
	var w jwk
	if json.Unmarshal(raw, &w) != nil {
		return key{}, false
	}
	if w.Use != "" && w.Use != "sig" || w.Operations != nil && !slices.Contains(w.Operations, "verify") {
		return key{}, false // RFC 7517 sections 4.2 and 4.3
	}
	w.Use, w.Operations = "", nil
	public, err := json.Marshal(w)
	if err != nil {
		return key{}, false
	}
	var k jose.JSONWebKey
	if k.UnmarshalJSON(public) != nil || !strong(k.Key, w) {
		return key{}, false
	}
	return key{id: w.ID, alg: w.Algorithm, public: k.Key}, true
}

// strong asks for a public key, since a private one that is published is
// everybody's; for RSA from 2048 bits (RFC 8725 section 3.5), the NIST curves of
// RFC 7518, which are all that go-jose reads, and Ed25519. RSA above 8192 bits
// only serves to keep a processor busy.
func strong(public any, w jwk) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return true
	case ed25519.PublicKey:
		// go-jose pads and cuts.
		x, err := base64.RawURLEncoding.DecodeString(w.X)
		return err == nil && len(x) == ed25519.PublicKeySize
	}
	return false
}
