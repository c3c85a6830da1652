package knocker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// workerPause is after an error of the database itself.
	workerPause = time.Second
	// watchPatience is how often the watching goroutine looks whether it is still wanted.
	watchPatience = 250 * time.Millisecond
	// retainEvery: retention passes have intervals of their own; this is how often one may turn out to be due.
	retainEvery = time.Minute
	// extensions is how often a lease is extended in its length.
	extensions = 3
	// mostHandlers: each has a goroutine and a connection.
	mostHandlers = 1000
)

// work is one run of a worker.
type work struct {
	hooks   *Hooks
	options workOptions
	name    string
	keeper  *leaseKeeper
	report  report
	way     *givingWay
	// log has its name in every line.
	log *slog.Logger

	stopping chan struct{}
	once     sync.Once
	ended    chan struct{}

	// isTurn: it is one of many that begin and end, of which only the debug log tells.
	isTurn bool
	began  time.Time
	// sleeping is how many of its goroutines have nothing to do, busyAt when one had.
	sleeping atomic.Int64
	busyAt   atomic.Int64
}

func (h *Hooks) newWork(given []WorkOption) (*work, error) {
	o, err := workOptionsOf(given)
	if err != nil {
		return nil, err
	}
	w := &work{hooks: h, options: o, name: workerName(), stopping: make(chan struct{}), ended: make(chan struct{}), began: time.Now()}
	file := h.database.options
	w.log = file.logger.With("worker", w.name)
	w.report = report{log: file.logger, tracer: file.tracer, onError: file.onError, onDead: file.onDead}
	w.way = &givingWay{clock: h.database.paces.now, wait: func(d time.Duration) { pause(d, w.stopping) }}
	w.keeper = newLeaseKeeper(h.database, w.name, o.lease, h.handledEndpoints, w.tellLost)
	return w, nil
}

// tellLost tells of an attempt whose worker died or let go of it, once a claim has recorded it.
func (w *work) tellLost(lost lostAttempt) {
	ctx := context.Background()
	r := w.report.of(lost.event)
	r.failed(ctx, newError("lease_lost", lost.problem, nil), "lost", "failed")
	if lost.isDead {
		r.dead(ctx, lost.problem)
	}
}

func workerName() string {
	var random [4]byte
	_, _ = rand.Read(random[:])
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return fmt.Sprintf("%.200s:%d:%s", host, os.Getpid(), hex.EncodeToString(random[:]))
}

func (h *Hooks) handledEndpoints() []string {
	var names []string
	for _, e := range h.Endpoints() {
		if e.hasHandlers() {
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	return names
}

// Work claims due events and runs their handlers until ctx ends; then it lets the running handlers finish, gives back the other jobs and returns
// nil. Any number of workers, in any number of processes, share a file. Errors are those of the arguments: what fails while it works is logged and
// tried again.
func (h *Hooks) Work(ctx context.Context, options ...WorkOption) error {
	w, err := h.newWork(options)
	if err != nil {
		return err
	}
	if err := alive(ctx); errors.Is(err, ErrUsage) {
		return err
	}
	if len(h.handledEndpoints()) == 0 {
		return usage("there are no handlers: add them with Endpoint.On before Work")
	}
	if err := h.begin(w); err != nil {
		return err
	}
	defer h.end(w)
	if ctx.Err() == nil && h.database.cluster != nil {
		newRqliteWork(w).run(ctx)
	} else if ctx.Err() == nil {
		w.run(ctx)
	}
	return nil
}

func (w *work) run(ctx context.Context) {
	log, level := w.log, slog.LevelInfo
	if w.isTurn {
		level = slog.LevelDebug
	}
	log.Log(ctx, level, "worker started", "record", "worker_started", "concurrency", w.options.concurrency)
	var handling, minding sync.WaitGroup
	for range w.options.concurrency {
		handling.Add(1)
		go func() {
			defer handling.Done()
			w.guard(func() error { return w.handle(ctx) })
		}()
	}
	for _, mind := range []func() error{w.watch, w.keep} {
		minding.Add(1)
		go func() {
			defer minding.Done()
			w.guard(mind)
		}()
	}
	select {
	case <-ctx.Done():
	case <-w.stopping:
	}
	w.stop()
	handling.Wait()
	released, err := w.keeper.release()
	if err != nil {
		// Nothing is lost: they run out, and another worker takes them.
		log.Warn("leases not given back, they run out", "record", "leases_kept", "code", codeOf(err), "error", messageOf(err))
	}
	log.Log(context.WithoutCancel(ctx), level, "worker stopped", "record", "worker_stopped", "released", released)
	minding.Wait()
	w.keeper.close()
}

// stop asks it to end, and returns at once.
func (w *work) stop() {
	w.once.Do(func() { close(w.stopping) })
	w.hooks.database.changed.notify()
}

func (w *work) isStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// guard runs a goroutine's part again after whatever ended it, until the worker stops.
func (w *work) guard(part func() error) {
	for !w.isStopping() {
		err := part()
		switch {
		case err == nil:
		case errors.Is(err, ErrFileReplaced):
			// It is logged once, where it was noticed; the next round is on the file that is there then.
			pause(5*time.Millisecond, w.stopping)
		case errors.Is(err, ErrBusy):
			// A handler, here or elsewhere, that writes for long.
			w.log.Warn("the database is busy, the worker tries again", "record", "database_busy", "code", codeOf(err), "error", messageOf(err))
			pause(workerPause, w.stopping)
		default:
			w.log.Error("the worker tries again", "record", "worker_failed", "code", codeOf(err), "error", messageOf(err))
			pause(workerPause, w.stopping)
		}
	}
}

func (w *work) handle(ctx context.Context) error {
	changed := w.hooks.database.changed
	a, err := newSharedAttempts(w)
	if err != nil {
		return err
	}
	defer a.close()
	others := a.others()
	for !w.isStopping() {
		// Looked at before the database is: a receipt that comes in between is not slept through.
		news := changed.look()
		j, err := w.takeBeside(others, a, changed.idle())
		if err != nil {
			return err
		}
		if j == nil && a.uncommitted() == 0 {
			w.sleep(news, w.keeper.nextLook(w.options.poll))
			continue
		}
		done := w.attempt(ctx, a, j)
		w.busyAt.Store(time.Now().UnixNano())
		if isSpent(a, done) {
			// Attempts that came after what went wrong may wait for their commit.
			break
		}
		if !a.shared.hasLock() {
			w.way.after(a.connection.takeHeld(), others)
		}
	}
	w.attempt(ctx, a, nil)
	return nil
}

// take gives the next job, nil where none is at hand. Nothing is claimed on another connection while attempts wait for their commit: it would wait for
// the lock that this one has.
func (w *work) take(a *sharedAttempts, idle int) (*Job, error) {
	changed := w.hooks.database.changed
	if a.uncommitted() > 0 {
		return w.keeper.takeReady(idle, changed.notify), nil
	}
	if err := w.hooks.database.refuseFormer(a.generation); err != nil {
		return nil, err
	}
	return w.keeper.take(idle, changed.notify)
}

// takeBeside is as take, and notes who has written when it may have to claim.
func (w *work) takeBeside(others *othersWatch, a *sharedAttempts, idle int) (*Job, error) {
	if a.uncommitted() > 0 || w.keeper.hasReady() {
		return w.take(a, idle)
	}
	w.way.look(others)
	defer w.way.look(others)
	return w.take(a, idle)
}

// attempt runs the job, or commits what was run before where there is none, and gives what has ended by that.
func (w *work) attempt(ctx context.Context, a *sharedAttempts, j *Job) []ended {
	var done []ended
	if j != nil {
		done = a.run(ctx, j, w.keeper.hasReady())
	} else {
		done = a.commit(false)
	}
	if a.uncommitted() > 0 && !w.keeper.hasReady() {
		done = append(done, a.commit(true)...)
	}
	for _, one := range done {
		w.keeper.finished(one.job, one.took, one.status != unwritten)
	}
	return done
}

// isSpent says whether there is to be another connection: this one may be what is broken, or handlers have left something on it.
func isSpent(a *sharedAttempts, done []ended) bool {
	return a.altered || slices.ContainsFunc(done, func(one ended) bool { return one.status == unwritten })
}

// idleFor is how long none of its goroutines has had anything to do; 0 where one has.
func (w *work) idleFor(now time.Time) time.Duration {
	if w.sleeping.Load() < int64(w.options.concurrency) {
		return 0
	}
	last := w.began
	if busy := w.busyAt.Load(); busy != 0 {
		last = time.Unix(0, busy)
	}
	return max(0, now.Sub(last))
}

func (w *work) sleep(news <-chan struct{}, patience time.Duration) {
	done := w.hooks.database.changed.waits()
	defer done()
	w.sleeping.Add(1)
	defer w.sleeping.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-news:
	case <-timer.C:
	case <-w.stopping:
	}
}

func (w *work) watch() error {
	d := w.hooks.database
	generation := d.generation.Load()
	opened, err := d.open()
	if err != nil {
		return err
	}
	watch, err := newFileWatch(opened, d.file.logPath(), w.stopping)
	if err != nil {
		return err
	}
	defer watch.close()
	// What was committed between the last claim and the first look is no change to this watch.
	d.changed.notify()
	for !w.isStopping() {
		if err := d.refuseFormer(generation); err != nil {
			return err
		}
		if d.changed.idle() == 0 {
			// A worker whose goroutines are all busy has no use for news.
			select {
			case <-d.changed.wanted:
			case <-time.After(watchPatience):
			case <-w.stopping:
			}
			continue
		}
		if changed, err := watch.wait(watchPatience); err != nil {
			return err
		} else if changed {
			d.changed.notify()
		}
	}
	return nil
}

// keep extends the leases several times in their length, and runs retention passes.
func (w *work) keep() error {
	nextPass := time.Now().Add(retainEvery)
	between := w.options.lease / extensions
	for !pause(between, w.stopping) {
		between = w.options.lease / extensions
		if err := w.keeper.extend(); errors.Is(err, ErrBusy) {
			w.log.Warn("leases not extended, trying again", "record", "leases_not_extended", "code", codeOf(err), "error", messageOf(err))
			between = min(between, workerPause)
		} else if err != nil {
			return err
		}
		if time.Now().After(nextPass) {
			retain := func() error {
				_, err := w.hooks.database.call(context.Background(), "knocker_retain")
				return err
			}
			if err := w.keeper.commits.during(retain); err != nil {
				return err
			}
			nextPass = time.Now().Add(retainEvery)
		}
	}
	return nil
}
