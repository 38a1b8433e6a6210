package bench

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
)

// ServerNames are the servers that are measured whole: candidate/size. Beside bare
// ones, context is the floor of that name, and vary one that says Vary: Cookie.
func ServerNames() []string {
	return []string{
		"bare/github", "context/github", "vary/github", "login/github", "gothic/github", "gorilla/github",
		"bare/oidc", "login/oidc",
	}
}

// ServesAnybody reports whether that server lets people in without a session.
func ServesAnybody(name string) bool {
	return strings.HasPrefix(name, "bare/") || strings.HasPrefix(name, "vary/")
}

// Server returns the handler of one of ServerNames and the Cookie header of a
// session with it. Those that have no sessions get the cookies of ours.
func Server(name string) (h http.Handler, cookie string, err error) {
	who, sizeName, _ := strings.Cut(name, "/")
	s, err := newSite(nil)
	if err != nil {
		return nil, "", err
	}
	for _, c := range append(peers(), s.candidate("login"), s.without("bare"), s.without("context"), s.without("vary")) {
		for _, size := range sizes() {
			if c.name == who && size.name == sizeName {
				jar, err := c.begin(size.account())
				return withHeap(c.require(page)), cookieLine(jar), err
			}
		}
	}
	return nil, "", fmt.Errorf("bench: want one of %q, have %q", ServerNames(), name)
}

// without is a server without sessions, but with our cookies.
func (s *site) without(name string) candidate {
	c := candidate{name: name, require: func(next http.Handler) http.Handler { return next }}
	identity := ""
	c.begin = func(a account) ([]*http.Cookie, error) {
		jar, err := s.begin(a)
		if err == nil {
			identity = jar[0].Name
		}
		return jar, err
	}
	switch name {
	case "context":
		c.require = func(next http.Handler) http.Handler { return contextFloor(identity, next) }
	case "vary":
		c.require = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Vary", "Cookie")
				next.ServeHTTP(w, r)
			})
		}
	}
	return c
}

// page is as small as a page can be. It says what it is, as pages do, so that every
// server has a header to keep and to send.
var page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "hello\n")
})

// withHeap is h in a process that holds 30 MB of other things, as a server at work does: or
// the garbage collector would be at work every few thousand requests, of everybody.
func withHeap(h http.Handler) http.Handler {
	heap := make([]string, 1<<16)
	for i := range heap {
		heap[i] = randomText(450)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		runtime.KeepAlive(heap)
	})
}
