package interop_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// biggerAnswers lets nginx take answers whose header is larger than the 4 kB that it
// has room for by itself: those of a login set all cookies of a session.
const biggerAnswers = "proxy_buffer_size 16k; proxy_buffers 8 16k;"

// newSizedSiteBehindNginx returns one, and what is at its public address.
func newSizedSiteBehindNginx(t *testing.T, more string) (*sizedSite, *process) {
	t.Helper()
	front := freeAddr(t)
	s := newSizedSite(t, "http://"+strings.Replace(front, "127.0.0.1", "localhost", 1), 24*time.Hour, nil)
	return s, startNginx(t, front, s.addr, more)
}

// The largest session that cookies hold passes nginx with as many logins begun beside
// it as we allow, and one of those can be finished. Of requests, nginx has the limits
// that it has by itself. The 20 kB of a session that we would not allow do not pass,
// nor would the largest session with as many logins as a browser may otherwise have.
func TestLargestSessionBehindNginx(t *testing.T) {
	s, _ := newSizedSiteBehindNginx(t, biggerAnswers)
	most := largest(8000, func(n int) bool { count, _ := s.pieces(sizes{access: n}); return count > 0 })
	b := newBrowser(t)
	tab := b.newTab(t)
	token, kept := s.inBrowser(b, tab, sizes{access: most})
	if want := fmt.Sprintf("access %d, refresh 0, id 0", most); token != want || len(kept) != 3 {
		t.Errorf("got %d cookies and %q, want 3 and %q", len(kept), token, want)
	}
	s.hold(true)
	last := tab
	for range 5 { // a sixth so soon would be taken for a circle
		last = b.newTab(t)
		if status := last.open(s.url + "/login/sized?next=/token"); status != http.StatusOK {
			t.Fatalf("got status %d, want the provider's page", status)
		}
		if status := tab.open(s.url + "/me"); status != http.StatusOK {
			t.Errorf("with a login begun: got status %d, want 200", status)
		}
		tab.reads("Hello, Ada Example")
	}
	s.mu.Lock()
	longest := s.longest
	s.mu.Unlock()
	if longest <= 7<<10 || longest > 7900 {
		t.Errorf("got a Cookie header of %d bytes, want more than 7 KiB and 7900 at most", longest)
	}
	s.hold(false)
	if status := last.load("go on at the provider", chromedp.Reload()); status != http.StatusOK {
		t.Errorf("got status %d, want that the login is finished", status)
	}
	last.reads(fmt.Sprintf("access %d", most))

	limit := largest(40000, func(n int) bool { return s.cookieHeader(n) == http.StatusOK })
	if limit < 7900 || limit > 7<<10+4096 {
		t.Errorf("nginx takes Cookie headers of %d bytes, want room for our 7900, and not for a session and 4 kB of logins", limit)
	}
	if got := s.cookieHeader(20 << 10); got != http.StatusBadRequest {
		t.Errorf("a Cookie header of 20 kB: got status %d, want 400", got)
	}
}

// By itself nginx refuses answers with a header of more than 4 kB. Then the login of a
// session of about that size fails with its 502, and nobody is logged in; smaller
// ones work.
func TestNginxWithoutBiggerAnswers(t *testing.T) {
	s, nginx := newSizedSiteBehindNginx(t, "")
	b := newBrowser(t)
	tab := b.newTab(t)
	if token, _ := s.inBrowser(b, tab, sizes{access: 1500}); !strings.HasPrefix(token, "access 1500") {
		t.Errorf("got %q, want the token", token)
	}
	other := b.anotherPerson(t)
	s.set(sizes{access: 2100})
	if status := other.newTab(t).open(s.url + "/login/sized?next=/token"); status != http.StatusBadGateway {
		t.Errorf("got status %d, want 502", status)
	}
	if kept := s.kept(other); len(kept) > 0 {
		t.Errorf("got %d cookies, want none", len(kept))
	}
	if !strings.Contains(nginx.text(), "upstream sent too big header") {
		t.Error("nginx does not say that the header was too large")
	}
}

// hold says whether the provider asks people something from now on.
func (s *sizedSite) hold(holds bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = holds
}

// cookieHeader returns the status of a request with a Cookie header of n bytes.
func (s *sizedSite) cookieHeader(n int) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(bounded(s.t), http.MethodGet, s.url+"/", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Cookie", "x="+strings.Repeat("x", max(0, n-len("x="))))
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
