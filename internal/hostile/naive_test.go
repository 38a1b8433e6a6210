package hostile_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/hostile"
	"golang.org/x/oauth2"
)

// A naive application logs people in as the examples of x/oauth2 and go-oidc
// show: a state and a nonce in cookies, Exchange, Verify, UserInfo. It is kinder
// to itself than they are: its cookies go after use, and its errors have a
// status that fits.
type naive struct {
	ctx    context.Context
	plain  bool
	config oauth2.Config

	mu       sync.Mutex
	provider *oidc.Provider
	sessions map[string]*naiveSession
}

// A naiveSession has one source of tokens for all requests, which is more than
// most applications do. They take turns by a channel: the clock of testing/synctest
// stands still while somebody waits for a mutex.
type naiveSession struct {
	user   *login.User
	tokens oauth2.TokenSource
	turn   chan struct{}
}

func naiveSite(s hostile.Switch, n *hostile.Network) *site {
	transport := n.Transport()
	a := &naive{
		ctx:      context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport}),
		plain:    s.Plain,
		sessions: map[string]*naiveSession{},
		config: oauth2.Config{
			ClientID: hostile.ClientID, ClientSecret: hostile.ClientSecret, RedirectURL: app + "/callback/op",
			Scopes:   []string{oidc.ScopeOpenID, "profile", "email"},
			Endpoint: oauth2.Endpoint{AuthURL: hostile.Issuer + "/authorize", TokenURL: hostile.Issuer + "/token"},
		},
	}
	if a.plain {
		a.config.Scopes = []string{"profile"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login/op", a.login)
	mux.HandleFunc("/callback/op", a.callback)
	mux.HandleFunc("/private", a.private)
	got := new(outcomes)
	got.pages(mux, a.token, a.client)
	return &site{handler: mux, close: transport.CloseIdleConnections, log: new(syncBuffer), begun: "state", outcomes: got.taken}
}

func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, MaxAge: maxAge, Secure: true, HttpOnly: true, Path: "/"})
}

// discover asks for the metadata until it has some, and for good.
func (a *naive) discover() (*oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	if a.provider == nil {
		if a.provider, err = oidc.NewProvider(a.ctx, hostile.Issuer); err == nil {
			a.config.Endpoint = a.provider.Endpoint()
		}
	}
	return a.provider, err
}

func (a *naive) login(w http.ResponseWriter, r *http.Request) {
	state, nonce := rand.Text(), rand.Text()
	if !a.plain {
		if _, err := a.discover(); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	setCookie(w, "state", state, int(time.Hour.Seconds()))
	setCookie(w, "nonce-of-state", nonce, int(time.Hour.Seconds()))
	http.Redirect(w, r, a.config.AuthCodeURL(state, oidc.Nonce(nonce)), http.StatusFound)
}

func (a *naive) callback(w http.ResponseWriter, r *http.Request) {
	state, err := r.Cookie("state")
	if err != nil || r.URL.Query().Get("state") != state.Value {
		http.Error(w, "state did not match", http.StatusBadRequest)
		return
	}
	nonce, err := r.Cookie("nonce-of-state")
	if err != nil {
		http.Error(w, "nonce not found", http.StatusBadRequest)
		return
	}
	setCookie(w, "state", "", -1)
	setCookie(w, "nonce-of-state", "", -1)
	token, u, err := a.identify(r.URL.Query().Get("code"), nonce.Value)
	if err != nil {
		http.Error(w, "Failed to log in: "+err.Error(), http.StatusBadGateway)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := rand.Text()
	a.sessions[id] = &naiveSession{u, a.config.TokenSource(a.ctx, token), make(chan struct{}, 1)}
	setCookie(w, "session", id, 3600)
	http.Redirect(w, r, "/private", http.StatusFound)
}

func (a *naive) identify(code, nonce string) (*oauth2.Token, *login.User, error) {
	token, err := a.config.Exchange(a.ctx, code)
	if err != nil {
		return nil, nil, err
	}
	var profile struct {
		Subject  string `json:"sub"`
		Username string `json:"preferred_username"`
		Name     string `json:"name"`
		Picture  string `json:"picture"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if a.plain {
		resp, err := a.config.Client(a.ctx, token).Get(hostile.Issuer + "/userinfo")
		if err != nil {
			return nil, nil, err
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&profile); err != nil {
			return nil, nil, err
		}
	} else {
		info, err := a.verify(token, nonce)
		if err != nil {
			return nil, nil, err
		}
		if err := info.Claims(&profile); err != nil {
			return nil, nil, err
		}
	}
	u := &login.User{ID: profile.Subject, Username: profile.Username, Name: profile.Name, Picture: profile.Picture}
	if profile.Verified {
		u.Email = profile.Email
	} else {
		u.UnverifiedEmail = profile.Email
	}
	return token, u, nil
}

func (a *naive) verify(token *oauth2.Token, nonce string) (*oidc.UserInfo, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("no id_token field in oauth2 token")
	}
	provider, err := a.discover()
	if err != nil {
		return nil, err
	}
	idToken, err := provider.Verifier(&oidc.Config{ClientID: hostile.ClientID}).Verify(a.ctx, raw)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != nonce {
		return nil, errors.New("nonce did not match")
	}
	return provider.UserInfo(a.ctx, oauth2.StaticTokenSource(token))
}

// session returns that of r, nil if there is none.
func (a *naive) session(r *http.Request) *naiveSession {
	c, err := r.Cookie("session")
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[c.Value]
}

func (a *naive) private(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil {
		http.Redirect(w, r, "/login/op", http.StatusFound)
		return
	}
	json.NewEncoder(w).Encode(s.user)
}

func (a *naive) token(_ http.ResponseWriter, r *http.Request) (*oauth2.Token, error) {
	s := a.session(r)
	if s == nil {
		return nil, login.ErrLoginRequired
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.tokens.Token()
}

// client is that of x/oauth2, which knows no base for relative URLs.
func (a *naive) client(_ http.ResponseWriter, r *http.Request) (*http.Client, error) {
	s := a.session(r)
	if s == nil {
		return nil, login.ErrLoginRequired
	}
	return oauth2.NewClient(a.ctx, s.tokens), nil
}

// TestNaive turns the switches on a naive application. Most must catch it: a table
// that catches nobody tests nothing.
func TestNaive(t *testing.T) {
	keys := hostile.NewKeys()
	turn := func(t *testing.T, s hostile.Switch) (findings []string) {
		synctest.Test(t, func(t *testing.T) {
			trial := newTrial(s, keys, naiveSite)
			trial.provider.Lenient = true
			findings = trial.run()
		})
		return findings
	}
	if findings := turn(t, hostile.Switch{Name: "token: none", Accept: true}); len(findings) > 0 {
		t.Fatalf("without a switch: got %q", findings)
	}
	caught, groups := 0, map[string]int{}
	for _, s := range hostile.Switches() {
		if s.Config != nil || strings.Contains("revocation end-session return", s.Group()) {
			continue // of which the application would have to know
		}
		if findings := turn(t, s); len(findings) > 0 {
			caught++
			groups[s.Group()]++
			t.Logf("%s: %q", s.Name, findings)
		}
	}
	if caught < 190 {
		t.Errorf("got %d switches that catch a naive client, want at least 190", caught)
	}
	fmt.Printf("a naive client is caught by %d of them; %v\n", caught, groups)
}
