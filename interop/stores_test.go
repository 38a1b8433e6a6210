package interop_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login/logintest"
)

// With sessions in each engine, a person logs in, is known, has a token and a renewed
// one, becomes somebody else and leaves (R12, H6). The engine holds one record all the
// time, which is new with each login and gone after the last (T19), and which tells
// nothing to who reads it there.
func TestStores(t *testing.T) {
	for _, kind := range engines {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			e := kind.start(t)
			s := newStoreSite(t, e)
			const lifetime = 2 * time.Second
			s.provider.Set(func(p *logintest.Server) { p.TokenLifetime = lifetime })
			ada := s.logIn(storeUsers[0], nil)
			s.provider.Set(func(p *logintest.Server) { p.TokenLifetime = time.Hour })
			first, held := e.one(t)
			checkSealed(t, held, s.secrets())
			old := ada.copied()

			fresh := s.checkRenewal(e, ada, lifetime)
			same, held := e.one(t)
			if same != first {
				t.Errorf("the renewed token is in the record %q, want %q", same, first)
			}
			checkSealed(t, held, s.secrets(strings.Fields(fresh)...))

			grace := s.logIn(storeUsers[1], ada)
			second, held := e.one(t)
			if second == first {
				t.Error("the record of the login before is used again")
			}
			checkSealed(t, held, s.secrets())
			s.checkEnded(old)
			old = grace.copied()
			if a := old.ask("/me"); a.status != http.StatusOK || !strings.Contains(a.body, storeUsers[1].Name) {
				t.Errorf("got status %d, %s, want %s", a.status, a.body, storeUsers[1].Name)
			}

			if a := grace.logOut(); a.status != http.StatusOK || !strings.Contains(a.body, "nobody") {
				t.Errorf("logout: got status %d, %s", a.status, a.body)
			}
			if left := e.records(); len(left) > 0 {
				t.Errorf("got %d records after the logout, want none", len(left))
			}
			if left := grace.cookies(); len(left) > 0 {
				t.Errorf("got the cookies %v after the logout, want none", left)
			}
			s.checkEnded(old)
			if p := s.provider.Problems(); len(p) > 0 {
				t.Error(p)
			}
		})
	}
}

// checkRenewal fails the test unless the token of c is renewed, once, and is what all
// replicas hand out from then on. It returns it.
func (s *storeSite) checkRenewal(e *engine, c *webClient, lifetime time.Duration) string {
	s.t.Helper()
	_, before := e.one(s.t)
	s.awaitEnd(lifetime)
	a := c.ask("/token")
	s.mu.Lock()
	first := s.grants[0].Token
	s.mu.Unlock()
	if access, _, _ := strings.Cut(a.body, " "); a.status != http.StatusOK || access == "" || access == first.AccessToken {
		s.t.Fatalf("got status %d, and the token %q, want a renewed one", a.status, a.body)
	}
	if again := c.ask("/token"); again.body != a.body {
		s.t.Errorf("got another token a moment later: %q, want %q", again.body, a.body)
	}
	if got := c.at(s.replica(), "/token"); got != http.StatusOK {
		s.t.Errorf("another replica: got status %d, want 200", got)
	}
	if _, after := e.one(s.t); after == before {
		s.t.Error("the record does not hold the renewed token")
	}
	renewals := 0
	for _, r := range s.provider.Requests() {
		if r.Form.Get("grant_type") == "refresh_token" {
			renewals++
		}
	}
	if renewals != 1 {
		s.t.Errorf("got %d renewals, want 1", renewals)
	}
	return a.body
}

// checkEnded fails the test unless the cookies of c are worth nothing, where the
// session ended and elsewhere.
func (s *storeSite) checkEnded(c *webClient) {
	s.t.Helper()
	if a := c.ask("/me"); a.status != http.StatusUnauthorized {
		s.t.Errorf("with the cookies of before: got status %d, want 401", a.status)
	}
	for _, path := range []string{"/me", "/token"} {
		if got := c.at(s.replica(), path); got != http.StatusUnauthorized {
			s.t.Errorf("%s at another replica, with the cookies of before: got status %d, want 401", path, got)
		}
	}
}

// one returns the only record.
func (e *engine) one(t *testing.T) (id, held string) {
	t.Helper()
	all := e.records()
	if len(all) != 1 {
		t.Fatalf("got the records %v, want one", slices.Collect(maps.Keys(all)))
	}
	for id, held = range all {
	}
	return id, held
}

// checkSealed fails the test if a record shows a secret, as it is or decoded. That it
// is the session's record shows in the names of its fields, which are no secret.
func checkSealed(t *testing.T, held string, secrets []string) {
	t.Helper()
	layers := decoded(held, 4)
	for _, field := range []string{"identity", "token"} {
		if !slices.ContainsFunc(layers, func(s string) bool { return strings.Contains(s, field) }) {
			t.Errorf("the record has no %s", field)
		}
	}
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Errorf("the secret %q is too short to look for", secret)
		}
		for _, layer := range layers {
			if strings.Contains(layer, secret) || strings.Contains(layer, url.QueryEscape(secret)) {
				t.Errorf("the record shows %q", secret)
				break
			}
		}
	}
}

// decoded returns held, and what it is after so many rounds of base64 decoding of
// each part that may be base64, begun at each of four places.
func decoded(held string, rounds int) []string {
	all := []string{held}
	if rounds == 0 {
		return all
	}
	parts := strings.FieldsFunc(held, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("+/-_", c)
	})
	alphabet := strings.NewReplacer("+", "-", "/", "_")
	for _, part := range parts {
		for i := range min(4, len(part)) {
			rest := alphabet.Replace(part[i:])
			if len(rest) < 16 {
				continue
			}
			if len(rest)%4 == 1 {
				rest = rest[:len(rest)-1]
			}
			if b, err := base64.RawURLEncoding.DecodeString(rest); err == nil {
				all = append(all, decoded(string(b), rounds-1)...)
			}
		}
	}
	return all
}

// While the engine is away, whoever may be logged in gets 503 where that matters and
// is nobody where it does not; nobody is let in, and nobody loses their cookies.
// When it is back, everything goes on without a restart (T64).
func TestStoresAway(t *testing.T) {
	for _, kind := range engines {
		if kind.name == "files" {
			continue // the operating system's
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			e := kind.start(t)
			s := newStoreSite(t, e)
			for _, outage := range []struct {
				name        string
				begin, over func()
			}{
				{"stopped", e.stop, func() { e.start(); e.line.connect(t) }},
				{"refused", e.line.cut, func() { e.line.connect(t) }},
				{"hung", e.line.silence, func() { e.line.connect(t) }},
			} {
				t.Run(outage.name, func(t *testing.T) {
					s.t = t
					ada, leaving := s.logIn(storeUsers[0], nil), s.logIn(storeUsers[1], nil)
					left := leaving.copied()
					outage.begin()
					s.checkAway(ada)
					if a := leaving.send(http.MethodPost, "/logout?next=/", http.Header{"Origin": {s.url}}); a.status != http.StatusOK || len(leaving.cookies()) > 0 {
						t.Errorf("logout: got status %d, and the cookies %v", a.status, leaving.cookies())
					}
					outage.over()
					s.checkBack(ada, left)
				})
			}
		})
	}
}

// checkAway fails the test unless the application answers in time, and as it should,
// to c, who is logged in, and to those who are not.
func (s *storeSite) checkAway(c *webClient) {
	s.t.Helper()
	before := c.cookies()
	forged := newWebClient(s.t, s.url)
	for _, test := range []struct {
		name   string
		answer webAnswer
		status int
		typ    string
	}{
		{"a program", c.ask("/me"), 503, "application/problem+json"},
		{"a browser", c.navigate("/me"), 503, "text/html; charset=utf-8"},
		{"a public page", c.navigate("/"), 200, ""},
		{"a token", c.ask("/token"), 502, ""},
		{"a stranger", forged.ask("/me"), 401, "application/problem+json"},
		{"a login", forged.navigate("/login/" + s.config.Providers[0].Name), 503, "text/html; charset=utf-8"},
	} {
		a := test.answer
		if a.status != test.status || test.typ != "" && a.header.Get("Content-Type") != test.typ {
			s.t.Errorf("%s: got status %d, %s, want %d, %s", test.name, a.status, a.header.Get("Content-Type"), test.status, test.typ)
		}
		if strings.Contains(a.body, "Canary") || test.status == 200 && !strings.Contains(a.body, "nobody") {
			s.t.Errorf("%s: got %s, want nothing about anybody", test.name, a.body)
		}
		if a.status == 503 && a.header.Get("Retry-After") == "" {
			s.t.Errorf("%s: got no Retry-After", test.name)
		}
		if limit := 4 * engineTimeout; a.took > limit {
			s.t.Errorf("%s: the answer took %s, want less than %s", test.name, a.took, limit)
		}
	}
	after := c.cookies()
	if len(before) != 1 || len(after) != 1 || after[0].Value != before[0].Value {
		s.t.Errorf("got the cookies %v, want %v as before", after, before)
	}
	if got := forged.cookies(); slices.ContainsFunc(got, func(c *http.Cookie) bool { return !strings.Contains(c.Name, "-f-") }) {
		s.t.Errorf("a login that failed left the cookies %v", got)
	}
}

// checkBack fails the test unless c is logged in as before, and left, who logged out
// meanwhile, is not.
func (s *storeSite) checkBack(c, left *webClient) {
	s.t.Helper()
	end := time.Now().Add(patience) // connections that ended are noticed one by one
	a := c.ask("/me")
	for a.status != http.StatusOK && time.Now().Before(end) {
		a = c.ask("/me")
	}
	if a.status != http.StatusOK || !strings.Contains(a.body, storeUsers[0].Name) {
		s.t.Errorf("when the engine is back: got status %d, %s, want %s", a.status, a.body, storeUsers[0].Name)
	}
	if a := c.ask("/token"); a.status != http.StatusOK {
		s.t.Errorf("when the engine is back: got status %d for the token, want 200", a.status)
	}
	if a := left.ask("/me"); a.status != http.StatusUnauthorized {
		s.t.Errorf("who logged out meanwhile: got status %d, want 401", a.status)
	}
	s.logIn(storeUsers[1], nil)
}
