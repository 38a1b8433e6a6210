package generic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/doorlatch/login/internal/fetch"
	"golang.org/x/oauth2"
)

// get gets url with the client that the context carries: for what is read as
// the application, not as the user.
func get(ctx context.Context, url string) (*fetch.Answer, error) {
	client, ok := ctx.Value(oauth2.HTTPClient).(*http.Client)
	if !ok {
		return nil, errors.New("the context carries no HTTP client")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("bad URL")
	}
	r.Header.Set("Accept", "application/json")
	return do(client, r)
}

// do sends r and wants a 200.
func do(client *http.Client, r *http.Request) (*fetch.Answer, error) {
	answer, err := fetch.Do(client, r)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("want status 200, have %d", answer.Status)
	}
	return answer, nil
}

// checkURL reports whether a URL may be sent requests: RFC 8414 section 2 and
// RFC 9700 section 2.6.
func checkURL(s string, allowHTTP bool) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errors.New("required")
	case err != nil:
		return errors.New("not a URL")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("want an absolute URL")
	case u.User != nil:
		return errors.New("want a URL without user and password")
	case strings.Contains(s, "#"):
		return errors.New("want a URL without fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && allowHTTP && loopback(u.Hostname()):
		return nil
	}
	return errors.New("want https (http only on loopback)")
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" && ip.IsLoopback()
}

// origin returns the part of a checked URL that decides who gets a token.
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" {
		host = net.JoinHostPort(strings.ToLower(u.Hostname()), p)
	}
	return u.Scheme + "://" + host
}
