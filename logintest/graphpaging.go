package logintest

import (
	"encoding/base64"
	"net/url"
	"strconv"
)

const (
	defaultLimit = 25
	maxLimit     = 100
)

// window reads limit and after: which of n entries are asked for.
func (g *graphCall) window(n int) (from, to int, e *graphError) {
	q, limit := g.r.URL.Query(), defaultLimit
	if text := q.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return 0, 0, &graphError{message: "(#100) Param limit must be a positive number", code: 100}
		}
	}
	if after := q.Get("after"); after != "" {
		b, _ := base64.RawURLEncoding.DecodeString(after)
		var err error
		if from, err = strconv.Atoi(string(b)); err != nil || from < 0 {
			return 0, 0, &graphError{message: "(#100) Invalid cursors values", code: 100}
		}
	}
	from = min(from, n)
	return from, min(from+min(limit, maxLimit), n), nil
}

// paging says where the entries from and to stand among n. As at Facebook, the URL
// of the next ones holds the token, so that no careful client follows it.
func (g *graphCall) paging(from, to, n int) map[string]any {
	cursor := func(i int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i))) }
	paging := map[string]any{"cursors": map[string]string{"before": cursor(from), "after": cursor(to)}}
	if to < n {
		q := url.Values{"access_token": {g.graphToken()}, "limit": {strconv.Itoa(to - from)}, "after": {cursor(to)}}
		paging["next"] = g.url + "/v25.0/" + g.id + "/accounts?" + q.Encode()
	}
	return paging
}
