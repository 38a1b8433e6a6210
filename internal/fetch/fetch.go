// Package fetch sends requests to providers within bounds: an answer has a
// limited size, redirects are not followed, and no error holds a URL, a body or a
// content type.
package fetch

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds every answer of a provider, in bytes.
const maxBody = 1 << 20

// An Answer is one that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // nil if Status is not 200 and it could not be read
}

// Do sends r with client. Redirects are not followed, but returned: a provider's
// answer must not choose where the next request, perhaps with a token, goes
// (SSRF).
func Do(client *http.Client, r *http.Request) (*Answer, error) {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	if err != nil {
		return nil, WithoutURL(err)
	}
	defer resp.Body.Close()
	body, err := read(resp.Body)
	if err != nil && resp.StatusCode == http.StatusOK {
		return nil, err
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// WithoutURL drops the URL from an error of net/http: it may have a query, and a
// query may have a secret.
func WithoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// read fails, rather than ends, at the limit: half an answer must not pass for a
// whole one.
func read(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("want at most %d bytes, have more", maxBody)
	}
	return body, nil
}

// MediaType returns the content type without its parameters, in lower case.
func (a *Answer) MediaType() string {
	t, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return t
}

// JSON reports whether the answer is called JSON (RFC 8259, RFC 6839 section
// 3.1), not whether it is.
func (a *Answer) JSON() bool {
	t := a.MediaType()
	return t == "application/json" || strings.HasSuffix(t, "+json")
}
