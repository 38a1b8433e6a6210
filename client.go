package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	providerTimeout = 10 * time.Second // of discovery; of exchanging a code and identifying together
	maxAnswer       = 1 << 20          // bytes of a provider's answer
	apiTimeout      = 30 * time.Second // of what Auth.Client sends
	userAgent       = "doorlatch-login/1 (+https://github.com/doorlatch/login)"
)

var (
	errRedirected = errors.New("the answer is a redirect, which is not followed")
	errTooLarge   = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	errInsecure   = errors.New("want an https URL (http only on loopback)")
	errNotHTTP    = errors.New("the answer is not HTTP, or was cut off")
)

// newClient returns a client with our bounds around the transport of base, for
// everything that is sent to p. Answers of tokenURL are repaired.
func newClient(base *http.Client, p *Provider, tokenURL string) *http.Client {
	t := &transport{base: http.DefaultTransport, tokenError: p.TokenError}
	if u, err := url.Parse(tokenURL); err == nil {
		t.tokenURL = u.String() // as requests for it will spell it
	}
	return t.client(base, providerTimeout, noRedirect)
}

// newAPIClient returns a client for what the application asks of an API: with less
// strict bounds, since it is the application that asks.
func newAPIClient(base *http.Client) *http.Client {
	return (&transport{base: http.DefaultTransport, open: true}).client(base, apiTimeout, nil)
}

func (t *transport) client(base *http.Client, timeout time.Duration, redirect func(*http.Request, []*http.Request) error) *http.Client {
	if base != nil {
		if base.Transport != nil {
			t.base = base.Transport
		}
		if base.Timeout > 0 {
			timeout = min(timeout, base.Timeout)
		}
	}
	return &http.Client{Transport: t, Timeout: timeout, CheckRedirect: redirect}
}

// withHandshakeTimeout returns rt with a limit for TLS handshakes, which net/http
// lets go on when the request that wanted them has ended.
func withHandshakeTimeout(rt http.RoundTripper) http.RoundTripper {
	t, ok := rt.(*http.Transport)
	if !ok || t.TLSHandshakeTimeout != 0 {
		return rt
	}
	t = t.Clone()
	t.TLSHandshakeTimeout = providerTimeout
	return t
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport bounds what one request to a provider can cost and reveal.
type transport struct {
	base       http.RoundTripper
	tokenURL   string
	tokenError func(int, []byte) error
	open       bool // to redirects and to answers of any size
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secureURL(r.URL) {
		closeBody(r)
		return nil, errInsecure
	}
	r = r.Clone(r.Context())
	setDefault(r.Header, "Accept", "application/json")
	setDefault(r.Header, "User-Agent", userAgent)
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, withoutAnswer(err)
	}
	if t.open {
		return resp, nil
	}
	if resp.StatusCode/100 == 3 && resp.StatusCode != http.StatusNotModified {
		// A redirected token request would post the code and the secret again,
		// wherever the answer points.
		resp.Body.Close()
		return nil, errRedirected
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxAnswer}
	if r.Method == http.MethodPost && t.tokenURL != "" && r.URL.String() == t.tokenURL {
		return repairTokenResponse(resp, t.tokenError)
	}
	return resp, nil
}

// withoutAnswer replaces an error of net/http that quotes what the provider sent
// in place of an HTTP answer.
func withoutAnswer(err error) error {
	var ne net.Error
	if !errors.As(err, &ne) && strings.Contains(err.Error(), "transport connection broken") {
		return errNotHTTP
	}
	return err
}

func setDefault(h http.Header, key, value string) {
	if h.Get(key) == "" {
		h.Set(key, value)
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// limitedBody fails, rather than ends, where the limit is reached: half an
// answer must not pass for a whole one.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLarge
	}
	if err != nil && err != io.EOF && !known(err) {
		err = errNotHTTP // the text of others may quote the answer, as that of a bad trailer does
	}
	return n, err
}

// known reports whether err is about the connection or the deadline.
func known(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// userTransport attaches the user's token to requests for the API origins of
// the provider, and to no others.
type userTransport struct {
	base    http.RoundTripper
	grant   *Grant
	refused func() // called when the API does not accept the token; nil: nobody cares
}

// newUserClient returns c acting as the user whom g belongs to.
func newUserClient(c *http.Client, g *Grant, refused func()) *http.Client {
	return &http.Client{Transport: &userTransport{c.Transport, g, refused}, Timeout: c.Timeout, CheckRedirect: c.CheckRedirect}
}

// mayReceive reports whether u may be sent the token of g.
func (g *Grant) mayReceive(u *url.URL) bool {
	return g.Token != nil && (sameOrigin(u, g.Metadata.UserInfoURL) ||
		slices.ContainsFunc(g.Provider.API, func(api string) bool { return sameOrigin(u, api) }))
}

func (g *Grant) authorize(r *http.Request) {
	if g.Provider.Authorize != nil {
		g.Provider.Authorize(r, g)
		return
	}
	r.Header.Set("Authorization", "Bearer "+g.Token.AccessToken)
}

func (t *userTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	u, err := t.resolve(r.URL)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL = u
	receives := t.grant.mayReceive(u)
	if receives {
		t.grant.authorize(r)
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if receives && resp.StatusCode == http.StatusUnauthorized && t.refused != nil && carries(r.Header, t.grant.Token.AccessToken) {
		t.refused()
	}
	if to, err := u.Parse(resp.Header.Get("Location")); err == nil && resp.Header.Get("Location") != "" {
		resp.Header.Set("Location", to.String()) // or net/http takes it as relative to what the caller wrote
	}
	return resp, nil
}

// carries reports whether token is in h: a Provider may act with another, as
// Facebook's does for a page.
func carries(h http.Header, token string) bool {
	for _, values := range h {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, token) }) {
			return true
		}
	}
	return false
}

// resolve joins a relative URL to the first API base: "user" and "/user" are
// both below "https://example.com/api".
func (t *userTransport) resolve(u *url.URL) (*url.URL, error) {
	if u.Scheme != "" || u.Host != "" {
		return u, nil
	}
	if len(t.grant.Provider.API) == 0 {
		return nil, errors.New("a relative URL needs Provider.API")
	}
	base, err := url.Parse(t.grant.Provider.API[0])
	if err != nil {
		return nil, err
	}
	if base.Path == "" {
		base.Path = "/" // or JoinPath makes a relative path
	}
	joined := base.JoinPath(u.EscapedPath())
	joined.RawQuery = u.RawQuery
	return joined, nil
}

// sameOrigin reports whether u has the origin of the URL raw.
func sameOrigin(u *url.URL, raw string) bool {
	o, err := url.Parse(raw)
	return err == nil && o.Host != "" && origin(u) == origin(o)
}

// origin is scheme, host and port, the port always written (RFC 6454 section 4).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// secureURL reports whether secrets may be sent to u: https, or plain http that
// does not leave the machine.
func secureURL(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Get fetches JSON as the user into v, which is as for [json.Unmarshal], with
// g.Client. A relative url is joined to the first of Provider.API. Anything but a 2xx
// answer with a JSON body is an error that wraps [ErrProvider] and holds neither
// the body nor the query of url.
func (g *Grant) Get(ctx context.Context, url string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: GET: %w", ErrProvider, withoutURL(err))
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: GET %s: "+format, append([]any{ErrProvider, r.URL.Host + r.URL.EscapedPath()}, args...)...)
	}
	resp, err := g.Client.Do(r)
	if err != nil {
		return fail("%w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fail("want status 2xx, have %d", resp.StatusCode)
	}
	ct, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !strings.Contains(ct, "json") && !strings.Contains(ct, "javascript") {
		return fail("want JSON, have another content type")
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fail("%w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		// The error of encoding/json may quote the answer.
		return fail("the answer is not the JSON that was expected")
	}
	return nil
}

// withoutURL drops the URL, whose query may hold secrets, from an error of
// net/http or net/url.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
