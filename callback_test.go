package login_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/doorlatch/login"
)

// T1, B1, B2: with neither half of a login, or with the wrong halves, a callback
// is refused before anything is sent, and sets nothing.
func TestHalvesOfACallback(t *testing.T) {
	f, s := newLogin(t)
	b := newBrowser(t)
	u, err := url.Parse(b.callbackURL(s, "fake"))
	if err != nil {
		t.Fatal(err)
	}
	state, cookies := u.Query().Get("state"), b.cookies(s.URL)
	name := named(t, cookies, "-f-"+state[:12])
	good, prefix := cookies[name], strings.TrimSuffix(name, state[:12])
	for what, tt := range map[string]struct{ query, cookie string }{
		"nothing":                          {"", ""},
		"only a code":                      {"code=x", ""},
		"state, no cookie":                 {"code=x&state=" + state, ""},
		"empty state, no cookie":           {"code=x&state=", ""},
		"empty state, empty cookie":        {"code=x&state=", name + "="},
		"empty state, cookie of no state":  {"code=x&state=", prefix + "=" + good},
		"empty state, nameless cookie":     {"code=x&state=", "=" + good},
		"no state, cookie":                 {"code=x", name + "=" + good},
		"state, empty cookie":              {"code=x&state=" + state, name + "="},
		"state, its own text as cookie":    {"code=x&state=" + state, name + "=" + state},
		"state, cookie of another name":    {"code=x&state=" + state, prefix + strings.Repeat("A", 12) + "=" + good},
		"state of another name, cookie":    {"code=x&state=" + strings.Repeat("A", 43), prefix + strings.Repeat("A", 12) + "=" + good},
		"state with the same name, cookie": {"code=x&state=" + state[:12] + strings.Repeat("A", 31), name + "=" + good},
		"state in the name only":           {"code=x&state=" + state[:12], name + "=" + good},
		"state array, cookie":              {"code=x&state[]=" + state, name + "=" + good},
		"state in capitals":                {"code=x&STATE=" + state, name + "=" + good},
		"state twice, the same":            {"code=x&state=" + state + "&state=" + state, name + "=" + good},
		"state twice, escaped":             {"code=x&state=" + state + "&st%61te=" + state, name + "=" + good},
		"state after a semicolon":          {"code=x;state=" + state, name + "=" + good},
		"state in a fragment":              {"code=x%23state=" + state, name + "=" + good},
		"state padded":                     {"code=x&state=" + state + "%3D", name + "=" + good},
		"state and a space":                {"code=x&state=" + state + "+", name + "=" + good},
		"state and NUL":                    {"code=x&state=" + state + "%00", name + "=" + good},
	} {
		r, w := navigationTo("/callback/fake?"+tt.query), httptest.NewRecorder()
		if tt.cookie != "" {
			r.Header.Set("Cookie", tt.cookie)
		}
		if s.auth.ServeHTTP(w, r); w.Code != 400 || f.tokenRequests() != 0 || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: got status %d, %d token requests, cookies %q", what, w.Code, f.tokenRequests(), w.Header()["Set-Cookie"])
		}
	}
	if resp, _ := b.step(u.String()); resp.StatusCode != 303 || f.tokenRequests() != 1 {
		t.Errorf("both halves: got status %d, %d token requests", resp.StatusCode, f.tokenRequests())
	}
}

// echoes are texts that would be noticed wherever they came out.
func echoes() []string {
	marks := []string{
		"%s%d%v%!x(NIL)%n", "<script>ECHO()</script>", `"><img src=x onerror=ECHO()>`, `'-ECHO()-'`, "javascript:ECHO()", "data:text/html,ECHO",
		"{{.ECHO}}", "${ECHO}", "\x1b]0;ECHO\x07\x1b[31m", "\r\nSet-Cookie: ECHO=1\r\n\r\n<b>ECHO", "ECHO\nlevel=ERROR msg=ECHO", "\u202eECHO\u2066",
		"\u2028ECHO\u0085", "\xc0\xafECHO\xff", "ECHO\x00ECHO", "+ADw-ECHO+AD4-", "https://evil.example/ECHO", "ECHO",
	}
	return append(marks, strings.Repeat("ECHO<b>\r\n", 400), strings.Repeat("ECHO<b>\r\n", 100<<10/9))
}

// T43, B7, C14: nothing that comes with a callback is shown or made a header; the
// log takes an error code of the right form and nothing else; and pages and lines
// are no longer for longer texts.
func TestNothingIsEchoed(t *testing.T) {
	_, s := newLogin(t, func(_ *login.Config, p *login.Provider) {
		p.Params, p.Issuer = url.Values{"response_mode": {"form_post"}}, "https://id.example.test"
	})
	code := regexp.MustCompile(`^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}$`)
	for _, key := range []string{"state", "code", "iss", "error", "error_description", "error_uri", "error_code", "error_reason", "error_message", "scope", "x<b>ECHO"} {
		for _, text := range echoes() {
			for _, method := range []string{"GET", "POST"} {
				b := newBrowser(t)
				start, _ := b.step(s.URL + "/login/fake")
				u, _ := url.Parse(start.Header.Get("Location"))
				q := url.Values{"state": {u.Query().Get("state")}, "error": {"server_error"}}
				q.Set(key, text)
				if key == "code" {
					q.Set("error", "access_denied")
				}
				r := httptest.NewRequest(method, "/callback/fake?"+q.Encode(), nil)
				if method == "POST" {
					r = httptest.NewRequest(method, "/callback/fake", strings.NewReader(q.Encode()))
				}
				r.Header.Set("Accept", "text/html")
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				c := start.Cookies()[0]
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
				before, w := len(s.log.String()), httptest.NewRecorder()
				s.auth.Callback(w, r)
				what := fmt.Sprintf("%s, %s=%.30q", method, key, text)
				checkNoEcho(t, what, w)
				line := s.log.String()[before:]
				if strings.Count(line, "\n") != 1 || len(line) > 2000 || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return !unicode.IsPrint(c) }) {
					t.Errorf("%s: got the log %.300q", what, line)
				}
				if strings.Contains(line, "ECHO") && !(key == "error" || key == "error_code") || strings.Contains(line, "ECHO") && !code.MatchString(text) {
					t.Errorf("%s: got the log %.300q", what, line)
				}
			}
		}
	}
}

func checkNoEcho(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 400 || w.Code > 502 || w.Code == 500 {
		t.Errorf("%s: got status %d", what, w.Code)
	}
	if answer := fmt.Sprint(w.Header(), w.Body); len(answer) > 8<<10 || strings.Contains(answer, "ECHO") || strings.Contains(answer, "%!") || strings.Contains(answer, "evil") {
		t.Errorf("%s: got an answer of %d bytes: %.3000s", what, len(answer), answer)
	}
	if w.Header().Get("Location") != "" || len(w.Header()["Set-Cookie"]) > 1 {
		t.Errorf("%s: got the header %v", what, w.Header())
	}
}

// T62: where the provider sends people back at once without logging them in, or
// the browser does not bring its cookies, they end on a page, after few requests.
func TestBouncingProvider(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   string // query of the callback; STATE stands for the state
		formPost bool
		want     int
	}{
		"login_required":       {"error=login_required&state=STATE", false, 401},
		"interaction_required": {"error=interaction_required&state=STATE", false, 401},
		"access_denied":        {"error=access_denied&state=STATE", false, 403},
		"server_error":         {"error=server_error&state=STATE", false, 502},
		"without state":        {"code=x", false, 400},
		"without anything":     {"", false, 400},
		"a code that is none":  {"code=x&state=STATE", false, 502},
		"an empty code":        {"code=&state=STATE", false, 400},
		"a POST without cookies, as where those of third parties are blocked": {"code=x&state=STATE", true, 400},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := newLogin(t, func(_ *login.Config, p *login.Provider) {
				if tt.formPost {
					p.Params = url.Values{"response_mode": {"form_post"}}
				}
			})
			f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
				if step != "authorize" {
					return false
				}
				q := r.URL.Query()
				answer := strings.ReplaceAll(tt.answer, "STATE", q.Get("state"))
				http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer, http.StatusFound)
				return true
			}
			b, requests := newBrowser(t), 0
			b.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if requests++; !tt.formPost || !strings.HasPrefix(r.URL.Path, "/callback/") {
					return http.DefaultTransport.RoundTrip(r)
				}
				post, err := http.NewRequest("POST", s.URL+r.URL.Path, strings.NewReader(r.URL.RawQuery))
				if err != nil {
					return nil, err
				}
				post.Header.Set("Accept", "text/html")
				post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				return http.DefaultTransport.RoundTrip(post)
			})
			for range 3 { // however often one tries
				requests = 0
				resp, body := b.open(s.URL + "/me")
				if resp.StatusCode != tt.want || requests != 4 || !strings.Contains(body, "<h1>") || !strings.Contains(body, `href="/login`) {
					t.Errorf("got status %d after %d requests: %s", resp.StatusCode, requests, body)
				}
			}
		})
	}
}

// T62: where the provider sends people straight back to a page that needs a login,
// they end on a page that says so, and can try again a little later.
func TestProviderGoesInCircles(t *testing.T) {
	for _, length := range []int{0, 200, 900} {
		now := time.Now()
		f, s := newLogin(t)
		s.auth.SetNow(func() time.Time { return now })
		page := s.URL + "/me?" + strings.Repeat("x", length)
		f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, page, http.StatusFound)
			return true
		}
		b, requests := newBrowser(t), 0
		b.CheckRedirect = func(*http.Request, []*http.Request) error { requests++; return nil }
		resp, text := b.open(page)
		if resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, "Too many logins at once") ||
			resp.Header.Get("Retry-After") == "" || requests > 20 {
			t.Errorf("%d bytes: got status %d after %d redirects, want 429 and a page: %s", length, resp.StatusCode, requests, text)
		}
		if !strings.Contains(s.log.String(), "reason=too_many_logins") {
			t.Errorf("got the log %s, want a line with the reason", s.log)
		}
		f.hook = nil
		now = now.Add(3 * time.Second)
		if resp, text := b.open(page); resp.StatusCode != http.StatusOK {
			t.Errorf("%d bytes, later: got status %d, want 200: %s", length, resp.StatusCode, text)
		}
	}
}

// What somebody did who left before the answer is in the log all the same, unless
// it is that they left; and so is a provider for which the application did not
// wait.
func TestLogOfThoseWhoLeave(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	for name, tt := range map[string]struct {
		ctx   context.Context
		query string
		want  string
	}{
		"a callback of nobody":             {ended, "state=x", "level=WARN"},
		"a login that was broken off":      {ended, "", ""},
		"a login that took too long to us": {late, "", "level=ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := newLogin(t)
			b := newBrowser(t)
			callback, err := url.Parse(b.callbackURL(s, "fake"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.query != "" {
				callback.RawQuery = tt.query
			}
			r := navigationTo(callback.String())
			for name, value := range b.cookies(s.URL) {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			s.auth.ServeHTTP(httptest.NewRecorder(), r.WithContext(tt.ctx))
			got := ""
			for line := range strings.Lines(s.log.String()) {
				if strings.Contains(line, "request failed") && !strings.Contains(line, "level=DEBUG") {
					got += line
				}
			}
			if !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got the log %q, want %q", got, tt.want)
			}
		})
	}
}
