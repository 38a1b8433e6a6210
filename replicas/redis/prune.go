package redis

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pruneStep = 50                  // entries that are looked at with each that is added
	oldAge    = 90 * 24 * time.Hour // of an entry that is not understood
)

// prune removes those of the entries that do not matter any more; if that fails, somebody
// comes by again. The next call for the stream is about those that follow, so that what
// matters for long does not hide what stands behind it.
func (s *Shared) prune(ctx context.Context, entries []redis.XMessage) {
	s.pruned.advance(entries)
	var old []string
	for _, e := range entries {
		if isOld(e, time.Now()) {
			old = append(old, e.ID)
		}
	}
	if len(old) > 0 {
		s.client.XDel(ctx, s.stream(), old...)
	}
}

// isOld reports whether e does not matter any more. A newer version of this package may
// understand an entry that this one does not, so that only its age counts.
func isOld(e redis.XMessage, now time.Time) bool {
	_, _, until, err := parse(e)
	if err == nil {
		return until < now.UnixMilli()
	}
	text, _, _ := strings.Cut(e.ID, "-")
	added, err := strconv.ParseInt(text, 10, 64)
	return err == nil && added < now.Add(-oldAge).UnixMilli()
}

// A cursor is where to look for old entries. It goes round and round.
type cursor struct {
	mu   sync.Mutex
	next string
}

func (c *cursor) place() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == "" {
		return "-"
	}
	return c.next
}

// advance goes to the last entry of a full step, and from the end to the beginning.
func (c *cursor) advance(entries []redis.XMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = ""
	if len(entries) == pruneStep {
		c.next = entries[len(entries)-1].ID
	}
}
