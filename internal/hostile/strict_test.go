package hostile_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login/internal/hostile"
)

// A member is a client with the tokens of a login.
type member struct {
	t        *testing.T
	provider *hostile.Provider
	client   *http.Client

	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

// post sends a form with the client's secret, and reads what members the answer
// has.
func (m *member) post(target string, form url.Values) {
	m.t.Helper()
	r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(hostile.ClientID, hostile.ClientSecret)
	resp, err := m.client.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	json.Unmarshal(body, m)
}

func (m *member) refresh(token string) {
	m.t.Helper()
	m.post(hostile.Issuer+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (m *member) revoke(hint, token string) {
	m.t.Helper()
	m.post(hostile.Issuer+"/revoke", url.Values{"token": {token}, "token_type_hint": {hint}})
}

// end asks for the end of the session, with one parameter changed.
func (m *member) end(name, value string) {
	q := url.Values{
		"id_token_hint": {m.IDToken}, "client_id": {hostile.ClientID},
		"post_logout_redirect_uri": {app + "/logout"}, "state": {strings.Repeat("s", 43)},
	}
	if name != "" {
		q.Set(name, value)
	}
	m.provider.EndSession(q)
}

// TestProviderIsStrictLater is [TestProviderIsStrict] for what comes after a login.
func TestProviderIsStrictLater(t *testing.T) {
	keys := hostile.NewKeys()
	tests := []struct {
		name string
		do   func(*member)
		want string
	}{
		{name: "refreshes in a row", do: func(m *member) { m.refresh(m.RefreshToken); m.refresh(m.RefreshToken) }},
		{name: "a refresh token used twice", do: func(m *member) { old := m.RefreshToken; m.refresh(old); m.refresh(old) }, want: "used twice"},
		{name: "after that", do: func(m *member) {
			old := m.RefreshToken
			m.refresh(old)
			m.refresh(old)
			m.refresh(m.RefreshToken)
		}, want: "what was ended"},
		{name: "an access token to refresh", do: func(m *member) { m.refresh(m.AccessToken) }, want: "no such refresh token"},
		{name: "a refresh token in the URL", do: func(m *member) {
			m.post(hostile.Issuer+"/token?refresh_token="+m.RefreshToken, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m.RefreshToken}})
		}, want: "in the URL"},
		{name: "both tokens revoked", do: func(m *member) { m.revoke("refresh_token", m.RefreshToken); m.revoke("access_token", m.AccessToken) }},
		{name: "a refresh after that", do: func(m *member) { m.revoke("refresh_token", m.RefreshToken); m.refresh(m.RefreshToken) }, want: "what was ended"},
		{name: "an access token called another", do: func(m *member) { m.revoke("refresh_token", m.AccessToken) }, want: "no such refresh_token"},
		{name: "an ID token revoked", do: func(m *member) { m.revoke("access_token", m.IDToken) }, want: "no such access_token"},
		{name: "nothing revoked", do: func(m *member) { m.revoke("access_token", "") }, want: "no token"},
		{name: "a token to revoke in the URL", do: func(m *member) {
			m.post(hostile.Issuer+"/revoke?token="+m.RefreshToken, url.Values{"token": {m.RefreshToken}, "token_type_hint": {"refresh_token"}})
		}, want: "in the URL"},
		{name: "the end of the session", do: func(m *member) { m.end("", "") }},
		{name: "the end, with another hint", do: func(m *member) { m.end("id_token_hint", m.AccessToken) }, want: "id_token_hint"},
		{name: "the end, of another client", do: func(m *member) { m.end("client_id", "x") }, want: "client_id"},
		{name: "the end, and then elsewhere", do: func(m *member) { m.end("post_logout_redirect_uri", app+"/") }, want: "post_logout_redirect_uri"},
		{name: "the end, without state", do: func(m *member) { m.end("state", "") }, want: "state"},
		{name: "the end, with a secret", do: func(m *member) { m.end("access_token", m.AccessToken) }, want: "in the URL"},
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
				p.PostLogoutURI, p.Lenient = app+"/logout", true
				back := p.Authorize(url.Values{
					"response_type": {"code"}, "client_id": {hostile.ClientID}, "redirect_uri": {app + "/callback/op"},
					"scope": {"openid"}, "state": {strings.Repeat("r", 43)},
				})
				m := &member{t: t, provider: p, client: &http.Client{Transport: transport}}
				m.post(hostile.Issuer+"/token", url.Values{
					"grant_type": {"authorization_code"}, "code": {back.Login.Code}, "redirect_uri": {app + "/callback/op"},
				})
				test.do(m)
				got := strings.Join(p.Problems(), "; ")
				if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
					t.Errorf("got the problems %q, want %q", got, test.want)
				}
			})
		})
	}
}
