package hostile_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	sessions map[string]*login.User
}

func naiveSite(s hostile.Switch, n *hostile.Network) *site {
	transport := n.Transport()
	a := &naive{
		ctx:      context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport}),
		plain:    s.Plain,
		sessions: map[string]*login.User{},
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
	return &site{handler: mux, close: transport.CloseIdleConnections, log: new(syncBuffer), begun: "state"}
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
	u, err := a.identify(r.URL.Query().Get("code"), nonce.Value)
	if err != nil {
		http.Error(w, "Failed to log in: "+err.Error(), http.StatusBadGateway)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := rand.Text()
	a.sessions[id] = u
	setCookie(w, "session", id, 3600)
	http.Redirect(w, r, "/private", http.StatusFound)
}

func (a *naive) identify(code, nonce string) (*login.User, error) {
	token, err := a.config.Exchange(a.ctx, code)
	if err != nil {
		return nil, err
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
			return nil, err
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&profile); err != nil {
			return nil, err
		}
	} else {
		info, err := a.verify(token, nonce)
		if err != nil {
			return nil, err
		}
		if err := info.Claims(&profile); err != nil {
			return nil, err
		}
	}
	u := &login.User{ID: profile.Subject, Username: profile.Username, Name: profile.Name, Picture: profile.Picture}
	if profile.Verified {
		u.Email = profile.Email
	} else {
		u.UnverifiedEmail = profile.Email
	}
	return u, nil
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

func (a *naive) private(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("session")
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || a.sessions[c.Value] == nil {
		http.Redirect(w, r, "/login/op", http.StatusFound)
		return
	}
	json.NewEncoder(w).Encode(a.sessions[c.Value])
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
		if s.Config != nil { // which the application would have to know about
			continue
		}
		if findings := turn(t, s); len(findings) > 0 {
			caught++
			groups[s.Group()]++
			t.Logf("%s: %q", s.Name, findings)
		}
	}
	if caught < 120 {
		t.Errorf("got %d switches that catch a naive client, want at least 120", caught)
	}
	fmt.Printf("a naive client is caught by %d of them; %v\n", caught, groups)
}
