package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
)

// alone is as call, by the caller itself, for a function that does all of it; false where there are others who may share a commit.
func (w *writer) alone(ctx context.Context, function string, arguments ...driver.Value) (driver.Value, bool, error) {
	w.mu.RLock()
	mayLead := !w.closed && w.mayLead(ctx) && w.turn.take()
	w.mu.RUnlock()
	if !mayLead {
		return nil, false, nil
	}
	t := newTicket(function, arguments...)
	t.isWhole = true
	w.lead(t)
	<-t.answered
	return t.result, true, t.err
}

// mayLead: whoever writes does not hear of the end of a context, and where others have just been there it would begin without them.
func (w *writer) mayLead(ctx context.Context) bool {
	return ctx.Done() == nil && w.database.cluster == nil && w.isAlone.Load()
}

// lead has a caller who has the turn commit its own call, with those who join it on the way. What comes after that is the goroutine's: others who wait,
// a checkpoint, and the wait for a lock that somebody else has.
func (w *writer) lead(t *ticket) {
	defer func() {
		if value := recover(); value != nil {
			// Of the application's log handler, say. Where the caller's goroutine recovers, as a server's do, nobody would ever have the turn again.
			go panic(value)
			select {}
		}
	}()
	w.waiting = append(w.waiting, t)
	w.serve(true)
	w.turn.pass(func() bool { return w.isCheckpointDue || len(w.waiting) > 0 || len(w.queue) > 0 })
}

// writeWhole runs the one call that waits, which has a transaction of its own, and gives whom to answer: nobody where somebody else has the lock, for
// which the goroutine waits. It is false where nothing was done, and the usual way is to be gone.
func (w *writer) writeWhole() ([]*ticket, bool) {
	if w.connect() != nil || w.waitAStep() != nil {
		return nil, false
	}
	t := w.waiting[0]
	result, err := w.connection.call(t.function, t.arguments...)
	if errors.Is(err, ErrReadOnly) {
		return nil, false
	}
	if errors.Is(err, ErrBusy) {
		return nil, true
	}
	w.waiting = nil
	if err == nil {
		// In the file that is gone it is nowhere.
		err = w.database.refuseFormer(w.generation)
	}
	if err == nil {
		t.result = result
		w.database.changed.notify()
		return []*ticket{t}, true
	}
	t.err = err
	w.database.doubt(err)
	if errors.Is(err, ErrFileReplaced) {
		w.disconnect()
	}
	return []*ticket{t}, true
}
