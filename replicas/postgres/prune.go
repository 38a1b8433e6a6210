package postgres

import (
	"context"
	"strings"
	"time"
)

const (
	pruneEvery = time.Minute
	pruneTime  = 10 * time.Second // of one statement
	pruneBatch = 10_000           // rows that a statement deletes
)

// prune deletes now and then what does not matter any more. It has no part in listening:
// a statement that waits for a lock keeps nobody from hearing what comes.
func (s *Shared) prune() {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		s.deleteOld("{}_once", "now()")
		s.deleteOld("{}_revoked", "extract(epoch FROM now()) * 1000")
		select {
		case <-tick.C:
		case <-s.ctx.Done():
		}
	}
}

// deleteOld deletes the rows that end before now; if that fails, the next one does. A row
// may have been given more time since it was found, so that it is asked again.
func (s *Shared) deleteOld(table, now string) {
	text := s.statement(strings.NewReplacer("TABLE", table, "NOW", "("+now+")").Replace(
		`DELETE FROM TABLE WHERE until < NOW AND ctid = ANY (ARRAY(SELECT ctid FROM TABLE WHERE until < NOW LIMIT $1))`))
	for {
		ctx, cancel := context.WithTimeout(s.ctx, pruneTime)
		result, err := s.db.ExecContext(ctx, text, pruneBatch)
		cancel()
		if err != nil {
			return
		}
		if n, err := result.RowsAffected(); err != nil || n < pruneBatch {
			return
		}
	}
}
