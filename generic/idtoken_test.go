package generic_test

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// D7, D8, D9, D10, D11, D12, D13, D14, D18, T28, T29, T32b: what the claims of an
// ID token may be.
func TestIDTokenClaims(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	m := o.discover(p)
	now := start.Unix()
	others := []string{"client", "another"}
	tests := []struct {
		name    string
		changes object
		want    string
	}{
		{"good", nil, ""},

		{"D7 iss of another", object{"iss": "https://evil.example"}, "iss: want"},
		{"D7 iss with a slash", object{"iss": o.URL + "/"}, "iss: want"},
		{"D7 iss in upper case", object{"iss": strings.ToUpper(o.URL)}, "iss: want"},
		{"D7 iss template", object{"iss": "https://login.example/{tenantid}"}, "iss: want"},
		{"D7 iss missing", object{"iss": nil}, "iss: want"},
		{"D7 iss very long", object{"iss": strings.Repeat("i", 5000)}, "iss: want"},

		{"D8 aud of another", object{"aud": "another"}, "aud: want"},
		{"D8 aud missing", object{"aud": nil}, "aud: want"},
		{"D8 aud empty", object{"aud": ""}, "aud: want"},
		{"D8 aud a number", object{"aud": 7}, "aud"},
		{"D8 aud alone in an array", object{"aud": []string{"client"}}, ""},
		{"D8 two aud without azp", object{"aud": others}, "azp"},
		{"D8 two aud, azp another", object{"aud": others, "azp": "another"}, "azp"},
		{"D8 two aud, azp ours", object{"aud": others, "azp": "client"}, ""},
		{"D9 azp another", object{"azp": "another"}, "azp"},
		{"D9 azp empty", object{"azp": ""}, "azp"},
		{"D9 azp a list", object{"azp": []string{"client"}}, "azp"},
		{"D9 azp ours", object{"azp": "client"}, ""},

		{"D10 exp missing", object{"exp": nil}, "want exp and iat"},
		{"D10 exp 59 s ago", object{"exp": now - 59}, ""},
		{"D10 exp 60 s ago", object{"exp": now - 60}, "exp: it ended"},
		{"D10 exp a string", object{"exp": fmt.Sprint(now + 60)}, "exp: want a number"},
		{"D10 exp null", object{"exp": json.RawMessage("null")}, "ID token"},
		{"D10 exp 1e300", object{"exp": 1e300}, "exp: want a number"},
		{"D10 exp year 10000", object{"exp": 253402300800}, "exp: want a number"},
		{"D10 exp negative", object{"exp": -1}, "exp: want a number"},
		{"D10 exp a fraction", object{"exp": float64(now) + 0.5}, ""},

		{"D11 iat missing", object{"iat": nil}, "want exp and iat"},
		{"D11 iat 60 s in the future", object{"iat": now + 60}, ""},
		{"D11 iat 61 s in the future", object{"iat": now + 61}, "in the future"},
		{"D11 iat 10 min ago", object{"iat": now - 600}, ""},
		{"D11 iat 10 min 1 s ago", object{"iat": now - 601}, "want at most 10m"},
		{"D11 iat a string", object{"iat": fmt.Sprint(now)}, "iat: want a number"},

		{"D12 nbf 60 s in the future", object{"nbf": now + 60}, ""},
		{"D12 nbf 61 s in the future", object{"nbf": now + 61}, "nbf"},
		{"D12 nbf negative", object{"nbf": -1}, "nbf: want a number"},
		{"D12 nbf a string", object{"nbf": fmt.Sprint(now)}, "nbf: want a number"},

		{"D13 sub missing", object{"sub": nil}, "sub"},
		{"D13 sub empty", object{"sub": ""}, "sub"},
		{"D13 sub a number", object{"sub": 7}, "sub"},
		{"D13 sub null", object{"sub": json.RawMessage("null")}, "sub"},
		{"D13 sub \"null\"", object{"sub": "null"}, "sub"},
		{"D13 sub of 255 characters", object{"sub": strings.Repeat("s", 255)}, ""},
		{"D13 sub of 256 characters", object{"sub": strings.Repeat("s", 256)}, "sub"},
		{"D13 sub not ASCII", object{"sub": "usér"}, "sub"},
		{"D13 sub with NUL", object{"sub": "user\x00"}, "sub"},

		{"D14 nonce missing", object{"nonce": nil}, "nonce"},
		{"D14 nonce of another login", object{"nonce": "another"}, "nonce"},
		{"D14 nonce a list", object{"nonce": []string{"the-nonce"}}, "nonce"},

		{"D18 another spelling of sub", object{"sub": nil, "Sub": "user-1"}, "spelt otherwise"},
		{"D18 another spelling of iss", object{"iss": nil, "ISS": o.URL}, "spelt otherwise"},
		{"D18 two spellings of sub", object{"SUB": "user-2"}, "spelt otherwise"},
		{"D18 two spellings, long s", object{"ſub": "user-2"}, "same name"},
		{"D18 two spellings of a custom claim", object{"role": "a", "Role": "b"}, "same name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := p.Identify(o.ctx(), o.grant(p, m, o.token(test.changes)))
			check(t, u, err, test.want)
		})
	}
}

// D18, T29, T26: payloads that are no proper object.
func TestIDTokenPayload(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	m := o.discover(p)
	good := strings.TrimSuffix(o.claims().json(), "}")
	tests := []struct{ name, payload, want string }{
		{"good", good + `}`, ""},
		{"the same claim twice", good + `,"sub":"user-2"}`, "same name"},
		{"empty", `{}`, "ID token"},
		{"array", `[]`, "ID token"},
		{"null", `null`, "ID token"},
		{"nothing", ``, "ID token"},
		{"something after it", good + `}{}`, "ID token"},
		{"not UTF-8", good + ",\"name\":\"\xff\"}", "not UTF-8"},
		{"deep", good + `,"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "ID token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			jwt := rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`, test.payload)
			u, err := p.Identify(o.ctx(), o.grant(p, m, jwt))
			check(t, u, err, test.want)
		})
	}
}

// D1, D2, D3, D4, D5, D6, D19, T25, T26: what a token may look like before any
// key is tried.
func TestIDTokenForm(t *testing.T) {
	o := newOP(t)
	ec, ed := newEC("ec", elliptic.P256()), newEd("ed")
	o.publish(rsaKey(), ec, newEC("ec384", elliptic.P384()), ed)
	attacker := newRSA("k1", 2048)
	jwk := attacker.jwk.json()
	p := o.provider(generic.Config{})
	m := o.discover(p)
	payload := o.claims().json()
	rs := func(header string) string { return rsaKey().sign("RS256", header, payload) }
	good := rs(`{"alg":"RS256","kid":"k1"}`)
	parts := strings.Split(good, ".")
	flattened := object{"protected": parts[0], "payload": parts[1], "signature": parts[2]}.json()
	tests := []struct{ name, jwt, want string }{
		{"good", good, ""},
		{"D1 JSON form", flattened, "compact"},
		{"D1 JSON form with two dots", strings.Replace(flattened, "{", `{"a.b":".",`, 1), "base64url"},
		{"D1 two parts", parts[0] + "." + parts[1], "compact"},
		{"D1 four parts", good + ".", "compact"},
		{"D1 10^6 dots", strings.Repeat(".", 1e6), "at most"},
		{"T26 5 MB", good + strings.Repeat("A", 5<<20), "at most"},
		{"T26 above 64 KiB", rsaKey().sign("RS256", `{"alg":"RS256","kid":"k1"}`,
			o.claims().edit(object{"groups": strings.Repeat("g", 50<<10)}).json()), "at most 65536 bytes"},
		{"D1 line break", parts[0] + ".\n" + parts[1] + "." + parts[2], "base64url"},
		{"D1 space", " " + good, "base64url"},
		{"D1 padding", parts[0] + "=." + parts[1] + "." + parts[2], "base64url"},
		{"D1 signature cut off", parts[0] + "." + parts[1] + ".", "no published key"},
		{"D1 signature of another token", parts[0] + "." + b64([]byte(o.claims().edit(object{"sub": "admin"}).json())) + "." + parts[2], "no published key"},
		{"D2 alg not listed", rsaKey().sign("RS384", `{"alg":"RS384","kid":"k1"}`, payload), "alg"},
		{"D2 alg missing", rs(`{"kid":"k1"}`), "alg"},
		{"D2 alg a list", rs(`{"alg":["RS256"],"kid":"k1"}`), "alg"},
		{"D2 PS256", rsaKey().sign("PS256", `{"alg":"PS256","kid":"k1"}`, payload), ""},
		{"D2 ES256", ec.sign("ES256", `{"alg":"ES256","kid":"ec"}`, payload), ""},
		{"D2 EdDSA", ed.sign("EdDSA", `{"alg":"EdDSA","kid":"ed"}`, payload), ""},
		{"D3 none", rsaKey().sign("none", `{"alg":"none"}`, payload), "alg"},
		{"D3 None", rsaKey().sign("none", `{"alg":"None"}`, payload), "alg"},
		{"D4 HS256 with the public key", rsaKey().sign("HS256", `{"alg":"HS256","kid":"k1"}`, payload), "alg"},
		{"D5 crit", rs(`{"alg":"RS256","kid":"k1","crit":["exp"],"exp":1}`), "extension"},
		{"D5 b64", rs(`{"alg":"RS256","kid":"k1","b64":true}`), "extension"},
		{"D5 the attacker's jwk", attacker.sign("RS256", `{"alg":"RS256","jwk":`+jwk+`}`, payload), "no published key"},
		{"D5 jku and x5u of the attacker", attacker.sign("RS256", `{"alg":"RS256","jku":"`+o.URL+`/trap","x5u":"`+o.URL+`/trap"}`, payload), "no published key"},
		{"D5 jku ignored", rs(`{"alg":"RS256","kid":"k1","jku":"` + o.URL + `/trap"}`), ""},
		{"D6 typ JWT", rs(`{"alg":"RS256","kid":"k1","typ":"JWT"}`), ""},
		{"D6 typ jwt", rs(`{"alg":"RS256","kid":"k1","typ":"jwt"}`), ""},
		{"D6 typ at+jwt", rs(`{"alg":"RS256","kid":"k1","typ":"at+jwt"}`), "typ"},
		{"D6 typ logout+jwt", rs(`{"alg":"RS256","kid":"k1","typ":"logout+jwt"}`), "typ"},
		{"D6 typ a number", rs(`{"alg":"RS256","kid":"k1","typ":1}`), "typ"},
		{"D19 encrypted", "a.b.c.d.e", "encrypted"},
		{"T25 kid a path", rs(`{"alg":"RS256","kid":"../../dev/null"}`), "no published key"},
		{"T25 kid SQL", rs(`{"alg":"RS256","kid":"' or 1=1 --"}`), "no published key"},
		{"T25 kid a number", rs(`{"alg":"RS256","kid":1}`), "kid"},
		{"T25 kid very long", rs(`{"alg":"RS256","kid":"` + strings.Repeat("k", 2000) + `"}`), "kid"},
		{"header twice the same", rs(`{"alg":"RS256","alg":"RS256","kid":"k1"}`), "same name"},
		{"no header", "." + parts[1] + "." + parts[2], "header"},
		{"C15 none at all", "", "no ID token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := p.Identify(o.ctx(), o.grant(p, m, test.jwt))
			check(t, u, err, test.want)
		})
	}
	if trap := o.count("/trap"); trap != 0 {
		t.Errorf("URLs in the header were fetched %d times", trap)
	}
}

// D2, D4: what is accepted is decided here, whatever Metadata says.
func TestAlgorithms(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	good := o.discover(p)
	for _, test := range []struct {
		name string
		algs []string
		alg  string
		want string
	}{
		{"RS256 is the default", nil, "RS256", ""},
		{"and PS256 is not", nil, "PS256", "alg"},
		{"HS256 never", []string{"HS256"}, "HS256", "alg"},
		{"none never", []string{"none"}, "none", "alg"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := good
			m.Algorithms = test.algs
			jwt := rsaKey().sign(test.alg, `{"alg":"`+test.alg+`","kid":"k1"}`, o.claims().json())
			u, err := p.Identify(o.ctx(), o.grant(p, m, jwt))
			check(t, u, err, test.want)
		})
	}
}

// D14, D15, C9, C15, T27, T28: what the grant must hold besides a good ID token.
func TestGrant(t *testing.T) {
	o := newOP(t)
	ec := newEC("ec", elliptic.P521())
	ed := newEd("ed")
	o.publish(rsaKey(), ec, ed)
	p := o.provider(generic.Config{})
	m := o.discover(p)
	sum := sha256.Sum256([]byte("access-token"))
	hash := base64.RawURLEncoding.EncodeToString(sum[:16])
	tests := []struct {
		name    string
		changes object
		edit    func(*login.Grant)
		want    string
	}{
		{"good", nil, func(*login.Grant) {}, ""},
		{"C9 token type bearer", nil, func(g *login.Grant) { g.Token.TokenType = "bearer" }, ""},
		{"C9 token type missing", nil, func(g *login.Grant) { g.Token.TokenType = "" }, "token_type"},
		{"C9 token type mac", nil, func(g *login.Grant) { g.Token.TokenType = "mac" }, "token_type"},
		{"no token", nil, func(g *login.Grant) { g.Token = nil }, "no access token"},
		{"empty token", nil, func(g *login.Grant) { g.Token.AccessToken = "" }, "no access token"},
		{"C15 no ID token", nil, func(g *login.Grant) { g.IDToken = "" }, "no ID token"},
		{"D14 no nonce was sent", nil, func(g *login.Grant) { g.Nonce = "" }, "nonce"},
		{"D14 neither sent nor returned", object{"nonce": ""}, func(g *login.Grant) { g.Nonce = "" }, "nonce"},
		{"T28 no client ID", object{"aud": ""}, func(g *login.Grant) { g.Provider.ClientID = "" }, "client ID"},
		{"want an issuer", object{"iss": ""}, func(g *login.Grant) { g.Metadata.Issuer = "" }, "want an issuer"},
		{"D15 at_hash", object{"at_hash": hash}, func(*login.Grant) {}, ""},
		{"D15 at_hash of another token", object{"at_hash": hash}, func(g *login.Grant) { g.Token.AccessToken = "other" }, "at_hash"},
		{"D15 at_hash empty", object{"at_hash": ""}, func(*login.Grant) {}, "at_hash"},
		{"D15 at_hash a number", object{"at_hash": 1}, func(*login.Grant) {}, "at_hash"},
		{"D15 at_hash null", object{"at_hash": json.RawMessage("null")}, func(*login.Grant) {}, "at_hash"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := o.grant(p, m, o.token(test.changes))
			test.edit(g)
			u, err := p.Identify(o.ctx(), g)
			check(t, u, err, test.want)
		})
	}
}

// D16: max_age was sent.
func TestMaxAge(t *testing.T) {
	o := newOP(t)
	now := start.Unix()
	tests := []struct {
		name, maxAge string
		changes      object
		want         string
	}{
		{"recent", "300", object{"auth_time": now - 300}, ""},
		{"within the leeway", "300", object{"auth_time": now - 360}, ""},
		{"too old", "300", object{"auth_time": now - 361}, "auth_time"},
		{"in the future", "300", object{"auth_time": now + 61}, "auth_time"},
		{"missing", "300", nil, "auth_time"},
		{"a string", "300", object{"auth_time": fmt.Sprint(now)}, "auth_time"},
		{"zero means now", "0", object{"auth_time": now - 61}, "auth_time"},
		{"not a number", "soon", object{"auth_time": now}, "max_age"},
		{"empty", "", object{"auth_time": now}, "max_age"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := o.provider(generic.Config{Params: url.Values{"max_age": {test.maxAge}}})
			u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(test.changes)))
			check(t, u, err, test.want)
		})
	}
}

// D17: an acr was asked for as essential.
func TestACR(t *testing.T) {
	o := newOP(t)
	tests := []struct {
		name, claims string
		changes      object
		want         string
	}{
		{"value", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`, object{"acr": "gold"}, ""},
		{"another value", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`, object{"acr": "tin"}, "acr"},
		{"values", `{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`, object{"acr": "silver"}, ""},
		{"none of the values", `{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`, object{"acr": "tin"}, "acr"},
		{"missing", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`, nil, "acr"},
		{"any", `{"id_token":{"acr":{"essential":true}}}`, object{"acr": "tin"}, ""},
		{"any, missing", `{"id_token":{"acr":{"essential":true}}}`, nil, "acr"},
		{"voluntary", `{"id_token":{"acr":{"values":["gold"]}}}`, object{"acr": "tin"}, ""},
		{"something else", `{"userinfo":{"picture":null},"id_token":{"acr":null}}`, nil, ""},
		{"not JSON", `acr`, object{"acr": "gold"}, "section 5.5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := o.provider(generic.Config{Params: url.Values{"claims": {test.claims}}})
			u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(test.changes)))
			check(t, u, err, test.want)
		})
	}
}

// D21, T65: no URL that comes in a claim is fetched.
func TestClaimURLs(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	trap := o.URL + "/trap"
	u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(object{
		"picture": trap, "profile": trap, "website": trap,
		"_claim_names":   object{"shoe_size": "a", "email": "b"},
		"_claim_sources": object{"a": object{"endpoint": trap, "access_token": "t"}, "b": object{"JWT": "x.y.z"}},
	})))
	check(t, u, err, "")
	if n := o.count("/trap"); n != 0 {
		t.Errorf("got %d requests to URLs in claims, want none", n)
	}
	if u.Picture != trap || u.Email+u.UnverifiedEmail != "" {
		t.Errorf("got %+v", u)
	}
}

// A picture that a browser would run is none.
func TestClaimPicture(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	u, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(object{"picture": "javascript:alert(1)"})))
	check(t, u, err, "")
	if u.Picture != "" {
		t.Errorf("got picture %q, want none", u.Picture)
	}
}

func FuzzIDToken(f *testing.F) {
	o := newOP(f)
	ed := newEd("ed")
	o.publish(ed)
	p := o.provider(generic.Config{})
	m := o.discover(p)
	f.Add(`{"alg":"EdDSA","kid":"ed"}`, o.claims().json())
	f.Add(`{"alg":"none"}`, `{}`)
	f.Add(`{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{"sub":null}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		g := o.grant(p, m, ed.sign("EdDSA", header, payload))
		u, err := p.Identify(o.ctx(), g)
		if err != nil {
			return
		}
		var c struct{ Sub, Iss, Nonce string }
		if json.Unmarshal([]byte(payload), &c) != nil || c.Sub != u.ID || c.Iss != o.URL || c.Nonce != "the-nonce" {
			t.Errorf("%s made the user %q", payload, u.ID)
		}
	})
}
