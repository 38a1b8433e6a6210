package generic_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// keyTest logs in with tokens signed by various keys.
type keyTest struct {
	*op
	p login.Provider
	m login.Metadata
}

func newKeyTest(t *testing.T) *keyTest {
	o := newOP(t)
	p := o.provider(generic.Config{})
	return &keyTest{o, p, o.discover(p)}
}

// login presents a token that was signed by k, as if by the key kid.
func (k *keyTest) login(ctx context.Context, by pair, alg, kid string) error {
	header := object{"alg": alg, "kid": kid}
	if kid == "" {
		delete(header, "kid")
	}
	_, err := k.p.Identify(ctx, k.grant(k.p, k.m, by.sign(alg, header.json(), k.claims().json())))
	return err
}

func (k *keyTest) ok(by pair, kid string) {
	k.t.Helper()
	if err := k.login(k.ctx(), by, "RS256", kid); err != nil {
		k.t.Fatalf("got error %v, want a login by %q", err, kid)
	}
}

func (k *keyTest) refused(by pair, kid string) {
	k.t.Helper()
	if err := k.login(k.ctx(), by, "RS256", kid); err == nil {
		k.t.Fatalf("got a login by %q, want an error", kid)
	}
}

func (k *keyTest) fetches(want int) {
	k.t.Helper()
	if got := k.count("/keys"); got != want {
		k.t.Fatalf("got %d fetches of the keys, want %d", got, want)
	}
}

// down makes the key endpoint fail.
func (k *keyTest) down() {
	k.handle("/keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}

var secondKey = sync.OnceValue(func() pair { return newRSA("k2", 2048) })

// E1, E3, T32c: keys are kept; a new one is found between two logins, at once.
func TestRotation(t *testing.T) {
	k := newKeyTest(t)
	for range 10 {
		k.ok(rsaKey(), "k1")
	}
	k.fetches(1)
	k.publish(rsaKey(), secondKey())
	k.ok(secondKey(), "k2")
	k.ok(rsaKey(), "k1")
	k.fetches(2)
	k.publish(secondKey())
	k.ok(secondKey(), "k2")
	k.fetches(2)
}

// E1: an unknown key ID, again and again, costs one fetch in ten seconds.
func TestUnknownKey(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	for range 100 {
		k.refused(secondKey(), "k2")
	}
	k.fetches(2)
	k.advance(10 * time.Second)
	k.publish(rsaKey(), secondKey())
	k.ok(secondKey(), "k2")
	k.fetches(3)
}

// A login whose keys have just been fetched does not fetch them again.
func TestUnknownKeyAtFirstLogin(t *testing.T) {
	k := newKeyTest(t)
	k.refused(secondKey(), "k2")
	k.fetches(1)
}

// E3: a flood of unknown key IDs makes five fetches and then one in ten seconds.
func TestUnknownKeyFlood(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	for i := range 300 {
		k.refused(secondKey(), fmt.Sprint("flood-", i))
	}
	k.fetches(5)
	for i := range 4 {
		k.advance(10 * time.Second)
		for j := range 10 {
			k.refused(secondKey(), fmt.Sprint("drip-", i, j))
		}
	}
	k.fetches(9)
	k.ok(rsaKey(), "k1")
}

// E3: what is remembered of unknown key IDs is bounded, and forgotten in time.
func TestUnknownKeysForgotten(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	for i := range 120 {
		k.advance(10 * time.Second)
		k.refused(secondKey(), fmt.Sprint("drip-", i))
	}
	k.advance(time.Minute)
	before := k.count("/keys")
	for range 10 {
		k.refused(secondKey(), "last")
	}
	k.fetches(before + 1)
}

// E3: the memory of unknown key IDs has a limit, even if they all come at once.
func TestUnknownKeysBounded(t *testing.T) {
	o := newOP(t)
	keys := generic.NewKeySet(o.URL+"/keys", o.now)
	if _, err := keys.VerifySignature(o.ctx(), o.token(nil)); err != nil {
		t.Fatal(err)
	}
	const n = 300
	var all, ended sync.WaitGroup
	all.Add(n)
	o.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
		all.Wait()
		fmt.Fprint(w, object{"keys": []object{rsaKey().jwk}}.json())
	})
	for i := range n {
		jwt := secondKey().sign("RS256", object{"alg": "RS256", "kid": fmt.Sprint("flood-", i)}.json(), "{}")
		ended.Go(func() {
			if _, err := keys.VerifySignature(waiting{o.ctx(), new(sync.Once), &all}, jwt); err == nil {
				t.Error("got a signature by an unknown key")
			}
		})
	}
	ended.Wait()
	if got := keys.Vain(); got != 100 {
		t.Errorf("got %d unknown key IDs remembered, want 100", got)
	}
}

// The number of key sets has a limit, whatever an application derives from one
// Provider.
func TestKeySetsBounded(t *testing.T) {
	if got := generic.KeySetsKept(1000); got > 16 {
		t.Errorf("got %d key sets kept, want at most 16", got)
	}
}

// E4: bad signatures by a known key cost one fetch in ten seconds. A key that
// was replaced under its old ID is found.
func TestBadSignatureFlood(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	for range 100 {
		k.refused(secondKey(), "k1")
	}
	k.fetches(2)
	k.advance(time.Minute)
	replaced := secondKey()
	replaced.jwk = replaced.jwk.edit(object{"kid": "k1"})
	k.publish(replaced)
	k.ok(replaced, "k1")
	k.refused(rsaKey(), "k1")
}

// waiting counts those who have begun to wait for something.
type waiting struct {
	context.Context
	once *sync.Once
	all  *sync.WaitGroup
}

func (w waiting) Done() <-chan struct{} {
	w.once.Do(w.all.Done)
	return w.Context.Done()
}

// E2: 64 first logins at once make one fetch.
func TestFetchShared(t *testing.T) {
	k := newKeyTest(t)
	const n = 64
	var all, ended sync.WaitGroup
	all.Add(n)
	k.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
		all.Wait()
		fmt.Fprint(w, object{"keys": []object{rsaKey().jwk}}.json())
	})
	jwt := k.token(nil)
	for range n {
		ended.Go(func() {
			ctx := waiting{k.ctx(), new(sync.Once), &all}
			if _, err := k.p.Identify(ctx, k.grant(k.p, k.m, jwt)); err != nil {
				t.Errorf("got error %v, want a user", err)
			}
		})
	}
	ended.Wait()
	k.fetches(1)
}

// The fetch goes on when the one who began it leaves.
func TestFetchOutlivesRequest(t *testing.T) {
	k := newKeyTest(t)
	ctx, cancel := context.WithCancel(k.ctx())
	left := make(chan struct{})
	k.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		<-left
		fmt.Fprint(w, object{"keys": []object{rsaKey().jwk}}.json())
	})
	if err := k.login(ctx, rsaKey(), "RS256", "k1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the request was cancelled, want context.Canceled", err)
	}
	close(left)
	k.ok(rsaKey(), "k1")
	k.fetches(1)
}

// E8: keys expire as Cache-Control says, within limits, so that one that was
// withdrawn is of no use for long.
func TestKeysExpire(t *testing.T) {
	tests := []struct {
		name, cacheControl string
		want               time.Duration
	}{
		{"none", "", time.Hour},
		{"max-age", "public, max-age=7200", 2 * time.Hour},
		{"in quotes", `Max-Age="7200"`, 2 * time.Hour},
		{"too long", "max-age=31536000", 24 * time.Hour},
		{"too short", "max-age=5", time.Minute},
		{"zero", "no-cache, max-age=0", time.Minute},
		{"negative", "max-age=-1", time.Minute},
		{"enormous", "max-age=99999999999999999999", time.Minute},
		{"another", "no-transform", time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKeyTest(t)
			withdrawn := false
			k.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", test.cacheControl)
				keys := []object{secondKey().jwk}
				if !withdrawn {
					keys = append(keys, rsaKey().jwk)
				}
				fmt.Fprint(w, object{"keys": keys}.json())
			})
			k.ok(rsaKey(), "k1")
			withdrawn = true
			k.advance(test.want - time.Second)
			k.ok(rsaKey(), "k1")
			k.fetches(1)
			k.advance(time.Second)
			k.refused(rsaKey(), "k1")
			k.fetches(2)
		})
	}
}

// E9, T32c: while the key endpoint fails, the keys serve on, but not for ever.
func TestKeyOutage(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	k.down()
	k.ok(rsaKey(), "k1")
	k.fetches(1)
	k.advance(time.Hour)
	for range 100 {
		k.ok(rsaKey(), "k1")
	}
	if n := k.count("/keys"); n > 6 {
		t.Errorf("got %d fetches during an outage, want at most 6", n)
	}
	k.advance(46*time.Hour + 59*time.Minute)
	k.ok(rsaKey(), "k1")
	k.advance(time.Minute)
	k.refused(rsaKey(), "k1")
	k.handle("/keys", nil)
	k.advance(10 * time.Second)
	k.ok(rsaKey(), "k1")
}

// E9: answers without a usable key do not displace the keys that there are.
func TestUselessKeySet(t *testing.T) {
	for _, body := range []string{`{"keys":[]}`, `{}`, `[]`, `null`, `{"keys":{}}`, `<html>`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		t.Run(body, func(t *testing.T) {
			k := newKeyTest(t)
			k.ok(rsaKey(), "k1")
			k.publishJSON(body)
			k.advance(time.Hour)
			k.ok(rsaKey(), "k1")
			k.fetches(2)
		})
	}
}

// E9: a fetch that hangs does not block those whose key is there, whether it is
// fresh or expired.
func TestKeyEndpointHangs(t *testing.T) {
	k := newKeyTest(t)
	k.ok(rsaKey(), "k1")
	hung, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	k.handle("/keys", func(http.ResponseWriter, *http.Request) {
		close(hung)
		<-release
	})
	ctx, cancel := context.WithCancel(k.ctx())
	defer cancel()
	go k.login(ctx, secondKey(), "RS256", "k2")
	<-hung
	for _, age := range []time.Duration{0, time.Hour} {
		k.advance(age)
		done := make(chan error, 1)
		go func() { done <- k.login(k.ctx(), rsaKey(), "RS256", "k1") }()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("keys %v old: got error %v, want a login", age, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("keys %v old: a login waits for a fetch that hangs", age)
		}
	}
}

// E5, E6, E10, E11: which published keys are used.
func TestUsableKeys(t *testing.T) {
	rs, ec, ed := rsaKey().jwk, newEC("ec", elliptic.P256()).jwk, newEd("ed").jwk
	ones := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 1025)))
	tests := []struct {
		name string
		key  any
		want int
	}{
		{"RSA", rs, 1},
		{"P-256", ec, 1},
		{"P-384", newEC("ec", elliptic.P384()).jwk, 1},
		{"P-521", newEC("ec", elliptic.P521()).jwk, 1},
		{"Ed25519", ed, 1},
		{"E6 use sig", rs.edit(object{"use": "sig"}), 1},
		{"E6 use enc", rs.edit(object{"use": "enc"}), 0},
		{"E6 key_ops verify", rs.edit(object{"key_ops": []string{"verify"}}), 1},
		{"E6 key_ops encrypt", rs.edit(object{"key_ops": []string{"encrypt"}}), 0},
		{"E6 key_ops empty", rs.edit(object{"key_ops": []string{}}), 0},
		{"E10 RSA 1024", newRSA("small", 1024).jwk, 0},
		{"E10 RSA 8200", rs.edit(object{"n": ones}), 0},
		{"E10 P-224", ec.edit(object{"crv": "P-224"}), 0},
		{"E10 secp256k1", ec.edit(object{"crv": "secp256k1"}), 0},
		{"E10 Ed448", ed.edit(object{"crv": "Ed448"}), 0},
		{"E10 Ed25519 cut off", ed.edit(object{"x": "AAAA"}), 0},
		{"E10 X25519", ed.edit(object{"crv": "X25519"}), 0},
		{"E5 point off the curve", ec.edit(object{"y": ec["x"]}), 0},
		{"E5 without modulus", rs.edit(object{"n": nil}), 0},
		{"E5 symmetric", object{"kty": "oct", "k": "AAAA"}, 0},
		{"E5 private", ed.edit(object{"d": ed["x"]}), 0},
		{"E5 type unknown", object{"kty": "AKP"}, 0},
		{"E5 kid a number", rs.edit(object{"kid": 1}), 0},
		{"E5 not an object", "key", 0},
		{"E5 null", nil, 0},
		{"a certificate that cannot be read", rs.edit(object{"x5c": []string{"AAAA"}, "x5t": "AAAA"}), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := object{"keys": []any{test.key}}.json()
			if got := generic.UsableKeys(body); got != test.want {
				t.Errorf("got %d usable keys, want %d", got, test.want)
			}
			// Whatever it is, it does not spoil the set.
			body = object{"keys": []any{test.key, rs, test.key}}.json()
			if got := generic.UsableKeys(body); got != 2*test.want+1 {
				t.Errorf("beside a good key: got %d usable keys, want %d", got, 2*test.want+1)
			}
		})
	}
	many := make([]any, 5000)
	for i := range many {
		many[i] = ed
	}
	if got := generic.UsableKeys(object{"keys": many}.json()); got != 100 {
		t.Errorf("got %d keys of 5000, want 100", got)
	}
}

// E6, E7: several keys with one ID, or tokens and keys with none.
func TestKeyChoice(t *testing.T) {
	ec, ed, second := newEC("k1", elliptic.P256()), newEd("k1"), secondKey()
	second.jwk = second.jwk.edit(object{"kid": "k1"})
	decoy := newEC("k1", elliptic.P384())
	tests := []struct {
		name      string
		published []pair
		by        pair
		alg, kid  string
		want      string
	}{
		{"first of four", []pair{rsaKey(), second, ec, ed}, rsaKey(), "RS256", "k1", ""},
		{"second of four", []pair{rsaKey(), second, ec, ed}, second, "RS256", "k1", ""},
		{"other types first", []pair{ed, decoy, ec, rsaKey()}, rsaKey(), "RS256", "k1", ""},
		{"ES256 beside P-384", []pair{decoy, ec}, ec, "ES256", "k1", ""},
		{"EdDSA beside others", []pair{rsaKey(), ec, ed}, ed, "EdDSA", "k1", ""},
		{"token without kid", []pair{secondKey(), ec, rsaKey()}, rsaKey(), "RS256", "", ""},
		{"P-384 for ES256", []pair{decoy}, decoy, "ES256", "k1", "no published key"},
		{"P-256 for ES384", []pair{ec}, ec, "ES384", "k1", "no published key"},
		{"P-256 for ES512", []pair{ec}, ec, "ES512", "k1", "no published key"},
		{"only of other types", []pair{ec, ed}, rsaKey(), "RS256", "k1", "no published key"},
		{"the right key under another kid", []pair{rsaKey()}, rsaKey(), "RS256", "k2", "no published key"},
		{"E6 alg of the key", []pair{{rsaKey().private, rsaKey().jwk.edit(object{"alg": "RS256"})}}, rsaKey(), "RS256", "k1", ""},
		{"E6 another alg of the key", []pair{{rsaKey().private, rsaKey().jwk.edit(object{"alg": "PS256"})}}, rsaKey(), "RS256", "k1", "no published key"},
		{"E6 a key for encryption", []pair{secondKey(), {rsaKey().private, rsaKey().jwk.edit(object{"use": "enc"})}}, rsaKey(), "RS256", "k1", "no published key"},
		{"E10 a key too small", []pair{secondKey(), smallKey()}, smallKey(), "RS256", "small", "no published key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKeyTest(t)
			k.publish(test.published...)
			check(t, nil, k.login(k.ctx(), test.by, test.alg, test.kid), test.want)
		})
	}
}

var smallKey = sync.OnceValue(func() pair { return newRSA("small", 1024) })

// E11, T47: what the key endpoint may not do.
func TestKeyEndpointFaults(t *testing.T) {
	faults(t, "/keys", "", func(o *op) error {
		p := o.provider(generic.Config{})
		_, err := p.Identify(o.ctx(), o.grant(p, o.discover(p), o.token(nil)))
		return err
	})
}
