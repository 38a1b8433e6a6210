package generic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// maxBody bounds every answer of a provider.
const maxBody = 1 << 20

// fetch gets url with the client that the context carries: for what is read
// as the application, not as the user.
func fetch(ctx context.Context, url string) ([]byte, http.Header, error) {
	client, ok := ctx.Value(oauth2.HTTPClient).(*http.Client)
	if !ok {
		return nil, nil, errors.New("the context carries no HTTP client")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, errors.New("bad URL")
	}
	r.Header.Set("Accept", "application/json")
	return do(client, r)
}

// do sends r and returns the body of a 200. Redirects are not followed: a
// provider's answer must not choose where the next request, perhaps with a
// token, goes (SSRF).
func do(client *http.Client, r *http.Request) ([]byte, http.Header, error) {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	if err != nil {
		// Its URL may have a query, and a query may have a secret.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("want status 200, have %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxBody {
		return nil, nil, fmt.Errorf("want at most %d bytes, have more", maxBody)
	}
	return body, resp.Header, nil
}

// mediaType returns the type without parameters, in lower case.
func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func isJSON(h http.Header) bool {
	t := mediaType(h)
	return t == "application/json" || strings.HasSuffix(t, "+json")
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
