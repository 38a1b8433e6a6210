package generic_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"
)

// fixed answers every request with the same bytes.
type fixed struct {
	body        []byte
	contentType string
}

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {f.contentType}},
		Body: io.NopCloser(bytes.NewReader(f.body)), Request: r,
	}, nil
}

// FuzzDiscovery: whatever a discovery document holds, nothing panics, and what is
// accepted keeps to the rules (F1, F3, D3): the issuer that was configured, endpoints
// over TLS without user and fragment, algorithms with public keys.
func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://op.example","authorization_endpoint":"https://op.example/a","token_endpoint":"https://op.example/t","jwks_uri":"https://op.example/k"}`), "application/json")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		p := generic.OIDC(generic.Config{Name: "op", ClientID: "client", ClientSecret: "hush-hush", Issuer: issuer})
		client := &http.Client{Transport: fixed{body, contentType}}
		m, err := p.Discover(context.WithValue(t.Context(), oauth2.HTTPClient, client), p)
		if err != nil {
			check(t, nil, err, "discovery")
			return
		}
		if !strings.Contains(strings.ToLower(contentType), "json") {
			t.Errorf("accepted the content type %q", contentType)
		}
		checkMetadata(t, m)
		checkStated(t, body, m)
		startWith(t, p, client, m)
	})
}

// checkMetadata holds m to the rules, with means of its own.
func checkMetadata(t *testing.T, m login.Metadata) {
	if m.Issuer != issuer {
		t.Errorf("accepted the issuer %q", m.Issuer)
	}
	for name, endpoint := range map[string]string{
		"authorization": m.Endpoint.AuthURL, "token": m.Endpoint.TokenURL, "keys": m.KeysURL,
		"userinfo": m.UserInfoURL, "revocation": m.RevocationURL, "end session": m.EndSessionURL,
	} {
		if endpoint == "" && slices.Contains([]string{"userinfo", "revocation", "end session"}, name) {
			continue
		}
		scheme, rest, ok := strings.Cut(endpoint, "://")
		authority, _, _ := strings.Cut(strings.ReplaceAll(rest, "?", "/"), "/")
		if !ok || !strings.EqualFold(scheme, "https") || authority == "" || strings.HasPrefix(authority, ":") ||
			strings.ContainsAny(authority, `@\`) || strings.ContainsAny(endpoint, "#\t\r\n\x00") {
			t.Errorf("accepted the %s endpoint %q", name, endpoint)
		}
	}
	known := strings.Fields("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA")
	for _, alg := range m.Algorithms {
		if !slices.Contains(known, alg) {
			t.Errorf("accepted the algorithm %q", alg)
		}
	}
	if len(m.Algorithms) == 0 {
		t.Error("accepted no algorithm, which may be taken for any")
	}
	if s := m.Endpoint.AuthStyle; s != oauth2.AuthStyleInHeader && s != oauth2.AuthStyleInParams {
		t.Errorf("got the auth style %v", s)
	}
}

// checkStated wants every endpoint of m to be what a member of the document says.
func checkStated(t *testing.T, body []byte, m login.Metadata) {
	stated := []any{""}
	d := json.NewDecoder(bytes.NewReader(body))
	for d.Token(); d.More(); {
		var value any
		if _, err := d.Token(); err != nil || d.Decode(&value) != nil {
			t.Fatalf("accepted what is no JSON object: %v", err)
		}
		stated = append(stated, value)
	}
	for _, endpoint := range []string{m.Issuer, m.Endpoint.AuthURL, m.Endpoint.TokenURL, m.KeysURL, m.UserInfoURL, m.RevocationURL, m.EndSessionURL} {
		if !slices.Contains(stated, any(endpoint)) {
			t.Errorf("%q does not stand in the document", endpoint)
		}
	}
}

// startWith sends a browser to the provider that was accepted: to its authorization
// endpoint, with each of our parameters once, or nowhere.
func startWith(t *testing.T, p login.Provider, client *http.Client, m login.Metadata) {
	a, err := login.New(login.Config{
		URL: "https://app.example", Key: []byte("0123456789abcdefghijklmnopqrstuv"),
		Providers: []login.Provider{p}, Client: client, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/login/op", nil))
	location := w.Header().Get("Location")
	if w.Code == http.StatusBadGateway && location == "" && w.Header().Get("Set-Cookie") == "" {
		return
	}
	base, query, _ := strings.Cut(location, "?")
	want, _, _ := strings.Cut(m.Endpoint.AuthURL, "?")
	if w.Code != http.StatusSeeOther || base != want {
		t.Fatalf("got status %d to %q, want 303 to %q", w.Code, location, m.Endpoint.AuthURL)
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatalf("got the query %q: %v", query, err)
	}
	for _, key := range []string{"state", "nonce", "redirect_uri", "client_id", "response_type", "code_challenge", "code_challenge_method"} {
		if len(q[key]) != 1 {
			t.Errorf("got %s %q, want one", key, q[key])
		}
	}
}

// A signed is a token, and what it takes to verify it.
type signed struct {
	alg    string
	public object
	jwt    string
}

const fuzzPayload = `{"sub":"1"}`

// fuzzTokens are made by constant keys, so that a corpus can hold the public halves,
// and are followed by tokens that no key has made.
func fuzzTokens(tb testing.TB) (good []signed, forged []string) {
	scalar := bytes.Repeat([]byte{1}, 32)
	ec, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		tb.Fatal(err)
	}
	sign := func(alg string, key pair) {
		jwt := key.sign(alg, `{"alg":"`+alg+`","kid":"1"}`, fuzzPayload)
		good = append(good, signed{alg, key.jwk, jwt})
		unsigned := jwt[:strings.LastIndexByte(jwt, '.')+1]
		for _, signature := range [][]byte{nil, make([]byte, 64), bytes.Repeat([]byte{0xff}, 64)} {
			forged = append(forged, unsigned+b64(signature))
		}
		forged = append(forged, key.sign("none", `{"alg":"none","kid":"1"}`, fuzzPayload))
	}
	sign("EdDSA", newPair("1", ed25519.NewKeyFromSeed(scalar)))
	sign("ES256", newPair("1", ec))
	return good, forged
}

// FuzzKeySet: whatever a key set holds, nothing panics, no more than a hundred keys
// are kept, and a signature counts only if the set has the key that made it, for that
// purpose (E5, E6, E10). Its bytes are no secret to make HMACs with (D3).
func FuzzKeySet(f *testing.F) {
	good, forged := fuzzTokens(f)
	f.Add([]byte(object{"keys": []object{good[0].public, good[1].public}}.json()))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n := generic.UsableKeys(string(body)); n > 100 {
			t.Errorf("got %d usable keys, want at most 100", n)
		}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: fixed{body, "application/json"}})
		set := generic.NewKeySet(issuer+"/keys", time.Now)
		for _, token := range good {
			payload, err := set.VerifySignature(ctx, token.jwt)
			if err == nil && (!publishes(body, token.alg, token.public) || string(payload) != fuzzPayload) {
				t.Errorf("%s: accepted %q by a key that is not in the set", token.alg, payload)
			}
		}
		tokens := forged
		secret := pair{jwk: object{}}
		if json.Unmarshal(body, &secret.jwk) == nil && secret.jwk != nil {
			tokens = append(slices.Clip(tokens), secret.sign("HS256", `{"alg":"HS256","kid":"1"}`, fuzzPayload))
		}
		for _, jwt := range tokens {
			if _, err := set.VerifySignature(ctx, jwt); err == nil {
				t.Errorf("accepted %s", jwt)
			}
		}
	})
}

// publishes reports whether the key set has the public key for verifying
// signatures of that algorithm, under the key ID 1.
func publishes(body []byte, alg string, public object) bool {
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal(body, &set) != nil {
		return false
	}
	for _, raw := range set.Keys {
		var k struct {
			Kty, Kid, Alg, Use, Crv, X, Y, D string
			Key_ops                          []string
		}
		if json.Unmarshal(raw, &k) != nil || k.Kid != "1" || k.D != "" || k.Alg != "" && k.Alg != alg ||
			k.Use != "" && k.Use != "sig" || k.Key_ops != nil && !slices.Contains(k.Key_ops, "verify") {
			continue
		}
		y, _ := public["y"].(string)
		if k.Kty == public["kty"] && k.Crv == public["crv"] && sameBytes(k.X, public["x"].(string)) && sameBytes(k.Y, y) {
			return true
		}
	}
	return false
}

// sameBytes compares two numbers in base64url, of which decoders skip line breaks
// and padding.
func sameBytes(x, y string) bool {
	decode := func(s string) []byte {
		b, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
		return b
	}
	return bytes.Equal(decode(x), decode(y))
}
