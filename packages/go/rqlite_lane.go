package knocker

import (
	"context"
	"errors"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// rqliteLane is one goroutine of a worker: it claims a job, runs its handlers, and sends the verdict.
type rqliteLane struct {
	*rqliteWork
	leases leases
	// ready are jobs that are leased already: a claim whose answer was lost is made again, and then there are two.
	ready []*Job
	// givenUp are the attempts whose verdict could not be sent: they are leased still, until that runs out.
	givenUp map[int64]givenUp
}

const selectLeased = "SELECT " + jobColumns + " FROM knocker_jobs WHERE worker = ? ORDER BY job_id"

func (l *rqliteLane) handle(ctx context.Context) error {
	changed := l.hooks.database.changed
	for !l.isStopping() {
		// Looked at before the nodes are asked: a receipt that comes in between is not slept through.
		news := changed.look()
		// What ends the worker is heard of in its own way.
		j, wait, err := l.take(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if j == nil {
			l.sleep(news, wait)
			continue
		}
		l.attempt(ctx, j)
	}
	return nil
}

// take gives the next job, or how long to wait where none is due. Nothing is written by Raft before something is.
func (l *rqliteLane) take(ctx context.Context) (*Job, time.Duration, error) {
	if j := l.next(); j != nil {
		return j, 0, nil
	}
	names := l.hooks.handledEndpoints()
	if len(names) == 0 {
		return nil, l.options.poll, nil
	}
	// One who stops waits for no answer of a cluster that is away.
	ctx, cancel := l.untilStopped(ctx)
	defer cancel()
	session := l.cluster.session(ctx)
	due, waits, err := l.leases.nextDue(session, names)
	switch {
	case l.isStopping():
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case !waits:
		return nil, l.options.poll, nil
	case due > 0:
		return nil, min(due, l.options.poll), nil
	}
	if err := l.claim(names); err != nil {
		return nil, 0, err
	}
	// Where there is none, another worker was faster.
	return l.next(), min(l.options.poll, 5*time.Millisecond), nil
}

func (l *rqliteLane) untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-l.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (l *rqliteLane) next() *Job {
	if len(l.ready) == 0 {
		return nil
	}
	first := l.ready[0]
	l.ready = l.ready[1:]
	return first
}

// claim leases a job, and reads in the same request what is leased under this name: whatever became of an earlier try, nothing is forgotten.
func (l *rqliteLane) claim(names []string) error {
	ctx := context.Background()
	session := l.cluster.session(ctx)
	since, err := l.lastBefore(session)
	if err != nil {
		return err
	}
	now := l.leases.now()
	done, err := l.cluster.nodes.Write(ctx, l.cluster.options.busyTimeout,
		rqlite.Call("knocker_claim", l.leases.worker, int64(1), seconds(l.options.lease), jsonText(map[string]any{"endpoints": names}), now),
		rqlite.Statement{SQL: bodyAsHex(selectLeased), Values: []any{l.leases.worker}},
		rqlite.Statement{SQL: selectLost + " AND finished_at = ? ORDER BY id", Values: []any{since, now}},
	)
	if err = l.cluster.problemOf(done, err); err != nil {
		return err
	}
	leased := valuesOf(done.Rows[1])
	if err := bodyOfHex(selectLeased, leased); err != nil {
		return err
	}
	jobs, err := jobsOf(leased)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if given, ok := l.givenUp[j.ID]; !ok || given.attempt != j.Event.Attempt || !time.Now().Before(given.until) {
			l.ready = append(l.ready, j)
		}
	}
	return l.tellLostAttempts(session, lostOf(valuesOf(done.Rows[2])))
}

// attempt runs the handlers of the job and sends the verdict, with what they wrote.
func (l *rqliteLane) attempt(ctx context.Context, j *Job) ended {
	began := time.Now()
	ctx, r := l.report.begin(ctx, j.Event)
	status, err := l.conclude(ctx, j, r)
	became := r.concluded(ctx, j, status, err, time.Since(began))
	delete(l.givenUp, j.ID)
	if became.status == unwritten {
		l.givenUp[j.ID] = givenUp{j.Event.Attempt, time.Now().Add(l.options.lease + givenUpMargin)}
	}
	return became
}

func (l *rqliteLane) conclude(ctx context.Context, j *Job, r *attemptReport) (string, error) {
	alone := rqliteVerdict{rqliteCluster: l.cluster, job: j}
	wanted := l.hooks.wanted(j.Event)
	if len(wanted) == 0 {
		status, err := writeUnwanted(alone, l.leases, j)
		if err == nil {
			r.tellUnwanted(ctx, status)
		}
		return status, err
	}
	failure, writes := l.run(ctx, j, wanted)
	// All tries have the time of the verdict.
	leases := l.leases.at(l.hooks.database.wallClock())
	if failure == nil {
		with := rqliteVerdict{l.cluster, j, writes}
		status, err := writeVerdict(with, leases, j, nil, r.took())
		if err == nil || errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrClusterUnavailable) {
			return status, err
		}
		// The nodes refuse a write, say: all of it is taken back, and the verdict is that.
		failure = err
	}
	r.tellFailure(ctx, failure)
	return writeVerdict(alone, leases, j, failure, r.took())
}

// run runs the handlers, and gives what they failed with and what they wrote.
func (l *rqliteLane) run(ctx context.Context, j *Job, wanted []Handler) (error, []rqlite.Statement) {
	tx := &Tx{database: l.hooks.database, writes: &rqliteWrites{cluster: l.cluster}}
	// What ends the worker lets running handlers finish.
	ctx, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), attemptKey{}, tx))
	defer cancel(nil)
	held := &heldByLane{j, l.leases, cancel}
	l.mu.Lock()
	l.held[j.ID] = held
	l.mu.Unlock()
	var handlers handlerGoroutine
	defer handlers.close()
	failure := handlers.run(ctx, tx, j.Event, wanted)
	writes := tx.writes.end()
	l.mu.Lock()
	delete(l.held, j.ID)
	l.mu.Unlock()
	return failure, writes
}
