package hostile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
)

// An Object is a JSON object under construction.
type Object map[string]any

// With returns o with some members changed; nil leaves a member out.
func (o Object) With(changes Object) Object {
	o = maps.Clone(o)
	for name, v := range changes {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return o
}

func (o Object) json() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A Key signs ID tokens. JWK is what is published of it.
type Key struct {
	private crypto.Signer
	JWK     Object
}

// Keys are those of a provider, and of others who would like to be it. They take
// time to make, so that several providers may share them.
type Keys struct {
	Current, Next Key // of the provider: before and after it changed its key
	Short         Key // RSA of 1024 bits
	EC            Key
	Thief         Key
}

// NewKeys makes keys.
func NewKeys() *Keys {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return &Keys{
		Current: newRSA("current", 2048), Next: newRSA("next", 2048), Short: newRSA("short", 1024),
		EC:    Key{ec, Object{"kty": "EC", "kid": "ec", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}},
		Thief: newRSA("thief", 2048),
	}
}

func newRSA(kid string, bits int) Key {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return Key{k, Object{"kty": "RSA", "kid": kid, "n": b64(k.N.Bytes()), "e": "AQAB"}}
}

// Private returns the JWK with the private exponent, which is not to be
// published.
func (k Key) Private() Object {
	return k.JWK.With(Object{"d": b64(k.private.(*rsa.PrivateKey).D.Bytes())})
}

// Sign makes a compact JWS of two texts, which need not make sense. Of the
// algorithms it knows RS256, PS256, ES256, HS256 with the public key as the
// secret, and none.
func (k Key) Sign(alg, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	var sig []byte
	var err error
	switch alg {
	case "none":
	case "HS256":
		mac := hmac.New(sha256.New, []byte(k.JWK.json()))
		mac.Write([]byte(input))
		sig = mac.Sum(nil)
	case "PS256":
		sig, err = k.private.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "ES256":
		r, s, e := ecdsa.Sign(rand.Reader, k.private.(*ecdsa.PrivateKey), digest[:])
		sig, err = make([]byte, 64), e
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	default:
		sig, err = k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + b64(sig)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
