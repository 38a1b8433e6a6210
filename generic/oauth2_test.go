package generic_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"
)

// oauthConfig describes o as a server without OpenID Connect.
func oauthConfig(o *op) generic.Config {
	return generic.Config{
		Name: "plain", ClientID: "client", ClientSecret: "hush-hush",
		AuthURL: o.URL + "/authorize", TokenURL: o.URL + "/token", UserURL: o.URL + "/userinfo",
		Fields: generic.Fields{ID: "/id", Name: "/name"},
	}
}

func identify(o *op, c generic.Config) (*login.User, error) {
	p := generic.OAuth2(c)
	return p.Identify(o.ctx(), o.grant(p, login.Metadata{}, ""))
}

// R2, R12, R70, G1, G7: three URLs and the fields make a provider.
func TestOAuth2(t *testing.T) {
	o := newOP(t)
	o.userinfo = object{
		"id": 9007199254740993, "username": "ada", "name": "Ada Lovelace", "avatar_url": "https://img.example/a.png",
		"email": "ada@example.com", "confirmed": 1,
	}
	c := oauthConfig(o)
	c.Fields = generic.Fields{
		ID: "/id", Username: "/login /username", Name: "/name", Picture: "/avatar_url",
		Email: "/email", EmailVerified: "/confirmed",
	}
	got, err := identify(o, c)
	check(t, got, err, "")
	if string(got.Raw) != o.userinfo.json() {
		t.Errorf("got Raw %s, want the answer", got.Raw)
	}
	got.Raw = nil
	want := &login.User{
		Provider: "plain", ID: "9007199254740993", Username: "ada", Name: "Ada Lovelace",
		Picture: "https://img.example/a.png", Email: "ada@example.com",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := o.seen.Get("Authorization") + o.seen.Get("Query"); got != "Bearer access-token" {
		t.Errorf("got %q, want the token in the header only", got)
	}
}

// C2, R70: how the Config becomes a Provider.
func TestOAuth2Provider(t *testing.T) {
	base := generic.Config{
		Name: "with-dashes", Label: "L", ClientID: "c", ClientSecret: "s", Scopes: []string{"a"}, ScopeSeparator: ",",
		Issuer: "https://id.example", RedirectURL: "https://app.example/cb",
		AuthURL: "https://id.example/a", TokenURL: "https://id.example/t", UserURL: "https://API.example:8443/v1/me?x=1",
		Fields: generic.Fields{ID: "/id"},
	}
	p := generic.OAuth2(base)
	if p.Identify == nil || p.Discover != nil {
		t.Error("want Identify and no Discover")
	}
	p.Identify = nil
	want := login.Provider{
		Name: "with-dashes", Label: "L", ClientID: "c", ClientSecret: "s", Scopes: []string{"a"}, ScopeSeparator: ",",
		Issuer: "https://id.example", RedirectURL: "https://app.example/cb",
		Endpoint: oauth2.Endpoint{AuthURL: "https://id.example/a", TokenURL: "https://id.example/t", AuthStyle: oauth2.AuthStyleInParams},
		API:      []string{"https://api.example:8443"},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}

	base.AuthStyle = oauth2.AuthStyleInHeader
	if got := generic.OAuth2(base).Endpoint.AuthStyle; got != oauth2.AuthStyleInHeader {
		t.Errorf("got style %v, want the chosen one", got)
	}
	for _, test := range []struct{ api, want []string }{
		{[]string{"https://api.example:8443/v2"}, []string{"https://api.example:8443/v2"}},
		{[]string{"https://other.example"}, []string{"https://other.example", "https://api.example:8443"}},
	} {
		base.API = test.api
		if got := generic.OAuth2(base).API; !slices.Equal(got, test.want) {
			t.Errorf("API %q: got %q, want %q", test.api, got, test.want)
		}
	}
}

// R11: the request for the user can be what the provider wants it to be.
func TestOAuth2Request(t *testing.T) {
	o := newOP(t)
	var got *http.Request
	o.handle("/userinfo", func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, `{"id":1}`)
	})
	c := oauthConfig(o)
	c.UserURL += "?fields=id"
	c.UserMethod, c.TokenScheme = "POST", "OAuth"
	version := strings.ToLower("Notion-Version") // as the provider's documentation spells it
	c.UserHeader = http.Header{version: {"2022-06-28"}, "Accept": {"application/vnd.example+json"}}
	p := generic.OAuth2(c)
	c.UserHeader[version][0] = "changed"
	u, err := p.Identify(o.ctx(), o.grant(p, login.Metadata{}, ""))
	check(t, u, err, "")
	for name, want := range map[string]string{
		"Authorization": "OAuth access-token", "Notion-Version": "2022-06-28", "Accept": "application/vnd.example+json",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("got %s: %q, want %q", name, got, want)
		}
	}
	if got.Method != "POST" || got.URL.RawQuery != "fields=id" || got.ContentLength > 0 {
		t.Errorf("got %s %s with %d bytes", got.Method, got.URL, got.ContentLength)
	}
}

// G7: an answer that says nothing about a user is no user.
func TestOAuth2Refused(t *testing.T) {
	o := newOP(t)
	for _, test := range []struct {
		answer object
		want   string
	}{
		{object{"id": 1}, ""},
		{object{"name": "Ada"}, "ID: want a string or an integer, have none"},
		{object{"id": 1, "ok": false}, "reports an error"},
	} {
		o.userinfo = test.answer
		u, err := identify(o, oauthConfig(o))
		check(t, u, err, test.want)
	}
}

// G4, T47: how the user endpoint may not behave.
func TestOAuth2Faults(t *testing.T) {
	faults(t, "/userinfo", "want JSON", func(o *op) error {
		o.userinfo = object{"id": 1}
		c := oauthConfig(o)
		c.UserURL += "?key=hush-hush"
		_, err := identify(o, c)
		return err
	})
}
