package facebook_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
	"golang.org/x/oauth2"
)

// Where a login goes. The version is the same in all three places.
func TestEndpoints(t *testing.T) {
	tests := []struct {
		name          string
		config        facebook.Config
		dialog, graph string
	}{
		{"default", facebook.Config{}, "https://www.facebook.com/v25.0", "https://graph.facebook.com/v25.0"},
		{"another version", facebook.Config{Version: "v26.0"}, "https://www.facebook.com/v26.0", "https://graph.facebook.com/v26.0"},
		{"elsewhere", facebook.Config{DialogURL: "http://localhost:1/", GraphURL: "http://localhost:2/"}, "http://localhost:1/v25.0", "http://localhost:2/v25.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.ClientID, tt.config.ClientSecret = clientID, clientSecret
			p := tt.config.Provider()
			want := oauth2.Endpoint{AuthURL: tt.dialog + "/dialog/oauth", TokenURL: tt.graph + "/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams}
			if p.Endpoint != want || !slices.Equal(p.API, []string{tt.graph}) {
				t.Errorf("got %+v and API %q, want %+v and %q", p.Endpoint, p.API, want, tt.graph)
			}
			if err := providertest.Check(p); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	p := facebook.New("id", "secret")
	if p.Name != "facebook" || p.Label != "Facebook" || p.ClientID != "id" || p.ClientSecret != "secret" {
		t.Errorf("got name %q, label %q, ID %q or another secret", p.Name, p.Label, p.ClientID)
	}
	p = facebook.Config{ClientID: "id", ClientSecret: "secret", Name: "fb", Label: "FB"}.Provider()
	if p.Name != "fb" || p.Label != "FB" {
		t.Errorf("got name %q, label %q, want fb, FB", p.Name, p.Label)
	}
}

// Mistakes come out at login.New (T63).
func TestMistakes(t *testing.T) {
	tests := []struct {
		config facebook.Config
		want   string
	}{
		{facebook.Config{}, "ClientID"},
		{facebook.Config{ClientID: "id"}, "ClientSecret"},
		{facebook.Config{ClientID: "id", ClientSecret: "s", DialogURL: "http://www.facebook.com"}, "AuthURL"},
		{facebook.Config{ClientID: "id", ClientSecret: "s", GraphURL: "http://graph.facebook.com"}, "TokenURL"},
		{facebook.Config{ClientID: "id", ClientSecret: "s", Scopes: []string{"public_profile email"}}, "Scopes"},
	}
	for _, tt := range tests {
		if err := providertest.Check(tt.config.Provider()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want one about %s", tt.config, err, tt.want)
		}
	}
}

// The authorization request (R3, R23, R51, R56, A1, A2).
func TestAuthorizationRequest(t *testing.T) {
	tests := []struct {
		name            string
		scopes          []string
		rerequest       bool
		scope, authType string
	}{
		{"default", nil, false, "public_profile,email", ""},
		{"own scopes", []string{"public_profile", "pages_show_list"}, false, "public_profile,pages_show_list", ""},
		{"rerequest", nil, true, "public_profile,email", "rerequest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			c := config(fb)
			c.Scopes, c.Rerequest = slices.Clone(tt.scopes), tt.rerequest
			p := c.Provider()
			if len(c.Scopes) > 0 {
				c.Scopes[0] = "changed" // too late
			}
			if got := logIn(t, p); got.Err != nil {
				t.Fatal(got.Err)
			}
			q := fb.Last("GET authorize").Query
			for key, want := range map[string]string{
				"response_type": "code", "client_id": clientID, "scope": tt.scope, "auth_type": tt.authType, "code_challenge_method": "S256",
			} {
				if q.Get(key) != want || len(q[key]) > 1 {
					t.Errorf("got %s %q, want %q", key, q[key], want)
				}
			}
			if !strings.HasSuffix(q.Get("redirect_uri"), "/callback/facebook") || len(q.Get("code_challenge")) != 43 {
				t.Errorf("got %v, want the callback and PKCE", q)
			}
		})
	}
}

// What the browser may bring back (R6, R7, R60, B6): granted_scopes is a hint that
// anybody can write, so /me/permissions decides.
func TestCallback(t *testing.T) {
	tests := []struct {
		callback string
		want     error
	}{
		{"callback_ok", nil},
		{"callback_ok_with_scopes", nil},
		{"callback_user_denied", login.ErrDenied},
		{"callback_user_denied_legacy", login.ErrDenied},
		{"callback_error_code", login.ErrProvider},
	}
	for _, tt := range tests {
		t.Run(tt.callback, func(t *testing.T) {
			fb := start(t, nil)
			fb.Callback = providertest.Load(t, tt.callback).Callback.Query
			if fb.Callback["granted_scopes"] != "" {
				fb.Callback["granted_scopes"] = "email,ads_management"
			}
			got := logIn(t, config(fb).Provider())
			if !errors.Is(got.Err, tt.want) {
				t.Fatalf("got user %v, error %v, want %v", got.User, got.Err, tt.want)
			}
			if tt.want == nil {
				if want := []string{"public_profile"}; !slices.Equal(got.Grant.Scopes, want) {
					t.Errorf("got scopes %q, want %q", got.Grant.Scopes, want)
				}
				return
			}
			if len(fb.Lines()) > 0 {
				t.Errorf("got requests %q, want none", fb.Lines())
			}
			for _, words := range []string{"Permissions error", "denied your", "went wrong"} {
				if strings.Contains(got.Err.Error(), words) {
					t.Errorf("got %q, want it without Facebook's words", got.Err)
				}
			}
		})
	}
}

// Version is one that Facebook supports, until the day its comment names (R62).
// The calendar alone fails no test: once that day is near, or past, the test says
// so in its log.
func TestVersion(t *testing.T) {
	var list struct {
		Until map[string]*string `json:"supported_until"`
	}
	b, err := os.ReadFile("testdata/versions.json")
	if err != nil {
		t.Fatal(err)
	}
	if err = json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	until := list.Until[facebook.Version]
	if until == nil {
		t.Fatalf("got version %s, want one with a known end in testdata/versions.json", facebook.Version)
	}
	end, err := time.Parse(time.DateOnly, *until)
	if err != nil {
		t.Fatal(err)
	}
	for version, other := range list.Until {
		if other != nil && *other > *until {
			t.Errorf("got version %s, want %s, which lasts longer", facebook.Version, version)
		}
	}
	source, err := os.ReadFile("facebook.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "\nconst Version")
	if want := "until " + end.Format("2 January 2006"); !strings.Contains(comment[strings.LastIndex(comment, "\n\n"):], want) {
		t.Errorf("got a comment at Version without %q", want)
	}
	switch left := time.Until(end); {
	case left < 0:
		t.Logf("WARNING: Facebook's support of %s ended on %s", facebook.Version, *until)
	case left < 180*24*time.Hour:
		t.Logf("WARNING: Facebook's support of %s ends on %s", facebook.Version, *until)
	}
}

// No way of printing shows a secret (T44).
func TestPrint(t *testing.T) {
	c := facebook.Config{ClientID: clientID, ClientSecret: clientSecret}
	providertest.CheckPrinting(t, clientID, clientSecret, canaries, c, &c, []facebook.Config{c}, c.Provider())
	page := facebook.Page{ID: "200000000000002", Name: "Example Page", Token: &oauth2.Token{AccessToken: pageToken}}
	g := page.Grant(&login.Grant{Provider: c.Provider(), Client: &http.Client{Transport: http.DefaultTransport}})
	secrets := append(providertest.Canaries{pageToken}, canaries...)
	providertest.CheckPrinting(t, page.ID, clientSecret, secrets, page, &page, []facebook.Page{page}, g, struct{ Page facebook.Page }{page})
	for _, v := range []any{c, page} {
		if kind := slog.AnyValue(v).Resolve().Kind(); kind != slog.KindString {
			t.Errorf("got a log value of kind %v, want a string", kind)
		}
	}
}
