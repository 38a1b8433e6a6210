package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// issuer publishes keys and makes tokens, false ones too.
type issuer struct {
	*httptest.Server
	t       *testing.T
	key     *rsa.PrivateKey
	kid     string
	fetches atomic.Int32
	answer  atomic.Pointer[http.HandlerFunc] // in place of the keys
}

func newIssuer(t *testing.T) *issuer {
	s := &issuer{t: t, kid: "one"}
	s.rotate("one")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		if h := s.answer.Load(); h != nil {
			(*h)(w, r)
			return
		}
		json.NewEncoder(w).Encode(s.published())
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *issuer) published() object {
	n, e := encode(s.key.N.Bytes()), encode(big.NewInt(int64(s.key.E)).Bytes())
	return object{"keys": []object{
		{"kty": "unheard of", "kid": "strange"},
		{"kty": "RSA", "kid": "encryption", "use": "enc", "n": n, "e": e},
		{"kty": "RSA", "kid": s.kid, "use": "sig", "alg": "RS256", "n": n, "e": e},
	}}
}

func (s *issuer) rotate(kid string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	s.key, s.kid = key, kid
}

func (s *issuer) set(h http.HandlerFunc) { s.answer.Store(&h) }

func (s *issuer) verifier() *JWT {
	return &JWT{Issuer: s.URL, KeysURL: s.URL, Audience: audience, Provider: "oidc"}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

type object = map[string]any

// token makes one without fault, but for what is changed; nil takes a name away.
func (s *issuer) token(header, claims object) string {
	h := object{"alg": "RS256", "typ": "at+jwt", "kid": s.kid}
	c := object{
		"iss": s.URL, "aud": audience, "sub": "7", "client_id": "app", "scope": "notes:write other", "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for _, pair := range [][2]object{{h, header}, {c, claims}} {
		maps.Copy(pair[0], pair[1])
		maps.DeleteFunc(pair[0], func(_ string, v any) bool { return v == nil })
	}
	text := encode(s.json(h)) + "." + encode(s.json(c))
	return text + "." + encode(s.signature(h["alg"], text))
}

func (s *issuer) json(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *issuer) signature(alg any, text string) []byte {
	switch alg {
	case "none":
		return nil
	case "HS256": // with what everybody knows as the secret
		public, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
		if err != nil {
			s.t.Fatal(err)
		}
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	sum := sha256.Sum256([]byte(text))
	b, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if alg == "PS256" {
		b, err = rsa.SignPSS(rand.Reader, s.key, crypto.SHA256, sum[:], nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
