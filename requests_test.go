package login_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
)

// withFormPost makes the provider answer by a POST.
func withFormPost(c *login.Config) {
	c.Providers[0].Params = url.Values{"response_mode": {"form_post"}}
}

// posted begins a login and returns the form that the provider would have the
// browser of ada post, and the cookie to go with it.
func (s *scene) posted() (form string, flow *http.Cookie) {
	s.t.Helper()
	resp, _ := s.browser("ada").step(appURL + "/login/idp")
	back, err := url.Parse(s.idp.authorize(resp.Header.Get("Location"), "ada"))
	if err != nil || len(resp.Cookies()) != 1 {
		s.t.Fatalf("got error %v, cookies %v", err, resp.Cookies())
	}
	return back.RawQuery, resp.Cookies()[0]
}

// meter counts what is read of a body.
type meter struct {
	io.Reader
	n int
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	m.n += n
	return n, err
}

func multipart(form string) string {
	values, err := url.ParseQuery(form)
	if err != nil {
		panic(err)
	}
	body := ""
	for key := range values {
		body += "--x\r\nContent-Disposition: form-data; name=\"" + key + "\"\r\n\r\n" + values.Get(key) + "\r\n"
	}
	return body + "--x--\r\n"
}

// T50: bodies that are no form, or too large a one, are refused after 8 KiB at
// most, and a code within is not used. Logout needs no body, and reads none.
func TestRequestBodies(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name, contentType string
		body              func(string) string // made of the good one
		callback          int
	}{
		{"good", form, func(s string) string { return s }, 303},
		{"good, with charset", form + "; charset=UTF-8", func(s string) string { return s }, 303},
		{"no content type", "", func(s string) string { return s }, 400},
		{"wrong content type", "application/json", func(s string) string { return s }, 400},
		{"broken content type", ";;=/", func(s string) string { return s }, 400},
		{"text", "text/plain", func(s string) string { return s }, 400},
		{"multipart", "multipart/form-data; boundary=x", multipart, 400},
		{"multipart without boundary", "multipart/form-data", multipart, 400},
		{"empty", form, func(s string) string { return "" }, 400},
		{"bad escapes", form, func(s string) string { return s + "&x=%zz" }, 400},
		{"semicolons", form, func(s string) string { return strings.ReplaceAll(s, "&", ";") }, 400},
		{"11 MB", form, func(s string) string { return s + "&x=" + strings.Repeat("x", 11e6) }, 400},
		{"11 MB of another type", "application/octet-stream", func(s string) string { return strings.Repeat("x", 11e6) }, 400},
		{"100,000 parameters", form, func(s string) string { return s + strings.Repeat("&x=1", 1e5) }, 400},
		{"100,000 parameters before", form, func(s string) string { return strings.Repeat("x=1&", 1e5) + s }, 400},
	}
	for _, tt := range tests {
		for _, length := range []string{"known", "unknown"} {
			t.Run(tt.name+", length "+length, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, "plain", withFormPost)
					text, flow := s.posted()
					for path, want := range map[string]int{"/callback/idp": tt.callback, "/logout": 303} {
						body := &meter{Reader: strings.NewReader(tt.body(text))}
						r := httptest.NewRequest("POST", path, body)
						if r.ContentLength = -1; length == "known" {
							r.ContentLength = int64(len(tt.body(text)))
						}
						r.Header.Set("Content-Type", tt.contentType)
						r.AddCookie(flow)
						w := httptest.NewRecorder()
						s.app.ServeHTTP(w, r)
						if w.Code != want || body.n > 9<<10 || path == "/logout" && body.n > 0 {
							t.Errorf("%s: got status %d after %d bytes, want %d", path, w.Code, body.n, want)
						}
					}
					if got := s.counts()[tokenHost]; (got == 1) != (tt.callback == 303) {
						t.Errorf("got %d token requests", got)
					}
				})
			})
		}
	}
}

// T50: enormous queries cost no more than reading them, and are refused where they
// matter.
func TestRequestQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "plain")
		for name, query := range map[string]string{
			"11 MB": "x=" + strings.Repeat("x", 11e6), "100,000 parameters": strings.Repeat("x=1&", 1e5), "bad escapes": "x=%zz",
		} {
			text, flow := s.posted()
			for path, want := range map[string]int{"/callback/idp": 400, "/login/idp": 303, "/login": 303, "/logout": 200, "/": 200} {
				r := httptest.NewRequest("GET", path, nil)
				r.URL.RawQuery = text + "&" + query
				r.AddCookie(flow)
				w := httptest.NewRecorder()
				s.app.ServeHTTP(w, r)
				if w.Code != want || len(w.Header().Get("Location")) > 1000 || w.Body.Len() > 1e4 {
					t.Errorf("%s?%s: got status %d, %d bytes, want %d", path, name, w.Code, w.Body.Len(), want)
				}
			}
		}
		if got := s.counts(); len(got) != 0 {
			t.Errorf("got requests %v, want none", got)
		}
	})
}

// T50: a form that comes a byte at a time is refused after ten seconds, unless it
// is whole by then, and nothing stays behind, whatever net/http would still like to
// read. Logout is done at once, though net/http waits for the rest of the request
// before it says so.
func TestSlowBody(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		length     int // announced; 0: in chunks
		pause      time.Duration
		want       int
		took       time.Duration
	}{
		{"callback, slow", "/callback/idp", 0, 10 * time.Millisecond, 303, 0},
		{"callback, too slow", "/callback/idp", 0, time.Second, 400, 10 * time.Second},
		{"callback, too slow for its length", "/callback/idp", 100, 3 * time.Second, 400, 10 * time.Second},
		{"callback, too slow for a length that is too much", "/callback/idp", 200_000, 3 * time.Second, 400, 10 * time.Second},
		{"logout", "/logout", 0, time.Second, 303, 20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, "plain", withFormPost)
				text, flow := s.posted()
				l := &host{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
				server := &http.Server{Handler: s.app, ReadTimeout: 20 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
				go server.Serve(l)
				defer server.Close()
				here, there := newPipe(), newPipe()
				l.conns <- &conn{there, here}
				client := &conn{here, there}
				defer client.Close()
				began := time.Now()
				framing, chunk, end := "Transfer-Encoding: chunked", "1\r\n%s\r\n", "0\r\n\r\n"
				if tt.length > 0 {
					framing, chunk, end = fmt.Sprintf("Content-Length: %d", tt.length), "%s", ""
				}
				go func() {
					fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: app.example\r\nCookie: %s=%s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
						framing+"\r\n\r\n", tt.path, flow.Name, flow.Value)
					for i := range text {
						if _, err := fmt.Fprintf(client, chunk, text[i:i+1]); err != nil {
							return
						}
						time.Sleep(tt.pause)
					}
					io.WriteString(client, end)
				}()
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				if tt.name == "callback, slow" {
					tt.took = time.Duration(len(text)) * tt.pause
				}
				if resp.StatusCode != tt.want || took != tt.took {
					t.Errorf("got status %d after %v, want %d after %v", resp.StatusCode, took, tt.want, tt.took)
				}
			})
		})
	}
}

// T50, T41: what a request says about authorization is not for us to read, however
// it is spelled.
func TestAuthorizationHeaderIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "plain")
		b := s.browser("ada")
		b.open(appURL + "/login/idp")
		for _, value := range []string{
			"", "Bearer", "Bearer ", "Bearer  ", "bearer\tx", "Bearer ACCESS-CANARY-ada", "Bearer \x00", "Bearer a b", "Bearer =", "Basic", "Basic !!!",
			"Basic Og==", ":", ",", "Digest username=\"", "Bearer " + strings.Repeat("x", 1e6), strings.Repeat("Bearer ", 1e5), "\xff\xfe",
		} {
			for path, want := range map[string]int{"/": 200, "/me": 401, "/token": 409, "/login/idp": 303, "/callback/idp": 400, "/logout": 200} {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", path, nil)
				r.Header["Authorization"] = []string{value, value}
				s.app.ServeHTTP(w, r)
				if w.Code != want || w.Code == 200 && path == "/" && w.Body.String() != "nobody" {
					t.Errorf("%s with %.40q: got status %d, %.40q, want %d", path, value, w.Code, w.Body, want)
				}
			}
			r := navigationTo(appURL + "/me")
			r.Header["Authorization"] = []string{value}
			if resp, page := b.send(r); resp.StatusCode != http.StatusOK || page != "ada" {
				t.Errorf("%.40q: got status %d, %q, want ada's page", value, resp.StatusCode, page)
			}
		}
	})
}
