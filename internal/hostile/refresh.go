package hostile

import (
	"net/http"
	"strings"
	"time"
)

// early is within the half minute in which a token is renewed before its end.
const early = 59*time.Minute + 45*time.Second

// unspent is a failure after which the provider takes the same refresh token
// again.
func unspent(fault func(*Answer)) func(*Answer) {
	return func(a *Answer) {
		a.Unspent = true
		if fault != nil {
			fault(a)
		}
	}
}

// unrotated gives out no new refresh token.
func unrotated(a *Answer) { a.Object["refresh_token"] = a.Before.Refresh }

// another is the ID token of somebody else.
func another(t *IDToken) {
	t.Claims = t.Claims.With(Object{"sub": mallory, "name": "Mallory", "preferred_username": "mallory", "email": "mallory@evil.example"})
}

// refresh misbehaves when a token has ended and the next one is asked for.
func refresh() []Switch {
	table := []Switch{
		{Name: "invalid_grant", Rules: "J3", Check: "invalid_grant ends the session", Ends: true, Faults: Faults{Refresh: oauth2Error(http.StatusBadRequest, "invalid_grant")}},
		{Name: "invalid_grant, with OAuth 2.0", Rules: "J3", Check: "withdrawn tokens end the session", Plain: true, Ends: true, Faults: Faults{Refresh: oauth2Error(http.StatusBadRequest, "invalid_grant")}},
		{Name: "invalid_grant with status 200", Rules: "J3 R72", Check: "errors with status 200", Ends: true, Faults: Faults{Refresh: member("error", "invalid_grant")}},
		{Name: "another's whole answer", Rules: "J4 T53", Check: "sub of a refreshed ID token", Ends: true, Faults: Faults{RefreshedIDToken: another}},
		{Name: "another's whole answer, just before the end", Rules: "J4 T53", Check: "renewed for somebody else", After: early, Ends: true, Faults: Faults{RefreshedIDToken: another}},
		{Name: "sub in other case", Rules: "J4 T53", Check: "sub of a refreshed ID token", Ends: true, Faults: Faults{RefreshedIDToken: claim("sub", strings.ToUpper(Ada().ID))}},
		{Name: "iss of another", Rules: "J4 T53", Check: "iss", Ends: true, Faults: Faults{RefreshedIDToken: claim("iss", thief)}},
		{Name: "aud of another", Rules: "J4 T53", Check: "aud, by both", Ends: true, Faults: Faults{RefreshedIDToken: claim("aud", "another")}},
		{Name: "aud ours and another, azp the other", Rules: "J4 T53", Check: "azp", Ends: true, Faults: Faults{RefreshedIDToken: both(claim("aud", []string{ClientID, "another"}), claim("azp", "another"))}},
		{Name: "azp of another", Rules: "J4 T53", Check: "azp", Ends: true, Faults: Faults{RefreshedIDToken: claim("azp", "another")}},
		{Name: "auth_time of another log-in", Rules: "J4 T53", Check: "nonce, azp, auth_time of a refreshed ID token", Ends: true, Faults: Faults{RefreshedIDToken: clock("auth_time", -time.Minute)}},
		{Name: "nonce of another login", Rules: "J4 T53", Check: "nonce, azp, auth_time of a refreshed ID token", Ends: true, Faults: Faults{RefreshedIDToken: claim("nonce", strings.Repeat("n", 43))}},

		{Name: "iat in the future", Rules: "J4 D11", Check: "iat", Faults: Faults{RefreshedIDToken: clock("iat", 62*time.Second)}},
		{Name: "iat of the login", Rules: "J4 D11", Check: "iat", Faults: Faults{RefreshedIDToken: clock("iat", -time.Hour)}},
		{Name: "exp in the past", Rules: "J4 D10", Check: "exp and its presence", Faults: Faults{RefreshedIDToken: clock("exp", -61*time.Second)}},
		{Name: "at_hash of another token", Rules: "J4 D15", Check: "at_hash", Faults: Faults{RefreshedIDToken: claim("at_hash", strings.Repeat("h", 22))}},
		{Name: "sub twice", Rules: "J4 D18", Check: "claims once", Faults: Faults{RefreshedIDToken: more(`"sub":"` + mallory + `"`)}},
		{Name: "signed by the thief", Rules: "J4 T53", Check: "signature", Faults: Faults{RefreshedIDToken: both(another, signedBy(thiefKey, "", nil))}},
		{Name: "payload changed", Rules: "J4 T53", Check: "signature", Faults: Faults{RefreshedIDToken: part(1, forged)}},
		{Name: "alg none", Rules: "J4 D3 T53", Faults: Faults{RefreshedIDToken: both(another, algorithm("none", current))}},
		{Name: "alg HS256 with the public key", Rules: "J4 D4 T53", Faults: Faults{RefreshedIDToken: both(another, algorithm("HS256", current))}},
		{Name: "alg that is not in the metadata", Rules: "J4 D2", Check: "accepted algorithms", Config: pinned("RS256"), Faults: Faults{RefreshedIDToken: algorithm("PS256", current)}},
		{Name: "kid that nobody published", Rules: "J4 E1", Check: "key ID", Faults: Faults{RefreshedIDToken: field("kid", "unknown")}},
		{Name: "an ID token that is a text", Rules: "J4 D1", Faults: Faults{Refresh: member("id_token", Canary)}},

		{Name: "no access token", Rules: "J3 C10", Faults: Faults{Refresh: member("access_token", nil)}},
		{Name: "an empty access token", Rules: "J3 C10", Faults: Faults{Refresh: member("access_token", "")}},
		{Name: "an access token with a line break", Rules: "C16", Plain: true, Faults: Faults{Refresh: accessToken("access\r\nX-Evil: token")}},
		{Name: "an access token with a space", Rules: "C16", Check: "characters of tokens", Plain: true, Faults: Faults{Refresh: accessToken("two words")}},
		{Name: "a refresh token with a line break", Rules: "C16", Check: "characters of tokens", Faults: Faults{Refresh: member("refresh_token", "refresh\r\nX-Evil: token")}},
		{Name: "two access tokens", Rules: "T48", Check: "members of token responses once", Plain: true, Faults: Faults{Refresh: edit(func(s string) string {
			return `{"access_token":"of-mallory",` + strings.TrimPrefix(s, "{")
		})}},
		{Name: "a type that is not Bearer", Rules: "C9 R11", Check: "token type", Plain: true, Faults: Faults{Refresh: member("token_type", "mac")}},
		{Name: "an end that is a word", Rules: "C10", Check: "end of a token is a number", Faults: Faults{Refresh: member("expires_in", "soon")}},
		{Name: "an error beside a token", Rules: "R72", Check: "errors with status 200", Faults: Faults{Refresh: member("error", "server_error")}},
		{Name: "an error that is a text", Rules: "C14 T43", Check: "characters of error codes", Faults: Faults{Refresh: oauth2Error(http.StatusBadRequest, Canary)}},
		{Name: "an error page", Rules: "C14 T48", Faults: Faults{Refresh: func(a *Answer) { a.Type, a.Body = "text/html", "<h1>"+Canary+"</h1>" }}},
		{Name: "an error that says invalid_grant in a text", Rules: "J3", Check: "other errors keep the session", Faults: Faults{Refresh: func(a *Answer) {
			oauth2Error(http.StatusBadRequest, "invalid_request")(a)
			a.Object["error_description"] = "invalid_grant"
		}}},
		{Name: "invalid_client", Rules: "J3", Check: "other errors keep the session", Faults: Faults{Refresh: oauth2Error(http.StatusUnauthorized, "invalid_client")}},
		{Name: "too many requests", Rules: "J3", Check: "other errors keep the session", Faults: Faults{Refresh: oauth2Error(http.StatusTooManyRequests, "slow_down")}},
		{Name: "with status 500", Rules: "J3 T51", Check: "other errors keep the session", Faults: Faults{Refresh: status(http.StatusInternalServerError)}},
		{Name: "with status 503, with OAuth 2.0", Rules: "J3 T51", Check: "other errors keep the session", Plain: true, Faults: Faults{Refresh: status(http.StatusServiceUnavailable)}},
		{Name: "redirect to the thief, posting again", Rules: "C5 T47", Check: "redirects", Faults: Faults{Refresh: redirect(http.StatusTemporaryRedirect, thief+"/token")}},
		{Name: "redirect to plain http, posting again", Rules: "C5 T47", Check: "redirects", Faults: Faults{Refresh: redirect(http.StatusPermanentRedirect, "http://id.example/token")}},
		{Name: "redirect to the thief", Rules: "C5 T47", Check: "redirects", Faults: Faults{Refresh: redirect(http.StatusFound, thief+"/token")}},
		{Name: "too large", Rules: "C8 T51", Check: "size of answers", Faults: Faults{Refresh: huge}},
		{Name: "compressed bomb", Rules: "C8 T48", Check: "size of answers", Faults: Faults{Refresh: bomb}},
		{Name: "does not answer", Rules: "J5 C7 T51", Check: "deadlines", Faults: Faults{Refresh: stall}},
		{Name: "never ends", Rules: "J5 C7 T51", Check: "deadlines", Faults: Faults{Refresh: drips}},
		{Name: "breaks off", Rules: "T51", Faults: Faults{Refresh: cut}},
		{Name: "the keys do not come", Rules: "J5 E9", Check: "deadlines", Faults: Faults{RefreshedIDToken: rotated, Keys: stall}},
	}
	for i, s := range table {
		if !s.Ends {
			table[i].Faults.Refresh = unspent(s.Faults.Refresh)
		}
	}
	return group("refresh", append(table, refreshes()...))
}

// refreshes are answers to bear.
func refreshes() []Switch {
	return []Switch{
		{Name: "rotation", Rules: "J1 J2 T54", Check: "one renewal", Accept: true},
		{Name: "rotation, again and again", Rules: "J1", Check: "new refresh tokens are used", Accept: true},
		{Name: "no rotation", Rules: "J1", Accept: true, Faults: Faults{Refresh: unrotated}},
		{Name: "no new refresh token", Rules: "J1", Accept: true, Faults: Faults{Refresh: member("refresh_token", nil)}},
		{Name: "an empty refresh token", Rules: "J1", Accept: true, Faults: Faults{Refresh: member("refresh_token", "")}},
		{Name: "no new refresh token, said as false", Rules: "J1 T48", Check: "false for none", Accept: true, Faults: Faults{Refresh: member("refresh_token", false)}},
		{Name: "the same access token again", Rules: "J1", Accept: true, Plain: true, Faults: Faults{Refresh: func(a *Answer) { accessToken(a.Before.Token)(a) }}},
		{Name: "no ID token", Rules: "J4 T53", Check: "ID token need not come again", Accept: true, Faults: Faults{Refresh: member("id_token", nil)}},
		{Name: "nonce of the login", Rules: "J4", Accept: true, Faults: Faults{RefreshedIDToken: func(t *IDToken) { claim("nonce", t.Login.Nonce)(t) }}},
		{Name: "auth_time missing", Rules: "J4", Check: "nonce, azp, auth_time need not come again", Accept: true, Faults: Faults{RefreshedIDToken: claim("auth_time", nil)}},
		{Name: "aud ours and another, azp ours", Rules: "J4", Check: "azp of ours", Accept: true, Faults: Faults{RefreshedIDToken: both(claim("aud", []string{ClientID, "another"}), claim("azp", ClientID))}},
		{Name: "another key", Rules: "J4 E1", Check: "fetch for an unknown key", After: early, Accept: true, Faults: Faults{RefreshedIDToken: rotated, Keys: rotation(nil).Keys}},
		{Name: "no type", Rules: "C9", Check: "type may be missing", Plain: true, Accept: true, Faults: Faults{Refresh: member("token_type", nil)}},
		{Name: "fewer scopes", Rules: "J1", Accept: true, Faults: Faults{Refresh: member("scope", "openid")}},
		{Name: "an end in a text", Rules: "C10", Check: "numbers of seconds", Accept: true, Faults: Faults{Refresh: member("expires_in", "3600.0")}},
		{Name: "an end beyond all numbers", Rules: "C10 T48", Check: "numbers of seconds", Accept: true, Faults: Faults{Refresh: edit(func(s string) string {
			return strings.Replace(s, `"expires_in":3600`, `"expires_in":1e300`, 1)
		})}},
		{Name: "no end", Rules: "J6", Accept: true, Faults: Faults{Refresh: member("expires_in", nil)}},
		{Name: "ended already", Rules: "C10 J2", Accept: true, Faults: Faults{Refresh: member("expires_in", 0)}},
		{Name: "ended long ago", Rules: "C10 J2", Accept: true, Faults: Faults{Refresh: member("expires_in", -3600)}},
		{Name: "another's token under a name with a long s", Rules: "T48", Check: "similar names", Accept: true, Faults: Faults{Refresh: with(`"acce\u017f\u017f_token":"of-mallory"`)}},
		{Name: "status 503, just before the end", Rules: "J3 T51", Check: "old token while it lasts", After: early, Accept: true, Faults: Faults{Refresh: unspent(status(http.StatusServiceUnavailable))}},
		{Name: "invalid_grant, just before the end", Rules: "J2 J3", Check: "old token while it lasts", After: early, Accept: true, Faults: Faults{Refresh: unspent(oauth2Error(http.StatusBadRequest, "invalid_grant"))}},
		{Name: "no answer, just before the end", Rules: "J5 T51", Check: "deadlines", After: early, Accept: true, Faults: Faults{Refresh: unspent(stall)}},
	}
}
