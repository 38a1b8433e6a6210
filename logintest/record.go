package logintest

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

const (
	maxRecorded = 1000     // requests, and problems
	maxBody     = 64 << 10 // bytes of a request
)

// A Request is what a stand-in received. It holds what was sent, secrets
// included: the values are those of a test.
type Request struct {
	Method, Path string
	Query        url.Values  // of the URL
	Form         url.Values  // of a body that is a form
	Body         []byte      // any other body
	Header       http.Header // Accept, Authorization, Content-Type, Cookie, Origin, Referer, User-Agent and X-GitHub-Api-Version
}

func recordedHeaders() []string {
	return []string{
		"Accept", "Authorization", "Content-Type", "Cookie", "Origin", "Referer", "User-Agent", "X-Github-Api-Version",
	}
}

// newRequest reads the body of r, and leaves r as if it had not been read.
func newRequest(r *http.Request) (Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	r.Body.Close()
	if err == nil && len(body) > maxBody {
		err = &http.MaxBytesError{Limit: maxBody}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: http.Header{}}
	for _, key := range recordedHeaders() {
		if v := r.Header.Values(key); len(v) > 0 {
			rec.Header[key] = slices.Clone(v)
		}
	}
	if isForm(r) {
		rec.Form, _ = url.ParseQuery(string(body))
	} else if len(body) > 0 {
		rec.Body = body
	}
	return rec, err
}

func isForm(r *http.Request) bool {
	ct, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return ct == "application/x-www-form-urlencoded"
}

// recorder remembers what was received, and what was wrong with it.
type recorder struct {
	mu       sync.Mutex
	requests []Request
	problems []string
}

// Requests returns the requests received so far, oldest first; of more than
// 1,000 the last 1,000.
func (l *recorder) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(latest(l.requests))
	for i, r := range all {
		r.Query, r.Form = url.Values(http.Header(r.Query).Clone()), url.Values(http.Header(r.Form).Clone())
		r.Header, r.Body = r.Header.Clone(), slices.Clone(r.Body)
		all[i] = r
	}
	return all
}

// Problems returns a sentence for each request that a strict server refuses, or
// that a careful client does not send, oldest first; of more than 1,000 the last
// 1,000. After a login that went well there are none. The sentences hold no
// secret.
func (l *recorder) Problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(latest(l.problems))
}

func (l *recorder) addRequest(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = appendBounded(l.requests, r)
}

func (l *recorder) addProblem(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = appendBounded(l.problems, s)
}

// appendBounded lets list grow to twice its bound before it drops the oldest, so
// that they need not all be moved each time.
func appendBounded[T any](list []T, v T) []T {
	if len(list) >= 2*maxRecorded {
		list = slices.Delete(list, 0, len(list)-maxRecorded)
	}
	return append(list, v)
}

// latest returns the end of list that counts.
func latest[T any](list []T) []T { return list[max(0, len(list)-maxRecorded):] }
