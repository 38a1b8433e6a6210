package replicastest

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// canary is a user whose name, e-mail address and ID are found wherever they are.
var canary = login.User{
	ID: "canary-id-5309", Username: "canaryhandle", Name: "Canary Lovelace", Email: "canary.mail@example.com", Picture: "https://example.com/canary.png",
}

// Whoever reads all that the engine holds, after renewals, a logout and an end, finds
// neither a token nor anything about the person.
func nothingInClear(t *testing.T, s *suite) {
	w := newSite(t, s)
	w.provider.Set(func(p *logintest.Server) { p.Users = append(p.Users, canary) })
	secrets := []string{canary.ID, canary.Username, canary.Name, canary.Email, canary.Picture, w.provider.ClientSecret}
	before := slices.Collect(maps.Values(s.Contents(t, s.URL)))
	var leaves []*http.Cookie
	for range 2 {
		leaves = w.logInBriefly(canary.ID, 0)
		renewed := w.want(0, http.MethodGet, "/token", leaves, http.StatusOK)
		if again := w.want(1, http.MethodGet, "/token", leaves, http.StatusOK); again != renewed {
			t.Errorf("got the token %q at the other replica, want %q", again, renewed)
		}
		secrets = append(secrets, renewed)
	}
	w.want(0, http.MethodPost, "/logout", leaves, http.StatusSeeOther)
	w.want(0, http.MethodPost, "/end/"+canary.ID, nil, http.StatusOK)
	secrets = append(secrets, w.sent()...)
	for _, c := range leaves {
		if len(c.Value) > 8 {
			secrets = append(secrets, c.Value)
		}
	}
	added := 0
	for where, what := range s.Contents(t, s.URL) {
		if !slices.Contains(before, what) {
			added++
		}
		for _, text := range decoded(where+" "+what, 3) {
			for _, secret := range secrets {
				if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
					t.Errorf("%s: got %q in %q", where, secret, what)
				}
			}
		}
	}
	if added != 4 {
		t.Errorf("got %d things more than before, want two results, a session and a user", added)
	}
}

// sent returns the codes and tokens that replicas have sent to the provider.
func (w *site) sent() (secrets []string) {
	for _, r := range w.provider.Requests() {
		for _, name := range []string{"code", "refresh_token", "code_verifier"} {
			if v := r.Form.Get(name); v != "" {
				secrets = append(secrets, v)
			}
		}
	}
	return secrets
}

// decoded returns text, and what it is after up to so many rounds of decoding each part
// that may be hex or base64, begun at each of four places.
func decoded(text string, rounds int) []string {
	all := []string{text}
	if rounds == 0 {
		return all
	}
	alphabet := strings.NewReplacer("+", "-", "/", "_")
	for _, part := range strings.FieldsFunc(text, func(c rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_", c)
	}) {
		if b, err := hex.DecodeString(strings.TrimPrefix(part, "x")); err == nil && len(b) > 8 { // PostgreSQL says \x
			all = append(all, decoded(string(b), rounds-1)...)
		}
		for i := range 4 {
			if len(part) < 16+i {
				continue
			}
			rest := alphabet.Replace(part[i:])
			if b, err := base64.RawURLEncoding.DecodeString(rest[:len(rest)-len(rest)%4]); err == nil {
				all = append(all, decoded(string(b), rounds-1)...)
			}
		}
	}
	return all
}
