package ended

import (
	"testing"
	"time"
)

func TestLaterWins(t *testing.T) {
	for name, first := range map[string]bool{"later first": true, "later last": false} {
		t.Run(name, func(t *testing.T) {
			var s Set
			key, now := [16]byte{1}, time.UnixMilli(1_000_000)
			later, earlier := []int64{500, 900_000}, []int64{400, 2_000_000}
			if first {
				later, earlier = earlier, later
			}
			s.Add(key, earlier[0], earlier[1])
			s.Add(key, later[0], later[1])
			s.Sweep(now) // the later of the two times counts here, too
			if at, ok := s.At(key); !ok || at.UnixMilli() != 500 {
				t.Errorf("got %v, %v, want 500 ms", at.UnixMilli(), ok)
			}
		})
	}
}

func TestSweep(t *testing.T) {
	var s Set
	now := time.UnixMilli(1_000_000_000)
	s.Sweep(now)
	for i := range 100 {
		s.Add([16]byte{byte(i)}, 1, now.Add(time.Duration(i)*time.Second).UnixMilli())
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{59 * time.Second, 100}, {60 * time.Second, 40}, {3 * time.Minute, 0}} {
		s.Sweep(now.Add(test.after))
		if got := len(s.byKey); got != test.want {
			t.Errorf("after %v: got %d keys, want %d", test.after, got, test.want)
		}
	}
	if at, ok := s.At([16]byte{99}); ok {
		t.Errorf("got %v for a key that is forgotten", at)
	}
}
