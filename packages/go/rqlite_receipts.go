package knocker

import (
	"context"
	"errors"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// write sends what callers have stored, those who come together in one request, until the writer is closed.
func (k *rqliteCluster) write(w *writer) {
	for last := 0; w.takeOne(); {
		w.gather(last)
		group := w.takeGroup()
		last = len(group)
		if !k.store(group) {
			// One of them was refused, and the transaction of all was rolled back.
			k.storeEach(group)
		}
		w.database.changed.notify()
		answer(group)
	}
}

// storeEach stores one after the other. Where the cluster goes away meanwhile, nobody waits for it in turn.
func (k *rqliteCluster) storeEach(group []*ticket) {
	var away error
	for _, t := range group {
		if away == nil {
			k.store([]*ticket{t})
		} else {
			t.err = away
		}
		if errors.Is(t.err, ErrClusterUnavailable) {
			away = t.err
		}
	}
}

// store says false where others may be stored without the one that was refused.
func (k *rqliteCluster) store(group []*ticket) bool {
	statements := make([]rqlite.Statement, len(group))
	for i, t := range group {
		statements[i] = rqliteCall(t.function, t.arguments)
	}
	done, err := k.nodes.Write(context.Background(), k.options.busyTimeout, statements...)
	err = k.problemOf(done, err)
	if err != nil && done.Meaning == rqlite.Refused && len(group) > 1 {
		return false
	}
	for i, t := range group {
		if t.err = err; err == nil {
			t.result = firstOf(done.Rows[i])
		}
	}
	return true
}
