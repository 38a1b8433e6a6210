package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// RFC 9068 section 4, RFC 8725.
func TestJWT(t *testing.T) {
	s, other := newIssuer(t), newIssuer(t)
	v := s.verifier()
	good := s.token(nil, nil)
	for _, test := range []struct{ name, token, want string }{
		{"good", good, "oidc 7"},
		{"no typ", s.token(object{"typ": nil}, nil), "oidc 7"},
		{"long typ", s.token(object{"typ": "application/AT+JWT"}, nil), "oidc 7"},
		{"several audiences", s.token(nil, object{"aud": []string{"x", audience}}), "oidc 7"},
		{"no kid", s.token(object{"kid": nil}, nil), "oidc 7"},
		{"a program", s.token(nil, object{"sub": "app"}), "client app"},

		{"expired", s.token(nil, object{"exp": time.Now().Add(-time.Second).Unix()}), ""},
		{"no exp", s.token(nil, object{"exp": nil}), ""},
		{"not yet", s.token(nil, object{"nbf": time.Now().Add(time.Hour).Unix()}), ""},
		{"other issuer", s.token(nil, object{"iss": "https://other.example.test"}), ""},
		{"no issuer", s.token(nil, object{"iss": nil}), ""},
		{"other issuer's key", other.token(nil, object{"iss": s.URL}), ""},
		{"unknown key", s.token(object{"kid": "unknown"}, nil), ""},
		{"other audience", s.token(nil, object{"aud": "https://other.example.test"}), ""},
		{"no audience", s.token(nil, object{"aud": nil}), ""},
		{"no sub", s.token(nil, object{"sub": nil}), ""},
		{"empty sub", s.token(nil, object{"sub": ""}), ""},
		{"none", s.token(object{"alg": "none"}, nil), ""},
		{"HS256 with the public key", s.token(object{"alg": "HS256"}, nil), ""},
		{"key for encryption", s.token(object{"kid": "encryption"}, nil), ""},
		{"algorithm of another key", s.token(object{"alg": "PS256"}, nil), ""},
		{"critical extension", s.token(object{"crit": []string{"x"}, "x": 1}, nil), ""},
		{"typ JWT", s.token(object{"typ": "JWT"}, nil), ""},
		{"typ of a logout token", s.token(object{"typ": "logout+jwt"}, nil), ""},
		{"ID token without typ", s.token(object{"typ": nil}, object{"nonce": "n"}), ""},
		{"ID token with at_hash", s.token(object{"typ": nil}, object{"at_hash": "h"}), ""},
		{"ID token with c_hash", s.token(object{"typ": nil}, object{"c_hash": "h"}), ""},
		{"logout token without typ", s.token(object{"typ": nil}, object{"events": object{"x": object{}}}), ""},
		{"changed", strings.Replace(good, ".", ".A", 1), ""},
		{"no signature", good[:strings.LastIndex(good, ".")+1], ""},
		{"five parts", good + ".a.b", ""},
		{"10 kB", s.token(nil, object{"pad": strings.Repeat("x", 10<<10)}), ""},
		{"garbage", "garbage", ""},
		{"dots", "..", ""},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, scopes, err := v.Verify(t.Context(), test.token)
			switch {
			case test.want == "":
				if !errors.Is(err, ErrToken) || u != nil || scopes != nil {
					t.Errorf("got %v, %v and %v, want ErrToken", u, scopes, err)
				}
			case err != nil || u.Provider+" "+u.ID != test.want || strings.Join(scopes, " ") != "notes:write other":
				t.Errorf("got %+v, %v and %v, want %s", u, scopes, err, test.want)
			}
		})
	}
	v.Types = []string{"JWT"}
	if _, _, err := v.Verify(t.Context(), s.token(object{"typ": "JWT"}, nil)); err != nil {
		t.Errorf("Types: got %v", err)
	}
	if _, _, err := v.Verify(t.Context(), s.token(object{"typ": "JWT"}, object{"aud": "app", "nonce": "n"})); !errors.Is(err, ErrToken) {
		t.Errorf("an ID token of an issuer with one type: got %v, want ErrToken", err)
	}
}

// A verifier that does not know what to compare with lets nobody in.
func TestJWTUnconfigured(t *testing.T) {
	s := newIssuer(t)
	for _, v := range []*JWT{{}, {Issuer: s.URL, KeysURL: s.URL}, {Audience: audience, KeysURL: s.URL}} {
		if u, _, err := v.Verify(t.Context(), s.token(nil, object{"iss": v.Issuer, "aud": v.Audience})); err == nil || errors.Is(err, ErrToken) {
			t.Errorf("got %v and %v, want an error that is not ErrToken", u, err)
		}
	}
}

// age makes the keys so old.
func (k *keys) age(fetched, tried time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetched, k.tried = time.Now().Add(-fetched), time.Now().Add(-tried)
}

// E1, E3, E8: a new key is found, a withdrawn one dies, and strangers' tokens do
// not make us fetch without end.
func TestRotation(t *testing.T) {
	s := newIssuer(t)
	v := s.verifier()
	old := s.token(nil, nil)
	check := func(name, token string, good bool, fetches int32) {
		t.Helper()
		if _, _, err := v.Verify(t.Context(), token); (err == nil) != good || s.fetches.Load() != fetches {
			t.Errorf("%s: got %v after %d fetches, want good %t after %d", name, err, s.fetches.Load(), good, fetches)
		}
	}
	check("first", old, true, 1)
	check("again", old, true, 1)
	v.keys.age(time.Minute, time.Minute)
	for range 20 {
		check("unknown key", s.token(object{"kid": "unknown"}, nil), false, 2)
	}
	s.rotate("two")
	v.keys.age(time.Minute, time.Minute)
	check("new key", s.token(nil, nil), true, 3)
	check("old key", old, false, 3)
	v.keys.age(keysFresh, keysFresh)
	check("an hour later", s.token(nil, nil), true, 4)
}

// E9: an outage is not the token's fault, and those who have keys work on.
func TestKeysOutage(t *testing.T) {
	s := newIssuer(t)
	v := s.verifier()
	token := s.token(nil, nil)
	outage := func(name string) {
		t.Helper()
		if _, _, err := v.Verify(t.Context(), token); err == nil || errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, want an error that is not ErrToken", name, err)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"error":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"page":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"no key":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) },
		"2 MB": func(w http.ResponseWriter, _ *http.Request) {
			set := s.published()
			set["a"] = strings.Repeat("x", 2<<20)
			w.Write(s.json(set))
		},
	} {
		before := s.fetches.Load()
		s.set(h)
		v.keys.age(365*24*time.Hour, time.Hour)
		outage(name)
		outage(name + " again")
		if n := s.fetches.Load() - before; n != 1 {
			t.Errorf("%s: got %d fetches, want 1", name, n)
		}
	}
	s.answer.Store(nil)
	v.keys.age(365*24*time.Hour, time.Hour)
	if _, _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	v.keys.age(2*time.Hour, time.Hour)
	if _, _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("with keys: got %v", err)
	}
	v.keys.age(25*time.Hour, time.Hour)
	outage("with keys of yesterday")
}

// E9: one fetch that hangs does not keep the others waiting.
func TestHungFetch(t *testing.T) {
	s := newIssuer(t)
	v := s.verifier()
	token := s.token(nil, nil)
	if _, _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	v.keys.age(2*time.Hour, time.Hour)
	v.keys.fetch.Lock() // as one that hangs has done
	defer v.keys.fetch.Unlock()
	if _, _, err := v.Verify(t.Context(), token); err != nil || s.fetches.Load() != 1 {
		t.Errorf("while a fetch hangs: got %v after %d fetches, want the old keys to serve", err, s.fetches.Load())
	}
}
