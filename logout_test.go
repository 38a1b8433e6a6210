package login_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/doorlatch/login"
)

// loggedInAuth is an Auth at https://app.example.test, and the cookies of a user.
func loggedInAuth(t *testing.T, change func(*login.Config)) (*login.Auth, string) {
	t.Helper()
	c := login.Config{URL: "https://app.example.test", Key: testKey, Logger: slog.New(slog.DiscardHandler),
		Providers: []login.Provider{newFakeProvider(t).provider("fake")}}
	if change != nil {
		change(&c)
	}
	a, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a, logInto(t, a)
}

// logInto returns the Cookie header of somebody who has just logged in.
func logInto(t *testing.T, a *login.Auth) string {
	t.Helper()
	_, cookies := wholeLogin(t, a)
	session := map[string]string{}
	for _, c := range cookies {
		if c.MaxAge > 0 {
			session[c.Name] = c.Value
		}
	}
	return cookieHeader(session)
}

// T39, T35, I1: net/http's rules about who may post, and what net/http cannot
// know: which host and which paths are ours. Nothing but a yes ends the session.
func TestLogoutMatrix(t *testing.T) {
	a, _ := loggedInAuth(t, nil)
	for _, tt := range []struct {
		name, method, target string
		header               string // lines
		out                  bool
	}{
		{"same-origin", "POST", "/logout", "Sec-Fetch-Site: same-origin", true},
		{"typed in", "POST", "/logout", "Sec-Fetch-Site: none", true},
		{"a program", "POST", "/logout", "", true},
		{"our Origin", "POST", "/logout", "Origin: https://app.example.test", true},
		{"same-origin, from a page without a referrer", "POST", "/logout", "Sec-Fetch-Site: same-origin|Origin: null", true},
		{"cross-site", "POST", "/logout", "Sec-Fetch-Site: cross-site|Origin: https://evil.example.test", false},
		{"cross-site without Origin", "POST", "/logout", "Sec-Fetch-Site: cross-site", false},
		{"cross-site, null", "POST", "/logout", "Sec-Fetch-Site: cross-site|Origin: null", false},
		{"same-site", "POST", "/logout", "Sec-Fetch-Site: same-site|Origin: https://www.example.test", false},
		{"same-site without Origin", "POST", "/logout", "Sec-Fetch-Site: same-site", false},
		{"a word that is none", "POST", "/logout", "Sec-Fetch-Site: same-origin, cross-site", false},
		{"capitals", "POST", "/logout", "Sec-Fetch-Site: Same-Origin", false},
		{"null", "POST", "/logout", "Origin: null", false},
		{"null without Host", "POST", "/logout", "Origin: null|Host: ", false},
		{"another site", "POST", "/logout", "Origin: https://evil.example.test", false},
		{"another site which Host names", "POST", "/logout", "Origin: https://evil.example.test|Host: evil.example.test", false},
		{"another site which a proxy names", "POST", "/logout", "Origin: https://evil.example.test|X-Forwarded-Host: evil.example.test|Forwarded: host=evil.example.test", false},
		{"our host without TLS", "POST", "/logout", "Origin: http://app.example.test", false},
		{"our host without TLS, which Host names", "POST", "/logout", "Origin: http://app.example.test|Host: app.example.test", false},
		{"another port", "POST", "/logout", "Origin: https://app.example.test:8443", false},
		{"a sub-domain", "POST", "/logout", "Origin: https://x.app.example.test", false},
		{"the domain above", "POST", "/logout", "Origin: https://example.test", false},
		{"the top domain", "POST", "/logout", "Origin: https://test", false},
		{"a suffix without a dot", "POST", "/logout", "Origin: https://evilapp.example.test", false},
		{"our host in front", "POST", "/logout", "Origin: https://app.example.test.evil.example", false},
		{"our host as a user", "POST", "/logout", "Origin: https://app.example.test@evil.example", false},
		{"our host as a path", "POST", "/logout", "Origin: https://evil.example/app.example.test", false},
		{"a dot at the end", "POST", "/logout", "Origin: https://app.example.test.", false},
		{"a letter that looks alike", "POST", "/logout", "Origin: https://\u0430pp.example.test", false},
		{"its ASCII form", "POST", "/logout", "Origin: https://xn--pp-6kc.example.test", false},
		{"an address", "POST", "/logout", "Origin: https://[::1]", false},
		{"an extension", "POST", "/logout", "Origin: moz-extension://app.example.test.evil", false},
		{"a file", "POST", "/logout", "Origin: file://", false},
		{"broken", "POST", "/logout", "Origin: https://%zz", false},
		{"two origins", "POST", "/logout", "Origin: https://app.example.test https://evil.example.test", false},

		{"GET", "GET", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"HEAD", "HEAD", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"OPTIONS", "OPTIONS", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"TRACE", "TRACE", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"DELETE", "DELETE", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"post", "post", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"an unknown method", "LOGOUT", "/logout", "Sec-Fetch-Site: same-origin", false},
		{"a method in a header", "GET", "/logout?_method=POST", "X-HTTP-Method-Override: POST|X-HTTP-Method: POST|X-Method-Override: POST", false},

		{"a slash at the end", "POST", "/logout/", "Sec-Fetch-Site: cross-site", false},
		{"a slash at the end, from our own page", "POST", "/logout/", "Sec-Fetch-Site: same-origin", false},
		{"two slashes", "POST", "//logout", "Sec-Fetch-Site: cross-site", false},
		{"a dot segment", "POST", "/x/../logout", "Sec-Fetch-Site: cross-site", false},
		{"escaped", "POST", "/%6cogout", "Sec-Fetch-Site: cross-site", false},
		{"below the callback", "POST", "/callback/fake/../../logout", "Sec-Fetch-Site: cross-site", false},
		{"with next", "POST", "/logout?next=/callback/fake", "Sec-Fetch-Site: cross-site", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cookie := logInto(t, a)
			r, w := httptest.NewRequest(tt.method, tt.target, nil), httptest.NewRecorder()
			r.Host = "app.example.test"
			for _, line := range strings.Split(tt.header, "|") {
				if key, value, _ := strings.Cut(line, ": "); key == "Host" {
					r.Host = value
				} else if key != "" {
					r.Header.Set(key, value)
				}
			}
			r.Header.Set("Cookie", cookie)
			a.Wrap(http.NotFoundHandler()).ServeHTTP(w, r)
			if out := visitWith(a, cookie).status == 401; out != tt.out || (len(w.Header()["Set-Cookie"]) > 0) != tt.out {
				t.Errorf("got status %d, cookies %q; logged out %v, want %v", w.Code, w.Header()["Set-Cookie"], out, tt.out)
			}
			if !tt.out && (w.Code < 400 || w.Code >= 500) && tt.method != "GET" && tt.method != "HEAD" {
				t.Errorf("got status %d, want the request refused", w.Code)
			}
		})
	}
}

// T39, B11: the callback takes a POST from another site where a provider answers
// like that, and there only.
func TestCrossSitePost(t *testing.T) {
	a, cookie := loggedInAuth(t, func(c *login.Config) {
		p := c.Providers[0]
		p.Name, p.Params = "posting", url.Values{"response_mode": {"form_post"}}
		c.Providers = append(c.Providers, p)
	})
	for target, want := range map[string]int{
		"/callback/posting": 303, // there is no such login, but somebody is logged in
		"/callback/fake":    405, "/callback/posting/": 404, "/callback//posting": 404, "//callback/posting": 404, "/callback/posting/x": 404,
		"/callback/Posting": 404, "/callback/%70osting?": 303, "/callback": 404, "/callback/": 404, "/login/posting": 405, "/login": 405,
	} {
		r, w := httptest.NewRequest("POST", target, strings.NewReader("state=x&code=y")), httptest.NewRecorder()
		for key, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
			"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "https://id.example.test"} {
			r.Header.Set(key, value)
		}
		if a.Wrap(http.NotFoundHandler()).ServeHTTP(w, r); w.Code != want || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: got status %d, cookies %q, want %d and none", target, w.Code, w.Header()["Set-Cookie"], want)
		}
	}
	if got := visitWith(a, cookie); got.user != "17" {
		t.Errorf("afterwards got %+v", got)
	}
}

// L1, L2, I1: the logout page is for people who open it, and logging out is not
// done on a browser's suspicion.
func TestLogoutWithoutSideEffects(t *testing.T) {
	a, cookie := loggedInAuth(t, nil)
	for _, tt := range []struct {
		name, key, value string
		want             int
	}{
		{"opened", "Sec-Fetch-Dest", "document", 200},
		{"prefetch", "Sec-Purpose", "prefetch", 403},
		{"prerender", "Sec-Purpose", "prefetch;prerender", 403},
		{"old prefetch", "Purpose", "prefetch", 403},
		{"older prefetch", "X-Moz", "prefetch", 403},
		{"fetch", "Sec-Fetch-Mode", "cors", 403},
		{"image", "Sec-Fetch-Mode", "no-cors", 403},
		{"iframe", "Sec-Fetch-Dest", "iframe", 403},
		{"frame", "Sec-Fetch-Dest", "frame", 403},
		{"fenced frame", "Sec-Fetch-Dest", "fencedframe", 403},
		{"embed", "Sec-Fetch-Dest", "embed", 403},
		{"object", "Sec-Fetch-Dest", "object", 403},
	} {
		for _, target := range []string{"/logout", "/login", "/login/fake", "/callback/fake?code=x&state=y"} {
			r, w := navigationTo(target), httptest.NewRecorder()
			r.Header.Set(tt.key, tt.value)
			r.Header.Set("Cookie", cookie)
			a.ServeHTTP(w, r)
			got := w.Result().Cookies()
			if refused := w.Code == 403; refused != (tt.want == 403) || refused && len(got) > 0 || target == "/logout" && (w.Code != tt.want || len(got) > 0) {
				t.Errorf("%s, %s: got status %d, cookies %v, want %d", tt.name, target, w.Code, got, tt.want)
			}
		}
	}
	if got := visitWith(a, cookie); got.user != "17" {
		t.Errorf("afterwards got %+v", got)
	}
}

// T34, A11: where one goes after a login or a logout is in the query parameter
// next, and nowhere else; a hostile next leads to "/" from wherever it comes.
func TestNoOtherReturnPath(t *testing.T) {
	a, cookie := loggedInAuth(t, nil)
	for _, next := range append(hostileNext(t), "/elsewhere") {
		query := url.Values{}
		for _, key := range []string{"post_logout_redirect_uri", "return_to", "returnTo", "redirect_uri", "redirect", "url", "continue",
			"target_link_uri", "RelayState", "callbackUrl", "Next", "state", "iss"} {
			query.Set(key, next)
		}
		for what, r := range map[string]*http.Request{
			"logout":                   httptest.NewRequest("POST", "/logout?"+query.Encode(), strings.NewReader(url.Values{"next": {next}}.Encode())),
			"a stray callback":         httptest.NewRequest("GET", "/callback/fake?"+url.Values{"next": {next}}.Encode(), nil),
			"a page that needs a user": httptest.NewRequest("GET", "/", nil),
		} {
			for _, key := range []string{"Referer", "X-Forwarded-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix", "X-Return-To", "Location"} {
				r.Header.Set(key, next)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			want, w := "/", httptest.NewRecorder()
			if what == "a page that needs a user" {
				r.Header.Set("Sec-Fetch-Mode", "navigate")
				want = "/login"
			} else {
				r.Header.Set("Cookie", cookie)
			}
			a.Wrap(a.Require(http.NotFoundHandler())).ServeHTTP(w, r)
			if got := w.Header()["Location"]; w.Code != 303 || len(got) != 1 || got[0] != want {
				t.Errorf("%s, %.60q: got status %d to %q, want %q", what, next, w.Code, got, want)
			}
			if what == "logout" {
				cookie = logInto(t, a)
			}
		}
	}
}

// hostileNext are some of the return paths in testdata/next_hostile.txt.
func hostileNext(t *testing.T) (list []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/next_hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range strings.Lines(string(b)) {
		if next, err := strconv.Unquote(strings.TrimSpace(line)); err == nil {
			if i++; i%10 == 0 {
				list = append(list, next)
			}
		}
	}
	if len(list) < 50 {
		t.Fatalf("got %d return paths", len(list))
	}
	return list
}
