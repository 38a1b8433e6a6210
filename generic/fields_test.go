package generic_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/doorlatch/login/generic"
)

// T29: what an ID may be, to the last digit.
func TestFieldsID(t *testing.T) {
	tests := []struct{ name, body, id, wantErr string }{
		{"integer", `{"id":583231}`, "583231", ""},
		{"above 2^53", `{"id":9007199254740993}`, "9007199254740993", ""},
		{"above 2^64", `{"id":18446744073709551617}`, "18446744073709551617", ""},
		{"string", `{"id":"a1b2"}`, "a1b2", ""},
		{"string of digits", `{"id":"007"}`, "007", ""},
		{"not ASCII", `{"id":"usér"}`, "usér", ""},
		{"255 bytes", `{"id":"` + strings.Repeat("i", 255) + `"}`, strings.Repeat("i", 255), ""},
		{"256 bytes", `{"id":"` + strings.Repeat("i", 256) + `"}`, "", "at most 255"},
		{"256 digits", `{"id":` + strings.Repeat("1", 256) + `}`, "", "at most 255"},
		{"absent", `{"login":"ada"}`, "", "have none"},
		{"null", `{"id":null}`, "", "have none"},
		{"empty", `{"id":""}`, "", "have none"},
		{`"null"`, `{"id":"null"}`, "", "want an identifier"},
		{`"undefined"`, `{"id":"undefined"}`, "", "want an identifier"},
		{"fraction", `{"id":1.5}`, "", "have a fraction"},
		{"whole, with a point", `{"id":1.0}`, "", "have a fraction"},
		{"exponent", `{"id":1e3}`, "", "have a fraction"},
		{"false", `{"id":false}`, "", "have a boolean"},
		{"object", `{"id":{"$oid":"1"}}`, "", "have an object"},
		{"array", `{"id":[1]}`, "", "have an object or an array"},
		{"another spelling", `{"ID":1}`, "", "have none"},
		{"NUL", `{"id":"a\u0000b"}`, "", "printable"},
		{"line break", `{"id":"a\nb"}`, "", "printable"},
		{"array of users", `[{"id":1}]`, "", "have none"},
		{"a string", `"id"`, "", "have none"},
		{"nothing", ``, "", "not JSON"},
		{"HTML", `<html>`, "", "not JSON"},
		{"something after it", `{"id":1} {"id":2}`, "", "follows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := generic.Fields{ID: "/id"}.Read([]byte(test.body))
			switch {
			case test.wantErr != "" && err == nil:
				t.Errorf("got ID %q, want error %q", u.ID, test.wantErr)
			case test.wantErr != "" && !strings.Contains(err.Error(), test.wantErr):
				t.Errorf("got error %v, want %q", err, test.wantErr)
			case test.wantErr == "" && err != nil:
				t.Errorf("got error %v, want ID %q", err, test.id)
			case test.wantErr == "" && u.ID != test.id:
				t.Errorf("got ID %q, want %q", u.ID, test.id)
			}
		})
	}
}

// What a path points at, in RFC 6901's own example and elsewhere.
func TestFieldsPath(t *testing.T) {
	const body = `{"id":1,"foo":["bar","baz"],"":"empty","a/b":"slash","m~n":"tilde","k\"l":"quote",
		"data":[{"user":{"name":"Ada"}}],"blank":"","none":null,"number":7,"~1":"escaped"}`
	tests := []struct{ path, want string }{
		{"/foo/0", "bar"},
		{"/foo/1", "baz"},
		{"/", "empty"},
		{"/a~1b", "slash"},
		{"/m~0n", "tilde"},
		{`/k"l`, "quote"},
		{"/~01", "escaped"},
		{"/data/0/user/name", "Ada"},
		{"/foo/2", ""},
		{"/foo/-1", ""},
		{"/foo/00", ""},
		{"/foo/+1", ""},
		{"/foo/-", ""},
		{"/foo/bar", ""},
		{"/data", ""},
		{"/data/0/user/name/first", ""},
		{"/number", ""},
		{"/absent", ""},
		{"", ""},
		{"/absent /foo/0", "bar"},
		{"/blank /none  /foo/1 /foo/0", "baz"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			u, err := generic.Fields{ID: "/id", Name: test.path}.Read([]byte(body))
			if err != nil || u.Name != test.want {
				t.Errorf("got %+v, %v, want name %q", u, err, test.want)
			}
		})
	}
}

// T30: only a clear yes vouches for an address.
func TestFieldsEmail(t *testing.T) {
	tests := []struct {
		flag     string
		verified bool
	}{
		{`true`, true}, {`"true"`, true}, {`"True"`, true}, {`1`, true}, {`"1"`, true},
		{`false`, false}, {`"false"`, false}, {`0`, false}, {`null`, false}, {`[]`, false}, {`{}`, false},
		{`""`, false}, {`"yes"`, false}, {`2`, false}, {`1.0`, false}, {`-1`, false}, {`[true]`, false},
	}
	for _, test := range tests {
		body := `{"id":1,"mail":"ada@example.com","ok":true,"sure":` + test.flag + `}`
		for path, verified := range map[string]bool{"/sure": test.verified, "": false, "/absent": false} {
			u, err := generic.Fields{ID: "/id", Email: "/mail", EmailVerified: path}.Read([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Email == "ada@example.com" && u.UnverifiedEmail == ""; got != verified {
				t.Errorf("%s at %q: got %q, unverified %q, want verified: %v", test.flag, path, u.Email, u.UnverifiedEmail, verified)
			}
			if got := u.Email == "" && u.UnverifiedEmail == "ada@example.com"; got == verified {
				t.Errorf("%s at %q: got %q, unverified %q", test.flag, path, u.Email, u.UnverifiedEmail)
			}
		}
	}
}

// T31: an address that can be read in two ways is not handed on as verified.
func TestFieldsEmailAddress(t *testing.T) {
	for _, address := range []string{"ada@example.com", "ada+x.y@mail.Example.co", "o'neil@xn--bcher-kva.example", "a@b.c"} {
		if u := readEmail(t, address); u != address {
			t.Errorf("got %q, want %q", u, address)
		}
	}
	for _, address := range []string{
		"a@good.com@evil.com", "a@good.com,b@evil.com", "a b@good.com", "a@good.com ", `"a@evil.com"@good.com`,
		"a＠good.com", "a@evil＠good.com", "a@good.com\x00.evil.com", "a@good.com\n", "a@good.com.", "a@.good.com",
		"a@good..com", "a@ｇood.com", "a@good。com", "@good.com", "a@", "a", "a@localhost", "<a@good.com>", "A <a@good.com>",
		"a@[127.0.0.1]", "ä@good.com", "a(x)@good.com", `a\@good.com`, "a;b@good.com", "a@good.com?x", "a@good.com/",
		strings.Repeat("a", 250) + "@good.com",
	} {
		if u := readEmail(t, address); u != "" {
			t.Errorf("got %q as verified", u)
		}
	}
}

func readEmail(t *testing.T, address string) string {
	t.Helper()
	body := object{"id": 1, "email": address, "verified": true}.json()
	u, err := generic.Fields{ID: "/id", Email: "/email", EmailVerified: "/verified"}.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if u.Email == "" && u.UnverifiedEmail != address {
		t.Errorf("got unverified %q, want %q", u.UnverifiedEmail, address)
	}
	return u.Email
}

// Errors that come with status 200, as several providers send them.
func TestFieldsError(t *testing.T) {
	tests := []struct {
		name, members string
		wantErr       bool
	}{
		{"none", `"id":1`, false},
		{"OAuth", `"id":1,"error":"invalid_token"`, true},
		{"Facebook", `"id":1,"error":{"code":190,"message":"no"}`, true},
		{"object without code", `"id":1,"error":{"message":"no"}`, true},
		{"Slack", `"id":1,"ok":false,"error":"invalid_auth"`, true},
		{"Slack without code", `"id":1,"ok":false`, true},
		{"WeChat", `"id":1,"errcode":40029`, true},
		{"WeChat, string", `"id":1,"errcode":"40029"`, true},
		{"Naver", `"id":1,"resultcode":"024"`, true},
		{"list", `"id":1,"error":["no"]`, true},
		{"true", `"id":1,"error":true`, true},
		{"Slack success", `"id":1,"ok":true`, false},
		{"WeChat success", `"id":1,"errcode":0`, false},
		{"Naver success", `"id":1,"resultcode":"00"`, false},
		{"TikTok success", `"id":1,"error":{"code":"ok","message":""}`, false},
		{"null", `"id":1,"error":null`, false},
		{"empty", `"id":1,"error":""`, false},
		{"empty object", `"id":1,"error":{}`, false},
		{"false", `"id":1,"error":false`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := generic.Fields{ID: "/id"}.Read([]byte("{" + test.members + "}"))
			if (err != nil) != test.wantErr {
				t.Errorf("got error %v, want one: %v", err, test.wantErr)
			}
		})
	}
}

// A picture is an address to load, and nothing to run.
func TestFieldsPicture(t *testing.T) {
	tests := []struct{ url, want string }{
		{"https://img.example/a.png?x=1", "https://img.example/a.png?x=1"},
		{"http://img.example/a.png", "http://img.example/a.png"},
		{"javascript:alert(1)", ""},
		{"JavaScript://img.example/%0aalert(1)", ""},
		{"data:text/html,x", ""},
		{"/a.png", ""},
		{"hash", ""},
		{"https://", ""},
	}
	for _, test := range tests {
		u, err := generic.Fields{ID: "/id", Picture: "/p"}.Read([]byte(object{"id": 1, "p": test.url}.json()))
		if err != nil || u.Picture != test.want {
			t.Errorf("got %q, %v, want %q", u.Picture, err, test.want)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add("/id", "/name /login", `{"id":1,"name":"Ada"}`)
	f.Add("/data/0/id", "/~01", `{"data":[{"id":"x"}]}`)
	f.Add("/0", "/", `[9007199254740993]`)
	f.Fuzz(func(t *testing.T, id, name, body string) {
		u, err := generic.Fields{ID: id, Name: name, Email: name, EmailVerified: id}.Read([]byte(body))
		if err != nil {
			return
		}
		if u.ID == "" || len(u.ID) > 255 || !json.Valid([]byte(body)) {
			t.Errorf("paths %q and %q made the user %q of %q", id, name, u.ID, body)
		}
	})
}
