// Package tokenstoretest holds every login.TokenStore of this project to the same
// promises. Only tests import it.
package tokenstoretest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
)

// A Place makes a place where nothing is kept yet. Each call of what it returns
// opens that place anew, as another process would.
type Place func(t *testing.T) (open func() login.TokenStore)

// Run holds the stores of place to what login.TokenStore promises.
func Run(t *testing.T, place Place) {
	tests := []struct {
		name string
		test func(t *testing.T, open func() login.TokenStore)
	}{
		{"life of a value", life},
		{"values", values},
		{"values out of bounds", bounds},
		{"slices stay the caller's", slicesOfCaller},
		{"keys", keys},
		{"context", cancelled},
		{"one creates", oneCreates},
		{"counter", counter},
		{"never missing", neverMissing},
		{"deletion wins", deletionWins},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, place(t)) })
	}
}

// Wants fails the test unless want is kept under key; a nil want means nothing is.
func Wants(t *testing.T, s login.TokenStore, key string, want []byte) {
	t.Helper()
	got, err := s.Load(t.Context(), key)
	switch {
	case want == nil && (!errors.Is(err, login.ErrNoToken) || got != nil):
		t.Errorf("key %.40q: got %.40q, %v, want ErrNoToken", key, got, err)
	case want != nil && (err != nil || !bytes.Equal(got, want)):
		t.Errorf("key %.40q: got %.40q of %d bytes, %v, want %.40q of %d", key, got, len(got), err, want, len(want))
	}
}

// save fails the test unless Save reports want.
func save(t *testing.T, s login.TokenStore, key string, old, value []byte, want bool) {
	t.Helper()
	if got, err := s.Save(t.Context(), key, old, value); got != want || err != nil {
		t.Errorf("save %.40q over %.40q: got %v, %v, want %v", value, old, got, err, want)
	}
}

func remove(t *testing.T, s login.TokenStore, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func life(t *testing.T, open func() login.TokenStore) {
	const key = "page"
	one, two, three := []byte("one"), []byte("two"), []byte("three")
	a, b := open(), open()
	for range 2 { // the second time after a deletion
		Wants(t, a, key, nil)
		remove(t, a, key)
		save(t, a, key, one, two, false)
		save(t, a, key, []byte{}, two, false)
		Wants(t, b, key, nil)

		save(t, a, key, nil, one, true)
		Wants(t, b, key, one)
		save(t, b, key, nil, two, false)
		save(t, b, key, nil, one, false)
		save(t, b, key, []byte{}, two, false)
		save(t, b, key, two, three, false)
		save(t, b, key, one[:2], three, false)
		Wants(t, a, key, one)

		save(t, b, key, one, two, true)
		save(t, a, key, one, three, false)
		Wants(t, a, key, two)
		save(t, a, key, two, two, true)
		save(t, a, key, one, one, false)
		Wants(t, b, key, two)

		remove(t, b, key)
		Wants(t, a, key, nil)
		save(t, a, key, two, three, false)
		save(t, a, key, two, two, false)
		Wants(t, open(), key, nil)
	}
}

func values(t *testing.T, open func() login.TokenStore) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	values := [][]byte{{0}, {0, 0}, {0xff}, []byte("'\"\\\r\n"), all, bytes.Repeat(all, 400), bytes.Repeat(all, 1<<13), []byte("short")}
	s := open()
	var old []byte
	for _, value := range values {
		save(t, s, "page", old, value, true)
		Wants(t, open(), "page", value)
		old = value
	}
}

// What is refused changes nothing.
func bounds(t *testing.T, open func() login.TokenStore) {
	s, kept := open(), []byte("kept")
	save(t, s, "page", nil, kept, true)
	for _, value := range [][]byte{nil, {}, make([]byte, 2<<20+1)} {
		for key, old := range map[string][]byte{"page": kept, "another": nil} {
			if saved, err := s.Save(t.Context(), key, old, value); saved || err == nil {
				t.Errorf("%d bytes over %q: got %v, %v, want an error", len(value), old, saved, err)
			}
		}
	}
	Wants(t, s, "page", kept)
	Wants(t, s, "another", nil)
}

func slicesOfCaller(t *testing.T, open func() login.TokenStore) {
	s, value := open(), []byte("value")
	save(t, s, "page", nil, value, true)
	value[0] = 'X'
	got, err := s.Load(t.Context(), "page")
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'Y'
	Wants(t, s, "page", []byte("value"))
}

// Any text is a key, and no two are the same.
func keys(t *testing.T, open func() login.TokenStore) {
	keys := []string{
		"", " ", "a", "A", "a ", " a", "a\x00", "\x00", "\xff", "\xfe", "\u00e9", "e\u0301", "ß", "ss", "%", "_", "*", "?", "$1",
		".", "..", "../a", "../../etc/passwd", "/etc/passwd", `..\a`, `C:\a`, "a/../a", "CON", "a.new", "00.lock",
		"'; DROP TABLE login_tokens; --", `"`, "`", "\r\n", strings.Repeat("k", 100_000), strings.Repeat("k", 100_001),
	}
	s := open()
	for _, key := range keys {
		Wants(t, s, key, nil)
		save(t, s, key, nil, []byte("value of "+key), true)
	}
	for i, key := range slices.Backward(keys) {
		Wants(t, s, key, []byte("value of "+key))
		remove(t, s, key)
		Wants(t, s, key, nil)
		if i > 0 {
			Wants(t, s, keys[i-1], []byte("value of "+keys[i-1]))
		}
	}
}

// A context that has ended ends every method, and nothing happens.
func cancelled(t *testing.T, open func() login.TokenStore) {
	s, value := open(), []byte("value")
	save(t, s, "page", nil, value, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := map[string]error{}
	_, errs["load"] = s.Load(ctx, "page")
	_, errs["load nothing"] = s.Load(ctx, "another")
	_, errs["save"] = s.Save(ctx, "page", value, []byte("other"))
	_, errs["create"] = s.Save(ctx, "another", nil, []byte("other"))
	errs["delete"] = s.Delete(ctx, "page")
	for name, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
	Wants(t, s, "page", value)
	Wants(t, s, "another", nil)
}
