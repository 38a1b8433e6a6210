package hostile

import (
	"net/http"
	"strings"

	"github.com/doorlatch/login/generic"
)

// signed answers with a JWT of the claims.
func signed(key func(*Keys) Key, alg string, changes Object) func(*Answer) {
	return func(a *Answer) {
		k := key(a.Keys)
		a.Type = "application/jwt"
		a.Body = k.Sign(alg, Object{"alg": alg, "kid": a.Keys.Current.JWK["kid"]}.json(),
			a.Object.With(Object{"iss": Issuer, "aud": ClientID}).With(changes).json())
	}
}

// userInfo misbehaves in what the provider says about the user.
func userInfo() []Switch {
	table := []Switch{
		{Name: "sub of another", Rules: "G2 T32d", Module: "userinfo-invalid-sub", Check: "sub of userinfo", Faults: Faults{UserInfo: member("sub", mallory)}},
		{Name: "sub missing", Rules: "G2 T32d", Check: "sub of userinfo", Faults: Faults{UserInfo: member("sub", nil)}},
		{Name: "sub a number", Rules: "G2", Check: "sub of userinfo", Faults: Faults{UserInfo: member("sub", 7)}},
		{Name: "sub in other case", Rules: "G2", Check: "sub of userinfo", Faults: Faults{UserInfo: member("sub", strings.ToUpper(Ada().ID))}},
		{Name: "sub twice", Rules: "D18", Check: "claims once", Faults: Faults{UserInfo: edit(func(s string) string {
			return `{"sub":"` + mallory + `",` + strings.TrimPrefix(s, "{")
		})}},
		{Name: "called HTML", Rules: "G4 T32d", Check: "userinfo called JSON", Faults: Faults{UserInfo: mediaType("text/html")}},
		{Name: "a list", Rules: "T32d", Faults: Faults{UserInfo: edit(func(s string) string { return "[" + s + "]" })}},
		{Name: "something after the JSON", Rules: "T32d", Check: "end of claims", Faults: Faults{UserInfo: edit(func(s string) string { return s + "{}" })}},
		{Name: "with status 401", Rules: "G6", Check: "status 200", Faults: Faults{UserInfo: status(http.StatusUnauthorized)}},
		{Name: "with status 403", Rules: "G6", Check: "status 200", Faults: Faults{UserInfo: status(http.StatusForbidden)}},
		{Name: "with status 500", Rules: "G6 T51", Check: "status 200", Faults: Faults{UserInfo: status(http.StatusInternalServerError)}},
		{Name: "with status 202", Rules: "G6", Check: "status 200", Faults: Faults{UserInfo: status(http.StatusAccepted)}},
		{Name: "redirect to the thief", Rules: "G4 T47", Check: "redirects", Faults: Faults{UserInfo: redirect(http.StatusFound, thief+"/userinfo")}},
		{Name: "redirect to plain http", Rules: "G4 T47", Check: "redirects", Faults: Faults{UserInfo: redirect(http.StatusTemporaryRedirect, "http://id.example/userinfo")}},
		{Name: "too large", Rules: "G4 C8 T51", Check: "size of answers", Faults: Faults{UserInfo: huge}},
		{Name: "compressed bomb", Rules: "C8 T51", Check: "size of answers", Faults: Faults{UserInfo: bomb}},
		{Name: "does not answer", Rules: "C7 T51", Check: "deadlines", Faults: Faults{UserInfo: stall}},
		{Name: "never ends", Rules: "C7 T51", Check: "deadlines", Faults: Faults{UserInfo: drips}},
		{Name: "breaks off", Rules: "T51", Faults: Faults{UserInfo: cut}},
		{Name: "signed by the thief", Rules: "G3", Check: "signature", Faults: Faults{UserInfo: signed(thiefKey, "RS256", nil)}},
		{Name: "signed by nobody", Rules: "G3 D3", Faults: Faults{UserInfo: signed(current, "none", nil)}},
		{Name: "signed, of another issuer", Rules: "G3", Check: "iss of userinfo", Faults: Faults{UserInfo: signed(current, "RS256", Object{"iss": thief})}},
		{Name: "signed, for another client", Rules: "G3", Check: "aud of userinfo", Faults: Faults{UserInfo: signed(current, "RS256", Object{"aud": "another"})}},
		{Name: "an error with status 200", Rules: "R33", Check: "errors of the user endpoint", Plain: true, Faults: Faults{UserInfo: member("error", "invalid_token")}},
		{Name: "nobody", Rules: "R35", Faults: Faults{UserInfo: member("sub", nil)}, Plain: true},
		{Name: "the word null", Rules: "T29", Check: "words for nobody", Plain: true, Faults: Faults{UserInfo: member("sub", "null")}},
		{Name: "somebody with a control character", Rules: "T29", Check: "control characters of IDs", Plain: true, Faults: Faults{UserInfo: member("sub", "ada\n")}},

		{Name: "signed by the provider", Rules: "G3", Module: "userinfo-signed", Check: "signed userinfo", Accept: true, Faults: Faults{UserInfo: signed(current, "RS256", nil)}},
		{Name: "another's address in the ID token, without a word for it", Rules: "D20 T30", Check: "one document vouches", Accept: true, Faults: Faults{
			IDToken: both(claim("email", "boss@example.com"), claim("email_verified", nil)),
		}},
		{Name: "userinfo that is not asked", Rules: "G6", Check: "NoUserInfo", Accept: true, Unasked: true, Config: func(c *generic.Config) { c.NoUserInfo = true }, Faults: Faults{UserInfo: stall}},
	}
	return group("userinfo", table)
}
