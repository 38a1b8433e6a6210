package login_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// sendRaw sends text, lines ended by "|", as it is, and returns the answer. A nil
// answer is a connection that was closed without one.
func sendRaw(t *testing.T, s *site, text string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, strings.ReplaceAll(text, "|", "\r\n")+"\r\n\r\n")
	method, _, _ := strings.Cut(text, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // after an upgrade there is no end
	return resp, string(body)
}

// newGated is a site where everything below /admin is for users, /open and what
// is below /public are for all, and no user is ever logged in.
func newGated(t *testing.T) *site {
	t.Helper()
	_, s := newLogin(t)
	secret := s.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %q got in", r.Method, r.RequestURI)
		w.Header().Set("X-Secret", "SECRET-PAGE")
		io.WriteString(w, "SECRET-PAGE")
	}))
	mux := http.NewServeMux()
	mux.Handle("/admin", secret)
	mux.Handle("/admin/", secret)
	mux.HandleFunc("/public/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "open") })
	s.Config.Handler = s.auth.Wrap(mux)
	return s
}

// T40, T42: over a real connection, no spelling of a request, no header and no
// method gets anything of a page behind Require to somebody who is not logged in.
func TestGateOverTheWire(t *testing.T) {
	s := newGated(t)
	host := s.Listener.Addr().String()
	targets := []string{
		"/admin", "//admin", "///admin", "/./admin", "/admin/", "/admin/.", "/admin//", "/admin/x", "/admin;x", "/admin;/../public/", "/admin?x=/public/",
		"/admin?/public/", "/admin#/public/", "/admin%23", "/admin%3f", "/admin%00", "/admin%20", "/admin%09", "/admin.", "/admin..", "/admin/%2e",
		"/%61dmin", "/%61%64%6d%69%6e", "/%2561dmin", "/ADMIN", "/Admin", "/admin%2f", "/admin%5c", `/admin\`, `\admin`, `/\admin`,
		"/public/../admin", "/public/./../admin", "/public/..%2fadmin", "/public%2f..%2fadmin", "/public/%2e%2e/admin", "/public/..;/admin", `/public/..\admin`,
		"/login/../admin", "/login/..%2fadmin", "/login/%2e%2e/admin", "/login/fake/../../admin", "/callback/../admin", "/callback/fake/..%2f..%2fadmin",
		"/logout/../admin", "/logout/..%2fadmin", "/loginadmin", "/login.admin", "/login/admin", "/callback/admin",
		"http://" + host + "/admin", "http://evil.example/admin", "http://" + host + "//admin", "https://" + host + "/login/../admin", "*", host, "admin", "",
	}
	headers := []string{
		"", "X-Original-URL: /public/", "X-Rewrite-URL: /login", "X-Forwarded-Uri: /public/", "X-Forwarded-Path: /public/", "X-Forwarded-Prefix: /admin",
		"X-HTTP-Method-Override: OPTIONS", "X-Method-Override: HEAD", "User-Agent: kube-probe/1.30", "User-Agent: ELB-HealthChecker/2.0",
		"User-Agent: GoogleHC/1.0", "X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "Via: 1.1 localhost", "Upgrade: websocket|Connection: Upgrade",
		"Upgrade: h2c|Connection: Upgrade, HTTP2-Settings|HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Expect: 100-continue", "Range: bytes=0-5",
		"If-None-Match: *", "Trailer: Authorization|Transfer-Encoding: chunked||0", "Connection: close, Cookie", "Host: evil.example", "Purpose: prefetch",
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Get", "X"}
	check := func(method, target, header string) {
		t.Helper()
		text := method + " " + target + " HTTP/1.1"
		if !strings.HasPrefix(header, "Host: ") {
			text += "|Host: " + host
		}
		resp, body := sendRaw(t, s, text+"|Accept: text/html|"+header)
		if resp == nil {
			return
		}
		text = strings.ReplaceAll(text, "|", " ") + " " + header
		if strings.Contains(fmt.Sprint(resp.Header, body), "SECRET") || resp.StatusCode >= 500 && resp.StatusCode != 501 && resp.StatusCode != 505 {
			t.Errorf("%s: got status %d, %v, %q", text, resp.StatusCode, resp.Header, body)
		}
	}
	for _, target := range targets {
		for _, method := range methods {
			check(method, target, "")
		}
	}
	for _, header := range headers {
		for _, method := range methods {
			check(method, "/admin", header)
		}
	}
	for _, text := range []string{"GET /admin HTTP/1.0", "GET /admin HTTP/0.9", "GET /admin", "GET  /admin HTTP/1.1|Host: x", "GET\t/admin\tHTTP/1.1|Host: x",
		"GET /public/ HTTP/1.1|Host: x||GET /admin HTTP/1.1|Host: x", "PRI * HTTP/2.0||SM|"} {
		if resp, body := sendRaw(t, s, text); resp != nil && strings.Contains(body, "SECRET") {
			t.Errorf("%q: got %q", text, body)
		}
	}
}

// T42: of the page behind the gate nothing is run and nothing shown, whoever is
// turned away and however.
func TestNothingOfThePage(t *testing.T) {
	_, s := newLogin(t)
	secret := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the page was asked for %s", r.URL)
		w.Header().Set("Trailer", "X-Secret")
		w.Header().Set("X-Secret", "SECRET-PAGE")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "SECRET-PAGE")
	})
	cookie := cookieHeader(jarOf(t, s).cookies(s.URL))
	deny := s.auth.Allow(func(u *login.User) bool { return u.ID == "18" })
	for what, h := range map[string]http.Handler{
		"Require": s.auth.Require(secret), "Allow": deny(secret), "both": deny(s.auth.Require(secret)), "inside Wrap": s.auth.Wrap(deny(secret)),
	} {
		for _, header := range []http.Header{{}, {"Sec-Fetch-Mode": {"navigate"}}, {"Accept": {"text/html"}}, {"Cookie": {"x=y"}}, {"Cookie": {cookie}}} {
			if what == "Require" && header.Get("Cookie") == cookie {
				continue
			}
			r, w := httptest.NewRequest("GET", "/admin", nil), httptest.NewRecorder()
			r.Header = header
			h.ServeHTTP(w, r)
			if w.Code == 200 || strings.Contains(fmt.Sprint(w.Result().Header, w.Result().Trailer, w.Body), "SECRET") {
				t.Errorf("%s, %v: got status %d, %v, %s", what, header, w.Code, w.Header(), w.Body)
			}
		}
	}
}

// T41: who somebody is comes from our cookie. What proxies write into headers,
// and anybody else too, means nothing, nor do values of other keys in the context.
func TestForeignIdentityIgnored(t *testing.T) {
	_, s := newLogin(t)
	r := httptest.NewRequest("GET", "/me?user=ada&access_token=x&login=ada", nil)
	for _, key := range []string{
		"X-Forwarded-User", "X_Forwarded_User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "X-Forwarded-Access-Token",
		"X-Auth-User", "X_Auth_User", "X-Auth-Request-User", "X-Auth-Request-Email", "X-User", "X-User-Id", "X-Email", "X-Role", "X-Remote-User",
		"Remote-User", "Remote_user", "REMOTE_USER", "X-Webauth-User", "X-Authenticated-User", "X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Data",
		"X-Amzn-Oidc-Identity", "Cf-Access-Authenticated-User-Email", "Tailscale-User-Login", "X-Ms-Client-Principal", "Oidc-Claim-Sub",
		"Ssl-Client-S-Dn", "X-Client-Cert", "X-Id-Token", "X-Access-Token", "Proxy-Authorization",
	} {
		r.Header[key] = []string{"ada"}
	}
	r.Header.Set("Cookie", "user=ada; login=ada; session=ada; access_token=ada; id_token=ada")
	user := &login.User{Provider: "fake", ID: "17"}
	ctx := r.Context()
	type nearestKey struct{}
	for _, key := range []any{"user", "login", "login.user", "nearestKey", nearestKey{}, &nearestKey{}, 0, "github.com/doorlatch/login", user} {
		ctx = context.WithValue(ctx, key, user)
	}
	for _, credentials := range []string{"Bearer ACCESS-CANARY", "Basic YWRhOmFkYQ==", "Bearer", "bearer  ", "Bearer \x00", "Negotiate x", strings.Repeat("A", 64<<10)} {
		r.Header.Set("Authorization", credentials)
		r = r.WithContext(ctx)
		r.URL.User = url.UserPassword("ada", "ada")
		s.auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u := login.UserFrom(r.Context()); u != nil {
				t.Errorf("got user %+v", u)
			}
			if _, err := s.auth.Token(w, r); err != login.ErrLoginRequired {
				t.Errorf("got %v, want ErrLoginRequired", err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		w := httptest.NewRecorder()
		if s.auth.Require(ok200()).ServeHTTP(w, r); w.Code != 401 {
			t.Errorf("%.20q: got status %d", credentials, w.Code)
		}
	}
}
