package hostile

import (
	"net/http"
	"strings"
	"time"
)

// member sets a member of the answer; nil leaves it out.
func member(name string, value any) func(*Answer) {
	return func(a *Answer) { a.Object = a.Object.With(Object{name: value}) }
}

// redirect sends the client somewhere else.
func redirect(status int, to string) func(*Answer) {
	return func(a *Answer) {
		a.Status = status
		a.Header.Set("Location", to)
	}
}

func status(code int) func(*Answer)            { return func(a *Answer) { a.Status = code } }
func mediaType(name string) func(*Answer)      { return func(a *Answer) { a.Type = name } }
func stall(a *Answer)                          { a.Stall = time.Hour }
func drips(a *Answer)                          { a.Drip = true }
func cut(a *Answer)                            { a.Cut = true }
func body(text string) func(*Answer)           { return func(a *Answer) { a.Body = text } }
func edit(f func(string) string) func(*Answer) { return func(a *Answer) { a.Body = f(a.JSON()) } }

// huge puts two megabytes of nothing in front, so that whoever reads it all
// finds a good answer.
func huge(a *Answer) { a.Body = strings.Repeat(" ", 2<<20) + a.JSON() }

// bomb is huge in very few bytes.
func bomb(a *Answer) {
	huge(a)
	a.Gzip = true
}

const thief = "https://" + ThiefHost

// discovery misbehaves in the metadata. A client that has none cannot begin a
// login; one that has some goes on with them.
func discovery() []Switch {
	moved := func(a *Answer) {
		a.Object = a.Object.With(Object{"issuer": thief, "token_endpoint": thief + "/token", "jwks_uri": thief + "/keys"})
	}
	table := []Switch{
		{Name: "issuer of another", Rules: "F1", Module: "discovery-issuer-mismatch", Check: "issuer of the metadata", Faults: Faults{Discovery: member("issuer", "https://other.example")}},
		{Name: "issuer with a slash more", Rules: "F1 T28", Check: "issuer of the metadata", Faults: Faults{Discovery: member("issuer", Issuer+"/")}},
		{Name: "issuer in upper case", Rules: "F1 T28", Check: "issuer of the metadata", Faults: Faults{Discovery: member("issuer", strings.ToUpper(Issuer))}},
		{Name: "issuer missing", Rules: "F1", Check: "issuer of the metadata", Faults: Faults{Discovery: member("issuer", nil)}},
		{Name: "issuer a template", Rules: "F7", Check: "issuer of the metadata", Faults: Faults{Discovery: member("issuer", "https://id.example/{tenantid}")}},
		{Name: "authorization endpoint without TLS", Rules: "F3 A17", Check: "https", Faults: Faults{Discovery: member("authorization_endpoint", "http://id.example/authorize")}},
		{Name: "token endpoint without TLS", Rules: "F3 C6 R13", Check: "https", Faults: Faults{Discovery: member("token_endpoint", "http://id.example/token")}},
		{Name: "key endpoint without TLS", Rules: "F3 E11", Check: "https", Faults: Faults{Discovery: member("jwks_uri", "http://id.example/keys")}},
		{Name: "userinfo endpoint without TLS", Rules: "F3 H5", Check: "https", Faults: Faults{Discovery: member("userinfo_endpoint", "http://id.example/userinfo")}},
		{Name: "revocation endpoint without TLS", Rules: "F3 I10", Check: "https", Faults: Faults{Discovery: member("revocation_endpoint", "http://id.example/revoke")}},
		{Name: "revocation endpoint with a password", Rules: "F3 I10", Check: "user in a URL", Faults: Faults{Discovery: member("revocation_endpoint", "https://user:password@id.example/revoke")}},
		{Name: "end-session endpoint without TLS", Rules: "F3 I2", Check: "https", Faults: Faults{Discovery: member("end_session_endpoint", "http://id.example/end")}},
		{Name: "end-session endpoint with a fragment", Rules: "F3 I2", Check: "fragment in a URL", Faults: Faults{Discovery: member("end_session_endpoint", Issuer+"/end#x")}},
		{Name: "end-session endpoint a script", Rules: "F3 I2", Faults: Faults{Discovery: member("end_session_endpoint", "javascript:alert(1)")}},
		{Name: "token endpoint with a password", Rules: "F3", Check: "user in a URL", Faults: Faults{Discovery: member("token_endpoint", "https://user:password@id.example/token")}},
		{Name: "userinfo endpoint with a password", Rules: "F3", Check: "user in a URL", Faults: Faults{Discovery: member("userinfo_endpoint", "https://user:password@id.example/userinfo")}},
		{Name: "token endpoint with a fragment", Rules: "F3 A17", Check: "fragment in a URL", Faults: Faults{Discovery: member("token_endpoint", Issuer+"/token#x")}},
		{Name: "authorization endpoint relative", Rules: "F3", Check: "absolute URL", Faults: Faults{Discovery: member("authorization_endpoint", "/authorize")}},
		{Name: "key endpoint missing", Rules: "F3", Check: "required endpoints", Faults: Faults{Discovery: member("jwks_uri", nil)}},
		{Name: "authorization endpoint that sets the state", Rules: "T8", Check: "endpoint with our parameters", Faults: Faults{Discovery: member("authorization_endpoint", Issuer+"/authorize?state=fixed")}},
		{Name: "authorization endpoint that sets the redirect", Rules: "T8", Check: "endpoint with our parameters", Faults: Faults{Discovery: member("authorization_endpoint", Issuer+"/authorize?redirect_uri="+thief)}},
		{Name: "redirect to another host", Rules: "F5 T47", Check: "redirects", Faults: Faults{Discovery: redirect(http.StatusFound, thief)}},
		{Name: "redirect to plain http", Rules: "F5 T47", Check: "redirects", Faults: Faults{Discovery: redirect(http.StatusMovedPermanently, "http://id.example/.well-known/openid-configuration")}},
		{Name: "too large", Rules: "C8 T51", Check: "size of answers", Faults: Faults{Discovery: huge}},
		{Name: "compressed bomb", Rules: "C8 T48", Check: "size of answers", Faults: Faults{Discovery: bomb}},
		{Name: "called HTML", Rules: "F3", Check: "metadata called JSON", Faults: Faults{Discovery: mediaType("text/html")}},
		{Name: "good, but with status 500", Rules: "T51", Check: "status 200", Faults: Faults{Discovery: status(http.StatusInternalServerError)}},
		{Name: "only algorithms without a public key", Rules: "D2 D3 D4", Check: "algorithms that are supported", Faults: Faults{Discovery: member("id_token_signing_alg_values_supported", []string{"none", "HS256"})}},
		{Name: "client authentication that is unknown", Rules: "C2 F6", Check: "client authentication", Faults: Faults{Discovery: member("token_endpoint_auth_methods_supported", []string{"private_key_jwt"})}},
		{Name: "does not answer", Rules: "C7 F4 T51", Check: "deadlines", Faults: Faults{Discovery: stall}},
		{Name: "never ends", Rules: "C7 F4 T51", Check: "deadlines", Faults: Faults{Discovery: drips}},
		{Name: "breaks off", Rules: "T51", Faults: Faults{Discovery: cut}},

		{Name: "PKCE not mentioned", Rules: "A2 F6", Accept: true, Faults: Faults{Discovery: member("code_challenge_methods_supported", nil)}},
		{Name: "PKCE plain only", Rules: "A2", Accept: true, Faults: Faults{Discovery: member("code_challenge_methods_supported", []string{"plain"})}},
		{Name: "client authentication not mentioned", Rules: "C2 F6", Check: "client authentication by default", Accept: true, Faults: Faults{Discovery: member("token_endpoint_auth_methods_supported", nil)}},
		{Name: "another issuer a day later", Rules: "F1 F4", Check: "issuer of the metadata", Accept: true, After: aDay, Faults: Faults{Discovery: moved}},
		{Name: "down a day later", Rules: "F4 T51b", Check: "old metadata", Accept: true, After: aDay, Faults: Faults{Discovery: status(http.StatusServiceUnavailable)}},
	}
	return group("discovery", table)
}

// group puts the name of the group in front.
func group(name string, table []Switch) []Switch {
	for i := range table {
		table[i].Name = name + ": " + table[i].Name
	}
	return table
}
