package login_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// benchAuth returns an Auth whose only provider answers from memory, with an
// access token of that size.
func benchAuth(tb testing.TB, tokenBytes int, idle time.Duration) *login.Auth {
	tb.Helper()
	answer := `{"access_token":"` + strings.Repeat("x", tokenBytes) + `","token_type":"bearer","scope":"read:user"}`
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(answer)), Request: r,
		}, nil
	})
	a, err := login.New(login.Config{
		URL: "https://app.example", Key: testKey, Idle: idle,
		Client: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler),
		Providers: []login.Provider{{
			Name: "github", ClientID: "client", ClientSecret: "secret", Scopes: []string{"read:user", "user:email"},
			Endpoint: oauth2.Endpoint{
				AuthURL: "https://id.example/authorize", TokenURL: "https://id.example/token", AuthStyle: oauth2.AuthStyleInParams,
			},
			Identify: func(context.Context, *login.Grant) (*login.User, error) {
				return &login.User{
					ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test",
					Picture: "https://avatars.example/u/90000001?v=4",
				}, nil
			},
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// benchJar logs in with a and returns the cookies of the session.
func benchJar(tb testing.TB, a *login.Auth) []*http.Cookie {
	tb.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/login/github", nil))
	start := w.Result()
	u, err := url.Parse(start.Header.Get("Location"))
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/callback/github?code=x&state="+u.Query().Get("state"), nil)
	for _, c := range start.Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var jar []*http.Cookie
	for _, c := range w.Result().Cookies() {
		if c.MaxAge > 0 {
			jar = append(jar, c)
		}
	}
	if w.Code != http.StatusSeeOther || len(jar) < 2 {
		tb.Fatalf("got status %d, cookies %v, want a session", w.Code, jar)
	}
	return jar
}

// sink is an http.ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// BenchmarkHotPath is what a request costs that is not a login: the handler within
// does nothing.
func BenchmarkHotPath(b *testing.B) {
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, bb := range []struct {
		name       string
		tokenBytes int
		idle       time.Duration
		anonymous  bool
	}{
		{"anonymous", 40, 0, true},
		{"session", 40, 0, false},
		{"session with Idle", 40, 20 * time.Minute, false},
		{"session with a large token", 2600, 0, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a := benchAuth(b, bb.tokenBytes, bb.idle)
			r := httptest.NewRequest("GET", "/page", nil)
			h := a.Wrap(nothing)
			if !bb.anonymous {
				h = a.Wrap(a.Require(nothing))
				for _, c := range benchJar(b, a) {
					r.AddCookie(c)
				}
			}
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
			if w.status != http.StatusNoContent {
				b.Fatalf("got status %d, want 204", w.status)
			}
		})
	}
}

// beginLogins sends n people to the provider, who never come back, and returns how
// many bytes the heap and how many goroutines there are more afterwards.
func beginLogins(tb testing.TB, a *login.Auth, n int) (bytes, goroutines int) {
	tb.Helper()
	r := httptest.NewRequest("GET", "/login/github?next=/page", nil)
	w := &sink{header: make(http.Header)}
	one := func() {
		clear(w.header)
		a.ServeHTTP(w, r)
	}
	one()
	bytes, goroutines = -heap(), -runtime.NumGoroutine()
	for range n {
		if one(); w.status != http.StatusSeeOther {
			tb.Fatalf("got status %d, want 303", w.status)
		}
	}
	bytes, goroutines = bytes+heap(), goroutines+runtime.NumGoroutine()
	runtime.KeepAlive(a)
	return bytes, goroutines
}

// heap is the size of what is reachable.
func heap() int {
	runtime.GC()
	runtime.GC() // what the first one found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// BenchmarkPendingLogins is the beginning of logins that nobody finishes. The
// million of T7 is -benchtime=1000000x.
func BenchmarkPendingLogins(b *testing.B) {
	a := benchAuth(b, 40, 0)
	b.ReportAllocs()
	b.ResetTimer()
	bytes, goroutines := beginLogins(b, a, b.N)
	b.ReportMetric(float64(bytes)/float64(b.N), "heap-B/login")
	b.ReportMetric(float64(goroutines), "goroutines")
}
