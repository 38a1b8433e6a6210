package hostile

import (
	"net/url"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// claim sets a claim of the ID token; nil leaves it out.
func claim(name string, value any) func(*IDToken) {
	return func(t *IDToken) { t.Claims = t.Claims.With(Object{name: value}) }
}

// about sets a claim everywhere, in userinfo as well.
func about(name string, value any) func(*IDToken) {
	return func(t *IDToken) {
		t.Login.Claims = t.Login.Claims.With(Object{name: value})
		claim(name, value)(t)
	}
}

// clock sets a claim to a point in time, counted from now.
func clock(name string, d time.Duration) func(*IDToken) {
	return func(t *IDToken) { claim(name, time.Now().Add(d).Unix())(t) }
}

func both(changes ...func(*IDToken)) func(*IDToken) {
	return func(t *IDToken) {
		for _, f := range changes {
			f(t)
		}
	}
}

// payload writes the claims as text, with something changed.
func payload(change func(string) string) func(*IDToken) {
	return func(t *IDToken) { t.Raw = change(t.Claims.json()) }
}

// more appends members, which may be there already.
func more(members string) func(*IDToken) {
	return payload(func(s string) string { return strings.TrimSuffix(s, "}") + "," + members + "}" })
}

func parameter(name, value string) func(*generic.Config) {
	return func(c *generic.Config) { c.Params = url.Values{name: {value}} }
}

func noUserInfo(c *generic.Config) { c.NoUserInfo = true }

// unverified is Ada, whose address nobody vouches for.
func unverified(address string) *login.User {
	u := Ada()
	u.Email, u.UnverifiedEmail = "", address
	return u
}

// withoutPicture is Ada without one.
func withoutPicture() *login.User {
	u := Ada()
	u.Picture = ""
	return u
}

// null is the word of JSON, where nil leaves a member out.
type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// claims misbehaves in what the ID token says.
func claims() []Switch {
	const essential = `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`
	table := []Switch{
		{Name: "iss of another", Rules: "D7", Module: "invalid-iss", Check: "iss", Faults: Faults{IDToken: claim("iss", "https://other.example")}},
		{Name: "iss with a slash more", Rules: "D7 T28", Check: "iss", Faults: Faults{IDToken: claim("iss", Issuer+"/")}},
		{Name: "iss a template", Rules: "D7 T28 F7", Check: "iss", Faults: Faults{IDToken: claim("iss", "https://id.example/{tenantid}")}},
		{Name: "iss missing", Rules: "D7", Check: "iss", Faults: Faults{IDToken: claim("iss", nil)}},
		{Name: "aud of another", Rules: "D8 T28", Module: "invalid-aud", Check: "aud, by both", Faults: Faults{IDToken: claim("aud", "another")}},
		{Name: "aud that begins like ours", Rules: "D8", Check: "aud, by both", Faults: Faults{IDToken: claim("aud", ClientID+"2")}},
		{Name: "aud empty", Rules: "D8 T28", Check: "aud, by both", Faults: Faults{IDToken: claim("aud", []string{})}},
		{Name: "aud missing", Rules: "D8 T28", Module: "missing-aud", Check: "aud, by both", Faults: Faults{IDToken: claim("aud", nil)}},
		{Name: "aud ours and another", Rules: "D8 T28", Check: "azp", Faults: Faults{IDToken: claim("aud", []string{ClientID, "another"})}},
		{Name: "aud ours and another, azp the other", Rules: "D9 T28", Check: "azp", Faults: Faults{IDToken: both(claim("aud", []string{ClientID, "another"}), claim("azp", "another"))}},
		{Name: "azp of another", Rules: "D9", Check: "azp", Faults: Faults{IDToken: claim("azp", "another")}},
		{Name: "azp empty", Rules: "D9", Check: "azp", Faults: Faults{IDToken: claim("azp", "")}},
		{Name: "sub missing", Rules: "D13 T29", Module: "missing-sub", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", nil)}},
		{Name: "sub empty", Rules: "D13 T29", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", "")}},
		{Name: "sub the word null", Rules: "D13 T29", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", "null")}},
		{Name: "sub of 256 characters", Rules: "D13 T29", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", strings.Repeat("s", 256))}},
		{Name: "sub not ASCII", Rules: "D13", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", "аda")}},
		{Name: "sub with a NUL", Rules: "D13", Check: "sub, by both", Config: noUserInfo, Faults: Faults{IDToken: claim("sub", "ada\x00")}},
		{Name: "sub a number", Rules: "D13 T29", Faults: Faults{IDToken: about("sub", 7)}},
		{Name: "exp in the past", Rules: "D10 T32b", Check: "exp and its presence", Faults: Faults{IDToken: clock("exp", -61*time.Second)}},
		{Name: "exp missing", Rules: "D10", Check: "exp and its presence", Faults: Faults{IDToken: claim("exp", nil)}},
		{Name: "exp a text", Rules: "D10 T32b", Faults: Faults{IDToken: claim("exp", "4102444800")}},
		{Name: "exp beyond all numbers", Rules: "D10 T32b", Faults: Faults{IDToken: claim("exp", 1e300)}},
		{Name: "exp in the year 10000", Rules: "D10 T32b", Check: "range of times", Faults: Faults{IDToken: claim("exp", 253402300801)}},
		{Name: "iat missing", Rules: "D11", Module: "missing-iat", Check: "iat", Faults: Faults{IDToken: claim("iat", nil)}},
		{Name: "iat in the future", Rules: "D11 T32b", Check: "iat", Faults: Faults{IDToken: clock("iat", 62*time.Second)}},
		{Name: "iat eleven minutes ago", Rules: "D11", Check: "iat", Faults: Faults{IDToken: clock("iat", -11*time.Minute)}},
		{Name: "nbf in the future", Rules: "D12 T32b", Check: "nbf", Faults: Faults{IDToken: clock("nbf", 62*time.Second)}},
		{Name: "nonce of another login", Rules: "D14 A5 T32b", Module: "nonce-invalid", Check: "nonce", Faults: Faults{IDToken: claim("nonce", strings.Repeat("n", 43))}},
		{Name: "nonce missing", Rules: "D14 T32b", Module: "nonce-invalid", Check: "nonce", Faults: Faults{IDToken: claim("nonce", nil)}},
		{Name: "nonce empty", Rules: "D14", Check: "nonce", Faults: Faults{IDToken: claim("nonce", "")}},
		{Name: "nonce in other case", Rules: "D14", Check: "nonce", Faults: Faults{IDToken: func(t *IDToken) { claim("nonce", strings.ToUpper(t.Login.Nonce))(t) }}},
		{Name: "nonce a list", Rules: "D14", Faults: Faults{IDToken: func(t *IDToken) { claim("nonce", []string{t.Login.Nonce})(t) }}},
		{Name: "at_hash of another token", Rules: "D15 T27", Check: "at_hash", Faults: Faults{IDToken: claim("at_hash", strings.Repeat("h", 22))}},
		{Name: "at_hash empty", Rules: "D15 T27", Check: "at_hash", Faults: Faults{IDToken: claim("at_hash", "")}},
		{Name: "auth_time too long ago", Rules: "D16", Check: "max_age", Config: parameter("max_age", "60"), Faults: Faults{IDToken: clock("auth_time", -3*time.Minute)}},
		{Name: "auth_time missing", Rules: "D16", Check: "max_age", Config: parameter("max_age", "60"), Faults: Faults{IDToken: claim("auth_time", nil)}},
		{Name: "acr not what was asked for", Rules: "D17", Check: "acr", Config: parameter("claims", essential), Faults: Faults{IDToken: claim("acr", "bronze")}},
		{Name: "acr missing", Rules: "D17", Check: "acr", Config: parameter("claims", essential), Faults: Faults{IDToken: claim("acr", nil)}},
		{Name: "sub twice", Rules: "D18", Check: "claims once", Faults: Faults{IDToken: more(`"sub":"` + mallory + `"`)}},
		{Name: "sub and Sub", Rules: "D18", Check: "claims once", Faults: Faults{IDToken: more(`"Sub":"` + mallory + `"`)}},
		{Name: "sub with a long s", Rules: "D18", Check: "claims once", Faults: Faults{IDToken: more(`"\u017fub":"` + mallory + `"`)}},
		{Name: "another claim twice", Rules: "D18", Check: "claims once", Faults: Faults{IDToken: more(`"role":"a","role":"b"`)}},
		{Name: "nonce in another spelling", Rules: "D18", Faults: Faults{IDToken: func(t *IDToken) {
			both(claim("nonce", nil), claim("Nonce", t.Login.Nonce))(t)
		}}},
		{Name: "not UTF-8", Rules: "T29", Check: "UTF-8", Faults: Faults{IDToken: more("\"locale\":\"\xff\"")}},
		{Name: "something after the claims", Rules: "T26", Faults: Faults{IDToken: payload(func(s string) string { return s + "{}" })}},
		{Name: "claims in a list", Rules: "T29", Faults: Faults{IDToken: payload(func(s string) string { return "[" + s + "]" })}},
		{Name: "no claims", Rules: "T29", Faults: Faults{IDToken: payload(func(string) string { return "{}" })}},
		{Name: "claims 20,000 lists deep", Rules: "T26", Faults: Faults{IDToken: more(`"deep":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000))}},

		{Name: "exp a minute ago, but for a second", Rules: "D10", Check: "leeway", Accept: true, Faults: Faults{IDToken: clock("exp", -59*time.Second)}},
		{Name: "iat a minute ahead, but for a second", Rules: "D11", Check: "leeway", Accept: true, Faults: Faults{IDToken: clock("iat", 59*time.Second)}},
		{Name: "aud ours and another, azp ours", Rules: "D8 D9", Check: "azp of ours", Accept: true, Faults: Faults{IDToken: both(claim("aud", []string{ClientID, "another"}), claim("azp", ClientID))}},
		{Name: "at_hash missing", Rules: "D15", Check: "at_hash may be missing", Accept: true, Faults: Faults{IDToken: claim("at_hash", nil)}},
		{Name: "address not verified", Rules: "D20 T30", Check: "verified address", Accept: true, User: unverified(Ada().Email), Faults: Faults{IDToken: about("email_verified", false)}},
		{Name: "address that nobody speaks of", Rules: "D20 T30", Check: "verified address", Accept: true, User: unverified(Ada().Email), Faults: Faults{IDToken: about("email_verified", nil)}},
		{Name: "address verified as null", Rules: "G5 T30", Check: "verified address", Accept: true, User: unverified(Ada().Email), Faults: Faults{IDToken: about("email_verified", null{})}},
		{Name: "address verified as a list", Rules: "G5 T30", Check: "verified address", Accept: true, User: unverified(Ada().Email), Faults: Faults{IDToken: about("email_verified", []string{})}},
		{Name: "address verified as text", Rules: "G5 T30", Check: "truth in text", Accept: true, Faults: Faults{IDToken: about("email_verified", "True")}},
		{Name: "address of two domains", Rules: "T31", Check: "plain address", Accept: true, User: unverified("ada@example.com@evil.example"), Faults: Faults{IDToken: about("email", "ada@example.com@evil.example")}},
		{Name: "address with a comma", Rules: "T31", Check: "plain address", Accept: true, User: unverified("ada@evil.example,ada@example.com"), Faults: Faults{IDToken: about("email", "ada@evil.example,ada@example.com")}},
		{Name: "address with a wide at sign", Rules: "T31", Check: "plain address", Accept: true, User: unverified("ada＠example.com"), Faults: Faults{IDToken: about("email", "ada＠example.com")}},
		{Name: "address with a dot at the end", Rules: "T31", Check: "plain address", Accept: true, User: unverified("ada@example.com."), Faults: Faults{IDToken: about("email", "ada@example.com.")}},
		{Name: "address with a quoted part", Rules: "T31", Check: "plain address", Accept: true, User: unverified(`"ada@example.com"@evil.example`), Faults: Faults{IDToken: about("email", `"ada@example.com"@evil.example`)}},
		{Name: "picture that runs", Rules: "T65", Check: "scheme of pictures", Accept: true, User: withoutPicture(), Faults: Faults{IDToken: about("picture", "javascript://id.example/%0aalert(1)")}},
		{Name: "picture at the thief's", Rules: "T65 D21", Accept: true, User: func() *login.User { u := Ada(); u.Picture = thief + "/ada.png"; return u }(), Faults: Faults{IDToken: about("picture", thief+"/ada.png")}},
		{Name: "claims that are kept at the thief's", Rules: "D21 T65", Accept: true, Faults: Faults{IDToken: both(
			claim("_claim_names", Object{"address": "src"}),
			claim("_claim_sources", Object{"src": Object{"endpoint": thief + "/claims", "access_token": "for-the-claims"}}),
		)}},
	}
	return group("claims", table)
}
