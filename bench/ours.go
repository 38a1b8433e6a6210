package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// A site is our side: an Auth whose only provider answers from memory.
type site struct {
	auth *login.Auth
	next account // who logs in next
}

func newSite(change func(*login.Config)) (*site, error) {
	s := new(site)
	config := login.Config{
		URL: "https://app.example", Key: key(1), Logger: slog.New(slog.DiscardHandler),
		Client: &http.Client{Transport: roundTripper(s.token)},
		Providers: []login.Provider{{
			Name: "github", ClientID: "client", ClientSecret: "secret", Scopes: []string{"read:user", "user:email"},
			Endpoint: oauth2.Endpoint{
				AuthURL: "https://id.example/authorize", TokenURL: "https://id.example/token", AuthStyle: oauth2.AuthStyleInParams,
			},
			Identify: func(context.Context, *login.Grant) (*login.User, error) {
				a := s.next
				return &login.User{ID: a.ID, Username: a.Username, Name: a.Name, Email: a.Email, Picture: a.Picture}, nil
			},
		}},
	}
	if change != nil {
		change(&config)
	}
	var err error
	s.auth, err = login.New(config)
	return s, err
}

// key returns one of several keys of 32 bytes.
func key(n byte) []byte {
	sum := sha256.Sum256([]byte{n})
	return sum[:]
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, body string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

func (s *site) token(r *http.Request) (*http.Response, error) {
	fields := map[string]any{"access_token": s.next.AccessToken, "token_type": "bearer", "scope": "read:user", "expires_in": 36000}
	if s.next.RefreshToken != "" {
		fields["refresh_token"] = s.next.RefreshToken
	}
	if s.next.IDToken != "" {
		fields["id_token"] = s.next.IDToken
	}
	body, err := json.Marshal(fields)
	return answer(r, string(body)), err
}

// begin logs a in and returns the cookies of the session. It is not for concurrent
// use.
func (s *site) begin(a account) ([]*http.Cookie, error) {
	s.next = a
	w := httptest.NewRecorder()
	s.auth.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login/github", nil))
	start := w.Result()
	u, err := url.Parse(start.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	r := httptest.NewRequest(http.MethodGet, "/callback/github?code=x&state="+u.Query().Get("state"), nil)
	r.Header.Set("Cookie", cookieLine(start.Cookies()))
	w = httptest.NewRecorder()
	s.auth.ServeHTTP(w, r)
	jar := kept(w.Header())
	if w.Code != http.StatusSeeOther || len(jar) == 0 {
		return nil, fmt.Errorf("got status %d and cookies %v, want a session", w.Code, jar)
	}
	return jar, nil
}

func (s *site) candidate(name string) candidate {
	return candidate{
		name:    name,
		require: func(next http.Handler) http.Handler { return s.auth.Wrap(s.auth.Require(next)) },
		begin:   s.begin,
		who:     s.who,
		keeps:   everything,
	}
}

// who includes the token, which no request pays for that does not ask.
func (s *site) who(r *http.Request) account {
	u := login.UserFrom(r.Context())
	if u == nil {
		return account{}
	}
	a := account{Provider: u.Provider, ID: u.ID, Username: u.Username, Name: u.Name, Email: u.Email, Picture: u.Picture}
	if t, err := s.auth.Token(httptest.NewRecorder(), r); err == nil {
		a.AccessToken, a.RefreshToken = t.AccessToken, t.RefreshToken
		a.IDToken, _ = t.Extra("id_token").(string)
	}
	return a
}

// withToken is a handler that asks for the token before it does nothing.
func (s *site) withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, err := s.auth.Token(w, r); err != nil || t.AccessToken == "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identities returns the identity cookies of n sessions of a, as "name=value".
func (s *site) identities(a account, n int) ([]string, error) {
	list := make([]string, n)
	for i := range list {
		jar, err := s.begin(a)
		if err != nil {
			return nil, err
		}
		list[i] = cookieLine(jar[:1])
	}
	if list[0] == list[n-1] {
		return nil, errors.New("got the same identity cookie twice")
	}
	return list, nil
}
