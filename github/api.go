package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/fetch"
)

// get fetches JSON as the user into v. path is relative to the API. Its errors
// wrap login.ErrProvider; that an answer came, but not the one wanted, is told by
// asAnswer.
func (a account) get(ctx context.Context, g *login.Grant, path string, v any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: want a path", login.ErrProvider)
	}
	what := "GET " + r.URL.Path
	resp, err := a.do(g.Client, r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", login.ErrProvider, what, err)
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("%w: %s: %w", login.ErrProvider, what, &answer{resp.Status, resp.Header})
	}
	if !resp.JSON() {
		return nil, fmt.Errorf("%w: %s: want JSON, have another content type", login.ErrProvider, what)
	}
	if json.Unmarshal(resp.Body, v) != nil { // an error that may quote the answer
		return nil, fmt.Errorf("%w: %s: the answer is not the JSON that was expected", login.ErrProvider, what)
	}
	return resp.Header, nil
}

// do sends r with the headers that the REST API asks for.
func (a account) do(c *http.Client, r *http.Request) (*fetch.Answer, error) {
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-GitHub-Api-Version", a.version)
	return fetch.Do(c, r)
}

// An answer is one that was not wanted, without its body: that is the provider's
// text.
type answer struct {
	status int
	header http.Header
}

// asAnswer returns the answer that err is about, if any.
func asAnswer(err error) (*answer, bool) { return errors.AsType[*answer](err) }

func (a *answer) Error() string {
	text := fmt.Sprintf("have status %d", a.status)
	switch {
	case a.limited():
		text += ", a rate limit is reached"
	case a.status == http.StatusUnauthorized:
		text += ", the token or the client secret is not accepted"
	case a.status == http.StatusBadRequest:
		text += ", perhaps because of the API version"
	}
	return text
}

// limited reports whether a rate limit is to blame: the hourly one, or one of
// those against bursts.
func (a *answer) limited() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusForbidden &&
		(a.header.Get("X-RateLimit-Remaining") == "0" || a.header.Get("Retry-After") != "")
}

// hasNext reports whether another page follows (RFC 8288). Its URL is not used:
// it is the provider's answer, and the token would go there.
func hasNext(h http.Header) bool {
	return strings.Contains(strings.Join(h.Values("Link"), ","), `rel="next"`)
}
