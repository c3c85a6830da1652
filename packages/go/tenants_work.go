package knocker

import (
	"context"
	"errors"
)

// Work runs the handlers of every tenant until ctx ends, as [Hooks.Work] does those of one file, which works for a tenant whenever its file has
// something due: for as many at once as [MaxOpen] says, with all that the options say for each. Where more have work, each has its turn of about a
// second. Any number of processes may work on the same files. A file that cannot be opened is logged and tried again; the others go on.
func (t *Tenants) Work(ctx context.Context, options ...WorkOption) error {
	if _, err := workOptionsOf(options); err != nil {
		return err
	}
	if err := alive(ctx); errors.Is(err, ErrUsage) {
		return err
	}
	if err := t.begin(); err != nil {
		return err
	}
	defer t.workers.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-t.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	s, err := newTenantScheduler(t, options)
	if err != nil {
		return err
	}
	s.run(ctx)
	return nil
}

// turn is one worker's time with one file.
type turn struct {
	scheduled *scheduledTenant
	work      *work
	stop      context.CancelFunc
	isStopped bool
}

// workFor works in a tenant's file until ctx ends, and says when something is due there then.
func (t *Tenants) workFor(ctx context.Context, tenant string, options []WorkOption, began func(*work)) (found look) {
	open, err := t.pool.work(tenant)
	if err != nil {
		return look{err: err}
	}
	defer t.pool.stopWork(open)
	hooks := open.hooks
	found.endpoints = append([]string{}, hooks.handledEndpoints()...)
	if len(found.endpoints) == 0 {
		// Nothing here is this process's to do.
		return found
	}
	w, err := hooks.newWork(options)
	if err != nil {
		return look{err: err}
	}
	w.isTurn = true
	if err := hooks.begin(w); err != nil {
		return look{err: err}
	}
	began(w)
	if ctx.Err() == nil {
		w.run(ctx)
	}
	hooks.end(w)
	found.err = hooks.database.do(context.WithoutCancel(ctx), func(s session) (err error) {
		found.due, found.isDue, err = leases{now: hooks.database.now}.nextDueOfAny(s, found.endpoints)
		return err
	})
	return found
}
