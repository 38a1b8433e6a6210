package hostile

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// A Thief is a server that nobody should talk to. It records what it gets, and
// gives whatever Serve says to make it look genuine.
type Thief struct {
	mu    sync.Mutex
	got   []string
	serve http.Handler
}

// Serve lets the thief answer as h does, after he has recorded the request.
func (t *Thief) Serve(h http.Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serve = h
}

func (t *Thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	t.mu.Lock()
	t.got = append(t.got, fmt.Sprintf("%s %s%s %s", r.Method, r.Host, r.RequestURI, body))
	serve := t.serve
	t.mu.Unlock()
	if serve == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	serve.ServeHTTP(w, r)
}

// Got returns the requests that reached the thief.
func (t *Thief) Got() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.got)
}
