package github_test

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/doorlatch/login/internal/providertest"
	"golang.org/x/oauth2"
)

// Where a login goes, for each kind of GitHub.
func TestEndpoints(t *testing.T) {
	tests := []struct {
		name, url, apiURL string
		web, api          string
	}{
		{"default", "", "", "https://github.com", "https://api.github.com"},
		{"written out", "https://github.com", "", "https://github.com", "https://api.github.com"},
		{"with a slash", "https://github.com/", "", "https://github.com", "https://api.github.com"},
		{"in capitals", "https://GitHub.com", "", "https://github.com", "https://api.github.com"},
		{"Enterprise Server", "https://ghe.example.com", "", "https://ghe.example.com", "https://ghe.example.com/api/v3"},
		{"Enterprise Server with a slash", "https://ghe.example.com/", "", "https://ghe.example.com", "https://ghe.example.com/api/v3"},
		{"Enterprise Server with a port", "https://ghe.example.com:8443", "", "https://ghe.example.com:8443", "https://ghe.example.com:8443/api/v3"},
		{"Enterprise Server below a path", "https://example.com/ghe/", "", "https://example.com/ghe", "https://example.com/ghe/api/v3"},
		{"ghe.com", "https://sub.ghe.com", "", "https://sub.ghe.com", "https://api.sub.ghe.com"},
		{"ghe.com with a slash", "https://sub.ghe.com/", "", "https://sub.ghe.com", "https://api.sub.ghe.com"},
		{"not ghe.com", "https://sub.ghe.com.example.com", "", "https://sub.ghe.com.example.com", "https://sub.ghe.com.example.com/api/v3"},
		{"nor this", "https://myghe.com", "", "https://myghe.com", "https://myghe.com/api/v3"},
		{"nor this github.com", "https://github.com.example.com", "", "https://github.com.example.com", "https://github.com.example.com/api/v3"},
		{"API elsewhere", "https://ghe.example.com", "https://api.example.com/v3/", "https://ghe.example.com", "https://api.example.com/v3"},
		{"API of github.com elsewhere", "", "https://proxy.example.com", "https://github.com", "https://proxy.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := github.Config{ClientID: "id", ClientSecret: "secret", URL: tt.url, APIURL: tt.apiURL}.Provider()
			want := oauth2.Endpoint{
				AuthURL:   tt.web + "/login/oauth/authorize",
				TokenURL:  tt.web + "/login/oauth/access_token",
				AuthStyle: oauth2.AuthStyleInParams,
			}
			if p.Endpoint != want {
				t.Errorf("got %+v, want %+v", p.Endpoint, want)
			}
			if p.Issuer != tt.web+"/login/oauth" || p.RequireIss {
				t.Errorf("got issuer %q, required: %v, want %q, false", p.Issuer, p.RequireIss, tt.web+"/login/oauth")
			}
			if !slices.Equal(p.API, []string{tt.api}) {
				t.Errorf("got API %q, want %q", p.API, tt.api)
			}
			if err := providertest.Check(p); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	p := github.New("id", "secret")
	if p.Name != "github" || p.Label != "GitHub" || p.ClientID != "id" || p.ClientSecret != "secret" {
		t.Errorf("got name %q, label %q, ID %q or another secret", p.Name, p.Label, p.ClientID)
	}
	p = github.Config{ClientID: "id", ClientSecret: "secret", Name: "work", Label: "Work"}.Provider()
	if p.Name != "work" || p.Label != "Work" {
		t.Errorf("got name %q, label %q, want work, Work", p.Name, p.Label)
	}
	if err := providertest.Check(p); err != nil {
		t.Error(err)
	}
}

// Mistakes come out at login.New (T63).
func TestMistakes(t *testing.T) {
	tests := []struct {
		config github.Config
		want   string
	}{
		{github.Config{}, "ClientID"},
		{github.Config{ClientID: "id"}, "ClientSecret"},
		{github.Config{ClientID: "id", ClientSecret: "s", URL: "http://ghe.example.com"}, "AuthURL"},
		{github.Config{ClientID: "id", ClientSecret: "s", URL: "ghe.example.com"}, "AuthURL"},
		{github.Config{ClientID: "id", ClientSecret: "s", URL: "https://[ghe"}, "AuthURL"},
		{github.Config{ClientID: "id", ClientSecret: "s", URL: "https://u:p@ghe.example.com"}, "AuthURL"},
		{github.Config{ClientID: "id", ClientSecret: "s", URL: "https://ghe.example.com?a=b"}, "API"},
		{github.Config{ClientID: "id", ClientSecret: "s", APIURL: "api.github.com"}, "API"},
		{github.Config{ClientID: "id", ClientSecret: "s", Scopes: []string{"read:user user:email"}}, "Scopes"},
	}
	for _, tt := range tests {
		if err := providertest.Check(tt.config.Provider()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want one about %s", tt.config, err, tt.want)
		}
	}
}

// A Provider is not changed through the Config that it was made from.
func TestProviderCopies(t *testing.T) {
	gh := start(t, map[string]string{memberOf + "example-org": "org_membership_active"})
	c := config(gh)
	c.Scopes, c.Organizations = []string{"repo"}, []string{"example-org"}
	p := c.Provider()
	c.Scopes[0], c.Organizations[0] = "delete_repo", "other-org"
	if got := logIn(t, p); got.Err != nil {
		t.Error(got.Err)
	}
	if got := gh.Last("GET authorize").Query.Get("scope"); got != "repo read:org" {
		t.Errorf("got scope %q, want that of before", got)
	}
}

// The authorization request (R3, R23, R30, R76, A1, A2, A8, A17).
func TestAuthorizationRequest(t *testing.T) {
	gh := start(t, nil)
	p := config(gh).Provider()
	p.Params = url.Values{"allow_signup": {"false"}}
	if got := logIn(t, p); got.Err != nil {
		t.Fatal(got.Err)
	}
	r := gh.Last("GET authorize")
	for key, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "scope": "read:user user:email",
		"code_challenge_method": "S256", "allow_signup": "false",
	} {
		if got := r.Query[key]; len(got) != 1 || got[0] != want {
			t.Errorf("got %s %q, want %q", key, got, want)
		}
	}
	if len(r.Query.Get("code_challenge")) != 43 || len(r.Query.Get("state")) < 22 || r.Query.Has("nonce") {
		t.Errorf("got %v, want PKCE, a state and no nonce", r.Query)
	}
	if back := r.Query.Get("redirect_uri"); !strings.HasSuffix(back, "/callback/github") || back != gh.Last("POST token").Form().Get("redirect_uri") {
		t.Errorf("got redirect_uri %q, want the callback, and the same at the token endpoint", back)
	}
}

// What the browser may bring back (R4, R7, B4, B6, T1, T11b).
func TestCallback(t *testing.T) {
	tests := []struct {
		callback string
		issuer   string // "": that of the fake server
		want     error
	}{
		{"callback_ok", "https://github.com/login/oauth", nil},
		{"callback_ok_without_iss", "https://github.com/login/oauth", nil},
		{"callback_ok", "", login.ErrBadCallback}, // an answer of github.com, for a login at another server
		{"callback_iss_mismatch", "https://github.com/login/oauth", login.ErrBadCallback},
		{"callback_access_denied", "", login.ErrDenied},
		{"callback_application_suspended", "", login.ErrProvider},
		{"callback_redirect_uri_mismatch", "", login.ErrProvider},
		{"callback_app_installation", "", login.ErrBadCallback},
	}
	for _, tt := range tests {
		t.Run(tt.callback, func(t *testing.T) {
			gh := start(t, nil)
			gh.Callback = providertest.Load(t, tt.callback).Callback.Query
			p := config(gh).Provider()
			if tt.issuer != "" {
				p.Issuer = tt.issuer
			}
			got := logIn(t, p)
			if !errors.Is(got.Err, tt.want) {
				t.Fatalf("got user %v, error %v, want %v", got.User, got.Err, tt.want)
			}
			if tt.want != nil && len(gh.Lines()) > 0 {
				t.Errorf("got requests %q, want none", gh.Lines())
			}
			if got.Err != nil && strings.Contains(got.Err.Error(), "support@") {
				t.Errorf("got %q, want it without the description", got.Err)
			}
		})
	}
}

// No way of printing shows a secret (T44).
func TestPrint(t *testing.T) {
	c := github.Config{ClientID: clientID, ClientSecret: clientSecret, Organizations: []string{"example-org"}}
	providertest.CheckPrinting(t, clientID, clientSecret, canaries, c, &c, []github.Config{c}, c.Provider())
	if kind := slog.AnyValue(c).Resolve().Kind(); kind != slog.KindString {
		t.Errorf("got a log value of kind %v, want a string", kind)
	}
}
