package fetch_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/doorlatch/login/internal/fetch"
)

// get fetches what h answers, from a URL with a secret.
func get(t *testing.T, ctx context.Context, h http.HandlerFunc) (*fetch.Answer, error) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/?key=SECRET", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := fetch.Do(s.Client(), r)
	if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), s.URL)) {
		t.Errorf("got %q, want it without the URL", err)
	}
	return a, err
}

func TestDo(t *testing.T) {
	const limit = 1 << 20
	tests := []struct {
		name   string
		status int
		body   string
		length string // Content-Length, if not that of body
		want   string
		fails  bool
	}{
		{"answer", 200, "body", "", "body", false},
		{"failure", 503, "body", "", "body", false},
		{"redirect", 302, "body", "", "body", false},
		{"no content", 204, "", "", "", false},
		{"as large as may be", 200, strings.Repeat("x", limit), "", strings.Repeat("x", limit), false},
		{"too large", 200, strings.Repeat("x", limit+1), "", "", true},
		{"cut off", 200, "body", "100", "", true},
		{"failure too large", 403, strings.Repeat("x", limit+1), "", "", false},
		{"failure cut off", 403, "body", "100", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			a, err := get(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Header().Set("Location", "/elsewhere")
				if tt.length != "" {
					w.Header().Set("Content-Length", tt.length)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			if requests != 1 {
				t.Errorf("got %d requests, want 1", requests)
			}
			if tt.fails != (err != nil) {
				t.Fatalf("got error %v, want one: %v", err, tt.fails)
			}
			if err != nil {
				return
			}
			if a.Status != tt.status || string(a.Body) != tt.want || a.Header.Get("Location") != "/elsewhere" {
				t.Errorf("got status %d and %d bytes, want %d and %d", a.Status, len(a.Body), tt.status, len(tt.want))
			}
		})
	}
}

func TestDoFails(t *testing.T) {
	if _, err := get(t, t.Context(), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(t, ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestJSON(t *testing.T) {
	tests := []struct {
		contentType string
		want        bool
	}{
		{"application/json", true},
		{"Application/JSON; charset=utf-8", true},
		{"application/json; charset", true},
		{"application/vnd.github+json", true},
		{"application/jsonp", false},
		{"text/javascript", false},
		{"text/html", false},
		{"json", false},
		{"", false},
	}
	for _, tt := range tests {
		a := fetch.Answer{Header: http.Header{"Content-Type": {tt.contentType}}}
		if got := a.JSON(); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.contentType, got, tt.want)
		}
	}
}
