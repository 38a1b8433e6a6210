package login

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// everything is a record with a field of every kind.
func everything() record {
	return newRecord(purposeToken).str("").str("text").str(strings.Repeat("x", 200)).str("\x00\xff").
		int(0).int(-1).int(math.MaxInt64).int(math.MinInt64).
		strs(nil).strs([]string{"a", "", "c"}).
		strMap(nil).strMap(map[string]string{"k": "v", "": "empty", "e": ""})
}

type everythingRead struct {
	texts   [4]string
	numbers [4]int64
	lists   [2][]string
	maps    [2]map[string]string
}

func readEverything(b []byte) (everythingRead, bool) {
	r := readRecord(b, purposeToken)
	return everythingRead{
		[4]string{r.str(), r.str(), r.str(), r.str()},
		[4]int64{r.int(), r.int(), r.int(), r.int()},
		[2][]string{r.strs(), r.strs()},
		[2]map[string]string{r.strMap(), r.strMap()},
	}, r.ok()
}

func TestRecordRoundTrip(t *testing.T) {
	got, ok := readEverything(everything())
	want := everythingRead{
		[4]string{"", "text", strings.Repeat("x", 200), "\x00\xff"},
		[4]int64{0, -1, math.MaxInt64, math.MinInt64},
		[2][]string{nil, {"a", "", "c"}},
		[2]map[string]string{nil, {"k": "v", "": "empty", "e": ""}},
	}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
}

// T12, T59: a record that is not whole, or is of another kind or version, is
// none.
func TestRecordsDamaged(t *testing.T) {
	now := time.Unix(1700000000, 0)
	f := newFlow(&Provider{Name: "fake", RedirectURL: "https://app.example/callback/fake"}, &Metadata{Issuer: "i"}, "/next", now)
	s := &session{began: now, user: User{Provider: "fake", ID: "17", Name: "Ada", Extra: map[string]string{"k": "v"}}}
	a := &Auth{tokens: testKeyring(t, purposeToken, siteURL, keyA)}
	sealedToken, err := a.sealToken(s, tokenRecord{Token: oauth2.Token{AccessToken: "t", Expiry: now}, scopes: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	token, _ := a.tokens.open(a.cookies.token(), sealedToken)
	tests := []struct {
		name string
		rec  []byte
		read func([]byte) bool
	}{
		{"everything", everything(), func(b []byte) bool { _, ok := readEverything(b); return ok }},
		{"flow", f.record(), func(b []byte) bool { _, ok := readFlow(b); return ok }},
		{"session", s.record(), func(b []byte) bool { _, ok := readSession(b); return ok }},
		{"token", token, func(b []byte) bool {
			_, ok := a.openToken(s, seal(t, a.tokens, a.cookies.token(), b))
			return ok
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.read(tt.rec) {
				t.Fatal("the record cannot be read")
			}
			for i := range tt.rec {
				if tt.read(tt.rec[:i]) {
					t.Errorf("read when cut to %d bytes", i)
				}
			}
			for _, tail := range []string{"\x00", "\x01", "\xff", "tail", string(tt.rec)} {
				if tt.read([]byte(string(tt.rec) + tail)) {
					t.Errorf("read with %q at its end", tail)
				}
			}
			for version := range 256 {
				b := bytes.Clone(tt.rec)
				b[0] = byte(version)
				if tt.read(b) != (version == recordVersion) {
					t.Errorf("version %d: got %v", version, version != recordVersion)
				}
			}
			for purpose := range 256 {
				b := bytes.Clone(tt.rec)
				b[1] = byte(purpose)
				if tt.read(b) != (byte(purpose) == tt.rec[1]) {
					t.Errorf("purpose %q: got %v", byte(purpose), byte(purpose) != tt.rec[1])
				}
			}
		})
	}
}

// After a fault nothing is read any more, so that no field of a damaged record
// is taken for another.
func TestRecordEmptyAfterFault(t *testing.T) {
	r := readRecord(append(newRecord(purposeFlow), "\x09abc\x01x"...), purposeFlow)
	got := []any{r.str(), r.str(), r.int(), r.strs(), r.strMap(), r.ok()}
	want := []any{"", "", int64(0), []string(nil), map[string]string(nil), false}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	for name, read := range map[string]func(*recordReader) any{
		"list": func(r *recordReader) any { return r.strs() },
		"map":  func(r *recordReader) any { return r.strMap() },
	} {
		r := readRecord(append(newRecord(purposeFlow), "\x04\x01a\x01b\x7f"...), purposeFlow)
		if got := read(r); reflect.ValueOf(got).Len() != 0 || r.ok() {
			t.Errorf("%s: got %q, %v", name, got, r.ok())
		}
	}
}

// A length is believed only as far as there are bytes for it.
func TestRecordHostileLengths(t *testing.T) {
	reads := map[string]func(*recordReader){
		"text":   func(r *recordReader) { r.str() },
		"list":   func(r *recordReader) { r.strs() },
		"map":    func(r *recordReader) { r.strMap() },
		"number": func(r *recordReader) { r.int() },
	}
	lengths := map[string][]byte{
		"1<<20":         binary.AppendUvarint(nil, 1<<20),
		"1<<31":         binary.AppendUvarint(nil, 1<<31),
		"1<<62":         binary.AppendUvarint(nil, 1<<62),
		"1<<63":         binary.AppendUvarint(nil, 1<<63),
		"1<<64 - 1":     binary.AppendUvarint(nil, math.MaxUint64),
		"more bits":     []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		"endless":       bytes.Repeat([]byte{0xff}, 1000),
		"unfinished":    {0x80},
		"one too many":  {5},
		"as many empty": append(binary.AppendUvarint(nil, 4000), bytes.Repeat([]byte{0xff}, 4000)...),
	}
	for length, b := range lengths {
		for what, read := range reads {
			if what == "number" && length != "more bits" && length != "endless" && length != "unfinished" ||
				what == "text" && length == "as many empty" {
				continue // nothing is wrong with it
			}
			rec := append(append(newRecord(purposeFlow), b...), "tail"...)
			if length == "unfinished" {
				rec = rec[:3]
			}
			r := readRecord(rec, purposeFlow)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			read(r)
			runtime.ReadMemStats(&after)
			if r.ok() || !r.bad {
				t.Errorf("%s of %s: read", what, length)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<14 {
				t.Errorf("%s of %s: used %d bytes", what, length, used)
			}
		}
	}
}

// T66: bytes that are no record do not harm, and a record has one meaning.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(everything()))
	f.Add([]byte(newRecord(purposeToken)))
	f.Add([]byte("\x01t\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		readFlow(b)
		readSession(b)
		got, ok := readEverything(b)
		if !ok {
			return
		}
		rec := newRecord(purposeToken)
		for _, s := range got.texts {
			rec = rec.str(s)
		}
		for _, n := range got.numbers {
			rec = rec.int(n)
		}
		for _, list := range got.lists {
			rec = rec.strs(list)
		}
		for _, m := range got.maps {
			rec = rec.strMap(m)
		}
		again, ok := readEverything(rec)
		if !ok || !reflect.DeepEqual(got, again) {
			t.Errorf("got %+v, then %+v", got, again)
		}
		if len(rec) > len(b) {
			t.Errorf("%d bytes held %d", len(b), len(rec))
		}
	})
}
