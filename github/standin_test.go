package github_test

import (
	"errors"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
)

// Against a GitHub that keeps state: a GitHub App's pair of tokens works once, and
// a token that was revoked no longer (R21, R37, R87). It finds no fault with what
// it is asked.
func TestStandIn(t *testing.T) {
	gh := logintest.NewGitHub(login.User{
		ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test",
		Extra: map[string]string{"orgs": "other-org:pending,example-org:active"},
	})
	defer gh.Close()
	gh.Set(func(gh *logintest.GitHub) { gh.TokenLifetime = 8 * time.Hour })
	p := github.Config{
		ClientID: gh.ClientID, ClientSecret: gh.ClientSecret, URL: gh.URL,
		Organizations: []string{"other-org", "example-org"},
	}.Provider()
	got := logIn(t, p)
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	u, g := got.User, got.Grant
	if u.ID != "90000001" || u.Username != "ada-example" || u.Name != "Ada Example" || u.Email != "ada@example.test" {
		t.Errorf("got %+v, want Ada", *u)
	}
	if len(g.Scopes) > 0 {
		t.Errorf("got scopes %q, want none of a GitHub App", g.Scopes)
	}

	refresh := func(token string) (*oauth2.Token, error) {
		c := oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: p.Endpoint}
		return c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token}).Token()
	}
	renewed, err := refresh(g.Token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	spent := g.Token.RefreshToken
	g.Token = renewed
	if err = p.Revoke(t.Context(), g); err != nil {
		t.Error(err)
	}
	if problems := gh.Problems(); len(problems) > 0 {
		t.Errorf("got the problems %q, want none", problems)
	}

	_, err = refresh(spent)
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		t.Fatalf("got %v for a refresh token that was used, want an error", err)
	}
	e, ok = errors.AsType[*oauth2.RetrieveError](p.TokenError(e.Response.StatusCode, e.Body))
	if !ok || e.ErrorCode != "invalid_grant" {
		t.Errorf("got %v for a refresh token that was used, want invalid_grant", e)
	}
	if err := p.Revoke(t.Context(), g); err != nil {
		t.Errorf("got %v for a token that was revoked, want nil", err)
	}
	if _, err := p.Identify(t.Context(), g); !errors.Is(err, login.ErrProvider) {
		t.Errorf("got %v from a token that was replaced, want ErrProvider", err)
	}
}
