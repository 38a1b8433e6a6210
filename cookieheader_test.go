package login_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// H11, T24: a name counts as it is spelled, prefix and all. What a sub-domain or a
// plain-http page can set looks like these.
func TestCookieNamesAreExact(t *testing.T) {
	a, err := login.New(login.Config{URL: "https://app.example.test", Key: testKey, Idle: time.Hour,
		Providers: []login.Provider{newFakeProvider(t).provider("fake")}})
	if err != nil {
		t.Fatal(err)
	}
	_, cookies := wholeLogin(t, a)
	session := map[string]string{}
	for _, c := range cookies {
		if c.MaxAge > 0 {
			session[c.Name] = c.Value
		}
	}
	if got := visitWith(a, cookieHeader(session)); got.user != "17" || got.token != "ACCESS-CANARY" {
		t.Fatalf("got %+v", got)
	}
	for what, rename := range map[string]func(string) string{
		"without prefix":       func(s string) string { return strings.TrimPrefix(s, "__Host-") },
		"__Secure-":            func(s string) string { return strings.Replace(s, "__Host-", "__Secure-", 1) },
		"__host-":              func(s string) string { return strings.Replace(s, "__Host-", "__host-", 1) },
		"prefix twice":         func(s string) string { return "__Host-" + s },
		"capitals":             strings.ToUpper,
		"swapped case":         swapCase,
		"em space before":      func(s string) string { return "\u2003" + s },
		"next line before":     func(s string) string { return "\u0085" + s },
		"vertical tab before":  func(s string) string { return "\v" + s },
		"line break before":    func(s string) string { return "\r\n" + s },
		"no-break space after": func(s string) string { return s + "\u00a0" },
		"space after":          func(s string) string { return s + " " },
		"dot after":            func(s string) string { return s + "." },
		"bracket after":        func(s string) string { return s + "[" },
		"nameless":             func(s string) string { return "=" + s },
		"value of another":     func(s string) string { return "a=" + s },
		"old attribute":        func(s string) string { return "$" + s },
		"quoted":               func(s string) string { return `"` + s + `"` },
		"in a quoted value":    func(s string) string { return `a="b, ` + s },
		"after a comma":        func(s string) string { return "a=b, " + s },
		"escaped":              func(s string) string { return strings.ReplaceAll(s, "-", "%2D") },
		"underscores":          func(s string) string { return strings.ReplaceAll(s, "-", "_") },
	} {
		renamed := map[string]string{}
		for name, value := range session {
			renamed[rename(name)] = value
		}
		if got := visitWith(a, cookieHeader(renamed)); got.status != 401 {
			t.Errorf("%s: got %+v", what, got)
		}
		// Beside the right ones they change nothing.
		both := cookieHeader(renamed) + "; " + cookieHeader(session) + "; " + cookieHeader(renamed)
		if got := visitWith(a, both); got.user != "17" || got.token != "ACCESS-CANARY" {
			t.Errorf("%s, beside the right ones: got %+v", what, got)
		}
	}
	// The white space that browsers put between cookies does not matter.
	if got := visitWith(a, " \t"+strings.ReplaceAll(cookieHeader(session), "; ", ";\t ;;")+" ;"); got.user != "17" {
		t.Errorf("odd white space: got %+v", got)
	}
}

// T16: whatever is heaped up around a good session, it stays good or loses its
// token, and the request costs little more than without.
func TestCookieBombs(t *testing.T) {
	x := newWallet(t, 2500, nil)
	good, base := cookieHeader(x.session), named(t, x.session, "")
	sealed := x.session[base]
	numbered := func(format string) string {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, format+"; ", i)
		}
		return b.String()
	}
	plainAllocs, plainBytes := cost(func() { visitWith(x.auth, good) })
	for _, tt := range []struct {
		name, bomb  string
		spoilsToken bool // pieces under our names, after the good ones
	}{
		{"tiny", numbered("a%d=b"), false},
		{"tiny identities", strings.Repeat(base+"=x; ", 3000), false},
		{"identities with our key", strings.Repeat(base+"="+sealed[:40]+"; ", 3000), false},
		{"tiny flows", numbered(base + "-f-%012d=x"), false},
		{"tiny pieces", numbered(base + "-t%d=x"), true},
		{"pieces beyond the last", strings.Repeat(base+"-t2=x; "+base+"-t8=x; "+base+"-t9=x; ", 1000), false},
		{"negative pieces", numbered(base + "-t-%d=x"), false},
		{"pieces with zeros in front", numbered(base + "-t0%d=x"), false},
		{"gorilla's pieces", strings.Repeat(base+"-t_999999999=x; "+base+"-t1of2000000000=x; ", 1500), false},
		{"counts", strings.Repeat(base+"-t0=9x; ", 3000), true},
		{"empty pieces", strings.Repeat(base+"-t0=; "+base+"-t1=; ", 1500), true},
		{"last seen", strings.Repeat(base+"-s=x; ", 3000), false},
		{"64 KiB identity", base + "=" + sealed + strings.Repeat("A", 64<<10), false},
		{"64 KiB last seen", base + "-s=" + x.session[base+"-s"] + strings.Repeat("A", 64<<10), false},
		{"64 KiB piece", base + "-t0=" + x.session[base+"-t0"] + strings.Repeat("A", 64<<10), false},
		{"64 KiB name", base + strings.Repeat("A", 64<<10) + "=x", false},
		{"64 KiB of separators", strings.Repeat(";", 64<<10), false},
		{"64 KiB of equals signs", strings.Repeat("=", 64<<10), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, header := range []string{tt.bomb + "; " + good, good + "; " + tt.bomb} {
				got := visitWith(x.auth, header)
				after := !strings.HasPrefix(header, tt.bomb)
				if spoiled := tt.spoilsToken && after; got.user != "17" || (len(got.token) != 2500) != spoiled || spoiled != errors.Is(got.err, login.ErrNoToken) {
					t.Errorf("bomb after the good ones %v: got %+v", after, got)
				}
				// Of cookies with our key's mark those are tried that are not too long.
				tried := uint64(strings.Count(header, sealed[:40])) * 40
				if allocs, n := cost(func() { visitWith(x.auth, header) }); allocs > plainAllocs+tried+20 || n > plainBytes+tried*64+32<<10 {
					t.Errorf("got %d allocations of %d bytes, without the bomb %d of %d", allocs, n, plainAllocs, plainBytes)
				}
			}
			if got := visitWith(x.auth, tt.bomb); got.status != 401 {
				t.Errorf("only the bomb: got %+v", got)
			}
		})
	}
}

// cost is what f allocates, without what it needs only once.
func cost(f func()) (allocs, size uint64) {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 5 {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / 5, (after.TotalAlloc - before.TotalAlloc) / 5
}

// T24: of two sessions in one request the first counts, each time, and no part of
// the other.
func TestTwoSessionsInOneRequest(t *testing.T) {
	_, s, who := newPeople(t, nil)
	jars := map[string]string{}
	for _, name := range []string{"ada", "eve"} {
		*who = name
		jars[name] = cookieHeader(jarOf(t, s).cookies(s.URL))
	}
	for _, tt := range [][2]string{{"ada", "eve"}, {"eve", "ada"}} {
		for range 5 {
			got := visitWith(s.auth, jars[tt[0]]+"; "+jars[tt[1]])
			if got.user != tt[0] || got.token != "" && got.token != "TOKEN-OF-"+tt[0] {
				t.Errorf("%s first: got %+v", tt[0], got)
			}
		}
	}
}

// T62, T16: the mark that somebody has just logged in, which is not sealed, lets
// nobody in. Planted, it costs one page, and is gone.
func TestPlantedMark(t *testing.T) {
	_, s := newLogin(t)
	b := newBrowser(t)
	resp, _ := b.step(s.URL + "/login/fake")
	mark := strings.Split(resp.Cookies()[0].Name, "-f-")[0] + "-l"
	for _, value := range []string{"1", "", "x", strings.Repeat("A", 64<<10), strings.Repeat("1; "+mark+"=1", 1000)} {
		if got := visitWith(s.auth, mark+"="+value); got.status != 401 || len(got.header["Set-Cookie"]) > 0 {
			t.Errorf("%.20q, a program: got %+v", value, got)
		}
		r, w := navigationTo(s.URL+"/me"), httptest.NewRecorder()
		r.Header.Set("Cookie", mark+"="+value)
		s.auth.Require(ok200()).ServeHTTP(w, r)
		cleared := w.Result().Cookies()
		if w.Code != 500 || bytes.Contains(w.Body.Bytes(), []byte("let in")) || len(cleared) != 1 || cleared[0].Name != mark || cleared[0].MaxAge >= 0 {
			t.Errorf("%.20q, a browser: got status %d, cookies %v", value, w.Code, cleared)
		}
	}
}

// T23: once a key is gone, those whose cookies it sealed log in once more, and
// meet no error and no loop; a login begun before is told to begin again.
func TestRetiredKey(t *testing.T) {
	x := newWallet(t, 2500, nil)
	f := newFakeProvider(t)
	a, err := login.New(login.Config{URL: x.URL, Key: otherKey('x'), Idle: 20 * time.Minute, Providers: []login.Provider{f.provider("fake")},
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	handler := a.Wrap(a.Require(ok200()))
	jar := maps.Clone(x.session)
	hops := 0
	for target := "/me"; ; hops++ {
		r, w := navigationTo(x.URL+target), httptest.NewRecorder()
		r.Header.Set("Cookie", cookieHeader(jar))
		handler.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if jar[c.Name] = c.Value; c.MaxAge < 0 {
				delete(jar, c.Name)
			}
		}
		if w.Code != 303 || hops == 10 {
			if w.Code != 200 || hops != 3 { // to /login, to the provider, back
				t.Errorf("got status %d after %d redirects", w.Code, hops)
			}
			break
		}
		target = w.Header().Get("Location")
		if strings.HasPrefix(target, f.URL) {
			resp, _ := newBrowser(t).step(target)
			target = strings.TrimPrefix(resp.Header.Get("Location"), x.URL)
		}
	}
	for name, value := range x.session {
		if jar[name] == value {
			t.Errorf("the old cookie %s is still there", name)
		}
	}
	if got := visitWith(a, cookieHeader(jar)); got.user != "17" || got.token != "ACCESS-CANARY" {
		t.Errorf("afterwards got %+v", got)
	}
	r, w := httptest.NewRequest("GET", x.callback, nil), httptest.NewRecorder()
	r.Header.Set("Cookie", cookieHeader(x.flow))
	if a.ServeHTTP(w, r); w.Code != 400 {
		t.Errorf("a login begun before: got status %d", w.Code)
	}
}
