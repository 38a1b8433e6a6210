package generic_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"

	_ "crypto/sha512"
)

// object is a JSON object under construction. A nil value leaves the member out.
type object map[string]any

// edit changes some members.
func (o object) edit(changes object) object {
	o = maps.Clone(o)
	for name, v := range changes {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return o
}

func (o object) json() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// pair is a signature key and what a provider publishes of it.
type pair struct {
	private crypto.Signer
	jwk     object
}

func newPair(kid string, private crypto.Signer) pair {
	jwk := object{"kid": kid}
	switch k := private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(k.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		jwk["kty"], jwk["crv"] = "EC", k.Curve.Params().Name
		jwk["x"], jwk["y"] = b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(k)
	}
	return pair{private, jwk}
}

func newRSA(kid string, bits int) pair {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return newPair(kid, k)
}

func newEC(kid string, curve elliptic.Curve) pair {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return newPair(kid, k)
}

func newEd(kid string) pair {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return newPair(kid, k)
}

// rsaKey is made once, because that takes its time.
var rsaKey = sync.OnceValue(func() pair { return newRSA("k1", 2048) })

// sign makes a compact JWS of two pieces of text, which need not be sensible.
func (p pair) sign(alg, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	if alg == "none" {
		return input + "."
	}
	if strings.HasPrefix(alg, "HS") { // with the public key as the secret
		mac := hmac.New(sha256.New, []byte(p.jwk.json()))
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	var opts crypto.SignerOpts = hash
	digest := []byte(input)
	if alg == "EdDSA" {
		opts = crypto.Hash(0)
	} else {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	if alg[:2] == "PS" {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	if k, ok := p.private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		if err != nil {
			panic(err)
		}
		// By the algorithm, not by the curve, which may be the wrong one.
		size := max(map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg], (r.BitLen()+7)/8, (s.BitLen()+7)/8)
		sig := make([]byte, 2*size)
		r.FillBytes(sig[:size])
		s.FillBytes(sig[size:])
		return input + "." + b64(sig)
	}
	sig, err := p.private.Sign(rand.Reader, digest, opts)
	if err != nil {
		panic(err)
	}
	return input + "." + b64(sig)
}

// op is an OpenID provider of which everything can be changed.
type op struct {
	*httptest.Server
	t     testing.TB
	clock atomic.Pointer[time.Time]

	mu       sync.Mutex
	requests map[string]int
	handlers map[string]http.HandlerFunc // instead of the usual answers
	metadata object                      // changes to the usual metadata
	jwks     string
	userinfo object
	seen     http.Header // of the last request to userinfo
}

// start is the time of the provider's first login.
var start = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func newOP(t testing.TB) *op    { return startOP(t, httptest.NewServer) }
func newTLSOP(t testing.TB) *op { return startOP(t, httptest.NewTLSServer) }

func startOP(t testing.TB, serve func(http.Handler) *httptest.Server) *op {
	o := &op{t: t, requests: map[string]int{}, handlers: map[string]http.HandlerFunc{}}
	o.clock.Store(&start)
	o.publish(rsaKey())
	o.Server = serve(o)
	t.Cleanup(o.Close)
	return o
}

func (o *op) now() time.Time          { return *o.clock.Load() }
func (o *op) advance(d time.Duration) { t := o.now().Add(d); o.clock.Store(&t) }

func (o *op) count(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[path]
}

func (o *op) handle(path string, h http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handlers[path] = h
}

// publish replaces the key set.
func (o *op) publish(pairs ...pair) {
	keys := []object{}
	for _, p := range pairs {
		keys = append(keys, p.jwk)
	}
	o.publishJSON(object{"keys": keys}.json())
}

func (o *op) publishJSON(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jwks = s
}

func (o *op) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.requests[r.URL.Path]++
	handler, jwks, metadata, userinfo := o.handlers[r.URL.Path], o.jwks, o.metadata, o.userinfo
	if r.URL.Path == "/userinfo" {
		o.seen = r.Header.Clone()
		o.seen.Set("Query", r.URL.RawQuery)
	}
	o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case handler != nil:
		handler(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		fmt.Fprint(w, object{
			"issuer":                                o.URL,
			"authorization_endpoint":                o.URL + "/authorize",
			"token_endpoint":                        o.URL + "/token",
			"jwks_uri":                              o.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"},
		}.edit(metadata).json())
	case r.URL.Path == "/keys":
		fmt.Fprint(w, jwks)
	case r.URL.Path == "/userinfo" && userinfo != nil:
		fmt.Fprint(w, userinfo.json())
	default:
		http.NotFound(w, r)
	}
}

// provider returns an OIDC provider for o.
func (o *op) provider(c generic.Config) login.Provider {
	c.Name, c.ClientID, c.ClientSecret = "op", "client", "hush-hush"
	if c.Issuer == "" {
		c.Issuer = o.URL
	}
	return generic.OIDCAt(c, o.now)
}

// ctx is what the functions of a Provider get.
func (o *op) ctx() context.Context {
	return context.WithValue(context.Background(), oauth2.HTTPClient, o.Client())
}

func (o *op) discover(p login.Provider) login.Metadata {
	o.t.Helper()
	m, err := p.Discover(o.ctx(), p)
	if err != nil {
		o.t.Fatalf("Discover: %v", err)
	}
	return m
}

// claims are those of a good ID token.
func (o *op) claims() object {
	return object{
		"iss": o.URL, "aud": "client", "sub": "user-1", "nonce": "the-nonce",
		"iat": o.now().Unix(), "exp": o.now().Add(time.Hour).Unix(),
	}
}

// token signs the claims with the RSA key.
func (o *op) token(changes object) string {
	return rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`, o.claims().edit(changes).json())
}

// grant is what a login with that ID token brings.
func (o *op) grant(p login.Provider, m login.Metadata, idToken string) *login.Grant {
	return &login.Grant{
		Provider: p, Metadata: m, Nonce: "the-nonce", IDToken: idToken,
		Token:  &oauth2.Token{AccessToken: "access-token", TokenType: "Bearer"},
		Client: &http.Client{Transport: bearer{o.Client().Transport, p.Authorize}},
	}
}

// bearer attaches the token, as grant.Client of a real login does.
type bearer struct {
	base      http.RoundTripper
	authorize func(*http.Request, *login.Grant)
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.authorize != nil {
		b.authorize(r, &login.Grant{Token: &oauth2.Token{AccessToken: "access-token"}})
	} else {
		r.Header.Set("Authorization", "Bearer access-token")
	}
	return b.base.RoundTrip(r)
}

// check compares an error with what a row of a table wants: "" is success.
func check(t *testing.T, u *login.User, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Fatalf("got error %v, want a user", err)
	case want == "":
		return
	case err == nil:
		t.Fatalf("got user %+v, want error %q", u, want)
	case !errors.Is(err, login.ErrProvider):
		t.Errorf("got error %v, want one that wraps ErrProvider", err)
	case !strings.Contains(err.Error(), want):
		t.Errorf("got error %q, want one with %q", err, want)
	}
	for _, secret := range []string{"access-token", "the-nonce", "hush-hush", "eyJ"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q holds %q", err, secret)
		}
	}
}
