package generic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// faults makes path misbehave in every way that a fetch must notice, and calls
// login each time.
// contentType, if any, is the error for an answer of another type.
func faults(t *testing.T, path, contentType string, login func(*op) error) {
	elsewhere := func(status int, to func(*op) string) func(*op) http.HandlerFunc {
		return func(o *op) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to(o))
				w.WriteHeader(status)
			}
		}
	}
	same := func(o *op) string { return o.URL + "/trap" }
	tests := []struct {
		name, want string
		handler    func(*op) http.HandlerFunc
	}{
		{"301", "have 301", elsewhere(301, same)},
		{"302", "have 302", elsewhere(302, same)},
		{"303", "have 303", elsewhere(303, same)},
		{"307", "have 307", elsewhere(307, same)},
		{"308", "have 308", elsewhere(308, func(o *op) string { return strings.Replace(o.URL, "127.0.0.1", "localhost", 1) + "/trap" })},
		{"404", "have 404", func(*op) http.HandlerFunc { return http.NotFound }},
		{"500 with secrets", "have 500", func(*op) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "access-token hush-hush", 500) }
		}},
		{"204", "have 204", func(*op) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }
		}},
		{"too large", "have more", func(o *op) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, strings.Repeat(" ", 1<<20))
				o.handle(path, nil)
				o.ServeHTTP(w, r)
			}
		}},
		{"cut off", "provider failed", func(*op) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				fmt.Fprint(w, "{")
			}
		}},
		{"hung up", "provider failed", func(*op) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}},
	}
	if contentType != "" {
		for _, ct := range []string{"text/html", "text/plain; charset=utf-8", "application/jsonp", "", "json"} {
			tests = append(tests, struct {
				name, want string
				handler    func(*op) http.HandlerFunc
			}{"content type " + ct, contentType, func(o *op) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					o.handle(path, nil)
					o.ServeHTTP(typed{w, ct}, r)
				}
			}})
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOP(t)
			o.handle("/trap", func(w http.ResponseWriter, r *http.Request) {
				o.handle(path, nil)
				r.URL.Path = path
				o.ServeHTTP(w, r)
			})
			o.handle(path, test.handler(o))
			check(t, nil, login(o), test.want)
			if n := o.count("/trap"); n != 0 {
				t.Errorf("a redirect was followed")
			}
		})
	}
}

// typed is a ResponseWriter that insists on a content type.
type typed struct {
	http.ResponseWriter
	contentType string
}

func (t typed) Write(b []byte) (int, error) {
	t.Header()["Content-Type"] = nil // none, unless
	if t.contentType != "" {
		t.Header().Set("Content-Type", t.contentType)
	}
	return t.ResponseWriter.Write(b)
}
