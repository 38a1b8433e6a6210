package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A candidate keeps sessions and reads them again.
type candidate struct {
	name string

	// require admits requests with a session and has the account in their context.
	require func(http.Handler) http.Handler

	// begin returns the cookies of a new session.
	begin func(account) ([]*http.Cookie, error)

	// who is the account in the context, as far as the candidate keeps it.
	who func(*http.Request) account

	// keeps is what is left of an account.
	keeps func(account) account
}

type accountKey struct{}

// requireBy is the middleware around a library that has none: read says who it is.
func requireBy(read func(*http.Request) (*account, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a, err := read(r)
			if err != nil {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, a)))
		})
	}
}

func accountOf(r *http.Request) account {
	if a, ok := r.Context().Value(accountKey{}).(*account); ok {
		return *a
	}
	return account{}
}

func everything(a account) account { return a }

// nothing is the handler behind everybody.
var nothing = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// pageRequest returns a request with those cookies, in the one line in which
// browsers send them.
func pageRequest(jar []*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/page", nil)
	if len(jar) > 0 {
		r.Header.Set("Cookie", cookieLine(jar))
	}
	return r
}

func cookieLine(jar []*http.Cookie) string {
	var pairs []string
	for _, c := range jar {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// kept returns the cookies in a response that outlive a few requests: the last of
// each name, as in a browser.
func kept(header http.Header) []*http.Cookie {
	var names []string
	last := make(map[string]*http.Cookie)
	for _, c := range (&http.Response{Header: header}).Cookies() {
		if last[c.Name] == nil {
			names = append(names, c.Name)
		}
		last[c.Name] = c
	}
	var jar []*http.Cookie
	for _, name := range names {
		if c := last[name]; c.MaxAge > 30 || c.MaxAge == 0 && c.Value != "" {
			jar = append(jar, c)
		}
	}
	return jar
}
