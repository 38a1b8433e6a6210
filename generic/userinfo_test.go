package generic_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// withUserInfo makes o offer a userinfo endpoint.
func withUserInfo(o *op) *op {
	o.metadata = object{"userinfo_endpoint": o.URL + "/userinfo"}
	o.userinfo = object{"sub": "user-1"}
	return o
}

// R12, G1, G2, G6: the ID token says who it is; userinfo fills in the rest.
func TestUserInfo(t *testing.T) {
	o := withUserInfo(newOP(t))
	o.userinfo = object{
		"sub": "user-1", "name": "Ada Lovelace", "nickname": "ada", "picture": "https://img.example/ada.png",
		"email": "ada@example.com", "email_verified": "true", "groups": []string{"a"}, "locale": "en",
	}
	p := o.provider(generic.Config{})
	g := o.grant(p, o.discover(p), o.token(object{"locale": "fr"}))
	got, err := p.Identify(o.ctx(), g)
	check(t, got, err, "")
	raw := got.Raw
	got.Raw = nil
	want := &login.User{
		Provider: "op", ID: "user-1", Username: "ada", Name: "Ada Lovelace",
		Picture: "https://img.example/ada.png", Email: "ada@example.com",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var claims struct {
		Iss, Sub, Locale string
		Groups           []string
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != o.URL || claims.Locale != "fr" || len(claims.Groups) != 1 {
		t.Errorf("got Raw %s, want all claims, those of the ID token first", raw)
	}
	if got := o.seen.Get("Authorization"); got != "Bearer access-token" {
		t.Errorf("got Authorization %q, want the token", got)
	}
	if got := o.seen.Get("Query"); got != "" {
		t.Errorf("got query %q, want none", got)
	}
}

// G6: the endpoint can be left alone, and is if there is none.
func TestNoUserInfo(t *testing.T) {
	o := newOP(t)
	for _, c := range []generic.Config{{}, {NoUserInfo: true}} {
		p := o.provider(c)
		u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(object{"name": "Ada"})))
		check(t, u, err, "")
		if u.Name != "Ada" {
			t.Errorf("got name %q, want that of the ID token", u.Name)
		}
		withUserInfo(o)
	}
	if n := o.count("/userinfo"); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

// G2, G4, T32d: what userinfo may not answer.
func TestUserInfoRefused(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"good", `{"sub":"user-1"}`, ""},
		{"sub of another", `{"sub":"user-2"}`, "userinfo: sub"},
		{"sub in upper case", `{"sub":"USER-1"}`, "userinfo: sub"},
		{"sub missing", `{"name":"Ada"}`, "userinfo: sub"},
		{"sub null", `{"sub":null}`, "userinfo: sub"},
		{"sub in a list", `{"sub":["user-1"]}`, "userinfo: sub"},
		{"sub twice", `{"sub":"user-2","sub":"user-1"}`, "same name"},
		{"an error", `{"error":"invalid_token"}`, "userinfo: sub"},
		{"array", `[{"sub":"user-1"}]`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"HTML", `<html>`, "not a JSON object"},
		{"something after it", `{"sub":"user-1"}{}`, "follows"},
		{"cut off", `{"sub":"user-1"`, "not a JSON object"},
		{"empty", ``, "not a JSON object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := withUserInfo(newOP(t))
			o.handle("/userinfo", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.body) })
			u, err := userInfoLogin(o)
			check(t, u, err, test.want)
		})
	}
}

func userInfoLogin(o *op) (*login.User, error) {
	p := o.provider(generic.Config{})
	return p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(nil)))
}

// G4, G6, T47: how the userinfo endpoint may not behave.
func TestUserInfoFaults(t *testing.T) {
	faults(t, "/userinfo", "want JSON or a JWT", func(o *op) error {
		withUserInfo(o)
		_, err := userInfoLogin(o)
		return err
	})
}

// G3: an answer in the form of a JWT.
func TestSignedUserInfo(t *testing.T) {
	attacker := newRSA("k1", 2048)
	info := func(changes object) string { return object{"sub": "user-1", "name": "Ada"}.edit(changes).json() }
	sign := func(changes object) string {
		return rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`, info(changes))
	}
	tests := []struct{ name, jwt, want string }{
		{"good", sign(nil), ""},
		{"good, with iss and aud", sign(object{"iss": "ISSUER", "aud": "client"}), ""},
		{"aud a list", sign(object{"aud": []string{"other", "client"}}), ""},
		{"signed by another", attacker.sign("RS256", `{"alg":"RS256","kid":"k1"}`, info(nil)), "no published key"},
		{"none", attacker.sign("none", `{"alg":"none"}`, info(nil)), "alg"},
		{"HS256", rsaKey().sign("HS256", `{"alg":"HS256","kid":"k1"}`, info(nil)), "alg"},
		{"alg not listed", rsaKey().sign("RS512", `{"alg":"RS512","kid":"k1"}`, info(nil)), "alg"},
		{"an access token", rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1","typ":"at+jwt"}`, info(nil)), "typ"},
		{"encrypted", "a.b.c.d.e", "encrypted"},
		{"iss of another", sign(object{"iss": "https://evil.example"}), "userinfo: iss"},
		{"iss a number", sign(object{"iss": 1}), "userinfo: iss"},
		{"aud of another", sign(object{"aud": "other"}), "userinfo: aud"},
		{"aud empty", sign(object{"aud": []string{}}), "userinfo: aud"},
		{"sub of another", sign(object{"sub": "user-2"}), "userinfo: sub"},
		{"not an object", rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`, `[]`), "not a JSON object"},
		{"JSON", info(nil), "compact"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := withUserInfo(newOP(t))
			jwt := test.jwt
			if strings.HasSuffix(test.name, "iss and aud") {
				jwt = sign(object{"iss": o.URL, "aud": "client"})
			}
			o.handle("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt; charset=utf-8")
				fmt.Fprint(w, jwt)
			})
			u, err := userInfoLogin(o)
			check(t, u, err, test.want)
			if err == nil && u.Name != "Ada" {
				t.Errorf("got name %q, want that of userinfo", u.Name)
			}
		})
	}
}

// D20, G5, T30: whose address is trusted, and on whose word.
func TestEmail(t *testing.T) {
	const a, b = "a@example.com", "b@example.com"
	null := json.RawMessage("null")
	tests := []struct {
		name                 string
		idToken, userinfo    object
		verified, unverified string
	}{
		{"none", nil, nil, "", ""},
		{"true", object{"email": a, "email_verified": true}, nil, a, ""},
		{`"true"`, object{"email": a, "email_verified": "true"}, nil, a, ""},
		{`"True"`, object{"email": a, "email_verified": "True"}, nil, a, ""},
		{"1", object{"email": a, "email_verified": 1}, nil, a, ""},
		{`"1"`, object{"email": a, "email_verified": "1"}, nil, a, ""},
		{"false", object{"email": a, "email_verified": false}, nil, "", a},
		{`"false"`, object{"email": a, "email_verified": "false"}, nil, "", a},
		{"0", object{"email": a, "email_verified": 0}, nil, "", a},
		{"2", object{"email": a, "email_verified": 2}, nil, "", a},
		{`"yes"`, object{"email": a, "email_verified": "yes"}, nil, "", a},
		{"null", object{"email": a, "email_verified": null}, nil, "", a},
		{"[]", object{"email": a, "email_verified": []any{}}, nil, "", a},
		{"[true]", object{"email": a, "email_verified": []any{true}}, nil, "", a},
		{"{}", object{"email": a, "email_verified": object{}}, nil, "", a},
		{"absent", object{"email": a}, nil, "", a},
		{"an address that is none", object{"email": 7, "email_verified": true}, nil, "", ""},
		{"the flag alone", object{"email_verified": true}, nil, "", ""},

		{"userinfo true", nil, object{"email": b, "email_verified": true}, b, ""},
		{"userinfo false", nil, object{"email": b, "email_verified": false}, "", b},
		{"userinfo null", nil, object{"email": b, "email_verified": null}, "", b},
		{"flag in the ID token, address in userinfo", object{"email_verified": true}, object{"email": b}, "", b},
		{"address in the ID token, flag in userinfo", object{"email": a}, object{"email_verified": true}, "", a},
		{"both true", object{"email": a, "email_verified": true}, object{"email": b, "email_verified": true}, a, ""},
		{"ID token false, userinfo true", object{"email": a, "email_verified": false}, object{"email": b, "email_verified": true}, "", a},
		{"ID token silent, userinfo true", object{"email": a}, object{"email": b, "email_verified": true}, b, ""},
		{"ID token silent, userinfo silent", object{"email": a}, object{"email": b}, "", b},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := withUserInfo(newOP(t))
			o.userinfo = o.userinfo.edit(test.userinfo)
			p := o.provider(generic.Config{})
			u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(test.idToken)))
			check(t, u, err, "")
			if u.Email != test.verified || u.UnverifiedEmail != test.unverified {
				t.Errorf("got %q, unverified %q, want %q, %q", u.Email, u.UnverifiedEmail, test.verified, test.unverified)
			}
		})
	}
}
