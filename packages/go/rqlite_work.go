package knocker

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// rqliteWork is a worker on the nodes of rqlite. Each of its goroutines has a name of its own, under which it leases one job after the other.
type rqliteWork struct {
	*work
	cluster *rqliteCluster
	lanes   []*rqliteLane

	mu sync.Mutex
	// held are the jobs that run.
	held map[int64]*heldByLane
	// since is the newest attempt from before this worker, and told those that it has told of since.
	since int64
	told  map[int64]bool
}

type heldByLane struct {
	job    *Job
	leases leases
	cancel context.CancelCauseFunc
}

func newRqliteWork(w *work) *rqliteWork {
	k := &rqliteWork{work: w, cluster: w.hooks.database.cluster, held: map[int64]*heldByLane{}, since: -1, told: map[int64]bool{}}
	for i := range w.options.concurrency {
		name := w.name + ":" + strconv.Itoa(i)
		k.lanes = append(k.lanes, &rqliteLane{rqliteWork: k, leases: leases{name, w.hooks.database.now}, givenUp: map[int64]givenUp{}})
	}
	return k
}

func (k *rqliteWork) run(ctx context.Context) {
	k.log.Info("worker started", "record", "worker_started", "concurrency", k.options.concurrency)
	var handling, minding sync.WaitGroup
	for _, lane := range k.lanes {
		handling.Add(1)
		go func() {
			defer handling.Done()
			k.guard(func() error { return lane.handle(ctx) })
		}()
	}
	minding.Add(1)
	go func() {
		defer minding.Done()
		k.guard(k.keep)
	}()
	select {
	case <-ctx.Done():
	case <-k.stopping:
	}
	k.stop()
	handling.Wait()
	k.log.Info("worker stopped", "record", "worker_stopped", "released", k.release())
	minding.Wait()
}

// release gives back what is leased and was not begun, and says how much.
func (k *rqliteWork) release() (released int64) {
	statements := make([]rqlite.Statement, len(k.lanes))
	for i, lane := range k.lanes {
		statements[i] = rqlite.Call("knocker_release", lane.leases.worker, lane.leases.now())
	}
	done, err := k.cluster.nodes.Write(context.Background(), verdictPatience, statements...)
	if err = k.cluster.problemOf(done, err); err != nil {
		// Nothing is lost: they run out, and another worker takes them.
		k.log.Warn("leases not given back, they run out", "record", "leases_kept", "code", codeOf(err), "error", messageOf(err))
		return 0
	}
	for _, rows := range done.Rows {
		released += integer(firstOf(rows))
	}
	return released
}

// keep extends the leases several times in their length, and runs retention passes.
func (k *rqliteWork) keep() error {
	nextPass := time.Now().Add(retainEvery)
	for !pause(k.options.lease/extensions, k.stopping) {
		k.extend()
		if time.Now().After(nextPass) {
			if _, err := k.hooks.database.call(context.Background(), "knocker_retain"); err != nil {
				return err
			}
			nextPass = time.Now().Add(retainEvery)
		}
	}
	return nil
}

// extend extends each lease in a request of its own: one that is lost does not undo the others.
func (k *rqliteWork) extend() {
	k.mu.Lock()
	held := make([]*heldByLane, 0, len(k.held))
	for _, one := range k.held {
		held = append(held, one)
	}
	k.mu.Unlock()
	session := k.cluster.session(context.Background())
	for _, one := range held {
		_, err := session.call("knocker_extend", one.job.ID, one.leases.worker, seconds(k.options.lease), one.leases.now())
		switch {
		case err == nil:
		case errors.Is(err, ErrLeaseLost):
			k.lost(one)
		default:
			k.log.Warn("leases not extended, trying again", "record", "leases_not_extended", "code", codeOf(err), "error", messageOf(err))
		}
	}
}

// lost tells the handlers of a job that somebody else has it, unless they have ended.
func (k *rqliteWork) lost(one *heldByLane) {
	k.mu.Lock()
	isHeld := k.held[one.job.ID] == one
	k.mu.Unlock()
	if isHeld {
		k.log.Warn("a lease is lost: another worker or an operator has taken the job", "record", "lease_lost", "job_id", one.job.ID)
		one.cancel(newError("lease_lost", "another worker or an operator has taken the job", nil))
	}
}

// lastBefore reads once what the newest attempt is.
func (k *rqliteWork) lastBefore(s session) (int64, error) {
	k.mu.Lock()
	since := k.since
	k.mu.Unlock()
	if since >= 0 {
		return since, nil
	}
	rows, err := s.rows("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")
	if err != nil {
		return 0, err
	}
	if since = 0; len(rows) > 0 {
		since = integer(rows[0][0])
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.since < 0 {
		k.since = since
	}
	return k.since, nil
}

// tellLostAttempts tells of attempts that ended without a word, each once.
func (k *rqliteWork) tellLostAttempts(s session, lost []lostAttempt) error {
	var news []lostAttempt
	k.mu.Lock()
	for _, one := range lost {
		if !k.told[one.id] {
			k.told[one.id] = true
			news = append(news, one)
		}
	}
	k.mu.Unlock()
	known, err := withEvents(s, news)
	for _, one := range known {
		k.tellLost(one)
	}
	return err
}

// drain handles what is due in one lane.
func (k *rqliteWork) drain(ctx context.Context, limit int) (done []Attempted, err error) {
	lane := k.lanes[0]
	defer func() { k.release() }()
	for ctx.Err() == nil && !k.isStopping() {
		j, _, err := lane.take(ctx)
		if err != nil || j == nil {
			return done, err
		}
		if len(done) >= limit {
			return done, usage("more is due after %d attempts: do handlers keep making work for themselves?", limit)
		}
		one := lane.attempt(ctx, j)
		done = append(done, Attempted{one.job.Event.ID, one.failure, one.status})
	}
	return done, ctx.Err()
}
