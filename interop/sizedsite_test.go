package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// sizes are in bytes.
type sizes struct {
	access, refresh, id int // of the token
	extra               int // of what the application adds to the user
}

// A sizedSite is an application in this process, and a provider whose tokens are as
// large as the test says. /token shows how large the token is that the session holds,
// and after /refused the provider has refused it, so that it is renewed.
type sizedSite struct {
	t        *testing.T
	url      string
	addr     string // of the application, if that is behind a proxy
	provider *httptest.Server
	config   login.Config
	log      lockedText

	mu      sync.Mutex
	sizes   sizes
	holds   bool     // the provider asks people something
	lines   []string // Set-Cookie lines of the last answer that had some
	longest int      // bytes of Cookie header that came
}

// newSizedSite serves one that people reach at that URL, or directly if that is "".
func newSizedSite(t *testing.T, public string, lifetime time.Duration, change func(*login.Config)) *sizedSite {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	s := &sizedSite{t: t, url: public, addr: app.Listener.Addr().String()}
	if public == "" {
		_, port, err := net.SplitHostPort(s.addr)
		if err != nil {
			t.Fatal(err)
		}
		s.url = "http://localhost:" + port
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/authorize", s.authorize)
	mux.HandleFunc("/token", s.token)
	mux.HandleFunc("/api", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	s.provider = httptest.NewServer(mux)
	t.Cleanup(s.provider.Close)
	s.config = login.Config{
		URL: s.url, Key: randomKey(), Providers: []login.Provider{s.providerConfig()}, Lifetime: lifetime,
		Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
		OnLogin: func(_ *http.Request, u *login.User, _ *login.Grant) error {
			if n := s.now().extra; n > 0 {
				u.Extra = map[string]string{"x": strings.Repeat("x", n)}
			}
			return nil
		},
	}
	if change != nil {
		change(&s.config)
	}
	auth, err := login.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	app.Config.Handler = s.watch(s.pages(auth))
	app.Start()
	t.Cleanup(app.Close)
	return s
}

func (s *sizedSite) providerConfig() login.Provider {
	return login.Provider{
		Name: "sized", API: []string{s.provider.URL}, ClientID: clientID, ClientSecret: clientSecret,
		Endpoint: oauth2.Endpoint{
			AuthURL: s.provider.URL + "/authorize", TokenURL: s.provider.URL + "/token", AuthStyle: oauth2.AuthStyleInHeader,
		},
		Identify: func(context.Context, *login.Grant) (*login.User, error) {
			return &login.User{ID: "17", Name: "Ada Example"}, nil
		},
	}
}

// authorize lets people in at once, or never.
func (s *sizedSite) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	holds := s.holds
	s.mu.Unlock()
	if holds {
		fmt.Fprint(w, "<!doctype html><title>Wait</title><h1>Wait</h1>")
		return
	}
	q := r.URL.Query()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"any"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (s *sizedSite) token(w http.ResponseWriter, _ *http.Request) {
	n := s.now()
	answer := map[string]any{"access_token": strings.Repeat("a", n.access), "token_type": "Bearer", "expires_in": 3600}
	if n.refresh > 0 {
		answer["refresh_token"] = strings.Repeat("r", n.refresh)
	}
	if n.id > 0 {
		answer["id_token"] = strings.Repeat("i", n.id)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func (s *sizedSite) pages(auth *login.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", greet)
	mux.Handle("/me", auth.Require(http.HandlerFunc(greet)))
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		token, err := auth.Token(w, r)
		switch {
		case errors.Is(err, login.ErrNoToken):
			fmt.Fprint(w, "none: ", err)
		case err != nil:
			http.Error(w, err.Error(), http.StatusUnauthorized)
		default:
			id, _ := token.Extra("id_token").(string)
			fmt.Fprintf(w, "access %d, refresh %d, id %d", len(token.AccessToken), len(token.RefreshToken), len(id))
		}
	})
	mux.HandleFunc("/refused", func(w http.ResponseWriter, r *http.Request) {
		c, err := auth.Client(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := c.Get("/api")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp.Body.Close()
		fmt.Fprint(w, resp.Status)
	})
	return auth.Wrap(mux)
}

// watch notes what cookies come and go.
func (s *sizedSite) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.longest = max(s.longest, len(r.Header.Get("Cookie")))
		if lines := w.Header()["Set-Cookie"]; len(lines) > 0 && strings.HasPrefix(r.URL.Path, "/callback/") {
			s.lines = slices.Clone(lines)
		}
	})
}

func (s *sizedSite) set(n sizes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = n
}

func (s *sizedSite) now() sizes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sizes
}

// pieces returns how many cookies the token of a login with those sizes takes, and
// the longest Set-Cookie line.
func (s *sizedSite) pieces(n sizes) (count, longest int) {
	s.t.Helper()
	s.set(n)
	c := newWebClient(s.t, s.url)
	if a := c.navigate("/login/sized?next=/me"); a.status != http.StatusOK {
		return -1, 0
	}
	for _, cookie := range c.cookies() {
		if strings.Contains(cookie.Name, "-t") {
			count++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		longest = max(longest, len(line))
	}
	return count, longest
}

// largest returns the largest n up to limit for which holds, if it holds for all
// smaller ones.
func largest(limit int, holds func(n int) bool) int {
	yes, no := 0, limit
	for no-yes > 1 {
		if n := (yes + no) / 2; holds(n) {
			yes = n
		} else {
			no = n
		}
	}
	return yes
}

// A lockedText is written and read by several goroutines.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
