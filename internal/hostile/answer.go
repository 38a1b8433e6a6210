package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An Answer is what the provider says to a client's request.
type Answer struct {
	Status int
	Type   string // Content-Type
	Header http.Header
	Object Object
	Body   string // instead of Object
	Keys   *Keys
	Login  *Login // where it belongs to one
	Before Login  // as it was before a refresh
	Path   string // that an API was asked for
	Hint   string // at the type of a token that is to be revoked

	// Unspent says that the refresh token of the request stays the one to use: the
	// provider knows that its answer was of no use.
	Unspent bool

	Stall time.Duration // before anything is sent
	Drip  bool          // one byte in a second, for an hour
	Cut   bool          // the connection breaks in the middle
	Gzip  bool
}

func newAnswer(p *Provider, o Object) *Answer {
	return &Answer{Status: http.StatusOK, Type: "application/json", Header: http.Header{}, Object: o, Keys: p.Keys}
}

// JSON returns the object as it would be sent.
func (a *Answer) JSON() string { return a.Object.json() }

func (a *Answer) send(w http.ResponseWriter, r *http.Request) {
	wait(r, a.Stall)
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", a.Type)
	body := []byte(a.Body)
	if a.Body == "" {
		body, _ = json.Marshal(a.Object)
	}
	if a.Gzip {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(body)
		z.Close()
		body = packed.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	switch {
	case a.Drip:
		drip(w, r, a.Status)
	case a.Cut:
		w.Header().Set("Content-Length", strconv.Itoa(2*len(body)))
		w.WriteHeader(a.Status)
		w.Write(body)
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(a.Status)
		w.Write(body)
	}
}

// drip keeps a client reading.
func drip(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	for range 3600 {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil || r.Context().Err() != nil {
			return
		}
		wait(r, time.Second)
	}
}

// wait returns after d, and not at all when the client has gone: what was sent at
// that very moment might still arrive.
func wait(r *http.Request, d time.Duration) {
	if d == 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}
