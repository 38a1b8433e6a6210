package bench

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// sink is an http.ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
	bad    int // answers that are not the handler's
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func (s *sink) WriteHeader(status int) {
	s.status = status
	if status != http.StatusNoContent {
		s.bad++
	}
}

// measure sends r through h, which leads to the handler that does nothing. Each turn
// gets r as it was, since middleware keeps things in requests; change, unless nil,
// makes it another.
func measure(b *testing.B, h http.Handler, r *http.Request, change func()) {
	fillHeap(b)
	w := &sink{header: make(http.Header)}
	pristine := *r
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		clear(w.header)
		*r = pristine
		if change != nil {
			change()
		}
		h.ServeHTTP(w, r)
	}
	if w.bad > 0 || w.status != http.StatusNoContent {
		b.Fatalf("got %d bad answers, the last with status %d, want none", w.bad, w.status)
	}
}

// fillHeap makes the heap of this process as large as that of a server at work, some
// 30 MB, and the same for all: next to nothing is collected every few thousand
// requests, which would then be most of what is measured.
func fillHeap(b *testing.B) {
	if _, err := firstSights(); err != nil {
		b.Fatal(err)
	}
}

// cpuTime adds the time that the processors spent from now on until what it returns
// is called.
func cpuTime(b *testing.B) (done func()) {
	start := CPUTime()
	return func() {
		if d := CPUTime() - start; d > 0 {
			b.ReportMetric(float64(d.Nanoseconds())/float64(b.N), "cpu-ns/op")
		}
	}
}

// foreignCookies are 800 bytes of an application's and its analytics'.
func foreignCookies() []*http.Cookie {
	return []*http.Cookie{
		{Name: "theme", Value: "dark"}, {Name: "_ga", Value: randomText(30)},
		{Name: "consent", Value: randomText(300)}, {Name: "session_of_another", Value: randomText(420)},
	}
}

// BenchmarkAnonymous is a request with no cookie of ours: Wrap against nothing.
func BenchmarkAnonymous(b *testing.B) {
	for _, requests := range []struct {
		name string
		jar  []*http.Cookie
	}{{"nocookies", nil}, {"foreign", foreignCookies()}} {
		b.Run("bare/"+requests.name, func(b *testing.B) { measure(b, nothing, pageRequest(requests.jar), nil) })
		b.Run("login/"+requests.name, func(b *testing.B) {
			measure(b, ways()[0].site(b).auth.Wrap(nothing), pageRequest(requests.jar), nil)
		})
	}
}

// BenchmarkKnownCookie is a request of a session that was seen before, in each of our
// ways. What a Store holds is not remembered.
func BenchmarkKnownCookie(b *testing.B) {
	for _, w := range ways() {
		for _, size := range sizes() {
			b.Run(w.name+"/"+size.name, func(b *testing.B) {
				c := w.site(b).candidate(w.name)
				measureSession(b, c, c.require(nothing), size.account())
			})
		}
	}
}

// BenchmarkToken is one that asks for its token, which is fresh.
func BenchmarkToken(b *testing.B) {
	for _, size := range sizes() {
		b.Run("login/"+size.name, func(b *testing.B) {
			s := ways()[0].site(b)
			c := s.candidate("login")
			measureSession(b, c, c.require(s.withToken(nothing)), size.account())
		})
	}
}

// BenchmarkPeer is the same request in the other ways.
func BenchmarkPeer(b *testing.B) {
	for _, c := range peers() {
		for _, size := range sizes() {
			if c.name == "gologin" && size.name != "github" {
				continue // holds no token
			}
			b.Run(c.name+"/"+size.name, func(b *testing.B) {
				measureSession(b, c, c.require(nothing), size.account())
			})
		}
	}
}

func measureSession(b *testing.B, c candidate, h http.Handler, a account) {
	jar := mustBegin(b, c, a)
	for range 3 {
		h.ServeHTTP(&sink{header: make(http.Header)}, pageRequest(jar))
	}
	measure(b, h, pageRequest(jar), nil)
	b.ReportMetric(float64(len(cookieLine(jar))), "cookie-B")
}

// A sequence is more sessions than are remembered: so many come between two sights
// of one that the first is forgotten.
type sequence struct {
	identities []string // cookies, as name=value
	next       int
}

const sequenceLen = 1 << 16 // eight times what an Auth notes having seen once

var firstSights = sync.OnceValues(func() (*sequence, error) {
	s, err := newSite(nil)
	if err != nil {
		return nil, err
	}
	list, err := s.identities(sizes()[0].account(), sequenceLen)
	return &sequence{identities: list}, err
})

// measureFirst is measure with another session in each turn. The identity is in a
// line of its own; the tokens, which are in another, stay the same.
func measureFirst(b *testing.B, handler func(cookie string) http.Handler, a account) {
	all, err := firstSights()
	if err != nil {
		b.Fatal(err)
	}
	jar := mustBegin(b, ways()[0].site(b).candidate("login"), a)
	lines := []string{"", cookieLine(jar[1:])}
	r := pageRequest(nil)
	r.Header["Cookie"] = lines
	measure(b, handler(jar[0].Name), r, func() {
		all.next = (all.next + 1) % len(all.identities)
		lines[0] = all.identities[all.next]
	})
	b.ReportMetric(float64(len(lines[0])+len("; ")+len(lines[1])), "cookie-B")
}

// BenchmarkFirstSight is the first request of a session.
func BenchmarkFirstSight(b *testing.B) {
	for _, size := range sizes() {
		b.Run("login/"+size.name, func(b *testing.B) {
			s := ways()[0].site(b)
			measureFirst(b, func(string) http.Handler { return s.candidate("login").require(nothing) }, size.account())
		})
		b.Run("fourkeys/"+size.name, func(b *testing.B) {
			s := fourKeys(b)
			measureFirst(b, func(string) http.Handler { return s.candidate("fourkeys").require(nothing) }, size.account())
		})
	}
}

// BenchmarkFloor is what no way can do without; see floors.go.
func BenchmarkFloor(b *testing.B) {
	for _, size := range sizes() {
		b.Run("context/"+size.name, func(b *testing.B) {
			jar := mustBegin(b, ways()[0].site(b).candidate("login"), size.account())
			name := jar[0].Name
			measure(b, contextFloor(name, nothing), pageRequest(jar), nil)
			b.ReportMetric(float64(len(cookieLine(jar))), "cookie-B")
		})
		for _, name := range []string{"crypto", "pooled"} {
			b.Run(name+"/"+size.name, func(b *testing.B) {
				measureFirst(b, func(cookie string) http.Handler { return floors()[name](cookie, nothing) }, size.account())
			})
		}
	}
}

// The identities of a sequence are opened by whoever has the key, and differ.
func TestFirstSights(t *testing.T) {
	s := ways()[0].site(t)
	list, err := s.identities(sizes()[0].account(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"login", "fourkeys"} {
		h := s.candidate(name).require(nothing)
		if name == "fourkeys" {
			h = fourKeys(t).candidate(name).require(nothing)
		}
		for i, line := range list {
			r := pageRequest(nil)
			r.Header["Cookie"] = []string{line, "other=cookie"}
			w := &sink{header: make(http.Header)}
			if h.ServeHTTP(w, r); w.status != http.StatusNoContent || strings.Contains(strings.Join(list[:i], " "), line) {
				t.Errorf("%s: got status %d for session %d, or one twice; want 204", name, w.status, i)
			}
		}
	}
}
