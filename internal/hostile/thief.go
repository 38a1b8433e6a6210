package hostile

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// A Thief is a server that nobody should talk to. It records what it gets.
type Thief struct {
	mu  sync.Mutex
	got []string
}

func (t *Thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got = append(t.got, fmt.Sprintf("%s %s%s %q %s", r.Method, r.Host, r.RequestURI, r.Header, body))
	w.WriteHeader(http.StatusNoContent)
}

// Got returns the requests that reached the thief.
func (t *Thief) Got() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.got)
}
