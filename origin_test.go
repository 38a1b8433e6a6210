package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/doorlatch/login"
)

// T38, L5: whatever the request line and Host say, over a real connection, the
// provider is told Config.URL, redirects stay relative, and the session ends for
// our own origin only.
func TestHostOverTheWire(t *testing.T) {
	f, s := newLogin(t)
	host := s.Listener.Addr().String()
	cookie := cookieHeader(jarOf(t, s).cookies(s.URL))
	for _, line := range []string{
		"GET %s HTTP/1.1|Host: evil.example", "GET http://evil.example%s HTTP/1.1|Host: evil.example", "GET https://evil.example:8443%s HTTP/1.1|Host: " + host,
		"GET http://evil.example%s HTTP/1.1|Host: " + host, "GET %s HTTP/1.0", "GET http://evil.example%s HTTP/1.0", "GET %s HTTP/1.1|Host: ",
		"GET %s HTTP/1.1|Host: " + host + ".evil.example", "GET %s HTTP/1.1|Host: " + host + "@evil.example",
		"GET %s HTTP/1.1|Host: " + host + "|X-Forwarded-Host: evil.example|X-Forwarded-Proto: https|X-Forwarded-Port: 8443|X-Forwarded-Server: evil.example",
		"GET %s HTTP/1.1|Host: " + host + `|Forwarded: for=1.2.3.4;host="evil.example";proto=https|X-Host: evil.example|X-Original-Host: evil.example`,
		"GET %s HTTP/1.1|Host: " + host + "|X-Forwarded-Prefix: //evil.example|X-Script-Name: //evil.example|X-Original-Url: //evil.example|X-Forwarded-Uri: //evil.example",
	} {
		resp, _ := sendRaw(t, s, fmt.Sprintf(line, "/login/fake")+"|Accept: text/html")
		if resp != nil && resp.StatusCode == 400 && strings.Contains(line, "@") {
			continue // net/http does not even take it
		}
		u, _ := url.Parse(resp.Header.Get("Location"))
		if got := u.Query().Get("redirect_uri"); !strings.HasPrefix(u.String(), f.URL+"/") || got != s.URL+"/callback/fake" {
			t.Errorf("%s: got status %d to %q", line, resp.StatusCode, u)
		}
		resp, _ = sendRaw(t, s, fmt.Sprintf(line, "/me?a=b")+"|Accept: text/html")
		if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != "/login?next=%2Fme%3Fa%3Db" {
			t.Errorf("%s: a page that needs a user: got status %d to %q", line, resp.StatusCode, got)
		}
		for _, target := range []string{"/callback/fake?code=x&state=y", "/logout", "/login/nobody"} {
			resp, body := sendRaw(t, s, fmt.Sprintf(line, target)+"|Accept: text/html|Cookie: "+cookie)
			if strings.Contains(fmt.Sprint(resp.Header, body), "evil") {
				t.Errorf("%s: %s says whatever the request says: %v, %s", line, target, resp.Header, body)
			}
		}
		post := strings.Replace(fmt.Sprintf(line, "/logout"), "GET", "POST", 1) + "|Content-Length: 0|Cookie: " + cookie
		for _, origin := range []string{"http://evil.example", "https://evil.example:8443", "null", "http://" + host + ".evil.example"} {
			if resp, _ := sendRaw(t, s, post+"|Origin: "+origin); resp.StatusCode != 403 {
				t.Errorf("%s: a logout by %s: got status %d", line, origin, resp.StatusCode)
			}
		}
		if got := visitWith(s.auth, cookie); got.user != "17" {
			t.Fatalf("%s: logged out", line)
		}
		if resp, _ := sendRaw(t, s, post+"|Origin: "+s.URL); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
			t.Errorf("%s: a logout by ourselves: got status %d", line, resp.StatusCode)
		}
		cookie = cookieHeader(jarOf(t, s).cookies(s.URL))
	}
}

// T35: an origin is compared whole: label by label, with scheme and port, and
// whatever stands around it.
func TestOriginBoundaries(t *testing.T) {
	refused := func(what, want string, change func(*login.Config)) {
		t.Helper()
		c := smallest()
		change(&c)
		if _, err := login.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it refused", what, err)
		}
	}
	for _, u := range []string{
		"https://sub.example.com/cb", "https://com/cb", "https://evilexample.com/cb", "https://example.com.evil.example/cb", "https://example.com./cb",
		"https://example.com:444/cb", "https://example.com:80/cb", "http://example.com/cb", "http://example.com:443/cb", "https://example.com@evil.example/cb",
		"https://user@example.com/cb", "https://[::1]/cb", "https://ex\u0430mple.com/cb", "https://xn--exmple-4nf.com/cb", "https://example.com%2eevil.example/cb",
		"https://example.com\\@evil.example/cb", "//example.com/cb", "ws://example.com/cb", "https:example.com/cb",
	} {
		refused(u, "RedirectURL", func(c *login.Config) { c.Providers[0].RedirectURL = u })
	}
	for _, host := range []string{
		"localhost.", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.",
		"0.0.0.0", "[::]", "[::2]", "[fe80::1]", "10.0.0.1", "128.0.0.1", "localhost@evil.example", "127.0.0.1@evil.example", "loc\u0430lhost",
	} {
		refused(host, "URL", func(c *login.Config) { c.URL = "http://" + host })
		refused(host, "API", func(c *login.Config) { c.Providers[0].API = []string{"http://" + host} })
		refused(host, "TokenURL", func(c *login.Config) { c.Providers[0].Endpoint.TokenURL = "http://" + host + "/token" })
	}
	c := smallest()
	c.Providers[0].RedirectURL = "https://EXAMPLE.com:443/cb" // the same origin, spelled otherwise
	a, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if a.ServeHTTP(w, httptest.NewRequest("GET", "/cb", nil)); w.Code != http.StatusBadRequest {
		t.Errorf("a redirect URL of our origin: got status %d", w.Code)
	}
}
