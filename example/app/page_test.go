package app_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/example/app"
	"github.com/doorlatch/login/logintest"
)

// TestPages: no script, one heading, a policy that allows the style sheet and
// pictures and little else (L4), and nothing that a provider says is taken for
// markup.
func TestPages(t *testing.T) {
	hostile := login.User{
		ID: `7"><script>`, Name: `<script>alert(1)</script>`, Username: `"><img src=x>`, UnverifiedEmail: `"onload="x@example.test`,
	}
	op := logintest.NewServer(hostile)
	defer op.Close()
	s, b := newSite(t, fromServer(op), func(c *app.Config) {
		c.OnLogin = func(_ *http.Request, u *login.User, _ *login.Grant) error {
			u.Picture = "javascript:alert(1)"
			return nil
		}
	}), newBrowser(t)
	check := func(path string) {
		resp, page := b.get(s.URL+path, html)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %d: %s", path, resp.StatusCode, page)
		}
		wantNone(t, strings.ToLower(page), "<script", "javascript:", "<img src=x", ` onload="`)
		if n := strings.Count(page, "<h1"); n != 1 {
			t.Errorf("%s: got %d headings of the first level, want 1", path, n)
		}
		checkPolicy(t, resp.Header, page, op.URL)
	}
	check("/")
	b.login(s, "oidc")
	check("/")
	check("/me")
}

func checkPolicy(t *testing.T, h http.Header, page, standIn string) {
	t.Helper()
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
		"img-src data: 'self' https: " + standIn + "; form-action 'self' https: " + standIn + "; base-uri 'none'; frame-ancestors 'none'"
	if got := h.Get("Content-Security-Policy"); got != want {
		t.Errorf("got the policy  %s\nwant %s", got, want)
	}
	for key, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin",
	} {
		if got := h.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// TestSparseUsers: people of whom little is known look well, too.
func TestSparseUsers(t *testing.T) {
	for _, test := range []struct {
		user login.User
		want []string
	}{
		{login.User{ID: "u1"}, []string{"<bdi>User u1</bdi>", `aria-hidden="true"><i></i></span>`, "none given"}},
		{login.User{ID: "u2", Username: "ada"}, []string{"<h1><bdi>ada</bdi></h1>", ">A</span>"}},
		{login.User{ID: "u3", Name: "ada  maria élodie"}, []string{"<bdi>ada  maria élodie</bdi>", ">AM</span>"}},
		{login.User{ID: "u4", Name: "élodie 9"}, []string{">É</span>"}},
		{login.User{ID: "u5", UnverifiedEmail: "x@example.test"}, []string{"x@example.test</bdi>", "not verified by the provider"}},
		{login.User{ID: "u6", Name: "Ada", Picture: "https://pictures.example.test/a.png"}, []string{`<img src="https://pictures.example.test/a.png" alt="" data-initials="A">`}},
	} {
		t.Run(test.user.ID, func(t *testing.T) {
			op := logintest.NewServer(test.user)
			defer op.Close()
			s, b := newSite(t, fromServer(op)), newBrowser(t)
			b.login(s, "oidc")
			_, page := b.get(s.URL+"/me", html)
			wantAll(t, page, test.want...)
		})
	}
}

// TestContrast: whatever people read has a contrast of 4.5 at least, in both
// colour schemes (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("pages/style.css")
	if err != nil {
		t.Fatal(err)
	}
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllSubmatch(css, -1)
	if len(schemes) != 2 {
		t.Fatalf("got %d colour schemes, want 2", len(schemes))
	}
	for i, scheme := range schemes {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllSubmatch(scheme[1], -1) {
			colours[string(m[1])] = string(m[2])
		}
		for _, pair := range []string{"ink/card", "quiet/card", "on-action/action", "on-tint/tint", "on-notice/notice", "yes/card"} {
			text, ground, _ := strings.Cut(pair, "/")
			got := contrast(t, colours[text], colours[ground])
			if got < 4.5 {
				t.Errorf("scheme %d: got a contrast of %.2f for %s, want 4.5", i, got, pair)
			}
		}
		if got := contrast(t, colours["line"], colours["card"]); got < 3 { // 1.4.11: the edge of a button
			t.Errorf("scheme %d: got a contrast of %.2f for edges, want 3", i, got)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	l, m := luminance(t, a), luminance(t, b)
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}

// luminance is that of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	if len(hex) == 3 {
		hex = fmt.Sprintf("%c%c%c%c%c%c", hex[0], hex[0], hex[1], hex[1], hex[2], hex[2])
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
