package hostile

import (
	"net/http"
	"strconv"
	"strings"
)

// oauth2Error replaces the answer by an error of the token endpoint.
func oauth2Error(code int, name string) func(*Answer) {
	return func(a *Answer) {
		a.Status = code
		a.Object = Object{"error": name, "error_description": Canary}
	}
}

// accessToken gives out another access token than usual, and honours it.
func accessToken(token string) func(*Answer) {
	return func(a *Answer) {
		a.Object["access_token"], a.Login.Accepted = token, token
		delete(a.Object, "id_token") // whose at_hash is for another
	}
}

// with appends members to the JSON, which may be there already.
func with(members string) func(*Answer) {
	return edit(func(s string) string { return strings.TrimSuffix(s, "}") + "," + members + "}" })
}

// form writes the answer as a form.
func form(a *Answer) {
	var b strings.Builder
	for _, key := range []string{"access_token", "token_type", "expires_in", "refresh_token", "id_token"} {
		switch v := a.Object[key].(type) {
		case string:
			b.WriteString(key + "=" + strings.ReplaceAll(v, "+", "%2B") + "&")
		case int:
			b.WriteString(key + "=" + strconv.Itoa(v) + "&")
		}
	}
	a.Body, a.Type = strings.TrimSuffix(b.String(), "&"), "application/x-www-form-urlencoded"
}

// token misbehaves in the answer of the token endpoint.
func token() []Switch {
	table := []Switch{
		{Name: "invalid_grant", Rules: "C2 C14", Check: "one request with a code", Faults: Faults{Token: oauth2Error(http.StatusBadRequest, "invalid_grant")}},
		{Name: "invalid_client", Rules: "C2 R8", Check: "one request with a code", Faults: Faults{Token: oauth2Error(http.StatusUnauthorized, "invalid_client")}},
		{Name: "too many requests", Rules: "C2 T51", Check: "one request with a code", Faults: Faults{Token: oauth2Error(http.StatusTooManyRequests, "slow_down")}},
		{Name: "server error", Rules: "C2 T51", Check: "one request with a code", Faults: Faults{Token: status(http.StatusInternalServerError)}},
		{Name: "unavailable", Rules: "C2 T51", Check: "one request with a code", Faults: Faults{Token: status(http.StatusServiceUnavailable)}},
		{Name: "a token with status 400", Rules: "C14 R72", Faults: Faults{Token: status(http.StatusBadRequest)}},
		{Name: "a token with status 500", Rules: "R72", Faults: Faults{Token: status(http.StatusInternalServerError)}},
		{Name: "an error beside a token", Rules: "C11 R33 R72", Check: "errors with status 200", Faults: Faults{Token: member("error", "bad_verification_code")}},
		{Name: "an error object beside a token", Rules: "C11 R72", Check: "errors with status 200", Faults: Faults{Token: member("error", Object{"type": "OAuthException", "code": 100})}},
		{Name: "an error number beside a token", Rules: "R72", Check: "errors with status 200", Faults: Faults{Token: member("errcode", 40029)}},
		{Name: "a list of errors beside a token", Rules: "R72", Check: "errors with status 200", Faults: Faults{Token: member("errors", []Object{{"errorType": "invalid_grant"}})}},
		{Name: "an error that is a text", Rules: "C14 T43", Check: "characters of error codes", Faults: Faults{Token: oauth2Error(http.StatusBadRequest, Canary)}},
		{Name: "an error page", Rules: "C14 T48", Faults: Faults{Token: func(a *Answer) {
			a.Status, a.Type, a.Body = http.StatusOK, "text/html", "<h1>"+Canary+"</h1>"
		}}},
		{Name: "nothing but braces", Rules: "R72", Faults: Faults{Token: body("{}")}},
		{Name: "a list", Rules: "T48", Faults: Faults{Token: edit(func(s string) string { return "[" + s + "]" })}},
		{Name: "something after the JSON", Rules: "T48", Check: "end of token responses", Faults: Faults{Token: edit(func(s string) string { return s + "{}" })}},
		{Name: "two access tokens", Rules: "T48", Check: "members of token responses once", Faults: Faults{Token: edit(func(s string) string {
			return `{"access_token":"of-mallory",` + strings.TrimPrefix(s, "{")
		})}},
		{Name: "two access tokens, one escaped", Rules: "T48", Check: "members of token responses once", Faults: Faults{Token: edit(func(s string) string {
			return `{"access\u005ftoken":"of-mallory",` + strings.TrimPrefix(s, "{")
		})}},
		{Name: "two access tokens in a form", Rules: "T48", Check: "members of forms once", Faults: Faults{Token: func(a *Answer) {
			form(a)
			a.Body += "&access_token=of-mallory"
		}}},
		{Name: "a type that is not Bearer", Rules: "C9 R11", Check: "token type", Plain: true, Faults: Faults{Token: member("token_type", "mac")}},
		{Name: "a type that needs proofs", Rules: "C9 K4", Check: "token type", Plain: true, Faults: Faults{Token: member("token_type", "DPoP")}},
		{Name: "a type that is not Bearer, with OpenID Connect", Rules: "C9", Faults: Faults{Token: member("token_type", "N_A")}},
		{Name: "a type that is a number", Rules: "C9", Check: "token type is text", Plain: true, Faults: Faults{Token: member("token_type", 7)}},
		{Name: "no type, with OpenID Connect", Rules: "C9", Check: "token type of OpenID Connect", Faults: Faults{Token: member("token_type", nil)}},
		{Name: "an access token with a space", Rules: "C16", Check: "characters of tokens", Plain: true, Faults: Faults{Token: accessToken("two words")}},
		{Name: "an access token with an accent", Rules: "C16", Check: "characters of tokens", Plain: true, Faults: Faults{Token: accessToken("séance-token")}},
		{Name: "an access token with a line break", Rules: "C16 T48", Plain: true, Faults: Faults{Token: accessToken("access\r\nX-Evil: token")}},
		{Name: "a refresh token with a line break", Rules: "C16 T48", Check: "characters of tokens", Faults: Faults{Token: member("refresh_token", "refresh\r\nX-Evil: token")}},
		{Name: "a refresh token that is an object", Rules: "T48", Check: "tokens are text", Plain: true, Faults: Faults{Token: member("refresh_token", Object{"a": "b"})}},
		{Name: "an access token of 300 KB", Rules: "C8 T48", Check: "size of tokens", Plain: true, Faults: Faults{Token: accessToken(strings.Repeat("t", 300<<10))}},
		{Name: "no ID token", Rules: "C15", Faults: Faults{Token: member("id_token", nil)}},
		{Name: "an ID token that is null", Rules: "C15", Faults: Faults{Token: func(a *Answer) { a.Object["id_token"] = nil }}},
		{Name: "an ID token that is an object", Rules: "C15 D1", Faults: Faults{Token: member("id_token", Object{"sub": Ada().ID})}},
		{Name: "an end that is a word", Rules: "C10", Check: "end of a token is a number", Faults: Faults{Token: member("expires_in", "soon")}},
		{Name: "redirect to the thief, posting again", Rules: "C5 T47", Check: "redirects", Faults: Faults{Token: redirect(http.StatusTemporaryRedirect, thief+"/token")}},
		{Name: "redirect to the thief, for good", Rules: "C5 T47", Check: "redirects", Faults: Faults{Token: redirect(http.StatusPermanentRedirect, thief+"/token")}},
		{Name: "redirect to the thief", Rules: "C5 T47", Check: "redirects", Faults: Faults{Token: redirect(http.StatusFound, thief+"/token")}},
		{Name: "redirect to plain http", Rules: "C5 C6 T47", Check: "redirects", Faults: Faults{Token: redirect(http.StatusTemporaryRedirect, "http://id.example/token")}},
		{Name: "redirect to itself", Rules: "C5 T47", Check: "redirects", Faults: Faults{Token: redirect(http.StatusTemporaryRedirect, Issuer+"/token")}},
		{Name: "too large", Rules: "C8 T51", Check: "size of answers", Faults: Faults{Token: huge}},
		{Name: "compressed bomb", Rules: "C8 T48", Check: "size of answers", Faults: Faults{Token: bomb}},
		{Name: "does not answer", Rules: "C7 T51", Check: "deadlines", Faults: Faults{Token: stall}},
		{Name: "never ends", Rules: "C7 T51", Check: "deadlines", Faults: Faults{Token: drips}},
		{Name: "breaks off", Rules: "T51", Faults: Faults{Token: cut}},

		{Name: "no type", Rules: "C9 R20", Check: "type may be missing", Plain: true, Accept: true, Faults: Faults{Token: member("token_type", nil)}},
		{Name: "type in other letters", Rules: "C9", Check: "case of the token type", Accept: true, Faults: Faults{Token: member("token_type", "bEARER")}},
		{Name: "JSON called text", Rules: "C12 T48", Check: "JSON called otherwise", Accept: true, Faults: Faults{Token: mediaType("text/plain")}},
		{Name: "a form", Rules: "C11 R52", Check: "form answers", Accept: true, Faults: Faults{Token: form}},
		{Name: "a byte order mark", Rules: "T48", Check: "byte order mark", Accept: true, Faults: Faults{Token: edit(func(s string) string { return "\ufeff" + s })}},
		{Name: "a fraction of a second", Rules: "C10 T48", Check: "numbers of seconds", Accept: true, Faults: Faults{Token: member("expires_in", 3600.5)}},
		{Name: "an end beyond all numbers", Rules: "C10 T48", Check: "numbers of seconds", Accept: true, Faults: Faults{Token: edit(func(s string) string {
			return strings.Replace(s, `"expires_in":3600`, `"expires_in":1e300`, 1)
		})}},
		{Name: "an end that is an empty word", Rules: "C10 T48", Check: "numbers of seconds", Accept: true, Faults: Faults{Token: member("expires_in", "")}},
		{Name: "no refresh token, said as false", Rules: "T48", Check: "false for none", Accept: true, Faults: Faults{Token: member("refresh_token", false)}},
		{Name: "another's token under a name with the sign for Kelvin", Rules: "C10 T48", Check: "similar names", Accept: true, Faults: Faults{Token: with(`"access_to\u212aen":"of-mallory"`)}},
		{Name: "another's token under a name with a long s", Rules: "C10 T48", Check: "similar names", Accept: true, Faults: Faults{Token: with(`"acce\u017f\u017f_token":"of-mallory"`)}},
	}
	return group("token", table)
}
