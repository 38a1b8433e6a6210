package logintest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/doorlatch/login"
)

// signingKey is made when it is first needed, because that takes a while.
//
// Signing is written out here rather than left to a library: then the client
// under test does not verify its own library's work.
type signingKey struct {
	once sync.Once
	rsa  *rsa.PrivateKey
	id   string
	err  error
}

func (k *signingKey) load() error {
	k.once.Do(func() {
		if k.rsa, k.err = rsa.GenerateKey(rand.Reader, 2048); k.err == nil {
			sum := sha256.Sum256(k.rsa.N.Bytes())
			k.id = encode(sum[:8])
		}
	})
	return k.err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes a JWS of that type in compact form (RFC 7515 section 7.1).
func (k *signingKey) sign(typ string, claims map[string]any) (string, error) {
	if err := k.load(); err != nil {
		return "", err
	}
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": typ, "kid": k.id})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, sum[:])
	return text + "." + encode(signature), err
}

// verify reads the claims of a JWS that sign made.
func (k *signingKey) verify(jws string, claims any) error {
	if err := k.load(); err != nil {
		return err
	}
	i := strings.LastIndex(jws, ".")
	_, payload, ok := strings.Cut(jws[:max(i, 0)], ".")
	if !ok {
		return errors.New("it is not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(jws[i+1:])
	sum := sha256.Sum256([]byte(jws[:i]))
	if err != nil || rsa.VerifyPKCS1v15(&k.rsa.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return errors.New("its signature is not ours")
	}
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return errors.New("it is not a JWT")
	}
	return json.Unmarshal(b, claims)
}

// keys is the JWK set (RFC 7517 section 5).
func (s *Server) keys(c *call) {
	if err := s.key.load(); err != nil {
		c.refuse(http.StatusInternalServerError, err)
		return
	}
	public := s.key.rsa.PublicKey
	c.json(http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": s.key.id,
		"n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// idToken is OpenID Connect Core section 2.
func (s *Server) idToken(c *call, g *grant, access, nonce string) (string, error) {
	u := c.user(g.user)
	if u == nil {
		return "", fmt.Errorf("the user has no account here any more")
	}
	now := c.now()
	half := sha256.Sum256([]byte(access))
	claims := claimsOf(u, g.scopes)
	claims["iss"] = c.url
	claims["aud"] = c.clientID
	claims["iat"] = now.Unix()
	claims["exp"] = now.Unix() + int64(seconds(c.lifetime))
	claims["auth_time"] = g.authTime.Unix()
	claims["at_hash"] = encode(half[:len(half)/2])
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return s.key.sign("JWT", claims)
}

// claimsOf are the claims about u that the scopes ask for (OpenID Connect Core
// section 5.4).
func claimsOf(u *login.User, scopes []string) map[string]any {
	claims := map[string]any{"sub": u.ID}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	if slices.Contains(scopes, "profile") {
		set("name", u.Name)
		set("preferred_username", u.Username)
		set("picture", u.Picture)
	}
	if email, verified := address(u); email != "" && slices.Contains(scopes, "email") {
		claims["email"], claims["email_verified"] = email, verified
	}
	return claims
}
