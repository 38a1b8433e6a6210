package logintest_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/doorlatch/login/logintest"
)

// A form is what a browser makes of the form on a page, before anybody has
// touched it.
type form struct {
	action string
	values url.Values
}

var (
	inputTag  = regexp.MustCompile(`<input[^>]*>`)
	attribute = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
)

func readForm(t *testing.T, page string) form {
	t.Helper()
	m := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("got %q, want a page with a form", page)
	}
	f := form{html.UnescapeString(m[1]), url.Values{}}
	for _, tag := range inputTag.FindAllString(page, -1) {
		attr := map[string]string{"value": "on"}
		for _, a := range attribute.FindAllStringSubmatch(tag, -1) {
			attr[a[1]] = html.UnescapeString(a[2])
		}
		if attr["type"] == "hidden" || strings.Contains(tag, " checked") {
			f.values.Add(attr["name"], attr["value"])
		}
	}
	return f
}

func TestInteractive(t *testing.T) {
	s := newServer(t)
	s.Interactive = true
	ask := with(askFor(s.ClientID, "openid email x-<b>scope</b>"), "login_hint", "grace-sample")
	page := get(t, s.URL+"/authorize?"+ask.Encode())
	wantStatus(t, page, http.StatusOK)
	f := readForm(t, page.body)
	if f.values.Get("user") != "90000002" || len(f.values) != 1 {
		t.Errorf("form: got %v, want the user of the hint chosen", f.values)
	}
	q := post(t, s.URL+f.action, with(f.values, "user", "90000003", "decision", "allow")).params(t)
	answer := post(t, s.URL+"/token", exchangeOf(s.ClientID, s.ClientSecret, q.Get("code"))).json(t)
	if got := userInfo(t, s, answer["access_token"]).json(t)["email"]; got != "alan@example.test" || q.Get("state") != "a-state" {
		t.Errorf("got %v with %v, want the user chosen on the page", got, q)
	}
	if q := post(t, s.URL+f.action, with(f.values, "decision", "refuse")).params(t); q.Get("error") != "access_denied" || q.Has("code") {
		t.Errorf("refused: got %v, want access_denied", q)
	}
	wantStatus(t, post(t, s.URL+f.action, with(f.values, "user", "nobody", "decision", "allow")), http.StatusBadRequest)
	wantStatus(t, post(t, s.URL+"/authorize?client_id=other", with(f.values, "decision", "allow")), http.StatusBadRequest)
}

// The pages need no script and are fit for people who read them in another way.
func TestPages(t *testing.T) {
	server, gh, fb := newServer(t), logintest.NewGitHub(), logintest.NewFacebook()
	defer gh.Close()
	defer fb.Close()
	server.Interactive, gh.Interactive, fb.Interactive = true, true, true
	for _, test := range []struct{ title, url, scope string }{
		{"Stand-in login provider", server.URL + "/authorize?" + askFor(server.ClientID, "openid email x-<b>").Encode(), "x-&lt;b&gt;"},
		{"Stand-in for GitHub", gh.URL + "/login/oauth/authorize?" + askFor(gh.ClientID, "user:email").Encode(), "user:email"},
		{"Stand-in for Facebook", fb.URL + "/v25.0/dialog/oauth?" + askFor(fb.ClientID, "email").Encode(), "email"},
	} {
		a := get(t, test.url)
		for _, want := range []string{
			`<html lang="en">`, "<title>" + test.title + "</title>", "<h1>" + test.title + "</h1>", "<legend>", `name="viewport"`,
			"tests and demonstrations", "nobody’s real account", "app.example.test", "<code>" + test.scope + "</code>",
			`value="allow">Allow<`, `value="refuse"`,
		} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: got %s, want %q in it", test.title, a.body, want)
			}
		}
		if strings.Count(a.body, "<h1") != 1 || strings.Contains(a.body, "<script") || strings.Contains(a.body, "style=") {
			t.Errorf("%s: got %s, want one h1, no script and no inline style", test.title, a.body)
		}
		for _, tag := range inputTag.FindAllString(a.body, -1) {
			id := regexp.MustCompile(` id="([^"]+)"`).FindStringSubmatch(tag)
			if id == nil || !strings.Contains(a.body, `<label for="`+id[1]+`">`) {
				t.Errorf("%s: %s has no label", test.title, tag)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: got the policy %q, want a strict one", test.title, csp)
		}
		// Chromium applies form-action to the redirect that answers the form.
		if strings.Contains(csp, "form-action") {
			t.Errorf("%s: got the policy %q, want no form-action", test.title, csp)
		}
		base := test.url[:strings.Index(test.url[8:], "/")+8]
		for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(a.body, -1) {
			wantStatus(t, get(t, base+m[1]), http.StatusOK)
		}
	}
}
