package hostile

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/doorlatch/login/generic"
)

// field sets a member of the ID token's header; nil leaves it out.
func field(name string, value any) func(*IDToken) {
	return func(t *IDToken) { t.Header = t.Header.With(Object{name: value}) }
}

// algorithm signs with another one.
func algorithm(alg string, key func(*Keys) Key) func(*IDToken) {
	return func(t *IDToken) {
		t.Alg, t.Key = alg, key(t.Keys)
		t.Header = t.Header.With(Object{"alg": alg})
	}
}

func current(k *Keys) Key  { return k.Current }
func thiefKey(k *Keys) Key { return k.Thief }

// signedBy signs with a key of somebody else, in the name of ours, and points to
// that key in the header.
func signedBy(key func(*Keys) Key, pointer string, value any) func(*IDToken) {
	return func(t *IDToken) {
		t.Key = key(t.Keys)
		if pointer == "jwk" {
			value = t.Key.JWK
		}
		if pointer != "" {
			t.Header = t.Header.With(Object{pointer: value})
		}
	}
}

func finish(f func(jws string) string) func(*IDToken) {
	return func(t *IDToken) { t.Finish = f }
}

// part changes one of the three parts of a JWS after it was signed.
func part(i int, change func(string) string) func(*IDToken) {
	return finish(func(jws string) string {
		parts := strings.Split(jws, ".")
		parts[i] = change(parts[i])
		return strings.Join(parts, ".")
	})
}

func flattened(jws string) string {
	parts := strings.Split(jws, ".")
	return Object{"protected": parts[0], "payload": parts[1], "signature": parts[2]}.json()
}

// forged puts another person in the place of the one who was signed for.
func forged(payload string) string {
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		panic(err)
	}
	return b64([]byte(strings.ReplaceAll(string(claims), Ada().ID, mallory)))
}

// uncanonical spells the header in another way after it was signed: the bits that
// are left over in the last character are ignored by lenient decoders, and what
// they decoded is what they verify.
func uncanonical(t *IDToken) {
	header := t.Header.json()
	for len(header)%3 != 1 { // of which two characters are made, with four bits left over
		header += " "
	}
	t.RawHead = header
	part(0, func(s string) string { return s[:len(s)-1] + nextLetter(s[len(s)-1:]) })(t)
}

// nextLetter returns the character of base64url after s.
func nextLetter(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[(strings.Index(alphabet, s)+1)%len(alphabet)])
}

func pinned(algs ...string) func(*generic.Config) {
	return func(c *generic.Config) { c.Algorithms = algs }
}

// header misbehaves in the form, the header and the signature of the ID token.
func header() []Switch {
	table := []Switch{
		{Name: "alg none", Rules: "D3 T25", Module: "idtoken-sig-none", Faults: Faults{IDToken: algorithm("none", current)}},
		{Name: "alg HS256 with the public key", Rules: "D4 T25", Module: "invalid-sig-hs256", Faults: Faults{IDToken: algorithm("HS256", current)}},
		{Name: "alg that is not in the metadata", Rules: "D2 T25", Check: "accepted algorithms", Unasked: true, Faults: Faults{
			IDToken: both(algorithm("ES256", func(k *Keys) Key { return k.EC }), field("kid", "ec")),
			Keys:    func(a *Answer) { publish(a, a.Keys.Current.JWK, a.Keys.EC.JWK) },
		}},
		{Name: "alg that the application does not accept", Rules: "D2 T25", Check: "accepted algorithms", Config: pinned("RS256"), Faults: Faults{IDToken: algorithm("PS256", current)}},
		{Name: "alg missing", Rules: "D2", Faults: Faults{IDToken: field("alg", nil)}},
		{Name: "alg twice", Rules: "D18", Faults: Faults{IDToken: func(t *IDToken) {
			t.RawHead = `{"alg":"none",` + strings.TrimPrefix(t.Header.json(), "{")
		}}},
		{Name: "typ of an access token", Rules: "D6", Check: "typ", Faults: Faults{IDToken: field("typ", "at+jwt")}},
		{Name: "typ of a logout token", Rules: "D6", Check: "typ", Faults: Faults{IDToken: field("typ", "logout+jwt")}},
		{Name: "typ of a proof", Rules: "D6", Check: "typ", Faults: Faults{IDToken: field("typ", "dpop+jwt")}},
		{Name: "typ a number", Rules: "D6", Check: "typ", Faults: Faults{IDToken: field("typ", 1)}},
		{Name: "crit unknown", Rules: "D5 T25", Faults: Faults{IDToken: func(t *IDToken) {
			t.Header = t.Header.With(Object{"crit": []string{"unknown"}, "unknown": true})
		}}},
		{Name: "b64", Rules: "D5", Check: "extensions of JWS", Faults: Faults{IDToken: field("b64", true)}},
		{Name: "kid that nobody published", Rules: "E1 T32c", Check: "key ID", Faults: Faults{IDToken: field("kid", "unknown")}},
		{Name: "kid a path", Rules: "T25", Check: "key ID", Faults: Faults{IDToken: field("kid", "../../../dev/null")}},
		{Name: "kid a statement of SQL", Rules: "T25", Check: "key ID", Faults: Faults{IDToken: field("kid", "' OR '1'='1")}},
		{Name: "kid of 2 KB", Rules: "T25", Faults: Faults{IDToken: field("kid", strings.Repeat("k", 2<<10))}},
		{Name: "key of the thief", Rules: "D5", Module: "invalid-sig-rs256", Check: "signature", Faults: Faults{IDToken: signedBy(thiefKey, "", nil)}},
		{Name: "key of the thief in the header", Rules: "D5 T25", Check: "signature", Faults: Faults{IDToken: signedBy(thiefKey, "jwk", nil)}},
		{Name: "key at a URL of the thief's", Rules: "D5 T25", Check: "signature", Faults: Faults{IDToken: signedBy(thiefKey, "jku", thief+"/keys")}},
		{Name: "certificate at a URL of the thief's", Rules: "D5 T25", Check: "signature", Faults: Faults{IDToken: signedBy(thiefKey, "x5u", thief+"/cert")}},
		{Name: "payload changed", Rules: "D7 T25", Module: "invalid-sig-rs256", Check: "signature", Faults: Faults{IDToken: part(1, forged)}},
		{Name: "signature with one letter changed", Rules: "T25", Module: "invalid-sig-rs256", Check: "signature", Faults: Faults{IDToken: part(2, func(s string) string { return nextLetter(s[:1]) + s[1:] })}},
		{Name: "signature cut short", Rules: "T25", Check: "signature", Faults: Faults{IDToken: part(2, func(s string) string { return s[:len(s)-8] })}},
		{Name: "signature missing", Rules: "T25", Check: "signature", Faults: Faults{IDToken: part(2, func(string) string { return "" })}},
		{Name: "header in a spelling of its own", Rules: "D1", Check: "canonical base64", Faults: Faults{IDToken: uncanonical}},
		{Name: "in JSON form", Rules: "D1", Faults: Faults{IDToken: finish(flattened)}},
		{Name: "encrypted", Rules: "D19 T26", Faults: Faults{IDToken: finish(func(s string) string { return s + ".AAAA.AAAA" })}},
		{Name: "of 70 KB", Rules: "T26", Check: "size of JWTs", Faults: Faults{IDToken: claim("padding", strings.Repeat("x", 70<<10))}},
		{Name: "of 200,000 dots", Rules: "T26", Faults: Faults{IDToken: finish(func(s string) string { return s + strings.Repeat(".", 200_000) })}},

		{Name: "kid absent, one key", Rules: "E7", Module: "kid-absent-single-jwks", Check: "key without ID", Accept: true, Faults: Faults{IDToken: field("kid", nil)}},
		{Name: "kid absent, several keys", Rules: "E7", Module: "kid-absent-multiple-jwks", Check: "key without ID", Accept: true, After: 2 * time.Hour, Faults: Faults{
			IDToken: field("kid", nil),
			Keys:    func(a *Answer) { publish(a, a.Keys.EC.JWK, a.Keys.Next.JWK, a.Keys.Current.JWK) },
		}},
		{Name: "typ absent", Rules: "D6", Check: "typ may be missing", Accept: true, Faults: Faults{IDToken: field("typ", nil)}},
		{Name: "typ in small letters", Rules: "D6", Check: "case of typ", Accept: true, Faults: Faults{IDToken: field("typ", "jwt")}},
	}
	return group("header", table)
}
