package knocker

import (
	"context"
	"errors"
)

// sharedAttempts run the jobs of one connection: each alone, or in the transaction that it shares with others. Nothing is told of what is in there
// before its commit.
type sharedAttempts struct {
	*attempts
	shared *sharedCommit
	// share: without it each job is run alone.
	share bool
	// isStopping: nothing is to be claimed any more.
	isStopping func() bool
	tellLost   func(lostAttempt)
}

func newSharedAttempts(w *work) (*sharedAttempts, error) {
	a, err := newAttempts(w.hooks, w.keeper, w.report)
	if err != nil {
		return nil, err
	}
	shared := newSharedCommit(w.hooks.database, w.keeper, a.connection, a.generation)
	return &sharedAttempts{attempts: a, shared: shared, share: w.options.share, isStopping: w.isStopping, tellLost: w.tellLost}, nil
}

// uncommitted is how many attempts wait for the commit.
func (a *sharedAttempts) uncommitted() int { return a.shared.size() }

// others watches for writes of others than the worker.
func (a *sharedAttempts) others() *othersWatch {
	return &othersWatch{version: a.connection.version, own: &a.keeper.commits, here: func() int64 { return a.connection.commits }}
}

// run handles the job, and gives the attempts that have ended by that: others wait for a commit. more says that another one is at hand.
func (a *sharedAttempts) run(ctx context.Context, j *Job, more bool) []ended {
	wanted := a.hooks.wanted(j.Event)
	p, known := pace{}, true
	if len(wanted) > 0 {
		p, known = a.hooks.database.paces.of(j.Event)
		known = known && j.Event.Attempt == 1
	}
	if !a.share || !known || p.apart || p.expected > mostOpen {
		return append(a.commit(false), a.attempts.run(ctx, j))
	}
	var done []ended
	if !a.shared.hasRoomFor(p) {
		done = a.commit(false)
	}
	if !more && a.shared.isIdle() {
		return append(done, a.attempts.run(ctx, j))
	}
	if len(wanted) == 0 {
		return append(done, a.unwanted(ctx, j)...)
	}
	return append(done, a.together(ctx, j, wanted)...)
}

// commit commits what waits for it, and gives what became of that. Attempts whose writes are lost with the transaction run again, alone. With
// claimNext the next jobs are claimed by the same commit, where none is ready.
func (a *sharedAttempts) commit(claimNext bool) (done []ended) {
	if a.shared.isIdle() {
		return nil
	}
	members, lost := a.shared.commit(claimNext && !a.altered && !a.isStopping())
	for _, one := range lost {
		a.tellLost(one)
	}
	for _, m := range members {
		done = append(done, a.end(m))
	}
	return done
}

// together runs the handlers of a job in the shared transaction.
func (a *sharedAttempts) together(given context.Context, j *Job, wanted []Handler) []ended {
	d := a.hooks.database
	ctx, r := a.report.begin(given, j.Event)
	r.hold()
	tx := a.shared.start()
	began := d.paces.now()
	failure := a.handle(ctx, tx, j, wanted)
	r.stop()
	end, endedAt := d.paces.now(), d.wallClock()
	usedTx, err := tx.leave()
	if failure == nil {
		failure = err
	}
	a.shared.ended()
	a.altered = a.altered || (usedTx && a.connection.isAltered())
	ran := tx.run(began, end, failure != nil, a.altered)
	if errors.Is(failure, errMetOthers) {
		r.repeated()
		ran.apart = true
		d.paces.note(j.Event, ran)
		return append(a.commit(false), a.attempts.run(given, j))
	}
	d.paces.note(j.Event, ran)
	if failure != nil {
		r.tellFailure(ctx, failure)
	}
	m := &member{job: j, given: given, ctx: ctx, report: r, usedTx: usedTx, hasWrites: usedTx && failure == nil, took: ran.took, endedAt: endedAt}
	m.write = func(c *conn, l leases) (string, error) { return writeVerdict(c, l, j, failure, r.took()) }
	if tx.wasEnded() {
		return a.apart(m, failure)
	}
	return a.add(m, failure)
}

// unwanted has a job that nobody wants share the commit.
func (a *sharedAttempts) unwanted(given context.Context, j *Job) []ended {
	ctx, r := a.report.begin(given, j.Event)
	r.hold()
	r.stop()
	m := &member{job: j, given: given, ctx: ctx, report: r, endedAt: a.hooks.database.wallClock()}
	m.write = func(c *conn, l leases) (string, error) { return writeUnwanted(c, l, j) }
	m.told = func(status string) { r.tellUnwanted(ctx, status) }
	return a.add(m, nil)
}

// add has the attempt wait for the commit, or commits where that is due.
func (a *sharedAttempts) add(m *member, failure error) []ended {
	if err := a.shared.add(m); err != nil {
		// A full disk, say, or a connection that was made read-only.
		m.report.failed(m.ctx, err, "failed", "failed")
		if failure == nil {
			failure = err
		}
		return a.apart(m, failure)
	}
	if a.shared.isFull() || a.altered {
		return a.commit(true)
	}
	return nil
}

// apart takes back what the attempt wrote, commits the others, and records it in a transaction of its own.
func (a *sharedAttempts) apart(m *member, failure error) []ended {
	a.shared.drop(m.usedTx)
	done := a.commit(false)
	m.report.release()
	status, err := a.recorded(m.ctx, m.job, m.report, failure)
	return append(done, m.report.concluded(m.ctx, m.job, status, err, m.took))
}

// end tells what became of a member of the last commit, or does it again.
func (a *sharedAttempts) end(m *member) ended {
	r := m.report
	switch {
	case m.state == memberCommitted:
		r.release()
		if m.status == leaseLost && m.problem != nil {
			return r.concluded(m.ctx, m.job, "", m.problem, m.took)
		}
		if m.told != nil {
			m.told(m.status)
		}
		return r.concluded(m.ctx, m.job, m.status, nil, m.took)
	case errors.Is(m.problem, ErrBusy), errors.Is(m.problem, ErrFileReplaced), errors.Is(m.problem, ErrClosed):
		r.release()
		return r.concluded(m.ctx, m.job, "", m.problem, m.took)
	case m.hasWrites:
		r.repeated()
		on, done := a.unaltered()
		defer done()
		return on.run(m.given, m.job)
	}
	r.release()
	on, done := a.unaltered()
	defer done()
	status, err := on.verdict(on.connection.start(), func(c *conn) (string, error) { return m.write(c, a.keeper.leases.at(m.endedAt)) })
	if err == nil && m.told != nil {
		m.told(status)
	}
	return r.concluded(m.ctx, m.job, status, err, m.took)
}

// close gives up what is not committed.
func (a *sharedAttempts) close() {
	a.shared.close()
	a.attempts.close()
}
