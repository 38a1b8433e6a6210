package tokenstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/doorlatch/login"
)

// atOnce calls do n times at the same moment, each with a store of its own.
func atOnce(t *testing.T, n int, open func() login.TokenStore, do func(i int, s login.TokenStore) error) {
	t.Helper()
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		s := open()
		wg.Go(func() {
			<-begin
			if err := do(i, s); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
}

// Of many who find nothing, one creates, even where all want to keep the same.
func oneCreates(t *testing.T, open func() login.TokenStore) {
	for round := range 5 {
		key, value := strconv.Itoa(round), []byte("same")
		var saved atomic.Int64
		atOnce(t, 6, open, func(_ int, s login.TokenStore) error {
			won, err := s.Save(t.Context(), key, nil, value)
			if won {
				saved.Add(1)
			}
			return err
		})
		if n := saved.Load(); n != 1 {
			t.Errorf("got %d who created, want 1", n)
		}
		Wants(t, open(), key, value)
	}
}

// Increment adds n to the number under key, one by one. Where nothing is kept the
// number is 0. With each number it has saved, it calls confirmed.
func Increment(ctx context.Context, s login.TokenStore, key string, n int, confirmed func(number int)) error {
	for n > 0 {
		old, err := s.Load(ctx, key)
		if err != nil && !errors.Is(err, login.ErrNoToken) {
			return err
		}
		number, err := Number(old)
		if err != nil {
			return err
		}
		saved, err := s.Save(ctx, key, old, numbered(number+1))
		if err != nil {
			return err
		}
		if saved {
			n--
			confirmed(number + 1)
		}
	}
	return nil
}

// numbered is a value that is as long as tokens are, and that shows a part missing.
func numbered(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d,", n), 400)
}

// Number reads what Increment has saved, 0 if that is nothing.
func Number(value []byte) (int, error) {
	if value == nil {
		return 0, nil
	}
	first, _, _ := bytes.Cut(value, []byte(","))
	n, err := strconv.Atoi(string(first))
	if err == nil && !bytes.Equal(value, numbered(n)) {
		err = fmt.Errorf("%d bytes that begin with %q are not whole", len(value), first)
	}
	return n, err
}

// No increment is lost, and none is counted that was not made.
func counter(t *testing.T, open func() login.TokenStore) {
	const stores, each = 6, 15
	atOnce(t, stores, open, func(_ int, s login.TokenStore) error {
		return Increment(t.Context(), s, "page", each, func(int) {})
	})
	value, err := open().Load(t.Context(), "page")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Number(value); n != stores*each || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, stores*each)
	}
}

// While a value is replaced, readers find the old one or the new one, whole, and
// never an older one afterwards.
func neverMissing(t *testing.T, open func() login.TokenStore) {
	save(t, open(), "page", nil, numbered(1), true)
	var done atomic.Bool
	atOnce(t, 3, open, func(i int, s login.TokenStore) error {
		if i == 0 {
			defer done.Store(true)
			return Increment(t.Context(), s, "page", 60, func(int) {})
		}
		for last := 0; !done.Load(); {
			value, err := s.Load(t.Context(), "page")
			if err != nil {
				return err
			}
			n, err := Number(value)
			if err != nil || n < last {
				return fmt.Errorf("got %d after %d: %w", n, last, err)
			}
			last = n
		}
		return nil
	})
}

// Whatever is saved at the same time, nothing is there after a deletion, unless it
// was made from nothing.
func deletionWins(t *testing.T, open func() login.TokenStore) {
	for round := range 15 {
		key := strconv.Itoa(round)
		save(t, open(), key, nil, []byte("one"), true)
		atOnce(t, 4, open, func(i int, s login.TokenStore) error {
			if i == 0 {
				return s.Delete(t.Context(), key)
			}
			_, err := s.Save(t.Context(), key, []byte("one"), fmt.Append(nil, "two of ", i))
			return err
		})
		Wants(t, open(), key, nil)
	}
}
