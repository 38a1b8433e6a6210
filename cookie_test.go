package login

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const siteURL = "https://app.example/auth"

var (
	keyA = []byte("a key for tests, 32 bytes or more")
	keyB = []byte("another key, also of enough bytes")
)

func testKeyring(t testing.TB, purpose byte, url string, keys ...[]byte) keyring {
	t.Helper()
	ring, err := newKeyring(purpose, url, keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func seal(t testing.TB, ring keyring, name string, rec record) string {
	t.Helper()
	value, err := ring.seal(name, slices.Clone(rec))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// T13, H7, H9, T23: what was sealed opens with the same purpose, site, name and
// key, and with nothing else.
func TestSealedForOnePurpose(t *testing.T) {
	rec := newRecord(purposeIdentity).str("17")
	value := seal(t, testKeyring(t, purposeIdentity, siteURL, keyA), "name", rec)
	tests := []struct {
		what string
		ring keyring
		name string
		want bool
	}{
		{"the same", testKeyring(t, purposeIdentity, siteURL, keyA), "name", true},
		{"as an old key", testKeyring(t, purposeIdentity, siteURL, keyB, keyA), "name", true},
		{"as the second old key", testKeyring(t, purposeIdentity, siteURL, keyB, keyB[1:], keyA), "name", true},
		{"another key", testKeyring(t, purposeIdentity, siteURL, keyB), "name", false},
		{"no key", nil, "name", false},
		{"another site", testKeyring(t, purposeIdentity, siteURL+"2", keyA), "name", false},
		{"another scheme", testKeyring(t, purposeIdentity, "http"+siteURL[5:], keyA), "name", false},
		{"another name", testKeyring(t, purposeIdentity, siteURL, keyA), "name2", false},
		{"no name", testKeyring(t, purposeIdentity, siteURL, keyA), "", false},
	}
	for _, purpose := range []byte{purposeFlow, purposeToken, purposeSeen, purposeHandle} {
		tests = append(tests, struct {
			what string
			ring keyring
			name string
			want bool
		}{"purpose " + string(purpose), testKeyring(t, purpose, siteURL, keyA), "name", false})
	}
	for _, tt := range tests {
		got, ok := tt.ring.open(tt.name, value)
		if ok != tt.want || ok && !bytes.Equal(got, rec) {
			t.Errorf("%s: got %q, %v; want ok %v", tt.what, got, ok, tt.want)
		}
		// The key's identifier only saves work: the rest decides by itself.
		if len(tt.ring) == 1 && !tt.want {
			if _, ok := tt.ring.open(tt.name, tt.ring[0].id+value[keyIDLen:]); ok {
				t.Errorf("%s: opens with the other identifier", tt.what)
			}
		}
	}
	if _, err := keyring(nil).seal("name", rec); err == nil {
		t.Error("sealed without a key")
	}
}

// H7: the first key seals.
func TestFirstKeySeals(t *testing.T) {
	value := seal(t, testKeyring(t, purposeFlow, siteURL, keyB, keyA), "name", newRecord(purposeFlow))
	if _, ok := testKeyring(t, purposeFlow, siteURL, keyB).open("name", value); !ok {
		t.Error("the first key does not open it")
	}
	if _, ok := testKeyring(t, purposeFlow, siteURL, keyA).open("name", value); ok {
		t.Error("the old key opens it")
	}
}

// T12: no bit of a sealed value can be changed, and nothing taken away or added.
func TestSealedValueTampered(t *testing.T) {
	ring := testKeyring(t, purposeIdentity, siteURL, keyA)
	opens := func(what, value string) {
		t.Helper()
		if b, ok := ring.open("name", value); ok {
			t.Errorf("%s: opens as %q", what, b)
		}
	}
	for extra := range 4 { // all ways in which base64 can end
		value := seal(t, ring, "name", newRecord(purposeIdentity).str(strings.Repeat("x", extra)))
		for i := range value {
			for bit := range 8 {
				b := []byte(value)
				b[i] ^= 1 << bit
				opens(fmt.Sprintf("bit %d of byte %d", bit, i), string(b))
			}
			opens(fmt.Sprintf("cut to %d bytes", i), value[:i])
			opens(fmt.Sprintf("cut from %d bytes", i), value[i+1:])
			for _, s := range []string{"A", "=", "\n", "\r", " ", "%", "\x00", "|"} {
				opens(fmt.Sprintf("%q before byte %d", s, i), value[:i]+s+value[i:])
			}
		}
		for _, s := range []string{"A", "=", "==", "\n", "\r\n", " ", "AAAA", value} {
			opens(fmt.Sprintf("%q added", s), value+s)
		}
		opens("standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(value)+"+")
		opens("in capitals", strings.ToUpper(value))
	}
	for _, value := range []string{"", "=", "AAAA", "null", ring[0].id, ring[0].id + "====", ring[0].id + strings.Repeat("A", 1<<16)} {
		opens(fmt.Sprintf("%.20q", value), value)
	}
}

// T14: equal data look different each time, and nothing of them shows.
func TestSealedValueOpaque(t *testing.T) {
	ring := testKeyring(t, purposeToken, siteURL, keyA)
	rec := newRecord(purposeToken).str("ada@example.test").str("ACCESS-CANARY").str(strings.Repeat("A", 64))
	ivs := make(map[string]bool)
	for i := range 100000 {
		value := seal(t, ring, "name", rec)
		outer, err := base64.URLEncoding.DecodeString(value[keyIDLen:])
		if err != nil {
			t.Fatal(err)
		}
		inner, err := base64.URLEncoding.DecodeString(string(bytes.SplitN(outer, []byte("|"), 3)[1]))
		if err != nil || len(inner) != 16+len(rec) {
			t.Fatalf("got %d bytes, %v; want an IV and the record", len(inner), err)
		}
		if iv := string(inner[:16]); ivs[iv] {
			t.Fatal("an initialization vector came twice")
		} else {
			ivs[iv] = true
		}
		if i >= 10000 { // enough of this, which takes longer
			continue
		}
		for _, secret := range []string{"ada@example.test", "ACCESS-CANARY", strings.Repeat("A", 20)} {
			for _, text := range []string{value, string(outer), string(inner)} {
				shows := strings.Contains(text, secret)
				for i := range 3 { // wherever its first byte stands among three
					shows = shows || strings.Contains(text, base64.URLEncoding.EncodeToString([]byte(secret[i:i+9])))
				}
				if shows {
					t.Fatalf("%q shows in %q", secret, text)
				}
			}
		}
	}
}

// newTestAuth is an Auth with one provider that nobody answers for.
func newTestAuth(t testing.TB, url string, change func(*Provider)) *Auth {
	t.Helper()
	p := Provider{
		Name: "fake", ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://provider.example/authorize", TokenURL: "https://provider.example/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Identify: func(context.Context, *Grant) (*User, error) { return nil, errors.New("nobody") },
	}
	if change != nil {
		change(&p)
	}
	a, err := New(Config{URL: url, Key: keyA, Providers: []Provider{p}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// T15, H1, H2, H4: the whole Set-Cookie line, for every scheme.
func TestSetCookieLine(t *testing.T) {
	const sealed = `[A-Za-z0-9_=-]+`
	tests := []struct {
		name, url string
		formPost  bool
		want      string
	}{
		{"https", "https://app.example", false,
			`^__Host-login-[0-9a-f]{8}-f-[A-Za-z0-9_-]{12}=` + sealed + `; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$`},
		{"https below a path", "https://app.example/auth", false,
			`^__Host-login-[0-9a-f]{8}-f-[A-Za-z0-9_-]{12}=` + sealed + `; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$`},
		{"https on loopback", "https://localhost:8443", false,
			`^__Host-login-[0-9a-f]{8}-f-[A-Za-z0-9_-]{12}=` + sealed + `; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$`},
		{"loopback", "http://localhost:8080", false,
			`^login-[0-9a-f]{8}-f-[A-Za-z0-9_-]{12}=` + sealed + `; Path=/; Max-Age=600; HttpOnly; SameSite=Lax$`},
		{"form_post", "https://app.example", true,
			`^__Host-login-[0-9a-f]{8}-f-[A-Za-z0-9_-]{12}=` + sealed + `; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestAuth(t, tt.url, func(p *Provider) {
				if tt.formPost {
					p.Params = url.Values{"response_mode": {"form_post"}}
				}
			})
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest("GET", tt.url+"/login/fake", nil))
			lines := w.Header()["Set-Cookie"]
			if len(lines) != 1 || !regexp.MustCompile(tt.want).MatchString(lines[0]) {
				t.Errorf("got %q, want one that matches %s", lines, tt.want)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" { // T45
				t.Errorf("got Cache-Control %q", got)
			}
			// The session's cookies differ in name and age only.
			c := a.cookies.cookie(a.cookies.base, "v", 3600).String()
			want := regexp.MustCompile(`-f-.*; Path`).ReplaceAllString(lines[0], "=v; Path")
			want = strings.NewReplacer("Max-Age=600", "Max-Age=3600", "SameSite=None", "SameSite=Lax").Replace(want)
			if c != want {
				t.Errorf("got session cookie %q, want %q", c, want)
			}
			w = httptest.NewRecorder()
			a.cookies.clear(w, a.cookies.base)
			want = strings.NewReplacer("=v;", "=;", "Max-Age=3600", "Max-Age=0").Replace(want)
			if got := w.Header()["Set-Cookie"]; len(got) != 1 || got[0] != want {
				t.Errorf("got %q to clear, want %q", got, want)
			}
		})
	}
}

// Two Auths on one host, or on two ports or paths of it, use other names.
func TestCookieNamesDiffer(t *testing.T) {
	seen := make(map[string]string)
	for _, u := range []string{
		"https://app.example", "https://app.example/auth", "https://app.example/auth2", "https://app.example:8443",
		"https://other.example", "http://localhost", "http://localhost:8080", "https://localhost",
	} {
		c := newCookies(u, strings.HasPrefix(u, "https:"))
		if other, ok := seen[c.base]; ok {
			t.Errorf("%s and %s share the name %s", u, other, c.base)
		}
		seen[c.base] = u
	}
	// None begins like another, as the pieces and flows of one begin with its base.
	for x := range seen {
		for y := range seen {
			if x != y && strings.HasPrefix(x, y) {
				t.Errorf("%s begins with %s", x, y)
			}
		}
	}
}

// requestWith is a request that carries the cookies, in that order.
func requestWith(jar ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range jar {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// H6, T16, T22b: whatever the length, every Set-Cookie line fits, the pieces are
// as few as possible, and come together again in any order.
func TestSplitAndJoin(t *testing.T) {
	for _, c := range []cookies{newCookies(siteURL, true), newCookies("http://localhost", false)} {
		for _, maxAge := range []int{1, 3600, int(maxLifetime.Seconds())} {
			var lengths []int
			total := 0
			for i := range maxPieces {
				total += c.room(c.piece(i), maxAge)
				if i == 0 {
					total-- // the number of pieces
				}
				lengths = append(lengths, total-1, total, total+1)
			}
			for i, n := range append(lengths, 1, 2, 100) {
				value := randomValue(n)
				pieces := c.split(value, maxAge)
				if n > total {
					if pieces != nil {
						t.Errorf("%d bytes: got %d pieces, want none", n, len(pieces))
					}
					continue
				}
				want := 1
				if i < len(lengths) {
					want = i/3 + 1 + i%3/2 // one byte more than fits takes one more
				}
				if len(pieces) != want {
					t.Errorf("%d bytes: got %d pieces, want %d", n, len(pieces), want)
				}
				for j, p := range pieces {
					if size := len(p.String()); size > maxSetCookie || j < len(pieces)-1 && size != maxSetCookie {
						t.Errorf("%d bytes: line %d has %d bytes", n, j, size)
					}
				}
				rand.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
				if got := c.join(requestWith(pieces...)); got != value {
					t.Errorf("%d bytes: the pieces do not come together again", n)
				}
			}
		}
	}
	if got := newCookies(siteURL, true).split("", 60); got != nil {
		t.Errorf("got %d pieces of nothing", len(got))
	}
}

func randomValue(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[rand.IntN(64)]
	}
	return string(b)
}

// T16: pieces that are not ours change nothing; pieces that are missing leave
// nothing.
func TestHostilePieces(t *testing.T) {
	c := newCookies(siteURL, true)
	value := randomValue(9000)
	pieces := c.split(value, 60)
	if len(pieces) != 3 {
		t.Fatalf("got %d pieces, want 3", len(pieces))
	}
	for _, suffix := range []string{
		"_999999999", "1of2000000000", "-1", "-0", "+1", "", "_", "00", "01", "10", "9", "99999999999999999999",
		":", "/", "a", "\u0661", "\xff", "0x1", "1e1", " 1", "1;2", "3", "8", // the last two follow the last piece
	} {
		hostile := c.token() + suffix + "=" + strings.Repeat("x", 100)
		for _, r := range []*http.Request{requestWith(pieces...), requestWith(pieces...)} {
			if got := r.Header.Get("Cookie"); len(r.Header["Cookie"]) == 1 {
				r.Header["Cookie"] = []string{hostile, got, hostile}
			}
			if got := c.join(r); got != value {
				t.Errorf("with %q: got %d bytes, want the value", suffix, len(got))
			}
		}
		if got := c.join(&http.Request{Header: http.Header{"Cookie": {hostile}}}); got != "" {
			t.Errorf("only %q: got %q", suffix, got)
		}
	}
	for i := range pieces {
		if got := c.join(requestWith(slices.Delete(slices.Clone(pieces), i, i+1)...)); got != "" {
			t.Errorf("without piece %d: got %d bytes", i, len(got))
		}
		empty := slices.Clone(pieces)
		empty[i] = c.cookie(pieces[i].Name, "", 60)
		if got := c.join(requestWith(empty...)); got != "" {
			t.Errorf("piece %d empty: got %d bytes", i, len(got))
		}
		long := slices.Clone(pieces)
		long[i] = c.cookie(pieces[i].Name, strings.Repeat("x", 1<<16), 60)
		if got := c.join(requestWith(long...)); got != "" {
			t.Errorf("piece %d of 64 KB: got %d bytes", i, len(got))
		}
	}
	// A count that is not one, or not true.
	for _, count := range []string{"0", ":", "9", "4", "a", "-", "+", "\xff", "\u0663", ";", " "} {
		forged := slices.Clone(pieces)
		forged[0] = &http.Cookie{Name: pieces[0].Name}
		r := requestWith(forged...)
		r.Header.Set("Cookie", c.piece(0)+"="+count+pieces[0].Value[1:]+"; "+r.Header.Get("Cookie"))
		r.Header.Set("Cookie", strings.Replace(r.Header.Get("Cookie"), c.piece(0)+"=;", "x=;", 1))
		if got := c.join(r); got != "" {
			t.Errorf("count %q: got %d bytes", count, len(got))
		}
	}
	// Fewer than there are: what is left is not what was sealed.
	for _, count := range []string{"1", "2"} {
		forged := slices.Clone(pieces)
		forged[0] = c.cookie(pieces[0].Name, count+pieces[0].Value[1:], 60)
		if got := c.join(requestWith(forged...)); got == value {
			t.Errorf("count %q: got the whole value", count)
		}
	}
	// A second piece of the same name: one of the two counts, always the same.
	twice := requestWith(append(slices.Clone(pieces), c.cookie(pieces[1].Name, "other", 60))...)
	first := c.join(twice)
	for range 10 {
		if got := c.join(twice); got != first {
			t.Error("duplicates: got another value")
		}
	}
}

// T22b: a value that grows takes more cookies; one that shrinks is not disturbed
// by those that are left over.
func TestGrowAndShrink(t *testing.T) {
	c := newCookies(siteURL, true)
	jar := make(map[string]*http.Cookie)
	for _, n := range []int{100, 9000, 20000, 5000, 10, 9000, 1} {
		value := randomValue(n)
		for _, p := range c.split(value, 60) {
			jar[p.Name] = p
		}
		var all []*http.Cookie
		for _, p := range jar {
			all = append(all, p)
		}
		if got := c.join(requestWith(all...)); got != value {
			t.Errorf("%d bytes: got %d others", n, len(got))
		}
	}
}

// T16, T5, T50: hostile Cookie headers cost what they weigh, and are nobody.
func TestHostileCookieHeaders(t *testing.T) {
	a := newTestAuth(t, "https://app.example", nil)
	base, id := a.cookies.base, a.identities[0].id
	many := func(format string) string {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, format+"; ", i)
		}
		return b.String()
	}
	flowID := a.flows[0].id
	headers := map[string]string{
		"tiny":                many("a%d=b"),
		"tiny pieces":         many(base + "-t%d=1x"),
		"tiny flows":          many(base + "-f-%012d=x"),
		"flows with our key":  many(base + "-f-%012d=" + flowID + "AAAA"),
		"identities":          strings.Repeat(base+"=x; ", 3000),
		"identities with key": strings.Repeat(base+"="+id+"AAAA; ", 3000),
		"last seen":           strings.Repeat(a.cookies.seen()+"=x; ", 3000),
		"64 KB identity":      base + "=" + id + strings.Repeat("A", 1<<16),
		"64 KB piece":         a.cookies.piece(0) + "=9" + strings.Repeat("A", 1<<16),
		"64 KB flow":          a.cookies.flow(strings.Repeat("A", 43)) + "=" + flowID + strings.Repeat("A", 1<<16),
		"64 KB name":          base + strings.Repeat("A", 1<<16) + "=x",
		"4097 bytes":          base + "=" + id + strings.Repeat("A", 4097-len(id)),
		"empty":               base + "=; " + a.cookies.piece(0) + "=; " + a.cookies.seen() + "=",
		"no values":           base + "; " + a.cookies.piece(0) + ";;;; =; = ;",
		"separators":          strings.Repeat("; ", 1<<15),
		"quotes":              base + `="` + id + `"`,
	}
	nobody := a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := UserFrom(r.Context()); u != nil {
			t.Errorf("got user %+v", u)
		}
	}))
	for name, header := range headers {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/", "/login/fake", "/callback/fake?code=c&state=" + strings.Repeat("A", 43)} {
				r := httptest.NewRequest("GET", "https://app.example"+path, nil)
				r.Header.Set("Cookie", header)
				w := httptest.NewRecorder()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				nobody.ServeHTTP(w, r)
				runtime.ReadMemStats(&after)
				if w.Code >= 500 {
					t.Errorf("%s: got status %d", path, w.Code)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
					t.Errorf("%s: used %d bytes", path, used)
				}
				if n := len(w.Header()["Set-Cookie"]); n > 4*maxFlows+1 {
					t.Errorf("%s: got %d Set-Cookie lines", path, n)
				}
			}
			r := &http.Request{Header: http.Header{"Cookie": {header}}}
			if got := a.cookies.join(r); len(got) > maxPieces*maxSetCookie {
				t.Errorf("got a value of %d bytes", len(got))
			}
			if n := testing.AllocsPerRun(1, func() { a.cookies.join(r) }); n > 1 {
				t.Errorf("got %v allocations", n)
			}
		})
	}
}

// T17: of one name there is one Set-Cookie line, the last.
func TestOneSetCookiePerName(t *testing.T) {
	c := newCookies(siteURL, true)
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "theirs=1; Path=/")
	w.Header().Add("Vary", "Accept")
	for i := range 3 {
		for _, name := range []string{c.seen(), c.piece(0), c.piece(1), c.base} {
			c.clear(w, name)
			c.set(w, c.cookie(name, fmt.Sprint(i), 60))
		}
	}
	c.clear(w, c.piece(1))
	want := []string{
		"theirs=1; Path=/",
		c.cookie(c.seen(), "2", 60).String(), c.cookie(c.piece(0), "2", 60).String(), c.cookie(c.base, "2", 60).String(),
		c.cookie(c.piece(1), "", -1).String(),
	}
	if got := w.Header()["Set-Cookie"]; !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := w.Header()["Vary"]; !slices.Equal(got, []string{"Accept", "Cookie"}) { // T45, H12
		t.Errorf("got Vary %q", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q", got)
	}
}

// T66: no value opens that was not sealed, and none makes trouble.
func FuzzSealedCookie(f *testing.F) {
	ring := testKeyring(f, purposeIdentity, siteURL, keyA, keyB)
	rec := record("\x01i\x0217") // as in testdata; what it means does not matter here
	sealed := seal(f, ring, "name", rec)
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add(ring[1].id + sealed[keyIDLen:])
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		// Each worker seals its own seed, so that it cannot be compared with.
		if b, ok := ring.open("name", value); ok && !bytes.Equal(b, rec) {
			t.Errorf("%q opens as %q", value, b)
		}
	})
}

// The time in a record counts, not the one in the seal.
func TestSealedValueKeepsItsAge(t *testing.T) {
	ring := testKeyring(t, purposeFlow, siteURL, keyA)
	f := newFlow(&Provider{Name: "fake"}, &Metadata{}, "/", time.Now().Add(-time.Hour))
	a := &Auth{flows: ring, now: time.Now}
	if _, ok := a.openFlow("name", seal(t, ring, "name", f.record())); ok {
		t.Error("a flow of an hour ago opens")
	}
}
