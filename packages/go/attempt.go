package knocker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// unwritten is what became of a job whose verdict the database did not take.
	unwritten = "unwritten"
	// leaseLost is what became of one whose lease somebody else has taken.
	leaseLost = "lease_lost"
	// repeated is what a span says of handlers that run again, alone, because their writes are lost with the transaction that they shared.
	repeated = "repeated"
)

// attempts run the handlers of jobs on one connection, one after the other. Each ends in one verdict, in the transaction of the handlers' own
// writes. A verdict waits long for the write lock; where it fails even so, the lease runs out and counts as an attempt.
type attempts struct {
	hooks      *Hooks
	keeper     *leaseKeeper
	connection *handlerConnection
	generation int64
	handlers   handlerGoroutine
	report     report
	altered    bool
}

func newAttempts(h *Hooks, keeper *leaseKeeper, r report) (*attempts, error) {
	d := h.database
	if err := d.refuseReplaced(); err != nil {
		return nil, err
	}
	opened, err := d.open()
	if err != nil {
		return nil, err
	}
	// One that came up read-only would cost a handler an attempt.
	if err := opened.exec("BEGIN IMMEDIATE"); err == nil {
		_ = opened.exec("ROLLBACK")
	} else if errors.Is(err, ErrReadOnly) {
		opened.close()
		return nil, err
	}
	generation := d.generation.Load()
	connection, err := newHandlerConnection(d, opened)
	if err != nil {
		opened.close()
		return nil, err
	}
	return &attempts{hooks: h, keeper: keeper, connection: connection, generation: generation, report: r}, nil
}

func (a *attempts) close() {
	a.handlers.close()
	a.connection.close()
}

// run handles the job in a transaction of its own, and says what became of it.
func (a *attempts) run(ctx context.Context, j *Job) ended {
	began := a.hooks.database.paces.now()
	ctx, r := a.report.begin(ctx, j.Event)
	status, err := a.attempt(ctx, j, r)
	return r.concluded(ctx, j, status, err, a.hooks.database.paces.now().Sub(began))
}

// ended is an attempt that has ended for good.
type ended struct {
	job *Job
	// status is handled, failed, dead, ignored, lease_lost or unwritten.
	status string
	// failure is what the handlers failed with.
	failure error
	took    time.Duration
}

// concluded tells what became of an attempt.
func (r *attemptReport) concluded(ctx context.Context, j *Job, status string, err error, took time.Duration) ended {
	switch {
	case errors.Is(err, ErrLeaseLost):
		status = leaseLost
		r.failed(ctx, err, "lease lost, rolled back", status)
	case err != nil:
		status = unwritten
		r.failed(ctx, err, "verdict not written, the lease runs out", status)
	}
	r.ended(ctx, status)
	return ended{j, status, r.told, took}
}

// wanted are the handlers that the event's type has here.
func (h *Hooks) wanted(event *Event) []Handler {
	if endpoint := h.find(event.Endpoint); endpoint != nil {
		return endpoint.matching(event.Type)
	}
	return nil
}

func noHandler(event *Event) *Error {
	return newError("no_handler", fmt.Sprintf("no handler for %q", event.Type), nil)
}

// writeUnwanted writes that nobody wants the event.
func writeUnwanted(s session, l leases, j *Job) (string, error) {
	return statusOf(l.failed(s, j.ID, noHandler(j.Event).Message, 0, map[string]any{"no_handler": true}))
}

// tellUnwanted tells it, where it is a failure.
func (r *attemptReport) tellUnwanted(ctx context.Context, status string) {
	if status != string(EventIgnored) && status != leaseLost {
		r.unwanted = true
		r.failed(ctx, noHandler(r.event), "failed", "failed")
	}
}

func (a *attempts) attempt(ctx context.Context, j *Job, r *attemptReport) (string, error) {
	tx := a.connection.start()
	wanted := a.hooks.wanted(j.Event)
	if len(wanted) == 0 {
		status, err := a.verdict(tx, func(c *conn) (string, error) { return writeUnwanted(c, a.keeper.leases, j) })
		if err == nil {
			r.tellUnwanted(ctx, status)
		}
		return status, err
	}
	paces := a.hooks.database.paces
	began := paces.now()
	failure := a.handle(ctx, tx, j, wanted)
	a.altered = a.altered || (tx.isBegun() && a.connection.isAltered())
	paces.note(j.Event, tx.run(began, paces.now(), failure != nil, a.altered))
	if failure != nil {
		tx.rollBack()
		r.tellFailure(ctx, failure)
		return a.recorded(ctx, j, r, failure)
	}
	status, err := a.verdict(tx, func(c *conn) (string, error) { return writeVerdict(c, a.keeper.leases, j, nil, r.took()) })
	if err == nil || errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrBusy) {
		return status, err
	}
	// The disk is full, say: the writes are gone, and a small verdict may still fit.
	r.failed(ctx, err, "failed", "failed")
	return a.recorded(ctx, j, r, err)
}

// tellFailure tells what the handlers failed with, unless they ignore the event.
func (r *attemptReport) tellFailure(ctx context.Context, failure error) {
	if decision := decisionOf(failure); decision == nil || decision.kind != "ignore" {
		r.failed(ctx, failure, "failed", "failed")
	}
}

// recorded writes a verdict with nothing of the handlers' in it, in a transaction of its own.
func (a *attempts) recorded(ctx context.Context, j *Job, r *attemptReport, failure error) (string, error) {
	on, done := a.unaltered()
	defer done()
	return on.verdict(on.connection.start(), func(c *conn) (string, error) { return writeVerdict(c, a.keeper.leases, j, failure, r.took()) })
}

// unaltered gives attempts on a connection that handlers have left nothing on. One that has attached the file of the queue itself, say, would wait in vain for
// the write lock that it has. done is to be called after their use.
func (a *attempts) unaltered() (on *attempts, done func()) {
	if a.altered {
		if fresh, err := newAttempts(a.hooks, a.keeper, a.report); err == nil {
			fresh.generation = a.generation
			return fresh, fresh.close
		}
	}
	return a, func() {}
}

// errMetOthers is what becomes of handlers that have met the lock of a transaction that they share: they run again, alone.
var errMetOthers = errors.New("the handlers have met the lock of those before them")

// handle runs the handlers, in a goroutine of their own.
func (a *attempts) handle(ctx context.Context, tx *Tx, j *Job, wanted []Handler) error {
	// What ends the worker lets running handlers finish.
	ctx, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), attemptKey{}, tx))
	defer cancel(nil)
	a.keeper.started(j, cancel)
	err := a.handlers.run(ctx, tx, j.Event, wanted)
	switch {
	case tx.wasEnded():
		return errEnded
	case err == nil:
		return nil
	case !tx.isBegun() && tx.metLock && saysBusy(err):
		return errMetOthers
	case tx.isBegun() && errors.Is(translate(err), ErrBusy):
		return newError("busy", messageOf(translate(err))+": this handler has held the write lock since its first use of tx: write through tx, or through others before it", err)
	}
	return err
}

// attemptKey is how a call finds the attempt that it is made in.
type attemptKey struct{}

// writeVerdict writes what the handlers' error says, or that there was none.
func writeVerdict(s session, l leases, j *Job, failure error, took time.Duration) (string, error) {
	if failure == nil {
		return "handled", l.handled(s, j.ID, took)
	}
	decision := decisionOf(failure)
	if decision == nil {
		return statusOf(l.failed(s, j.ID, storedText(failure), took, nil))
	}
	why := storedText(failure)
	switch decision.kind {
	case "ignore":
		return "ignored", l.skipped(s, j.ID, why, took)
	case "dead":
		return statusOf(l.failed(s, j.ID, why, took, map[string]any{"dead": true}))
	}
	options := map[string]any{}
	if decision.after != nil {
		options["retry_after_s"] = decision.after.Seconds()
	}
	return statusOf(l.failed(s, j.ID, why, took, options))
}

func statusOf(failure *Failure, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return string(failure.Status), nil
}

// verdict writes one in the handlers' transaction, or in one of its own, with the leases that nobody could extend meanwhile.
func (a *attempts) verdict(tx *Tx, write func(*conn) (string, error)) (status string, err error) {
	d := a.hooks.database
	long := tx.held() > a.keeper.lease/extensions
	finish := func(c *conn) error {
		// One on a file that is gone would be nowhere.
		if err := d.refuseFormer(a.generation); err != nil {
			return err
		}
		if long {
			if err := a.keeper.renew(c, nil); err != nil {
				return err
			}
		}
		status, err = write(c)
		return err
	}
	a.connection.commits++
	err = a.keeper.commits.during(func() error { return tx.finish(finish) })
	if err != nil {
		d.doubt(err)
		return status, err
	}
	a.connection.heldSince(tx.lockedAt)
	d.checkpoints.committed(a.connection.conn, 1, 0)
	return status, nil
}
