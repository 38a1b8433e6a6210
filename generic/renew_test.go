package generic_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"
)

// J4, T53, Core section 12.2: the ID token that comes with a renewed access token
// is that of the login, or the session ends.
func TestRenewedIDToken(t *testing.T) {
	const failed, ended = "failed", "ended"
	tests := []struct {
		name  string
		first object // changes to the ID token of the login
		raw   string // instead of an ID token
		then  object // changes to the renewed one
		want  string
	}{
		{name: "as at the login", then: object{"nonce": nil}},
		{name: "none", raw: "none"},
		{name: "with the nonce again"},
		{name: "with another nonce", then: object{"nonce": "another"}, want: ended},
		{name: "of somebody else", then: object{"sub": "user-2"}, want: ended},
		{name: "without sub", then: object{"sub": nil}, want: failed},
		{name: "of another issuer", then: object{"iss": "https://evil.example"}, want: ended},
		{name: "for another client", then: object{"aud": "another"}, want: ended},
		{name: "for us and another", then: object{"aud": []string{"client", "another"}}, want: ended},
		{name: "that another asked for", then: object{"azp": "another"}, want: ended},
		{name: "of another time of login", first: object{"auth_time": 100}, then: object{"auth_time": 200}, want: ended},
		{name: "without the time of login", first: object{"auth_time": 100}},
		{name: "of the same time of login", first: object{"auth_time": 100}, then: object{"auth_time": 100}},
		{name: "that has ended", then: object{"exp": start.Unix() - 61}, want: failed},
		{name: "of long ago", then: object{"iat": start.Unix() - 601}, want: failed},
		{name: "of the future", then: object{"iat": start.Unix() + 61}, want: failed},
		{name: "of another access token", then: object{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, want: failed},
		{name: "that is none", raw: "x.y.z", want: failed},
		{name: "with a bad signature", raw: rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`, `{}`) + "A", want: failed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOP(t)
			p := o.provider(generic.Config{})
			m := o.discover(p)
			g := o.grant(p, m, o.token(test.first))
			g.User = &login.User{ID: "user-1"}
			g.Token.RefreshToken = "refresh-token"
			answer := object{"access_token": "access-2", "token_type": "Bearer", "id_token": o.token(test.then)}
			switch test.raw {
			case "":
			case "none":
				delete(answer, "id_token")
			default:
				answer["id_token"] = test.raw
			}
			o.handle("/token", func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("grant_type") != "refresh_token" || r.FormValue("refresh_token") != "refresh-token" {
					t.Errorf("got the form %v", r.Form)
				}
				io.WriteString(w, answer.json())
			})
			token, err := p.Renew(o.ctx(), g)
			switch {
			case test.want == "" && (err != nil || token.AccessToken != "access-2"):
				t.Errorf("got %v, error %v, want access-2", token, err)
			case test.want != "" && err == nil:
				t.Errorf("got %v, want an error", token)
			case test.want == ended && !errors.Is(err, login.ErrLoginRequired):
				t.Errorf("got error %v, want one that ends the session", err)
			case test.want == failed && (!errors.Is(err, login.ErrProvider) || errors.Is(err, login.ErrLoginRequired)):
				t.Errorf("got error %v, want one that changes nothing", err)
			}
		})
	}
}

// A renewed ID token is verified where the first one was not kept, too.
func TestRenewedWithoutTheFirst(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	g := o.grant(p, o.discover(p), "")
	g.User = &login.User{ID: "user-1"}
	g.Token.RefreshToken = "refresh-token"
	for sub, want := range map[string]error{"user-1": nil, "user-2": login.ErrLoginRequired} {
		o.handle("/token", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, object{"access_token": "access-2", "token_type": "Bearer", "id_token": o.token(object{"sub": sub})}.json())
		})
		if _, err := p.Renew(o.ctx(), g); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", sub, err, want)
		}
	}
	g.Token = &oauth2.Token{AccessToken: "access-token"}
	if _, err := p.Renew(o.ctx(), g); !errors.Is(err, login.ErrNoToken) {
		t.Errorf("without a refresh token: got error %v, want ErrNoToken", err)
	}
}
