package main

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestBasicAuth: one name and one password.
func TestBasicAuth(t *testing.T) {
	for _, test := range []struct {
		name, password string
		want           bool
	}{
		{"admin", "sesame", true}, {"admin", "", false}, {"admin", "Sesame", false}, {"ada", "sesame", false}, {"", "sesame", false},
	} {
		r := httptest.NewRequest("GET", "/admin", nil)
		r.SetBasicAuth(test.name, test.password)
		if got := basicAuth("sesame")(r) != nil; got != test.want {
			t.Errorf("%s, %s: got %v, want %v", test.name, test.password, got, test.want)
		}
	}
	if basicAuth("")(httptest.NewRequest("GET", "/admin", nil)) != nil {
		t.Error("got somebody without a name, want nobody")
	}
}

// TestGuard: everything but what Facebook calls wants the password.
func TestGuard(t *testing.T) {
	s := newStage(t, manager(onePage))
	s.browser("sesame").connect()
	before := s.files()
	for _, request := range []string{
		"GET /admin", "POST /admin/choose", "POST /admin/again", "POST /admin/disconnect", "POST /connect/facebook",
	} {
		method, path, _ := strings.Cut(request, " ")
		resp, body := s.browser("").send(method, path, nil, "same-origin")
		if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: got %d, want 401 with a challenge", request, resp.StatusCode)
		}
		wantNone(t, body, "Ada", "8001")
		if method == http.MethodPost {
			if resp, _ = s.browser("sesame").send(method, path, nil, "cross-site"); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s from another site: got %d, want 403", request, resp.StatusCode)
			}
		}
	}
	if resp, _ := s.browser("sesame").still().get("/login/facebook?next=/admin"); resp.Header.Get("Location") != "/admin" {
		t.Errorf("got %d to %s, want no login with Facebook", resp.StatusCode, resp.Header.Get("Location"))
	}
	if s.files() != before {
		t.Error("the record has changed")
	}
}

// TestPolicy: pages load nothing, and their forms lead here and to Facebook only.
func TestPolicy(t *testing.T) {
	s := newStage(t, manager(onePage))
	resp, page := s.browser("sesame").get("/admin")
	csp := resp.Header.Get("Content-Security-Policy")
	if !regexp.MustCompile(`^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; img-src data:; form-action 'self' https: ` +
		regexp.QuoteMeta(s.fb.URL) + `; base-uri 'none'; frame-ancestors 'none'$`).MatchString(csp) {
		t.Errorf("got the policy %s", csp)
	}
	for key, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
		if got := resp.Header.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	wantAll(t, page, `action="/connect/facebook?next=/admin%3Fconnected"`)
}

// TestHostileName: a name is text, whoever chose it.
func TestHostileName(t *testing.T) {
	ada := manager(twoPages)
	ada.Name = `<script>alert(1)</script>"'&`
	s := newStage(t, ada)
	page := s.browser("sesame").connect()
	wantNone(t, page, "<script")
	wantAll(t, html.UnescapeString(page), ada.Name)
}
