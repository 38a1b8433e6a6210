package hostile

import (
	"fmt"
	"net/http"
	"time"
)

// publish replaces the key set.
func publish(a *Answer, keys ...Object) { a.Object = Object{"keys": keys} }

// rotated signs with the next key, as after a change of keys.
func rotated(t *IDToken) {
	t.Key = t.Keys.Next
	t.Header = t.Header.With(Object{"kid": t.Key.JWK["kid"]})
}

// rotation signs with the next key, which is published beside the old one with
// some members changed.
func rotation(changes Object) Faults {
	return Faults{IDToken: rotated, Keys: func(a *Answer) {
		publish(a, a.Keys.Current.JWK, a.Keys.Next.JWK.With(changes))
	}}
}

// rotationTo publishes what list says.
func rotationTo(list func(*Keys) []Object) Faults {
	return Faults{IDToken: rotated, Keys: func(a *Answer) { publish(a, list(a.Keys)...) }}
}

// rotationThen publishes both keys in an answer with a fault.
func rotationThen(fault func(*Answer)) Faults {
	return Faults{IDToken: rotated, Keys: func(a *Answer) {
		publish(a, a.Keys.Current.JWK, a.Keys.Next.JWK)
		fault(a)
	}}
}

// short signs with the key of 1024 bits.
func short() Faults {
	return Faults{
		IDToken: func(t *IDToken) {
			t.Key = t.Keys.Short
			t.Header = t.Header.With(Object{"kid": t.Key.JWK["kid"]})
		},
		Keys: func(a *Answer) { publish(a, a.Keys.Current.JWK, a.Keys.Short.JWK) },
	}
}

// crowd returns a hundred keys of other algorithms before the one in use.
func crowd(k *Keys) []Object {
	var keys []Object
	for i := range 100 {
		keys = append(keys, k.EC.JWK.With(Object{"kid": fmt.Sprint("decoy-", i)}))
	}
	return append(keys, k.Next.JWK)
}

// keys misbehaves in the key set, which is fetched at the first login, when it
// has expired, and when an ID token names a key that is not known.
func keys() []Switch {
	reused := func(t *IDToken) { t.Key = t.Keys.Next } // under the name of the old one
	table := []Switch{
		{Name: "for encryption", Rules: "E6", Check: "use of a key", Faults: rotation(Object{"use": "enc"})},
		{Name: "for other operations", Rules: "E6", Check: "operations of a key", Faults: rotation(Object{"key_ops": []string{"encrypt"}})},
		{Name: "for another algorithm", Rules: "E6", Check: "algorithm of a key", Faults: rotation(Object{"alg": "RS512"})},
		{Name: "for an algorithm of encryption", Rules: "E6", Check: "algorithm of a key", Faults: rotation(Object{"alg": "RSA-OAEP"})},
		{Name: "of 1024 bits", Rules: "E10", Check: "size of keys", Faults: short()},
		{Name: "that is private", Rules: "E5", Check: "private keys", Faults: rotationTo(func(k *Keys) []Object {
			return []Object{k.Current.JWK, k.Next.Private()}
		})},
		{Name: "that is symmetric", Rules: "D4 E10", Faults: rotationTo(func(k *Keys) []Object {
			return []Object{k.Current.JWK, {"kty": "oct", "kid": "next", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}}
		})},
		{Name: "that is not published", Rules: "E1 T32c", Check: "signature", Faults: Faults{IDToken: rotated}},
		{Name: "that is withdrawn", Rules: "E8", Check: "expiry of keys", After: aDay, Faults: Faults{Keys: func(a *Answer) { publish(a, a.Keys.Next.JWK) }}},
		{Name: "after a hundred others", Rules: "T26 E5", Check: "number of keys", Faults: rotationTo(crowd)},
		{Name: "beyond a redirect to the thief", Rules: "E11 T47", Check: "redirects", Faults: rotationThen(redirect(http.StatusFound, thief+"/keys"))},
		{Name: "beyond a redirect to plain http", Rules: "E11 T47", Check: "redirects", Faults: rotationThen(redirect(http.StatusMovedPermanently, "http://id.example/keys"))},
		{Name: "too large a set", Rules: "C8 T51", Check: "size of answers", Faults: rotationThen(huge)},
		{Name: "with status 404", Rules: "T51", Check: "status 200", Faults: rotationThen(status(http.StatusNotFound))},
		{Name: "no answer", Rules: "E9 T51", Check: "deadlines", Faults: rotationThen(stall)},
		{Name: "an answer that never ends", Rules: "E9 T51", Check: "deadlines", Faults: rotationThen(drips)},
		{Name: "an answer that breaks off", Rules: "T51", Faults: rotationThen(cut)},
		{Name: "a set that is none", Rules: "E5", Check: "signature", Faults: rotationThen(body(`{"keys":"next"}`))},

		{Name: "changed", Rules: "E1 T32c", Module: "signing-key-rotation", Check: "fetch for an unknown key", Accept: true, Faults: rotation(nil)},
		{Name: "changed just before", Rules: "E1", Module: "signing-key-rotation-just-before-signing", Check: "fetch for an unknown key", Accept: true, Faults: rotationTo(func(k *Keys) []Object {
			return []Object{k.Next.JWK}
		})},
		{Name: "changed under the same name", Rules: "E1 E4", Check: "fetch for an unknown key", Accept: true, Faults: Faults{IDToken: reused, Keys: func(a *Answer) {
			publish(a, a.Keys.Next.JWK.With(Object{"kid": a.Keys.Current.JWK["kid"]}))
		}}},
		{Name: "among decoys of the same name", Rules: "E7", Check: "every key of that name", Accept: true, Faults: rotationTo(func(k *Keys) []Object {
			return []Object{k.Thief.JWK.With(Object{"kid": "next"}), k.EC.JWK.With(Object{"kid": "next"}), k.Next.JWK}
		})},
		{Name: "among some that are broken", Rules: "E5", Check: "broken keys", Accept: true, Faults: rotationTo(func(k *Keys) []Object {
			return []Object{{"kty": "RSA", "n": 7}, {"kty": "quantum", "kid": "q"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, k.Next.JWK}
		})},
		{Name: "none at all, two hours later", Rules: "E5 E9", Check: "empty key sets", Accept: true, After: 2 * time.Hour, Faults: Faults{Keys: func(a *Answer) { publish(a) }}},
		{Name: "down, two hours later", Rules: "E9 T32c", Check: "old keys", Accept: true, After: 2 * time.Hour, Faults: Faults{Keys: status(http.StatusServiceUnavailable)}},
		{Name: "no answer, two hours later", Rules: "E9 T32c", Check: "patience with the key endpoint", Accept: true, After: 2 * time.Hour, Faults: Faults{Keys: stall}},
	}
	return group("keys", table)
}
