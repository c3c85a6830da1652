package knocker

import (
	"context"
	"log/slog"
	"time"
)

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
	// stopped is when the handlers ended, where what comes after that is not their time.
	stopped time.Time
	span    ProcessSpan
	// unwanted: there was no handler.
	unwanted bool
	// told is the first error that the hook was told of.
	told error
	// held is what is to be told later, nil where nothing is held back.
	held []func()
}

// hold keeps to itself what is to be told: it is not so before the commit.
func (r *attemptReport) hold() { r.held = []func(){} }

// release tells what was held back, and from now on at once.
func (r *attemptReport) release() {
	held := r.held
	r.held = nil
	for _, tell := range held {
		tell()
	}
}

// orHold does it, or keeps it for later.
func (r *attemptReport) orHold(tell func()) {
	if r.held != nil {
		r.held = append(r.held, tell)
		return
	}
	tell()
}

// repeated ends the span of handlers that run again.
func (r *attemptReport) repeated() {
	if r.span != nil {
		r.span.End(repeated, "")
	}
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
	r.orHold(func() { r.call(ctx, name, hook) })
}

func (r *attemptReport) call(ctx context.Context, name string, hook func()) {
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

// stop says that the handlers have ended.
func (r *attemptReport) stop() { r.stopped = time.Now() }

func (r *attemptReport) took() time.Duration {
	if !r.stopped.IsZero() {
		return r.stopped.Sub(r.began)
	}
	return time.Since(r.began)
}

func (r *attemptReport) tookMS() int64 { return r.took().Milliseconds() }

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
	r.orHold(func() { r.log.Log(ctx, level, "attempt "+what, append(facts, more...)...) })
}
