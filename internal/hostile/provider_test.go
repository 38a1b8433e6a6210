package hostile_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login/internal/hostile"
)

// TestProviderIsStrict: what a careless client sends is a problem, and what a
// careful one sends is none.
func TestProviderIsStrict(t *testing.T) {
	keys := hostile.NewKeys()
	// Of RFC 7636 appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	type change map[string]string // empty: leave it out
	tests := []struct {
		name       string
		ask, token change
		query      string // of the token request
		again      bool
		want       string
	}{
		{name: "careful"},
		{name: "two requests with one code", again: true, want: "2 requests with one code"},
		{name: "no such code", token: change{"code": "x"}, want: "no such code"},
		{name: "implicit", ask: change{"response_type": "token"}, want: "response_type"},
		{name: "another client", ask: change{"client_id": "x"}, want: "client_id"},
		{name: "another redirect", ask: change{"redirect_uri": "https://app.example/"}, want: "redirect_uri"},
		{name: "no state", ask: change{"state": ""}, want: "state"},
		{name: "short nonce", ask: change{"nonce": "n"}, want: "nonce"},
		{name: "no PKCE", ask: change{"code_challenge": ""}, want: "PKCE"},
		{name: "plain PKCE", ask: change{"code_challenge_method": "plain"}, want: "PKCE"},
		{name: "secret in the URL of the browser", ask: change{"client_secret": "x"}, want: "in the URL"},
		{name: "another verifier", token: change{"code_verifier": verifier[1:] + "x"}, want: "code_verifier"},
		{name: "no verifier", token: change{"code_verifier": ""}, want: "code_verifier"},
		{name: "another redirect for the token", token: change{"redirect_uri": "https://app.example/"}, want: "redirect_uri"},
		{name: "another grant", token: change{"grant_type": "password"}, want: "grant_type"},
		{name: "wrong secret", token: change{"client_secret": "x"}, want: "not authenticated"},
		{name: "code in the URL", query: "?code=x", want: "in the URL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := hostile.NewNetwork()
				transport := n.Transport()
				defer func() {
					transport.CloseIdleConnections()
					n.Close()
					time.Sleep(time.Minute) // until everybody has gone
				}()
				p := hostile.New(n, keys, app+"/callback/op")
				with := func(v url.Values, changes change) url.Values {
					for name, value := range changes {
						if v.Set(name, value); value == "" {
							v.Del(name)
						}
					}
					return v
				}
				random := strings.Repeat("r", 43)
				back := p.Authorize(with(url.Values{
					"response_type": {"code"}, "client_id": {hostile.ClientID}, "redirect_uri": {app + "/callback/op"}, "scope": {"openid"},
					"state": {random}, "nonce": {random}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
				}, test.ask))
				form := with(url.Values{
					"grant_type": {"authorization_code"}, "code": {back.Login.Code}, "redirect_uri": {app + "/callback/op"},
					"code_verifier": {verifier}, "client_id": {hostile.ClientID}, "client_secret": {hostile.ClientSecret},
				}, test.token)
				for range map[bool]int{false: 1, true: 2}[test.again] {
					r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, hostile.Issuer+"/token"+test.query, strings.NewReader(form.Encode()))
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					resp, err := transport.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				got := strings.Join(p.Problems(), "; ")
				if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
					t.Errorf("got the problems %q, want %q", got, test.want)
				}
			})
		})
	}
}
