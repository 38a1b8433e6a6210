package interop_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// maxSetCookie is how long a Set-Cookie line may be in all browsers. Chromium counts
// the name and the value alone.
const maxSetCookie = 4096

// inBrowser logs in with a token of those sizes and returns what /token says, and the
// cookies that the browser has kept of the session, by the ends of their names. They
// must be all that were sent.
func (s *sizedSite) inBrowser(b *browser, tab *tab, n sizes) (token string, kept map[string]*network.Cookie) {
	s.t.Helper()
	s.set(n)
	if status := tab.open(s.url + "/login/" + s.config.Providers[0].Name + "?next=/token"); status != http.StatusOK {
		s.t.Fatalf("%+v: got status %d, want to be logged in", n, status)
	}
	token, kept = tab.text(), s.kept(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := 0
	for _, line := range s.lines {
		if len(line) > maxSetCookie {
			s.t.Errorf("%+v: got a Set-Cookie line of %d bytes", n, len(line))
		}
		c, err := http.ParseSetCookie(line)
		if err != nil {
			s.t.Fatal(err)
		}
		if c.MaxAge < 0 || strings.HasSuffix(c.Name, "-l") {
			continue
		}
		sent++
		if have := kept[ending(c.Name)]; have == nil || have.Value != c.Value {
			s.t.Errorf("%+v: the browser has not kept the cookie %s, of %d bytes", n, c.Name, len(c.Value))
		}
	}
	if len(kept) != sent {
		s.t.Errorf("%+v: got %d cookies, want the %d that were sent", n, len(kept), sent)
	}
	return token, kept
}

// kept returns the cookies of the session that b has.
func (s *sizedSite) kept(b *browser) map[string]*network.Cookie {
	all := make(map[string]*network.Cookie)
	for _, c := range own(b) {
		if end := ending(c.Name); end != "-l" && !strings.HasPrefix(end, "-f") {
			all[end] = c
		}
	}
	return all
}

// ending returns what sets a cookie of ours apart from the others: "" is the identity.
func ending(name string) string {
	const base = "login-01234567"
	return strings.TrimPrefix(name, "__Host-")[len(base):]
}

// The browser keeps every cookie of the sessions that fit, to the last byte: those of
// a token that just fits one cookie, one that is a byte longer, the largest that is
// kept at all, and a larger one, which is left out while the login succeeds (H6, T22b).
// The length of Max-Age shifts what fits by a byte.
func TestSessionSizesInTheBrowser(t *testing.T) {
	b := newBrowser(t)
	full, least := 0, maxSetCookie
	for _, lifetime := range []time.Duration{2 * time.Hour, 24 * time.Hour, 240 * time.Hour, 2400 * time.Hour} {
		s := newSizedSite(t, "", lifetime, nil)
		person := b.anotherPerson(t)
		tab := person.newTab(t)
		one := largest(8000, func(n int) bool { count, _ := s.pieces(sizes{access: n}); return count == 1 })
		two := largest(8000, func(n int) bool { count, _ := s.pieces(sizes{access: n}); return count > 0 })
		if _, longest := s.pieces(sizes{access: one}); longest <= maxSetCookie-8 { // sealing makes steps of up to 8 bytes
			t.Errorf("%s: the longest cookie that was not split has %d bytes", lifetime, longest)
		} else {
			full = max(full, longest)
		}
		for _, test := range []struct{ n, cookies int }{
			{one, 1}, {one + 1, 2}, {one, 1}, {two, 2}, {two + 1, 0}, {two, 2}, {40, 1},
		} {
			token, kept := s.inBrowser(person, tab, sizes{access: test.n})
			want := fmt.Sprintf("access %d, refresh 0, id 0", test.n)
			if test.cookies == 0 {
				want = "none: "
			}
			if len(kept) != 1+test.cookies || !strings.HasPrefix(token, want) {
				t.Errorf("%s, %d bytes: got %d cookies and %q, want %d and %q", lifetime, test.n, len(kept), token, 1+test.cookies, want)
			}
			if c := kept["-t1"]; c != nil {
				least = min(least, len(c.Value))
			}
			if got := bytesOf(kept); got > 7<<10 || test.n == two && got <= 7<<10-16 {
				t.Errorf("%s, %d bytes: the session takes %d bytes, want 7 KiB at most, and nearly that where more do not fit", lifetime, test.n, got)
			}
		}
		if warned := strings.Contains(s.log.String(), "session_too_large"); !warned {
			t.Errorf("%s: the log does not say that a token was left out", lifetime)
		}
	}
	if full != maxSetCookie || least > 4 {
		t.Errorf("got a cookie of %d bytes at most that was not split, and a second piece of %d at least; want 4096, and 4 or less", full, least)
	}
}

// bytesOf is what cookies take of a request.
func bytesOf(cookies map[string]*network.Cookie) int {
	n := 0
	for _, c := range cookies {
		n += len(c.Name) + len("=") + len(c.Value) + len("; ")
	}
	return n
}

// The browser has a limit of its own, or the tests above would show nothing: a cookie
// that is larger is dropped without a word.
func TestBrowserDropsLargeCookies(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"fits", "over"} {
			value := strings.Repeat("v", 4096-len("fits"))
			if name == "over" {
				value += "v"
			}
			w.Header().Add("Set-Cookie", name+"="+value+"; Path=/; HttpOnly; SameSite=Lax")
		}
		fmt.Fprint(w, "<!doctype html><title>Cookies</title>")
	}))
	defer s.Close()
	b := newBrowser(t)
	b.newTab(t).open(strings.Replace(s.URL, "127.0.0.1", "localhost", 1))
	if got := own(b); len(got) != 1 || got[0].Name != "fits" {
		t.Errorf("got %d cookies, want that of 4096 bytes alone", len(got))
	}
}

// A renewed token may be much larger than the one before, or smaller. No piece of the
// one before stays, and one that is too large for cookies leaves none and ends no
// session (T22b, J1).
func TestTokenGrowsAndShrinksInTheBrowser(t *testing.T) {
	s := newSizedSite(t, "", 24*time.Hour, nil)
	b := newBrowser(t)
	tab := b.newTab(t)
	s.inBrowser(b, tab, sizes{access: 40, refresh: 20})
	for _, step := range []struct{ access, cookies int }{{3500, 2}, {41, 1}, {2500, 2}, {3400, 2}, {900, 1}, {9000, 0}} {
		s.set(sizes{access: step.access, refresh: 20})
		if status := tab.open(s.url + "/refused"); status != http.StatusOK {
			t.Fatalf("got status %d, want that the API has refused the token", status)
		}
		tab.open(s.url + "/token")
		tab.reads(fmt.Sprintf("access %d, refresh 20, id 0", step.access))
		kept := s.kept(b)
		if len(kept) != 1+step.cookies {
			t.Errorf("a token of %d bytes: got %d cookies, want %d", step.access, len(kept), 1+step.cookies)
		}
		tab.open(s.url + "/me")
		tab.reads("Hello, Ada Example")
	}
	tab.open(s.url + "/token")
	tab.reads("none: ")
	if !strings.Contains(s.log.String(), "session_too_large") {
		t.Error("the log does not say that a token was left out")
	}
}

// A user may be as large as one cookie; a larger one is refused, and the browser is
// left without half a session (T22b).
func TestUserSizesInTheBrowser(t *testing.T) {
	s := newSizedSite(t, "", 24*time.Hour, nil)
	b := newBrowser(t)
	tab := b.newTab(t)
	most := largest(4096, func(n int) bool { count, _ := s.pieces(sizes{access: 40, extra: n}); return count >= 0 })
	if _, longest := s.pieces(sizes{access: 40, extra: most}); longest <= maxSetCookie-8 {
		t.Errorf("the largest identity cookie has %d bytes", longest)
	}
	s.set(sizes{access: 40, extra: most + 1})
	if status := tab.open(s.url + "/login/sized?next=/token"); status != http.StatusInternalServerError {
		t.Errorf("got status %d, want 500", status)
	}
	if kept := s.kept(b); len(kept) > 0 {
		t.Errorf("got %d cookies of a login that failed", len(kept))
	}
	if token, kept := s.inBrowser(b, tab, sizes{access: 40, extra: most}); len(kept) != 2 {
		t.Errorf("got %d cookies and %q, want the identity and the token", len(kept), token)
	}
	tab.open(s.url + "/me")
	tab.reads("Hello, Ada Example")
}

// The ID token of a provider that says everything in it, 20 kB, is verified and then
// left out: the login succeeds, and the rest of the token is there (H6).
func TestLargeIDTokenInTheBrowser(t *testing.T) {
	provider := logintest.NewServer(login.User{ID: "17", Name: strings.Repeat("Ada ", 3750)})
	t.Cleanup(provider.Close)
	s := newSizedSite(t, "", 24*time.Hour, func(c *login.Config) {
		p := provider.Provider()
		identify := p.Identify
		p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
			u, err := identify(ctx, g)
			if len(g.IDToken) < 20000 {
				t.Errorf("got an ID token of %d bytes, want 20 kB", len(g.IDToken))
			}
			if err == nil {
				u.Name = "Ada Example"
			}
			return u, err
		}
		c.Providers = []login.Provider{p}
	})
	b := newBrowser(t)
	tab := b.newTab(t)
	token, kept := s.inBrowser(b, tab, sizes{})
	if len(kept) != 2 || !strings.HasPrefix(token, "access ") || !strings.HasSuffix(token, "id 0") {
		t.Errorf("got %d cookies and %q, want a token without an ID token", len(kept), token)
	}
	tab.open(s.url + "/me")
	tab.reads("Hello, Ada Example")
	if log := s.log.String(); !strings.Contains(log, "session_too_large") || !strings.Contains(log, "raw ID token left out") {
		t.Errorf("got the log %s, want that the ID token was left out", log)
	}
}
