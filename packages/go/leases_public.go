package knocker

import (
	"context"
	"time"
)

// Leases is the queue as one worker sees it, call by call; each call is a transaction of its own. [Hooks.Work] does all of this: it is public for
// those who write a worker of their own, with verdicts in the transaction of their handlers' writes in SQL.
type Leases struct {
	database *database
	leases   leases
}

// Leases gives the queue as a worker of that name sees it. No other worker may use the name.
func (h *Hooks) Leases(worker string) *Leases {
	return &Leases{h.database, leases{worker, h.database.now}}
}

// FailedOption says how a failed attempt goes on.
type FailedOption func(map[string]any)

// FailedRetryAfter takes the place of the endpoint's backoff, up to 30 days.
func FailedRetryAfter(d time.Duration) FailedOption {
	return func(options map[string]any) { options["retry_after_s"] = d.Seconds() }
}

// FailedDead says that no further attempt follows.
func FailedDead() FailedOption { return func(options map[string]any) { options["dead"] = true } }

// FailedNoHandler says that nobody wants this event: the endpoint decides.
func FailedNoHandler() FailedOption {
	return func(options map[string]any) { options["no_handler"] = true }
}

// Claim leases up to limit due jobs, oldest first over the endpoints (none named: all), and gives how many.
func (l *Leases) Claim(ctx context.Context, limit int, lease time.Duration, endpoints ...string) (claimed int64, err error) {
	err = l.write(ctx, func(s session) error {
		claimed, err = l.leases.claim(s, limit, lease, endpoints)
		return err
	})
	return claimed, err
}

// Jobs gives the jobs leased to this worker.
func (l *Leases) Jobs(ctx context.Context) (jobs []*Job, err error) {
	err = l.read(ctx, func(s session) error {
		jobs, err = l.leases.jobs(s, []int64{})
		return err
	})
	return jobs, err
}

// Handled says that the event is handled. Error: [ErrLeaseLost], as of the verdicts below.
func (l *Leases) Handled(ctx context.Context, jobID int64, took time.Duration) error {
	return l.write(ctx, func(s session) error { return l.leases.handled(s, jobID, took) })
}

// Failed says that the attempt failed, and gives what comes next.
func (l *Leases) Failed(ctx context.Context, jobID int64, problem string, took time.Duration, options ...FailedOption) (failure *Failure, err error) {
	given := map[string]any{}
	for _, option := range options {
		if option != nil {
			option(given)
		}
	}
	err = l.write(ctx, func(s session) error {
		failure, err = l.leases.failed(s, jobID, problem, took, given)
		return err
	})
	return failure, err
}

// Skipped says that the event is to be ignored.
func (l *Leases) Skipped(ctx context.Context, jobID int64, why string, took time.Duration) error {
	return l.write(ctx, func(s session) error { return l.leases.skipped(s, jobID, why, took) })
}

// Extend makes the lease run out that long from now, and gives when.
func (l *Leases) Extend(ctx context.Context, jobID int64, lease time.Duration) (until time.Time, err error) {
	err = l.write(ctx, func(s session) error {
		given, err := s.call("knocker_extend", jobID, l.leases.worker, seconds(lease), l.leases.now())
		until = moment(given)
		return err
	})
	return until, err
}

// Release gives back every lease of this worker, the attempts uncounted, and says how many.
func (l *Leases) Release(ctx context.Context) (released int64, err error) {
	err = l.write(ctx, func(s session) error {
		released, err = l.leases.release(s)
		return err
	})
	return released, err
}

// NextDue is how long it takes until the next claim of this worker has something to do; false where nothing waits.
func (l *Leases) NextDue(ctx context.Context, endpoints ...string) (due time.Duration, waits bool, err error) {
	err = l.read(ctx, func(s session) error {
		due, waits, err = l.leases.nextDue(s, endpoints)
		return err
	})
	return due, waits, err
}

func (l *Leases) read(ctx context.Context, call func(session) error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	return l.database.do(ctx, call)
}

func (l *Leases) write(ctx context.Context, call func(session) error) error {
	err := l.database.doFor(ctx, func(s session) error {
		if err := call(s); err != nil {
			l.database.doubt(err)
			return err
		}
		l.database.committed(s)
		return nil
	})
	if err == nil {
		l.database.changed.notify()
	}
	return err
}
