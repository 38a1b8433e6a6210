package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"
)

// BenchmarkMemory is what a server remembers of so many logins that nobody finishes,
// and of so many sessions, each visited three times. Run it with -benchtime=1x.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("pending/login/%d", n), func(b *testing.B) {
			for b.Loop() {
				s := ways()[0].site(b)
				r := httptest.NewRequest(http.MethodGet, "/login/github", nil)
				retained(b, n, s, func() error {
					s.auth.ServeHTTP(&sink{header: make(http.Header)}, r)
					return nil
				})
			}
		})
		for _, name := range []string{"login", "memorystore", "scs"} {
			b.Run(fmt.Sprintf("session/%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					c := remembering(b, name)
					h := c.require(nothing)
					a := sizes()[0].account()
					retained(b, n, c, func() error {
						jar, err := c.begin(a)
						for range 3 {
							h.ServeHTTP(&sink{header: make(http.Header)}, pageRequest(jar))
						}
						return err
					})
				}
			})
		}
	}
}

func remembering(b *testing.B, name string) candidate {
	if name == "scs" {
		registerAccount()
		return scsWith(memstore.NewWithCleanupInterval(0))
	}
	for _, w := range ways() {
		if w.name == name {
			return w.site(b).candidate(name)
		}
	}
	b.Fatalf("got %q, want the name of a way", name)
	return candidate{}
}

// retained reports how much larger the heap is after f has run n times. The owner
// of the memory lives until then.
func retained(b *testing.B, n int, owner any, f func() error) {
	if err := f(); err != nil {
		b.Fatal(err)
	}
	before := heap()
	for range n {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	grown := heap() - before
	runtime.KeepAlive(owner)
	b.ReportMetric(float64(grown)/float64(n), "heap-B/one")
	b.ReportMetric(float64(grown)/1e6, "heap-MB")
	b.ReportMetric(0, "ns/op")
}

// heap is the size of what is reachable.
func heap() int {
	runtime.GC()
	runtime.GC() // what the first one found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
