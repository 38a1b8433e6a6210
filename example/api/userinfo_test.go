package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
)

func (s *issuer) sayUser(body string) {
	s.set(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			w.Write([]byte(body))
		case "Bearer narrow":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func TestUserInfo(t *testing.T) {
	s := newIssuer(t)
	s.sayUser(`{"sub":"7","name":"Ada","preferred_username":"ada","picture":"https://p.example.test/","email":"ada@example.test","email_verified":true}`)
	v := &UserInfo{URL: s.URL, Provider: "oidc", Scopes: []string{"notes:write"}}
	want := login.User{Provider: "oidc", ID: "7", Name: "Ada", Username: "ada", Picture: "https://p.example.test/", Email: "ada@example.test"}
	for range 3 {
		u, scopes, err := v.Verify(t.Context(), "good")
		if err != nil || fmt.Sprint(*u) != fmt.Sprint(want) || len(scopes) != 1 {
			t.Fatalf("got %+v, %v and %v, want %+v", u, scopes, err, want)
		}
		u.ID = "changed by a handler"
	}
	for _, token := range []string{"bad", "bad", "narrow", "narrow", strings.Repeat("x", 10<<10)} {
		if u, _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrToken) || u != nil {
			t.Errorf("%.10s: got %v and %v, want ErrToken", token, u, err)
		}
	}
	if n := s.fetches.Load(); n != 3 {
		t.Errorf("got %d requests, want one each for good, bad and narrow", n)
	}
	s.sayUser(`{"sub":"7","email":"ada@example.test"}`)
	v = &UserInfo{URL: s.URL}
	if u, scopes, err := v.Verify(t.Context(), "good"); err != nil || u.Email != "" || u.UnverifiedEmail != "ada@example.test" || scopes != nil {
		t.Errorf("nobody vouches for the address: got %+v, %v and %v", u, scopes, err)
	}
}

// An outage is not the token's fault, and is forgotten at once.
func TestUserInfoOutage(t *testing.T) {
	s := newIssuer(t)
	v := &UserInfo{URL: s.URL, Provider: "oidc"}
	outage := func(name string) {
		t.Helper()
		if u, _, err := v.Verify(t.Context(), "good"); err == nil || errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v and %v, want an error that is not ErrToken", name, u, err)
		}
	}
	for _, status := range []int{204, 302, 307, 400, 404, 429, 500, 503} {
		s.set(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/")
			w.WriteHeader(status)
		})
		before := s.fetches.Load()
		outage(fmt.Sprint(status))
		if n := s.fetches.Load() - before; n != 1 {
			t.Errorf("%d: got %d requests, want 1", status, n)
		}
	}
	for _, body := range []string{"", "<html>", "{}", `{"sub":""}`, `{"sub":7}`, `{"a":"` + strings.Repeat("x", 2<<20) + `","sub":"7"}`} {
		s.sayUser(body)
		outage(fmt.Sprintf("%.20s", body))
	}
	s.sayUser(`{"sub":"7"}`)
	if _, _, err := v.Verify(t.Context(), "good"); err != nil {
		t.Errorf("after the outage: got %v", err)
	}
	s.Close()
	v = &UserInfo{URL: s.URL}
	outage("nobody listens")
}

// A redirect does not take the token anywhere.
func TestUserInfoRedirect(t *testing.T) {
	thief, s := newIssuer(t), newIssuer(t)
	thief.sayUser(`{"sub":"1"}`)
	s.set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	})
	v := &UserInfo{URL: s.URL}
	if _, _, err := v.Verify(t.Context(), "good"); err == nil || thief.fetches.Load() != 0 {
		t.Errorf("got %v and %d requests to another server, want an error and none", err, thief.fetches.Load())
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		key := func(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }
		c.put(key(0), login.User{ID: "0"}, time.Minute)
		time.Sleep(time.Minute - time.Nanosecond) // of the bubble
		if u, ok := c.get(key(0)); !ok || u.ID != "0" {
			t.Errorf("got %v and %t, want the user", u, ok)
		}
		time.Sleep(time.Nanosecond)
		if _, ok := c.get(key(0)); ok {
			t.Error("got an entry that has ended")
		}
		for n := range 3 * maxKnown {
			c.put(key(n), login.User{}, time.Minute)
			if len(c.entries) > maxKnown {
				t.Fatalf("got %d entries, want at most %d", len(c.entries), maxKnown)
			}
			if _, ok := c.get(key(n)); !ok {
				t.Fatal("the newest entry is not there")
			}
		}
		c = cache{}
		c.put(key(0), login.User{}, time.Hour)
		for n := range maxKnown - 1 {
			c.put(key(n+1), login.User{}, time.Second)
		}
		time.Sleep(time.Second)
		c.put(key(-1), login.User{}, time.Second)
		if _, ok := c.get(key(0)); !ok || len(c.entries) != 2 {
			t.Errorf("got %d entries and %t, want those that have ended to go first", len(c.entries), ok)
		}
	})
}

// Whoever makes tokens up pushes no good one out.
func TestCachesApart(t *testing.T) {
	s := newIssuer(t)
	s.sayUser(`{"sub":"7"}`)
	v := &UserInfo{URL: s.URL}
	if _, _, err := v.Verify(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	for n := range maxKnown {
		v.bad.put(sha256.Sum256(fmt.Append(nil, n)), login.User{}, badFor)
	}
	if _, _, err := v.Verify(t.Context(), "one-more"); !errors.Is(err, ErrToken) {
		t.Errorf("got %v, want ErrToken", err)
	}
	before := s.fetches.Load()
	if _, _, err := v.Verify(t.Context(), "good"); err != nil || s.fetches.Load() != before {
		t.Errorf("got %v after %d more requests, want the answer of before", err, s.fetches.Load()-before)
	}
}
