package bench

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

// BenchmarkLogin is GET /login/github of somebody without cookies.
func BenchmarkLogin(b *testing.B) {
	eachLogin(b, func(b *testing.B, c loginCandidate) {
		w := &answered{sink: sink{header: make(http.Header)}}
		r := httptest.NewRequest(http.MethodGet, c.startURL, nil)
		pristine := *r
		b.ReportAllocs()
		defer cpuTime(b)()
		for b.Loop() {
			clear(w.header)
			*r = pristine
			c.start.ServeHTTP(w, r)
		}
		w.check(b)
	})
}

// BenchmarkCallback is the way back, with the code exchanged and the user asked for
// at a provider in memory, up to the cookies of the session.
func BenchmarkCallback(b *testing.B) {
	eachLogin(b, func(b *testing.B, c loginCandidate) {
		requests := make([]*http.Request, b.N)
		for i := range requests {
			var err error
			if requests[i], err = c.begun(); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC() // what beginning has left behind
		w := &answered{sink: sink{header: make(http.Header)}}
		b.ReportAllocs()
		b.ResetTimer()
		used := cpuTime(b)
		for _, r := range requests {
			clear(w.header)
			c.callback.ServeHTTP(w, r)
		}
		used()
		b.StopTimer()
		w.check(b)
	})
}

func eachLogin(b *testing.B, f func(*testing.B, loginCandidate)) {
	fillHeap(b)
	candidates, err := loginCandidates()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range candidates {
		b.Run(c.name, func(b *testing.B) { f(b, c) })
	}
}

// answered counts the answers that are no redirects with a cookie.
type answered struct {
	sink
	failed int
}

func (a *answered) WriteHeader(status int) {
	if status/100 != 3 || len(a.header["Set-Cookie"]) == 0 {
		a.failed++
	}
	a.status = status
}

func (a *answered) check(b *testing.B) {
	if a.failed > 0 || a.status == 0 {
		b.Fatalf("got %d failed answers, last status %d, want redirects with cookies", a.failed, a.status)
	}
}
