package knocker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"
)

const (
	// claimedAhead is how much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes.
	// Never more than share a commit, whose end claims again.
	claimedAhead = 50 * time.Millisecond
	// growth: a claim takes so many times what the last one has found. A worker that has just begun knows little of how long its handlers take.
	growth = 2
	// quickest is what handlers are taken to take at least.
	quickest = 500 * time.Microsecond
	// givenUpMargin is for an extension that was on its way when a job was given up.
	givenUpMargin = time.Second
	longestLease  = 24 * time.Hour
)

// leaseKeeper has the jobs that one worker holds: claimed a few at a time, handed to its goroutines, kept leased, and given back at the end. Its
// connections commit as receipts do: a commit that is not synced lies in front of synced ones, and they are lost with its pages.
type leaseKeeper struct {
	database  *database
	leases    leases
	lease     time.Duration
	endpoints func() []string
	tellLost  func(lostAttempt)
	log       *slog.Logger
	// One to claim and one to extend, so that neither waits while the other waits for the write lock.
	claiming  *workerConnection
	extending *workerConnection
	commits   ownCommits

	mu         sync.Mutex
	generation int64
	ready      []*Job
	held       map[int64]heldJob
	// settled are those of held whose verdict is committed, or just being committed.
	settled map[int64]bool
	lost    map[int64]bool
	givenUp map[int64]givenUp
	// usual is how long handlers take, 0 before the first have ended; lastClaimed is what the last claim found, and mayBeMore that it took no more than
	// it was to take.
	usual       time.Duration
	lastClaimed int
	mayBeMore   bool
	due         time.Duration
	isDue       bool
	renewedAt   time.Time
}

// heldJob is one attempt of a job: the commit of its verdict may claim the next one, which is due at once.
type heldJob struct {
	attempt int
	// cancel is called where the lease is lost, nil while no handler runs.
	cancel context.CancelCauseFunc
}

type givenUp struct {
	attempt int
	until   time.Time
}

func newLeaseKeeper(d *database, worker string, lease time.Duration, endpoints func() []string, tellLost func(lostAttempt)) *leaseKeeper {
	return &leaseKeeper{
		database: d, leases: leases{worker, d.now}, lease: lease, endpoints: endpoints, tellLost: tellLost, log: d.options.logger,
		claiming: &workerConnection{database: d}, extending: &workerConnection{database: d}, generation: d.generation.Load(),
		held: map[int64]heldJob{}, settled: map[int64]bool{}, lost: map[int64]bool{}, givenUp: map[int64]givenUp{}, renewedAt: d.wallClock(),
	}
}

// take gives the next job, or nil where none is due. idle others wait too; moreCame is called where there is work for them.
func (k *leaseKeeper) take(idle int, moreCame func()) (*Job, error) {
	k.forgetFormer()
	taken := k.next()
	if taken == nil {
		var lost []lostAttempt
		err := k.claiming.use(func(c *conn) error {
			if taken = k.next(); taken != nil {
				return nil
			}
			var err error
			lost, err = k.claim(c, 1+idle)
			taken = k.next()
			return err
		})
		for _, one := range lost {
			k.tellLost(one)
		}
		if err != nil {
			return nil, err
		}
	}
	k.tellIdle(idle, moreCame)
	return taken, nil
}

// takeReady is as take, of what is claimed already.
func (k *leaseKeeper) takeReady(idle int, moreCame func()) *Job {
	taken := k.next()
	k.tellIdle(idle, moreCame)
	return taken
}

func (k *leaseKeeper) tellIdle(idle int, moreCame func()) {
	if idle > 0 && k.hasReady() {
		moreCame()
	}
}

// hasReady says whether there is more that is claimed already.
func (k *leaseKeeper) hasReady() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.ready) > 0
}

func (k *leaseKeeper) next() *Job {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ready) == 0 {
		return nil
	}
	first := k.ready[0]
	k.ready = k.ready[1:]
	return first
}

// forgetFormer: the jobs were of a file that is gone, and so are their leases.
func (k *leaseKeeper) forgetFormer() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation := k.database.generation.Load(); generation != k.generation {
		k.generation, k.ready = generation, nil
		clear(k.held)
		clear(k.settled)
		clear(k.lost)
		clear(k.givenUp)
	}
}

// claim claims what is due, and gives the attempts that turned out to be lost.
func (k *leaseKeeper) claim(c *conn, wanted int) ([]lostAttempt, error) {
	names := k.endpoints()
	var due time.Duration
	var isDue bool
	var err error
	if len(names) > 0 {
		// A look takes no lock; a claim would wait for whoever writes, for nothing.
		if due, isDue, err = k.leases.nextDue(c, names); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	k.due, k.isDue = due, isDue
	k.mu.Unlock()
	if !isDue || due != 0 {
		return nil, nil
	}
	if err := k.database.checkpoints.requireSound(c); err != nil {
		return nil, err
	}
	var claimed int
	var lost []lostAttempt
	claim := func() error {
		if k.areOverdue() {
			// Nothing of this process ran for that long, on a machine that slept, say: these are no jobs of a dead worker.
			if err := k.renew(c, nil); err != nil {
				return err
			}
		}
		claimed, lost, err = k.claimOn(c, wanted, names)
		return err
	}
	if err := k.commits.during(func() error { return c.inTransactionOfItsOwn(claim) }); err != nil {
		return nil, err
	}
	if claimed > 0 {
		if err := k.takeOver(c); err != nil {
			return nil, err
		}
	}
	if claimed > 0 || len(lost) > 0 {
		k.database.checkpoints.committed(c, claimed+len(lost), 0)
	}
	return withEvents(c, lost)
}

// claimOn claims for so many who wait, and something ahead, in a transaction.
func (k *leaseKeeper) claimOn(c *conn, wanted int, names []string) (int, []lostAttempt, error) {
	last, err := lastAttempt(c)
	if err != nil {
		return 0, nil, err
	}
	k.mu.Lock()
	limit := wanted
	if k.usual > 0 {
		ahead := int(claimedAhead * time.Duration(wanted) / k.usual)
		limit = max(wanted, min(wanted+ahead, growth*k.lastClaimed, mostShared))
	}
	k.mu.Unlock()
	claimed, err := k.leases.claim(c, limit, k.lease, names)
	if err != nil {
		return 0, nil, err
	}
	k.mu.Lock()
	k.lastClaimed, k.mayBeMore = int(claimed), int(claimed) == limit
	k.mu.Unlock()
	lost, err := lostSince(c, last)
	return int(claimed), lost, err
}

// takeOver notes what was claimed.
func (k *leaseKeeper) takeOver(c *conn) error {
	// As it was before it is read: whoever commits a verdict beside it may be through with that before it is handed out.
	k.mu.Lock()
	before := maps.Clone(k.held)
	k.mu.Unlock()
	jobs, err := k.leases.jobs(c, k.unsettledIDs())
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, j := range jobs {
		held, wasHeld := before[j.ID]
		if !(wasHeld && held.attempt == j.Event.Attempt) && !k.isGivenUp(j) {
			k.ready = append(k.ready, j)
			k.held[j.ID] = heldJob{attempt: j.Event.Attempt}
			delete(k.settled, j.ID)
			delete(k.lost, j.ID)
		}
	}
	return nil
}

// holds says whether this very attempt is held.
func (k *leaseKeeper) holds(j *Job) bool {
	held, ok := k.held[j.ID]
	return ok && held.attempt == j.Event.Attempt
}

// isGivenUp says whether this is the very attempt whose verdict could not be written, and not the one after its lease has run out.
func (k *leaseKeeper) isGivenUp(j *Job) bool {
	given, ok := k.givenUp[j.ID]
	if ok && given.attempt == j.Event.Attempt && time.Now().Before(given.until) {
		return true
	}
	delete(k.givenUp, j.ID)
	return false
}

// started says that handlers run for the job; cancel is called where its lease is lost.
func (k *leaseKeeper) started(j *Job, cancel context.CancelCauseFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.holds(j) {
		k.held[j.ID] = heldJob{j.Event.Attempt, cancel}
	}
}

// finished says that the handlers are through with the job, after that long. Where its verdict could not be written, it is not taken again before
// its lease has run out and counts as an attempt.
func (k *leaseKeeper) finished(j *Job, took time.Duration, written bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.holds(j) {
		delete(k.held, j.ID)
		delete(k.settled, j.ID)
		delete(k.lost, j.ID)
	}
	if !written {
		k.givenUp[j.ID] = givenUp{j.Event.Attempt, time.Now().Add(k.lease + givenUpMargin)}
	}
	if k.usual > 0 {
		took = (4*k.usual + took) / 5
	}
	k.usual = max(quickest, took)
}

// settling is around the commit of the verdicts of these jobs: nobody extends their leases from then on, unless it fails. Until they are finished
// nobody hands them out again either: whoever claims beside the commit still sees them leased.
func (k *leaseKeeper) settling(ids map[int64]bool, commit func() error) error {
	k.mu.Lock()
	maps.Copy(k.settled, ids)
	k.mu.Unlock()
	err := k.commits.during(commit)
	if err != nil {
		k.mu.Lock()
		for id := range ids {
			delete(k.settled, id)
		}
		k.mu.Unlock()
	}
	return err
}

// extend extends every lease held, in one transaction.
func (k *leaseKeeper) extend() error {
	k.mu.Lock()
	none := len(k.held) == 0
	k.mu.Unlock()
	if none {
		return nil
	}
	return k.extending.use(func(c *conn) error {
		renew := func() error { return k.renew(c, nil) }
		if err := k.commits.during(func() error { return c.inTransactionOfItsOwn(renew) }); err != nil {
			return err
		}
		k.database.checkpoints.committed(c, 1, 0)
		return nil
	})
}

// renew extends every lease held over a connection that has the write lock, but those of jobs that have a verdict in its transaction. So a handler
// that keeps the lock for longer than its lease does not lose the jobs of the goroutines beside it, which could not be extended meanwhile.
func (k *leaseKeeper) renew(c *conn, ended map[int64]bool) error {
	k.mu.Lock()
	k.renewedAt = k.database.wallClock()
	k.mu.Unlock()
	for _, id := range k.unsettledIDs() {
		if ended[id] {
			continue
		}
		_, err := c.call("knocker_extend", id, k.leases.worker, seconds(k.lease), k.database.now())
		if errors.Is(err, ErrLeaseLost) {
			k.noteLost(id)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// areOverdue says whether jobs are held whose leases have not been extended for as long as they last.
func (k *leaseKeeper) areOverdue() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held) > 0 && k.database.wallClock().Sub(k.renewedAt) > k.lease
}

// unsettledIDs are those of the jobs held that have no verdict. It is never nil: JSON would make a null of that, which nothing is in or out of.
func (k *leaseKeeper) unsettledIDs() []int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := make([]int64, 0, len(k.held))
	for id := range k.held {
		if !k.settled[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (k *leaseKeeper) noteLost(id int64) {
	k.mu.Lock()
	job, held := k.held[id]
	// One that was finished meanwhile is not lost.
	news := held && !k.settled[id] && !k.lost[id]
	if news {
		k.lost[id] = true
	}
	k.mu.Unlock()
	if !news {
		return
	}
	k.log.Warn("a lease is lost: another worker or an operator has taken the job", "record", "lease_lost", "worker", k.leases.worker, "job_id", id)
	if job.cancel != nil {
		job.cancel(newError("lease_lost", "another worker or an operator has taken the job", nil))
	}
}

// release gives back what was not started and says how many. Nothing may be running any more.
func (k *leaseKeeper) release() (released int64, err error) {
	err = k.claiming.use(func(c *conn) error {
		k.mu.Lock()
		k.ready = nil
		clear(k.held)
		clear(k.settled)
		k.mu.Unlock()
		released, err = k.leases.release(c)
		return err
	})
	return released, err
}

func (k *leaseKeeper) nextLook(poll time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.isDue {
		return poll
	}
	// A claim that found nothing although something was due: another worker was faster.
	return min(poll, max(k.due, 5*time.Millisecond))
}

func (k *leaseKeeper) close() {
	k.claiming.close()
	k.extending.close()
}
