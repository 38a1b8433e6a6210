package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// profile is what GET /me tells programs.
type profile struct {
	Provider string      `json:"provider"`
	ID       string      `json:"id"`
	Username string      `json:"username"`
	Name     string      `json:"name"`
	Email    string      `json:"email"` // verified, or empty
	Picture  string      `json:"picture"`
	Token    *tokenFacts `json:"token"` // null if there is none to be had
}

// tokenFacts are what may be shown of a token: not the token.
type tokenFacts struct {
	Type   string     `json:"type"`
	Expiry *time.Time `json:"expiry"` // null if the provider names none
	Scopes []string   `json:"scopes"`
}

// me shows people who they are. The identity is in the session, so this works
// while the provider is down; only the token, which is renewed here when it has
// expired, may be missing then.
func (s *site) me(w http.ResponseWriter, r *http.Request) {
	u := login.UserFrom(r.Context())
	token, err := s.auth.Token(w, r)
	if errors.Is(err, login.ErrLoginRequired) {
		s.loginEnded(w, r)
		return
	}
	if err != nil {
		s.logger.InfoContext(r.Context(), "no token to show", "provider", u.Provider, "error", err)
	}
	facts := newTokenFacts(token)
	w.Header().Add("Vary", "Accept")
	if !wantsPage(r) {
		writeJSON(w, profile{u.Provider, u.ID, u.Username, u.Name, u.Email, u.Picture, facts})
		return
	}
	person := s.person(u)
	s.look.write(w, "me.html", mePage{
		Title: person.Name, Person: person, Logout: s.base + "/logout",
		Token: newTokenView(facts, time.Now()), NoToken: whyNoToken(err, person.Provider),
	})
}

func newTokenFacts(t *oauth2.Token) *tokenFacts {
	if t == nil {
		return nil
	}
	scope, _ := t.Extra("scope").(string)
	facts := &tokenFacts{Type: t.Type(), Scopes: strings.Fields(scope)}
	if facts.Scopes == nil {
		facts.Scopes = []string{} // [] in JSON, not null
	}
	if !t.Expiry.IsZero() {
		expiry := t.Expiry.UTC().Truncate(time.Second)
		facts.Expiry = &expiry
	}
	return facts
}

// loginEnded answers when the provider would not renew the token because the
// login is over there: it is then over here too.
func (s *site) loginEnded(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if wantsPage(r) {
		http.Redirect(w, r, s.base+"/login?next=/me", http.StatusSeeOther)
		return
	}
	http.Error(w, "The login has ended.", http.StatusUnauthorized)
}

// whyNoToken says it in words for the page; the log has the error.
func whyNoToken(err error, provider string) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, login.ErrProvider):
		return provider + " did not answer as expected, so the token could not be renewed. You are still logged in."
	case errors.Is(err, login.ErrNoToken):
		_, reason, found := strings.Cut(err.Error(), login.ErrNoToken.Error()+": ")
		if !found {
			reason = "there is none"
		}
		return "This login has no token that can be used: " + reason + "."
	}
	return "The token could not be looked up. You are still logged in."
}

func writeJSON(w http.ResponseWriter, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	json.NewEncoder(w).Encode(v)
}
