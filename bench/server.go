package bench

import (
	"fmt"
	"net/http"
	"strings"
)

// ServerNames are the servers that are measured whole: candidate/size.
func ServerNames() []string {
	return []string{"bare/github", "login/github", "gothic/github", "gorilla/github", "bare/oidc", "login/oidc"}
}

// ServesAnybody reports whether that server lets people in without a session.
func ServesAnybody(name string) bool { return strings.HasPrefix(name, "bare/") }

// Server returns the handler of one of ServerNames and the Cookie header of a
// session with it. A bare server gets the cookies of ours.
func Server(name string) (h http.Handler, cookie string, err error) {
	who, sizeName, _ := strings.Cut(name, "/")
	s, err := newSite(nil)
	if err != nil {
		return nil, "", err
	}
	for _, c := range append(peers(), s.candidate("login"), bare(s)) {
		for _, size := range sizes() {
			if c.name == who && size.name == sizeName {
				jar, err := c.begin(size.account())
				return c.require(nothing), cookieLine(jar), err
			}
		}
	}
	return nil, "", fmt.Errorf("bench: want one of %q, have %q", ServerNames(), name)
}

func bare(s *site) candidate {
	return candidate{name: "bare", begin: s.begin, require: func(next http.Handler) http.Handler { return next }}
}
