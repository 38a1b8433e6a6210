package interop_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// While what replicas share hangs, requests give up by themselves, however many there
// are: who has a session in cookies is known all the same, and who has one in the
// engine is told to come back. When it goes on, all are known.
func TestScaledEngineHangs(t *testing.T) {
	for _, kind := range scaledKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			engine := kind.engine(t)
			way := newLine(t, engine.addr)
			engine.url = strings.Replace(engine.url, engine.addr, way.addr, 1)
			s := newScaledSite(t, newKey(), engine.env(kind.sessions)...)
			for range 2 {
				s.finish(s.begin())
			}
			want := http.StatusOK
			if kind.sessions == "store" {
				want = http.StatusServiceUnavailable
			}

			way.silence()
			var all sync.WaitGroup
			for i := range 60 {
				all.Go(func() {
					began := time.Now()
					status, _ := s.replicas[i%2].ask(s.visitors[i%2])
					if took, limit := time.Since(began), 18*time.Second; status != want || took > limit {
						t.Errorf("got status %d after %v, want %d in %v", status, took, want, limit)
					}
				})
			}
			all.Wait()

			way.connect(t)
			for _, r := range s.replicas {
				for end := time.Now().Add(patience); time.Now().Before(end); {
					if status, _ := r.ask(s.visitors[0]); status == http.StatusOK {
						break
					}
				}
			}
			s.checkKnown(s.visitors)
		})
	}
}
