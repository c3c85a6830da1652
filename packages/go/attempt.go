package knocker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// unwritten is what became of a job whose verdict the database did not take.
const unwritten = "unwritten"

// attempts run the handlers of jobs on one connection, one after the other. Each ends in one verdict, in the transaction of the handlers' own
// writes. A verdict waits long for the write lock; where it fails even so, the lease runs out and counts as an attempt.
type attempts struct {
	hooks      *Hooks
	keeper     *leaseKeeper
	connection *handlerConnection
	generation int64
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

func (a *attempts) close() { a.connection.close() }

// run handles the job and says what became of it (handled, failed, dead, ignored, lease_lost or unwritten), and what the handlers failed with.
func (a *attempts) run(ctx context.Context, j *Job) (string, error) {
	began := time.Now()
	ctx, r := a.report.begin(ctx, j.Event)
	status, err := a.attempt(ctx, j, r, began)
	switch {
	case errors.Is(err, ErrLeaseLost):
		status = "lease_lost"
		r.failed(ctx, err, "lease lost, rolled back", status)
	case err != nil:
		status = unwritten
		r.failed(ctx, err, "verdict not written, the lease runs out", status)
	}
	r.ended(ctx, status)
	return status, r.told
}

func (a *attempts) attempt(ctx context.Context, j *Job, r *attemptReport, began time.Time) (string, error) {
	tx := a.connection.start()
	var wanted []Handler
	if endpoint := a.hooks.find(j.Event.Endpoint); endpoint != nil {
		wanted = endpoint.matching(j.Event.Type)
	}
	if len(wanted) == 0 {
		problem := newError("no_handler", fmt.Sprintf("no handler for %q", j.Event.Type), nil)
		status, err := a.verdict(tx, func(c *conn) (string, error) {
			return statusOf(a.keeper.leases.failed(c, j.ID, problem.Message, 0, map[string]any{"no_handler": true}))
		})
		if err == nil && status != string(EventIgnored) {
			r.unwanted = true
			r.failed(ctx, problem, "failed", "failed")
		}
		return status, err
	}
	failure := a.handle(ctx, tx, j, wanted)
	if tx.isBegun() && a.connection.isAltered() {
		a.altered = true
	}
	if failure != nil {
		tx.rollBack()
		if decision := decisionOf(failure); decision == nil || decision.kind != "ignore" {
			r.failed(ctx, failure, "failed", "failed")
		}
		// The verdict has a transaction of its own: that of the handlers is taken back.
		tx = a.connection.start()
	}
	status, err := a.verdict(tx, func(c *conn) (string, error) { return a.write(c, j, failure, time.Since(began)) })
	if err == nil || errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrBusy) || failure != nil {
		return status, err
	}
	// The disk is full, say: the writes are gone, and a small verdict may still fit.
	r.failed(ctx, err, "failed", "failed")
	return a.verdict(a.connection.start(), func(c *conn) (string, error) {
		return statusOf(a.keeper.leases.failed(c, j.ID, storedText(err), time.Since(began), nil))
	})
}

// handle runs the handlers, in a goroutine of their own: one that calls runtime.Goexit, as testing.T.FailNow does, ends an attempt and not the
// worker.
func (a *attempts) handle(ctx context.Context, tx *Tx, j *Job, wanted []Handler) error {
	// What ends the worker lets running handlers finish.
	ctx, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), attemptKey{}, tx))
	defer cancel(nil)
	a.keeper.started(j, cancel)
	result := make(chan error, 1)
	go func() {
		problem := error(usage("the handler ended its goroutine with runtime.Goexit, or with a test's FailNow"))
		defer func() {
			if value := recover(); value != nil {
				problem = panicError(value)
			}
			result <- problem
		}()
		problem = readable(inOrder(ctx, tx, j.Event, wanted))
	}()
	err := <-result
	if tx.wasEnded() {
		return errEnded
	}
	if err != nil && tx.isBegun() && errors.Is(translate(err), ErrBusy) {
		return newError("busy", messageOf(translate(err))+": this handler has held the write lock since its first use of tx: write through tx, or through others before it", err)
	}
	return err
}

func inOrder(ctx context.Context, tx *Tx, event *Event, wanted []Handler) error {
	for _, handle := range wanted {
		if err := handle(ctx, tx, event); err != nil {
			return err
		}
	}
	return nil
}

// attemptKey is how a call finds the attempt that it is made in.
type attemptKey struct{}

// write writes what the handlers' error says, or that there was none.
func (a *attempts) write(c *conn, j *Job, failure error, took time.Duration) (string, error) {
	l := a.keeper.leases
	if failure == nil {
		return "handled", l.handled(c, j.ID, took)
	}
	decision := decisionOf(failure)
	if decision == nil {
		return statusOf(l.failed(c, j.ID, storedText(failure), took, nil))
	}
	why := storedText(failure)
	switch decision.kind {
	case "ignore":
		return "ignored", l.skipped(c, j.ID, why, took)
	case "dead":
		return statusOf(l.failed(c, j.ID, why, took, map[string]any{"dead": true}))
	}
	options := map[string]any{}
	if decision.after != nil {
		options["retry_after_s"] = decision.after.Seconds()
	}
	return statusOf(l.failed(c, j.ID, why, took, options))
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
	err = tx.finish(func(c *conn) error {
		// One on a file that is gone would be nowhere.
		if err := d.refuseFormer(a.generation); err != nil {
			return err
		}
		if long {
			if err := a.keeper.renew(c); err != nil {
				return err
			}
		}
		status, err = write(c)
		return err
	})
	if err != nil {
		d.doubt(err)
		return status, err
	}
	d.checkpoints.committed(a.connection.conn, 1, 0)
	return status, nil
}

// report says what the worker of it tells, and whom.
type report struct {
	log     *slog.Logger
	tracer  Tracer
	onError func(context.Context, error, *Event)
	onDead  func(ctx context.Context, event *Event, reason string)
}

func (r report) of(event *Event) *attemptReport {
	return &attemptReport{report: r, event: event, began: time.Now()}
}

// begin begins an attempt, whose handlers get the context.
func (r report) begin(ctx context.Context, event *Event) (context.Context, *attemptReport) {
	begun := r.of(event)
	if r.tracer != nil {
		ctx, begun.span = r.tracer.Process(ctx, event)
	}
	return ctx, begun
}

// attemptReport is the account of one attempt: log lines that name the event, and the hooks.
type attemptReport struct {
	report
	event *Event
	began time.Time
	span  ProcessSpan
	// unwanted: there was no handler.
	unwanted bool
	// told is the first error that the hook was told of.
	told error
}

// failed logs the error, and tells the hook unless it knows of an earlier one of this attempt.
func (r *attemptReport) failed(ctx context.Context, err error, what, outcome string) {
	facts := []any{"outcome", outcome, "duration_ms", r.tookMS(), "error", textOf(err)}
	if code := codeOf(err); code != "" {
		facts = append(facts, "code", code)
	}
	r.write(ctx, "attempt_failed", slog.LevelWarn, what, facts...)
	if r.told != nil {
		return
	}
	r.told = err
	if r.onError != nil {
		r.tell(ctx, "on_error", func() { r.onError(ctx, err, r.event) })
	}
}

// ended logs what became of it, if that has not been said of a failure, and tells the hook of an event that is now dead.
func (r *attemptReport) ended(ctx context.Context, status string) {
	if r.span != nil {
		r.span.End(status, errorType(r.told))
	}
	if status != string(EventDead) {
		if r.told == nil {
			r.write(ctx, "attempt_ended", slog.LevelDebug, status, "outcome", status, "duration_ms", r.tookMS())
		}
		return
	}
	reason := "no_handler"
	if r.told != nil && !r.unwanted {
		reason = storedText(r.told)
	}
	r.dead(ctx, reason)
}

// dead tells of an event that is not tried again.
func (r *attemptReport) dead(ctx context.Context, reason string) {
	r.write(ctx, "event_dead", slog.LevelError, "dead", "outcome", "dead", "duration_ms", r.tookMS(), "reason", reason)
	if r.onDead != nil {
		r.tell(ctx, "on_dead", func() { r.onDead(ctx, r.event, reason) })
	}
}

func (r *attemptReport) tell(ctx context.Context, name string, hook func()) {
	// Whatever it does, also to its goroutine: the attempt is still to be recorded.
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil {
				r.write(ctx, "hook_failed", slog.LevelError, "a hook panicked", "hook", name, "error", panicError(value).Error())
			}
		}()
		hook()
	}()
	<-done
}

func (r *attemptReport) tookMS() int64 { return time.Since(r.began).Milliseconds() }

func (r *attemptReport) write(ctx context.Context, record string, level slog.Level, what string, more ...any) {
	if !r.log.Enabled(ctx, level) {
		return
	}
	e := r.event
	trace := traceOf(e.Delivery.Header)
	if r.span != nil {
		trace = r.span.Trace()
	}
	facts := []any{"record", record, "endpoint", e.Endpoint, "event_id", e.ID, "delivery_id", e.Delivery.ID, "type", e.Type, "key", e.Key, "attempt", e.Attempt,
		"trace_id", trace.TraceID()}
	r.log.Log(ctx, level, "attempt "+what, append(facts, more...)...)
}
