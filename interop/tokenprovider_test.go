package interop_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A tokenProvider is a provider at work, whose tokens end after seconds.
type tokenProvider struct {
	issuer, userInfo, tokenURL string
	rotates                    bool // refresh tokens
	// forms are what a person fills in there, page by page, the first at that URL.
	forms func(first *url.URL) []url.Values
	// refreshes is how many tokens a refresh token has brought, as the provider says.
	refreshes func() int
}

// oidcTokens starts npm's oidc-provider. Unless env says otherwise, it rotates refresh
// tokens, and when one is used a second time, it revokes all that came of the login.
func oidcTokens(env ...string) func(*testing.T, string) *tokenProvider {
	return func(t *testing.T, url string) *tokenProvider {
		p := startProvider(t, url, env...)
		return &tokenProvider{
			issuer: p.issuer, userInfo: "/me", tokenURL: p.issuer + "/token", rotates: !slices.Contains(env, "ROTATE=no"), forms: oidcForms,
			refreshes: func() int { return strings.Count(p.text(), "grant.success refresh_token\n") },
		}
	}
}

func oidcForms(*url.URL) []url.Values {
	return []url.Values{{"do": {"login"}, "login": {"ada"}}, {"do": {"continue"}}}
}

// shortLived is the storage of a zitadel provider whose access tokens, it says, end
// after a while.
type shortLived struct {
	*storage.Storage
	first, renewed time.Duration
}

func (s shortLived) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, old string) (access, refresh string, end time.Time, err error) {
	access, refresh, _, err = s.Storage.CreateAccessAndRefreshTokens(ctx, r, old)
	life := s.first
	if old != "" {
		life = s.renewed
	}
	return access, refresh, time.Now().Add(life), err
}

// zitadelTokens starts package op of zitadel/oidc, which rotates refresh tokens, and
// knows none that was used.
func zitadelTokens(first, renewed time.Duration) func(*testing.T, string) *tokenProvider {
	return func(t *testing.T, at string) *tokenProvider {
		p := startZitadelWith(t, at, func(s *storage.Storage) op.Storage { return shortLived{s, first, renewed} })
		return &tokenProvider{
			issuer: p.issuer, userInfo: "/userinfo", tokenURL: p.issuer + "/oauth/token", rotates: true,
			forms: func(first *url.URL) []url.Values {
				return []url.Values{{"id": {first.Query().Get("authRequestID")}, "login": {"ada"}, "password": {password}}}
			},
			refreshes: p.refreshes,
		}
	}
}

// refreshes returns how many tokens refresh tokens have brought.
func (p *goProvider) refreshes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for i, answer := range p.answers { // they come in the order of the requests, unless two overlap
		if p.tokenRequests[i].values["grant_type"] == "refresh_token" && answer.values["access_token"] != "" {
			n++
		}
	}
	return n
}

// checkRefused fails the test unless a provider refuses a refresh token, also to those
// who have the application's secret.
func checkRefused(t *testing.T, tokenURL, refreshToken string) {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
	r, err := http.NewRequestWithContext(bounded(t), http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientID, clientSecret)
	resp, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "invalid_grant") {
		t.Fatalf("got status %d, %v, want that the provider refuses the refresh token", resp.StatusCode, err)
	}
}
