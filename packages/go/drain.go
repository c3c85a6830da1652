package knocker

import (
	"context"
	"errors"
)

// Attempted is one attempt of a drain.
type Attempted struct {
	EventID int64
	// Err is what the handlers failed with; nil where they did not.
	Err error
	// Status is handled, failed, dead, ignored, lease_lost or unwritten.
	Status string
}

// Drain handles all that is due now in this goroutine's stead and gives the attempts in order: for tests, and for jobs that run from a timer. An
// event whose handler fails is not tried again until its backoff is over. Something that is due even after limit attempts is an error.
func (h *Hooks) Drain(ctx context.Context, limit int, options ...WorkOption) ([]Attempted, error) {
	w, err := h.newWork(options)
	if err != nil {
		return nil, err
	}
	if err := h.begin(w); err != nil {
		return nil, err
	}
	defer h.end(w)
	defer w.keeper.close()
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if h.database.cluster != nil {
		return newRqliteWork(w).drain(ctx, limit)
	}
	var done []Attempted
	for {
		more, err := w.drain(ctx, limit, &done)
		if err != nil || !more {
			_, releasing := w.keeper.release()
			return done, errors.Join(err, releasing)
		}
	}
}

// drain works on one connection, and says whether there may be more to do on another.
func (w *work) drain(ctx context.Context, limit int, done *[]Attempted) (bool, error) {
	a, err := newSharedAttempts(w)
	if err != nil {
		return false, err
	}
	defer a.close()
	spent := false
	attempt := func(j *Job) {
		all := w.attempt(ctx, a, j)
		for _, one := range all {
			*done = append(*done, Attempted{one.job.Event.ID, one.failure, one.status})
		}
		spent = isSpent(a, all)
	}
	// What was run before the end is committed, whatever ends it.
	defer attempt(nil)
	for ctx.Err() == nil {
		if w.isStopping() {
			return false, nil
		}
		j, err := w.take(a, 0)
		if err != nil || (j == nil && a.uncommitted() == 0) {
			return false, err
		}
		if j != nil && len(*done)+a.uncommitted() >= limit {
			return false, usage("more is due after %d attempts: do handlers keep making work for themselves?", limit)
		}
		if attempt(j); spent {
			return true, nil
		}
	}
	return false, ctx.Err()
}
