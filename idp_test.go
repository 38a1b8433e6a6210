package login_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"
)

// certificates are what hosts show; only good is trusted.
type certificates struct {
	roots                                     *x509.CertPool
	good, foreign, expired, early, selfSigned tls.Certificate
}

const (
	issuerHost   = "id.example"
	tokenHost    = "token.example"
	keysHost     = "keys.example"
	userInfoHost = "userinfo.example"
	evilHost     = "evil.example"
)

// authority issues certificates that are valid at the time where the bubbles of
// testing/synctest begin, which is the year 2000.
var authority = sync.OnceValue(func() certificates {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: year(1990), NotAfter: year(2100), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	issue := func(parent *x509.Certificate, from, to int, names ...string) tls.Certificate {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names,
			NotBefore: year(from), NotAfter: year(to), KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if parent == nil {
			parent = leaf
		}
		signed, failed := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), key)
		if failed != nil {
			panic(failed)
		}
		return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	names := []string{issuerHost, tokenHost, keysHost, userInfoHost, evilHost}
	return certificates{
		roots: roots, good: issue(root, 1990, 2100, names...), foreign: issue(root, 1990, 2100, evilHost),
		expired: issue(root, 1990, 1999, names...), early: issue(root, 2090, 2100, names...), selfSigned: issue(nil, 1990, 2100, names...),
	}
})

// An idp is a provider with an endpoint on each of four hosts. It speaks OpenID
// Connect to those who ask for it, and OAuth 2.0 to others.
type idp struct {
	skew time.Duration // of its clock

	mu    sync.Mutex
	codes map[string]url.Values // authorization requests and who agreed to them
}

func newIDP() *idp { return &idp{codes: make(map[string]url.Values)} }

var idpKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// authorize is the person user agreeing to the request at location. It returns
// where the browser goes then.
func (p *idp) authorize(location, user string) string {
	u, err := url.Parse(location)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set("user", user)
	code := "CODE-CANARY-" + rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (p *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{
		"issuer":                                "https://" + issuerHost,
		"authorization_endpoint":                "https://" + issuerHost + "/authorize",
		"token_endpoint":                        "https://" + tokenHost + "/token",
		"jwks_uri":                              "https://" + keysHost + "/keys",
		"userinfo_endpoint":                     "https://" + userInfoHost + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"EdDSA"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
	})
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	form := func(key string) string { return r.PostFormValue(key) }
	p.mu.Lock()
	asked := p.codes[form("code")]
	delete(p.codes, form("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(form("code_verifier")))
	if asked == nil || form("client_secret") != "SECRET-CANARY" || asked.Get("redirect_uri") != form("redirect_uri") ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "invalid_grant"})
		return
	}
	answer := map[string]any{"access_token": "ACCESS-CANARY-" + asked.Get("user"), "token_type": "Bearer", "expires_in": 3600}
	if nonce := asked.Get("nonce"); nonce != "" {
		answer["id_token"] = sign(map[string]any{
			"iss": "https://" + issuerHost, "aud": "client", "sub": asked.Get("user"), "nonce": nonce,
			"iat": time.Now().Add(p.skew).Unix(), "exp": time.Now().Add(p.skew + time.Hour).Unix(),
		})
	}
	writeJSON(w, answer)
}

func sign(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"EdDSA","kid":"1"}`)) + "." + encode(payload)
	return input + "." + encode(ed25519.Sign(idpKey, []byte(input)))
}

func (p *idp) keys(w http.ResponseWriter, _ *http.Request) {
	x := base64.RawURLEncoding.EncodeToString(idpKey.Public().(ed25519.PublicKey))
	writeJSON(w, map[string]any{"keys": []any{map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": x}}})
}

func (p *idp) userInfo(w http.ResponseWriter, r *http.Request) {
	user, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ACCESS-CANARY-")
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(w, map[string]any{"sub": user, "name": "Name of " + user})
}

// evil answers anything as if it were the endpoint that was asked for.
func (p *idp) evil(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"access_token": "ACCESS-CANARY-mallory", "token_type": "Bearer", "sub": "mallory", "keys": []any{}})
}

func (p *idp) hosts() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		issuerHost: p.discovery, tokenHost: p.token, keysHost: p.keys, userInfoHost: p.userInfo, evilHost: p.evil,
	}
}

// RoundTrip reaches all hosts at once, without a network.
func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.hosts()[r.URL.Host](w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// provider is p as an application configures it: by its issuer, or by the literal
// of an OAuth 2.0 provider.
func (p *idp) provider(kind string) login.Provider {
	if kind == "oidc" {
		return generic.OIDC(generic.Config{
			Name: "idp", Label: "The Provider", ClientID: "client", ClientSecret: "SECRET-CANARY", Issuer: "https://" + issuerHost,
		})
	}
	return login.Provider{
		Name: "idp", Label: "The Provider", ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://" + issuerHost + "/authorize", TokenURL: "https://" + tokenHost + "/token", AuthStyle: oauth2.AuthStyleInParams,
		},
		API: []string{"https://" + userInfoHost},
		Identify: func(ctx context.Context, g *login.Grant) (*login.User, error) {
			var u struct{ Sub, Name string }
			err := g.Get(ctx, "/userinfo", &u)
			return &login.User{ID: u.Sub, Name: u.Name}, err
		},
	}
}

// A scene is an application at https://app.example, a provider, people, and a
// network between the application and the provider.
type scene struct {
	t *testing.T
	network
	idp  *idp
	auth *login.Auth
	app  http.Handler
	log  *lockedBuffer
}

func newScene(t *testing.T, kind string, change ...func(*login.Config)) *scene {
	t.Helper()
	p := newIDP()
	n := newNetwork(t, p.hosts())
	transport := &http.Transport{
		DialContext: n.dial, TLSClientConfig: &tls.Config{RootCAs: authority().roots}, TLSHandshakeTimeout: handshakeTimeout,
	}
	t.Cleanup(func() {
		time.Sleep(dialTimeout)
		if synctest.Wait(); n.busy() != 0 {
			t.Errorf("in the end %d requests are still being answered", n.busy())
		}
		transport.CloseIdleConnections()
	})
	s := newSceneOver(t, p, kind, transport, change...)
	s.network = n
	return s
}

// newSceneOver is a scene in which the application reaches p through transport.
func newSceneOver(t *testing.T, p *idp, kind string, transport http.RoundTripper, change ...func(*login.Config)) *scene {
	t.Helper()
	s := &scene{t: t, idp: p, log: new(lockedBuffer)}
	c := login.Config{
		URL: appURL, Key: testKey, Providers: []login.Provider{p.provider(kind)},
		Client: &http.Client{Transport: transport}, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if s.auth, err = login.New(c); err != nil {
		t.Fatal(err)
	}
	s.app = application(s.auth)
	return s
}

// application shows who is logged in at /, to users at /me, and at /token their
// access token.
func application(a *login.Auth) http.Handler {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := login.UserFrom(r.Context()); u != nil {
			io.WriteString(w, u.ID)
			return
		}
		io.WriteString(w, "nobody")
	})
	mux := http.NewServeMux()
	mux.Handle("/", hello)
	mux.Handle("/me", a.Require(hello))
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		tok, err := a.Token(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		io.WriteString(w, tok.AccessToken)
	})
	return a.Wrap(mux)
}

// browser is that of a person who is user at the provider, and agrees to
// everything. Between people and the two sites the network is always good.
func (s *scene) browser(user string) *browser {
	b := newBrowser(s.t)
	b.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == issuerHost {
			w := httptest.NewRecorder()
			w.Header().Set("Location", s.idp.authorize(r.URL.String(), user))
			w.WriteHeader(http.StatusFound)
			return w.Result(), nil
		}
		return within(s.app).RoundTrip(r)
	})
	return b
}

// within sends requests to h without any network.
func within(h http.Handler) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		served := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), r.Body)
		served.Header, served.Host, served.ContentLength = r.Header, r.URL.Host, r.ContentLength
		w := httptest.NewRecorder()
		h.ServeHTTP(w, served)
		resp := w.Result()
		resp.Request = r
		return resp, nil
	})
}

const appURL = "https://app.example"

// wants is that the page at path is what b sees.
func (s *scene) wants(b *browser, path, want string) {
	s.t.Helper()
	if resp, page := b.open(appURL + path); resp.StatusCode != http.StatusOK || page != want {
		s.t.Errorf("%s: got status %d, %q, want %q", path, resp.StatusCode, page, want)
	}
}
