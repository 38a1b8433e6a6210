package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/doorlatch/login"
	"github.com/gorilla/sessions"
)

const evil = `<img src=x onerror=alert(1)>"'&`

// get asks h for a page as a browser does.
func get(h http.Handler, target string, user *login.User) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Header = navigationTo("/").Header
	if user != nil {
		r = r.WithContext(login.WithUser(r.Context(), user))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// twoProviders is a site with a chooser; the label of the first is hostile.
func twoProviders(t *testing.T, change func(*login.Config)) *login.Auth {
	t.Helper()
	c := smallest()
	c.Providers = append(c.Providers, smallestProvider("other"))
	c.Providers[0].Label = evil
	if change != nil {
		change(&c)
	}
	a, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestPages: what every built-in page has, and what none has.
func TestPages(t *testing.T) {
	auth := twoProviders(t, nil)
	ada := &login.User{Provider: "fake", ID: "1", Name: evil}
	refuse := auth.Allow(func(*login.User) bool { return false })(ok200())
	for _, test := range []struct {
		name   string
		w      *httptest.ResponseRecorder
		status int
		title  string
		has    []string
	}{
		{"chooser", get(auth, "/login", nil), 200, "Log in", []string{
			`<a href="/login/fake">Continue with ` + html.EscapeString(evil) + `</a>`,
			`<a href="/login/other">Continue with other</a>`,
		}},
		{"chooser with next", get(auth, "/login?next="+url.QueryEscape("/a?b=c&d"), nil), 200, "Log in", []string{
			`<a href="/login/fake?next=%2Fa%3Fb%3Dc%26d">`, `<a href="/login/other?next=%2Fa%3Fb%3Dc%26d">`,
		}},
		{"chooser with another site as next", get(auth, "/login?next=//evil.example", nil), 200, "Log in", []string{`<a href="/login/fake">`}},
		{"not found", get(auth, "/login/nobody", nil), 404, "Page not found", []string{`<a href="/">Back</a>`, "Error 404, not_found"}},
		{"bad callback", get(auth, "/callback/fake?code=a&state=b", nil), 400, "This login did not work", []string{
			`<a class="primary" href="/login/fake">Try again</a>`, `<a href="/">Back</a>`, "Error 400, no_such_flow",
		}},
		{"forbidden", get(refuse, "/admin", ada), 403, "No access", []string{`<a href="/">Back</a>`, "Error 403, not_allowed"}},
		{"logout", get(auth, "/logout?next=/bye", ada), 200, "Sign out?", []string{
			`You are logged in as ` + html.EscapeString(evil) + `.`,
			`<form method="post" action="/logout?next=%2Fbye"><button class="primary">Sign out</button></form>`,
		}},
		{"logout of a user without a name", get(auth, "/logout", &login.User{ID: "17"}), 200, "Sign out?", []string{
			`You are logged in as 17.`, `<form method="post" action="/logout">`,
		}},
		{"logout of nobody", get(auth, "/logout", nil), 200, "You are not logged in", []string{
			`<a class="primary" href="/login">Log in</a>`, `<a href="/">Back</a>`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := strings.ReplaceAll(test.w.Body.String(), "&#43;", "+")
			if test.w.Code != test.status {
				t.Errorf("got status %d, want %d", test.w.Code, test.status)
			}
			// Without a referrer, browsers post the form with "Origin: null".
			referrer := "no-referrer"
			if strings.Contains(page, "Sign out") || strings.Contains(page, "You are not logged in") {
				referrer = "same-origin"
			}
			checkHeaders(t, test.w.Header(), page, referrer)
			checkDocument(t, page, test.title)
			for _, want := range test.has {
				if !strings.Contains(page, want) {
					t.Errorf("%s\nlacks %s", page, want)
				}
			}
			if strings.Contains(page, "<img") || strings.Contains(page, "evil.example") {
				t.Errorf("%s\nholds what somebody else wrote", page)
			}
		})
	}
}

// checkHeaders: pages cannot run code, be framed, sniffed or stored, and tell other
// sites nothing about where people come from.
func checkHeaders(t *testing.T, h http.Header, page, referrer string) {
	t.Helper()
	_, style, _ := strings.Cut(page, "<style>")
	style, _, ok := strings.Cut(style, "</style>")
	if !ok || len(style) < 100 {
		t.Fatal("there is no style")
	}
	sum := sha256.Sum256([]byte(style))
	for key, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        referrer,
		"Cache-Control":          "no-store",
	} {
		if got := h[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// checkDocument: people with screen readers, small screens and keyboards find
// their way, and there is nothing in it that the policy would block.
func checkDocument(t *testing.T, page, title string) {
	t.Helper()
	escaped := html.EscapeString(title)
	for want, n := range map[string]int{
		"<!doctype html>\n<html lang=\"en\">":                                  1,
		`<meta charset="utf-8">`:                                               1,
		`<meta name="viewport" content="width=device-width, initial-scale=1">`: 1,
		"<title>" + escaped + "</title>":                                       1,
		"<h1>" + escaped + "</h1>":                                             1,
		"<h1":                                                                  1,
		"<main>":                                                               1,
		"</html>":                                                              1,
		"<script":                                                              0,
		" style=":                                                              0,
		"<link":                                                                1,
		`<link rel="icon" href="data:,">`:                                      1, // no icon, and no request for one
		"javascript:":                                                          0,
		"ZgotmplZ":                                                             0,
		"{{":                                                                   0,
		"outline: none":                                                        0,
		"@import":                                                              0,
		"url(":                                                                 0,
	} {
		if got := strings.Count(page, want); got != n {
			t.Errorf("got %q %d times, want %d, in\n%s", want, got, n, page)
		}
	}
	if !strings.HasPrefix(page, "<!doctype html>") {
		t.Errorf("the page begins with %.30q", page)
	}
	if on := regexp.MustCompile(`<[^>]*\son\w+=`).FindString(page); on != "" {
		t.Errorf("got an event handler: %s", on)
	}
	linked := strings.Replace(page, `<link rel="icon" href="data:,">`, "", 1)
	if link := regexp.MustCompile(`(href|src|action)="[^/"]`).FindString(linked); link != "" {
		t.Errorf("got a link that leaves the site: %s", link)
	}
}

// TestPagesOfABase: with a path in Config.URL, links begin with it.
func TestPagesOfABase(t *testing.T) {
	auth := twoProviders(t, func(c *login.Config) { c.URL += "/auth" })
	for target, want := range map[string]string{
		"/auth/login?next=/a": `href="/auth/login/fake?next=%2Fa"`,
		"/auth/logout":        `href="/auth/login"`,
		"/auth/callback/fake": `href="/auth/login/fake"`,
	} {
		if page := get(auth, target, nil).Body.String(); !strings.Contains(page, want) {
			t.Errorf("%s\nlacks %s", page, want)
		}
	}
}

// TestHead: HEAD gets the header of GET and no page.
func TestHead(t *testing.T) {
	f := newFakeProvider(t)
	s := newSite(t, login.Config{Providers: []login.Provider{f.provider("fake"), f.provider("other")}})
	b := newBrowser(t)
	for _, target := range []string{"/login", "/logout", "/login/nobody"} {
		want, _ := b.open(s.URL + target)
		r := navigationTo(s.URL + target)
		r.Method = "HEAD"
		got, body := b.send(r)
		if got.StatusCode != want.StatusCode || body != "" {
			t.Errorf("HEAD %s: got %d with %d bytes, want %d and nothing", target, got.StatusCode, len(body), want.StatusCode)
		}
		for _, key := range []string{"Content-Type", "Content-Security-Policy", "Cache-Control", "X-Content-Type-Options"} {
			if got.Header.Get(key) != want.Header.Get(key) {
				t.Errorf("HEAD %s: got %s %q, want %q", target, key, got.Header.Get(key), want.Header.Get(key))
			}
		}
	}
}

// TestProblem: programs are told in JSON (RFC 9457).
func TestProblem(t *testing.T) {
	auth := twoProviders(t, nil)
	for _, test := range []struct {
		name, target, reason string
		h                    http.Handler
		header               http.Header
		status               int
	}{
		{"curl", "/me", "login_required", auth.Require(ok200()), http.Header{"Accept": {"*/*"}}, 401},
		{"no header at all", "/me", "login_required", auth.Require(ok200()), http.Header{}, 401},
		{"fetch", "/me", "login_required", auth.Require(ok200()), http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}}, 401},
		{"a WebSocket", "/ws", "login_required", auth.Require(ok200()), http.Header{"Sec-Fetch-Mode": {"websocket"}}, 401},
		{"a callback", "/callback/fake?state=a", "no_such_flow", auth, http.Header{}, 400},
		{"nowhere", "/login/nobody", "not_found", auth, http.Header{}, 404},
		{"from another site", "/logout", "cross_origin", auth, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", test.target, nil)
			if test.status == 403 {
				r.Method = "POST"
			}
			r.Header = test.header
			w := httptest.NewRecorder()
			test.h.ServeHTTP(w, r)
			d := json.NewDecoder(w.Body)
			d.DisallowUnknownFields()
			var p struct {
				Type, Title, Detail, Reason string
				Status                      int
			}
			if err := d.Decode(&p); err != nil || d.More() {
				t.Fatalf("got %q, want one JSON object: %v", w.Body, err)
			}
			if w.Code != test.status || p.Status != test.status || p.Title != http.StatusText(test.status) {
				t.Errorf("got %d, and in the body %d %q, want %d", w.Code, p.Status, p.Title, test.status)
			}
			if p.Type != "about:blank" || p.Reason != test.reason || !strings.HasSuffix(p.Detail, ".") {
				t.Errorf("got %+v, want the reason %s and a sentence", p, test.reason)
			}
			for key, want := range map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"} {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (test.status == 401) {
				t.Errorf("got the challenge %q with status %d", challenge, test.status)
			}
		})
	}
}

// TestCustomPages: an application replaces one page and the others stay, its
// page may have a style and no script, and a mistake in a template costs neither
// the status nor the explanation.
func TestCustomPages(t *testing.T) {
	custom := template.Must(template.New("").Parse(`
		{{define "error"}}<p>{{.Status}} {{.Title}} | {{.Message}} | {{.Reason}} | {{.TryAgain}} | {{.Back}}{{if eq .Status 404}}{{index .Providers 9}}{{end}}</p>{{end}}
		{{define "unused"}}{{.Nothing}}{{end}}`))
	auth := twoProviders(t, func(c *login.Config) { c.Pages = custom })
	template.Must(custom.Parse(`{{define "chooser"}}later{{end}}`)) // as with everything in Config, too late

	w := get(auth, "/callback/fake?state=x", nil)
	if got := strings.TrimSpace(w.Body.String()); w.Code != 400 ||
		!strings.HasPrefix(got, "<p>400 This login did not work | It was not begun") ||
		!strings.HasSuffix(got, "| no_such_flow | /login/fake | /</p>") {
		t.Errorf("got %d %s", w.Code, got)
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'self' 'unsafe-inline'; ") || strings.Contains(csp, "script") ||
		!strings.HasSuffix(csp, "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'") {
		t.Errorf("got the policy %q", csp)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got the header %v", w.Header())
	}

	w = get(auth, "/login", nil)
	checkHeaders(t, w.Header(), w.Body.String(), "no-referrer")
	checkDocument(t, w.Body.String(), "Log in")

	w = get(auth, "/login/nobody", nil) // where the template fails
	if w.Code != 404 {
		t.Errorf("got %d with a broken template, want 404", w.Code)
	}
	checkHeaders(t, w.Header(), w.Body.String(), "no-referrer")
	checkDocument(t, w.Body.String(), "Page not found")
}

// TestBadTemplates: New finds mistakes in templates (T63).
func TestBadTemplates(t *testing.T) {
	used := template.Must(template.New("error").Parse("used"))
	used.Execute(httptest.NewRecorder(), nil)
	for name, pages := range map[string]*template.Template{
		"a field that does not exist": template.Must(template.New("").Parse(`{{define "chooser"}}{{.Titel}}{{end}}`)),
		"not safe in HTML":            template.Must(template.New("").Parse(`{{define "logout"}}<a href="{{.Title}}{{end}}`)),
		"executed":                    used,
	} {
		c := smallest()
		c.Pages = pages
		if _, err := login.New(c); err == nil || !strings.HasPrefix(err.Error(), "login: Config.Pages: ") {
			t.Errorf("%s: got %v, want an error about Config.Pages", name, err)
		}
	}
}

// TestRefusalIsEscaped: the words of a Refusal are shown, as text.
func TestRefusalIsEscaped(t *testing.T) {
	f := newFakeProvider(t)
	s := newSite(t, login.Config{
		Providers: []login.Provider{f.provider("fake")},
		OnLogin: func(*http.Request, *login.User, *login.Grant) error {
			return fmt.Errorf("not today: %w", login.Refusal("Only for "+evil))
		},
	})
	resp, page := newBrowser(t).open(s.URL + "/login")
	checkDocument(t, page, "You may not log in here")
	if resp.StatusCode != 403 || !strings.Contains(page, "<p>Only for "+html.EscapeString(evil)+"</p>") || strings.Contains(page, "<img") {
		t.Errorf("got %d\n%s", resp.StatusCode, page)
	}
}

// TestLogoutPageWithoutStore: as long as nobody can say who is logged in, the page
// does not say that nobody is.
func TestLogoutPageWithoutStore(t *testing.T) {
	f := newFakeProvider(t)
	store := &fickleStore{Store: sessions.NewFilesystemStore(t.TempDir(), testKey)}
	s := newSite(t, login.Config{Providers: []login.Provider{f.provider("fake")}, Store: store})
	b := newBrowser(t)
	b.open(s.URL + "/login")
	store.down.Store(true)
	resp, page := b.open(s.URL + "/logout")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "You have not been logged out") {
		t.Errorf("got %d\n%s\nwant 503", resp.StatusCode, page)
	}
}

// A fickleStore does not answer while it is down.
type fickleStore struct {
	sessions.Store
	down atomic.Bool
}

func (s *fickleStore) New(r *http.Request, name string) (*sessions.Session, error) {
	if s.down.Load() {
		return nil, errors.New("connection refused")
	}
	return s.Store.New(r, name)
}

// TestContrast: WCAG 2.2, 1.4.3 for text and 1.4.11 for what shows where a button
// or the focus is, in both colour schemes.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("pages/style.css")
	if err != nil {
		t.Fatal(err)
	}
	roots := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(roots) != 2 {
		t.Fatalf("got %d blocks of variables, want light and dark", len(roots))
	}
	for i, scheme := range []string{"light", "dark"} {
		colours := map[string]string{}
		for _, v := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]+);`).FindAllStringSubmatch(roots[i][1], -1) {
			colours[v[1]] = v[2]
		}
		for _, pair := range []struct {
			on, under string
			least     float64
		}{
			{"ink", "card", 4.5}, {"ink", "ground", 4.5}, {"quiet", "card", 4.5}, {"quiet", "ground", 4.5},
			{"on-action", "action", 4.5},
			{"line", "card", 3}, {"action", "card", 3}, {"focus", "card", 3}, {"focus", "ground", 3},
		} {
			if got := contrast(t, colours[pair.on], colours[pair.under]); got < pair.least {
				t.Errorf("%s: the contrast of --%s on --%s is %.2f, want %.1f", scheme, pair.on, pair.under, got, pair.least)
			}
		}
	}
	// All colours are among those variables, but for transparency and shadows.
	_, rules, _ := strings.Cut(string(css), "box-sizing")
	if c := regexp.MustCompile(`#[0-9a-f]{3,8}\b|: (white|black)`).FindString(rules); c != "" {
		t.Errorf("the colour %s is not a variable", c)
	}
	if !strings.Contains(rules, ":focus-visible { outline: 3px solid var(--focus)") {
		t.Error("there is no outline around what has the focus")
	}
}

// contrast is the ratio of WCAG 2.2.
func contrast(t *testing.T, x, y string) float64 {
	a, b := luminance(t, x), luminance(t, y)
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("got the colour %q", colour)
	}
	linear := func(c uint64) float64 {
		s := float64(c&255) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}
