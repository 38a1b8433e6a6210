package login

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	mathrand "math/rand/v2"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"
)

// tapped is a source of random bytes that keeps what it gave.
type tapped struct {
	io.Reader
	given bytes.Buffer
}

func (s *tapped) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.given.Write(b[:n])
	return n, err
}

// tapRandom puts a source of known bytes in place of crypto/rand's until the test
// ends.
func tapRandom(t *testing.T) *tapped {
	s := &tapped{Reader: mathrand.NewChaCha8([32]byte{1})}
	old := rand.Reader
	rand.Reader = s
	t.Cleanup(func() { rand.Reader = old })
	return s
}

// T6, T22: state, verifier and nonce are 256 bits each of crypto/rand, and the ID
// of a session is 128, whole and apart from each other.
func TestRandomSource(t *testing.T) {
	a := newNextAuth(t, func(p *Provider) { p.Scopes = []string{"openid"} })
	source := tapRandom(t)
	f := newFlow(&Provider{}, &Metadata{}, "/", time.Now())
	given := source.given.Bytes()
	for name, value := range map[string]string{"state": f.state, "verifier": f.verifier, "nonce": f.nonce} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(value)
		at := bytes.Index(given, b)
		if err != nil || len(b) != 32 || at < 0 {
			t.Errorf("%s: got %q, %v, want 32 of the bytes from crypto/rand", name, value, err)
			continue
		}
		given = slices.Concat(given[:at], given[at+32:]) // what one has is not for another
	}
	source.given.Reset()
	w := httptest.NewRecorder()
	if err := a.begin(w, httptest.NewRequest("GET", "/", nil), f, &User{Provider: "fake", ID: "17"}, &Grant{}); err != nil {
		t.Fatal(err)
	}
	b, ok := a.identities.open(a.cookies.base, w.Result().Cookies()[0].Value)
	s, read := readSession(b)
	if !ok || !read || !bytes.Contains(source.given.Bytes(), s.id[:]) {
		t.Errorf("got the session ID %x, want 16 of the bytes from crypto/rand", s.id)
	}
}

// T6, T22: in a hundred thousand logins nothing random comes twice, no bit of it
// is fixed, and the verifier has the form of RFC 7636 section 4.1.
func TestNothingRandomTwice(t *testing.T) {
	const flows = 100000
	seen := make(map[[32]byte]bool, 3*flows)
	var ones [3][256]int
	for range flows {
		f := newFlow(&Provider{}, &Metadata{}, "/", time.Now())
		for kind, value := range []string{f.state, f.verifier, f.nonce} {
			b, err := base64.RawURLEncoding.Strict().DecodeString(value)
			if err != nil || len(value) != 43 || seen[[32]byte(b)] {
				t.Fatalf("got %q, %v, want 43 characters that were not there before", value, err)
			}
			seen[[32]byte(b)] = true
			for i := range ones[kind] {
				ones[kind][i] += int(b[i/8] >> (i % 8) & 1)
			}
		}
	}
	for kind, name := range []string{"state", "verifier", "nonce"} {
		for i, n := range ones[kind] {
			if n < flows*45/100 || n > flows*55/100 {
				t.Errorf("bit %d of the %s is set in %d of %d", i, name, n, flows)
			}
		}
	}
}

// T6, A2: each authorization request carries the S256 challenge of its own
// verifier, and the verifier stays here.
func TestChallenge(t *testing.T) {
	p := &Provider{ClientID: "client", Scopes: []string{"openid"}, RedirectURL: "https://app.example/callback/fake"}
	md := &Metadata{}
	md.Endpoint.AuthURL = "https://provider.example/authorize"
	for range 1000 {
		f := newFlow(p, md, "/", time.Now())
		location := f.authURL(p, md)
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(f.verifier))
		q := u.Query()
		if q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || q.Get("code_challenge_method") != "S256" ||
			q.Get("state") != f.state || q.Get("nonce") != f.nonce || bytes.Contains([]byte(location), []byte(f.verifier)) {
			t.Fatalf("got %s for the verifier %s", location, f.verifier)
		}
	}
}
