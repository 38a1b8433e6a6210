package login

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A cookie is remembered at its second sight, and compared whole.
func TestOpenedSet(t *testing.T) {
	k := newOpenedSet[int]()
	const value = "a cookie"
	for i, want := range []bool{false, false, true} {
		if _, ok := k.get(value); ok != want {
			t.Errorf("sight %d: got known %v, want %v", i+1, ok, want)
		}
		k.add(value, 7)
	}
	if held, _ := k.get(value); held != 7 {
		t.Errorf("got %d, want 7", held)
	}
	for _, other := range []string{"", "a cooki", "a cookie ", "A cookie", "a cookif"} {
		if _, ok := k.get(other); ok {
			t.Errorf("%q is known", other)
		}
	}
}

// However many cookies come, of whatever size, the set stays small, and those that
// are in use stay in it.
func TestOpenedSetIsBounded(t *testing.T) {
	for _, size := range []int{10, 4000} {
		k := newOpenedSet[int]()
		twice := func(value string) {
			k.add(value, 1)
			k.add(value, 1)
		}
		twice("in use")
		most := 0
		for i := range 5 * maxOpened {
			twice(strconv.Itoa(i) + strings.Repeat("x", size))
			if _, ok := k.get("in use"); !ok {
				t.Fatalf("size %d: forgotten after %d others", size, i)
			}
			bytes := 0
			if i%1000 == 0 {
				for value := range k.cur {
					bytes += len(value)
				}
				for value := range k.prev {
					bytes += len(value)
				}
			}
			if bytes > 2*maxOpenedBytes || len(k.cur) > maxOpened || len(k.prev) > maxOpened {
				t.Fatalf("size %d: got %d and %d cookies of %d bytes", size, len(k.cur), len(k.prev), bytes)
			}
			most = max(most, len(k.cur)+len(k.prev))
		}
		if _, ok := k.get("0" + strings.Repeat("x", size)); ok || most < 100 {
			t.Errorf("size %d: the first is still known, of %d", size, most)
		}
	}
}

func TestOpenedSetConcurrently(t *testing.T) {
	k := newOpenedSet[string]()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20_000 {
				value := strconv.Itoa(i % 3000)
				if held, ok := k.get(value); ok && held != value {
					t.Errorf("got %q for %q", held, value)
				}
				k.add(value, value)
			}
		})
	}
	wg.Wait()
}

// A cookie is remembered without the header that it came in.
func TestOpenedSetKeepsNoHeaders(t *testing.T) {
	o := newOpenedSet[int]()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 32 {
		header := strings.Repeat("x", 1<<20) + fmt.Sprintf("%08d", i)
		for range 2 {
			o.add(header[1<<20:], i)
		}
		if _, ok := o.get(header[1<<20:]); !ok {
			t.Fatal("it is not remembered")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 8<<20 {
		t.Errorf("got %d MB more in use, want next to nothing", n>>20)
	}
	runtime.KeepAlive(o)
}
