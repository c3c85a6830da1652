package knocker

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// schedulerPauses are the times that a scheduler of tenants goes by.
type schedulerPauses struct {
	// tick is how often it is asked what has changed, and who is idle.
	tick time.Duration
	// turn is how long a file keeps its place at least where others wait; idle is how long it keeps it for nothing where none does.
	turn, idle time.Duration
	// tour is how often every file is looked at, whatever is known of it, and its retention run.
	tour time.Duration
	// soon are the pauses between the looks at a file that was written, until its commit is there to be seen.
	soon []time.Duration
	// firstPause and longestPause are before a file is tried again that could not be opened.
	firstPause, longestPause time.Duration
}

var usualPauses = schedulerPauses{
	tick: 10 * time.Millisecond, turn: time.Second, idle: time.Second, tour: 10 * time.Minute,
	soon:       []time.Duration{2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond},
	firstPause: time.Second, longestPause: time.Minute,
}

// looksAtOnce is how many files are looked at in parallel.
const looksAtOnce = 4

// tenantScheduler says which files are worked on. It knows when something is due in each, hears what has changed, looks at what it does not know, and
// gives the places to those that have waited longest. All of it happens in one goroutine; looks and turns have their own, and tell it when they end.
type tenantScheduler struct {
	tenants *Tenants
	options []WorkOption
	// handlers is how many of a worker may run at once.
	handlers int
	name     string
	log      *slog.Logger
	changes  *changedFiles

	known    map[string]*scheduledTenant
	times    tenantTimes
	urgent   []*scheduledTenant
	ordinary []*scheduledTenant
	looking  int
	ready    []*scheduledTenant
	turns    map[*turn]struct{}
	kept     int
	told     chan func()
	// lastSeen is when it was last looked whether the files of the turns are there.
	lastSeen time.Time
	// untold: a failure that comes with each tick is not told again before that.
	untold time.Time
}

// what a tenant waits for.
type tenantPhase int

const (
	resting tenantPhase = iota
	wantsLook
	beingLookedAt
	wantsPlace
	beingWorkedOn
)

// scheduledTenant is what a scheduler knows of one file.
type scheduledTenant struct {
	name, path string
	phase      tenantPhase
	// at is when it is looked at next while it rests; index is its place among the times.
	at    time.Time
	index int
	// tourAt is when it is looked at whatever is known.
	tourAt time.Time
	// step is how many looks there were since it was written; changedAt is when that was last told.
	step      int
	changedAt time.Time
	// endpoints are those with handlers, once it was open.
	endpoints []string
	kept      *conn
	failures  int
	isUrgent  bool
}

func newTenantScheduler(t *Tenants, options []WorkOption) (*tenantScheduler, error) {
	o, err := workOptionsOf(options)
	if err != nil {
		return nil, err
	}
	changes, err := newChangedFiles(t.pattern, t.options)
	if err != nil {
		return nil, err
	}
	return &tenantScheduler{
		tenants: t, options: options, handlers: o.concurrency, name: workerName(), log: t.options.logger, changes: changes,
		known: map[string]*scheduledTenant{}, turns: map[*turn]struct{}{}, told: make(chan func(), looksAtOnce+t.options.maxOpen),
	}, nil
}

func (s *tenantScheduler) run(ctx context.Context) {
	defer s.changes.close()
	s.log.Info("worker started for "+s.tenants.pattern.text, "record", "worker_started", "worker", s.name, "concurrency", s.handlers)
	ticker := time.NewTicker(s.tenants.pauses.tick)
	defer ticker.Stop()
	s.hear(time.Now())
	for ctx.Err() == nil {
		s.act(ctx)
		timer := time.NewTimer(s.untilNext())
		select {
		case <-ctx.Done():
		case <-ticker.C:
			s.hear(time.Now())
		case tell := <-s.told:
			tell()
		case <-timer.C:
		}
		timer.Stop()
	}
	// The turns end with the context, as a worker does.
	for s.looking > 0 || len(s.turns) > 0 {
		(<-s.told)()
	}
	for _, t := range s.known {
		s.let(t)
	}
	s.log.Info("worker stopped for "+s.tenants.pattern.text, "record", "worker_stopped", "worker", s.name)
}

// untilNext is how long nothing happens by itself.
func (s *tenantScheduler) untilNext() time.Duration {
	if len(s.times) == 0 {
		return s.tenants.pauses.tour
	}
	return max(0, time.Until(s.times[0].at))
}

// hear takes in what has changed.
func (s *tenantScheduler) hear(now time.Time) {
	paths, err := s.changes.next()
	if err != nil {
		// The tours go on without it.
		if now.Before(s.untold) {
			return
		}
		s.untold = now.Add(s.tenants.pauses.longestPause)
		s.log.Error("the worker tries again", "record", "worker_failed", "worker", s.name, "code", codeOf(err), "error", messageOf(err))
		return
	}
	for _, path := range paths {
		if name, ok := s.tenants.pattern.tenantOf(path); ok {
			s.changed(name, now)
		}
	}
}

func (s *tenantScheduler) changed(name string, now time.Time) {
	t := s.known[name]
	if t == nil {
		t = &scheduledTenant{name: name, path: s.tenants.pattern.path(name), index: -1, tourAt: now.Add(s.firstTour())}
		s.known[name] = t
		// There was no commit of which somebody has just told.
		t.step = len(s.tenants.pauses.soon)
		s.want(t, false)
		return
	}
	t.changedAt = now
	// One that cannot be opened is tried again when its pause is over.
	if t.failures > 0 || t.phase != resting && t.phase != wantsLook {
		return
	}
	t.step = 0
	if t.phase == resting || !t.isUrgent {
		s.rest(t)
		s.want(t, true)
	}
}

// firstTour spreads the tours of files over the time that one takes.
func (s *tenantScheduler) firstTour() time.Duration {
	const parts = 64
	return s.tenants.pauses.tour * time.Duration(1+len(s.known)%parts) / parts
}

// want has the file looked at.
func (s *tenantScheduler) want(t *scheduledTenant, urgently bool) {
	t.phase, t.isUrgent = wantsLook, urgently
	if urgently {
		s.urgent = append(s.urgent, t)
	} else {
		s.ordinary = append(s.ordinary, t)
	}
}

// rest takes the file out of every line.
func (s *tenantScheduler) rest(t *scheduledTenant) {
	if t.index >= 0 {
		heap.Remove(&s.times, t.index)
	}
	if t.phase == wantsLook {
		isIt := func(other *scheduledTenant) bool { return other == t }
		s.urgent = slices.DeleteFunc(s.urgent, isIt)
		s.ordinary = slices.DeleteFunc(s.ordinary, isIt)
	}
	t.phase = resting
}

// restUntil looks at the file at that time, or when its tour comes.
func (s *tenantScheduler) restUntil(t *scheduledTenant, at time.Time) {
	s.rest(t)
	t.at = at
	if t.failures == 0 && t.tourAt.Before(at) {
		t.at = t.tourAt
	}
	heap.Push(&s.times, t)
}

// act does what is to be done now.
func (s *tenantScheduler) act(ctx context.Context) {
	now := time.Now()
	for len(s.times) > 0 && !s.times[0].at.After(now) {
		t := heap.Pop(&s.times).(*scheduledTenant)
		s.want(t, t.step < len(s.tenants.pauses.soon))
	}
	for s.looking < looksAtOnce {
		t := s.nextWanted()
		if t == nil {
			break
		}
		s.look(t, now)
	}
	s.stopTurns(now)
	for len(s.ready) > 0 && len(s.turns) < s.tenants.options.maxOpen {
		t := s.ready[0]
		s.ready = s.ready[1:]
		s.begin(ctx, t)
	}
}

func (s *tenantScheduler) nextWanted() *scheduledTenant {
	for _, line := range []*[]*scheduledTenant{&s.urgent, &s.ordinary} {
		if len(*line) > 0 {
			t := (*line)[0]
			*line = (*line)[1:]
			return t
		}
	}
	return nil
}

// look has the file looked at, and its retention run where its tour has come.
func (s *tenantScheduler) look(t *scheduledTenant, now time.Time) {
	s.looking++
	t.phase = beingLookedAt
	isTour := !t.tourAt.After(now)
	if isTour {
		t.tourAt = now.Add(s.tenants.pauses.tour)
	}
	began, given, endpoints := now, t.kept, t.endpoints
	if given != nil {
		s.kept--
	}
	t.kept = nil
	if isTour {
		// What is handled may be other than it was.
		endpoints = nil
	}
	go func() {
		found, c := s.tenants.lookAt(t.name, t.path, endpoints, isTour, given)
		s.told <- func() {
			s.looking--
			t.kept = c
			if c != nil {
				s.kept++
			}
			s.looked(t, found, began)
		}
	}()
}

// looked takes in what was found.
func (s *tenantScheduler) looked(t *scheduledTenant, found look, began time.Time) {
	now := time.Now()
	if s.isOver(t, found) {
		return
	}
	if found.isDue && found.due == 0 {
		s.let(t)
		t.phase = wantsPlace
		s.ready = append(s.ready, t)
		return
	}
	// One that could be looked at may still fail to open.
	t.failures = 0
	if t.changedAt.After(began) {
		t.step = 0
	}
	at := t.tourAt
	if found.isDue {
		at = now.Add(found.due)
	}
	if soon := s.tenants.pauses.soon; t.step < len(soon) {
		again := now.Add(soon[t.step])
		t.step++
		if again.Before(at) {
			at = again
		}
		if s.kept > s.tenants.options.maxOpen {
			s.let(t)
		}
	} else {
		s.let(t)
	}
	s.restUntil(t, at)
}

// isOver says whether there is no more to be done about the file now: it is gone, or it could not be opened.
func (s *tenantScheduler) isOver(t *scheduledTenant, found look) bool {
	if found.isGone || errors.Is(found.err, ErrFileReplaced) && !isFile(t.path) {
		s.let(t)
		delete(s.known, t.name)
		s.tenants.pool.drop(t.name, t.path+"-wal")
		return true
	}
	if found.err == nil {
		return false
	}
	s.let(t)
	if errors.Is(found.err, ErrClosed) {
		// By Close, which ends this worker too.
		return true
	}
	if errors.Is(found.err, ErrFileReplaced) {
		// It is logged where it was noticed, and opened once it is at rest.
		s.restUntil(t, time.Now().Add(atRest))
		return true
	}
	pauses := s.tenants.pauses
	pause := min(pauses.longestPause, pauses.firstPause<<min(t.failures, 16))
	t.failures++
	s.tell(t, found.err, pause)
	s.restUntil(t, time.Now().Add(pause))
	return true
}

func (s *tenantScheduler) tell(t *scheduledTenant, err error, pause time.Duration) {
	what := []any{"record", "tenant_failed", "tenant", t.name, "path", t.path}
	if code := codeOf(err); code != "" {
		s.log.Error(fmt.Sprintf("a tenant's file is tried again in %v", pause), append(what, "code", code, "error", messageOf(err))...)
		return
	}
	// Of the application's own function, most likely, which knows secrets: its type and the places in the code are no secret.
	what = append(what, "code", "internal", "error", fmt.Sprintf("%T", err))
	var panicked *PanicError
	if errors.As(err, &panicked) {
		what = append(what, "stack", string(panicked.Stack))
	}
	s.log.Error(fmt.Sprintf("a tenant could not be set up, and is tried again in %v", pause), what...)
}

// let closes the connection that was kept to look again.
func (s *tenantScheduler) let(t *scheduledTenant) {
	if t.kept != nil {
		t.kept.close()
		t.kept = nil
		s.kept--
	}
}

// begin gives the file a place.
func (s *tenantScheduler) begin(ctx context.Context, t *scheduledTenant) {
	t.phase = beingWorkedOn
	ctx, stop := context.WithCancel(ctx)
	one := &turn{scheduled: t, stop: stop}
	s.turns[one] = struct{}{}
	go func() {
		found := s.tenants.workFor(ctx, t.name, s.options, func(w *work) { s.told <- func() { one.work = w } })
		s.told <- func() {
			stop()
			delete(s.turns, one)
			s.worked(t, found)
		}
	}()
}

// worked takes in how a turn has ended.
func (s *tenantScheduler) worked(t *scheduledTenant, found look) {
	if found.err == nil {
		t.endpoints, t.failures = found.endpoints, 0
	}
	pauses := s.tenants.pauses
	longest := time.Duration(0)
	for _, pause := range pauses.soon {
		longest += pause
	}
	// What was written a moment ago may be another process's commit that is not to be seen yet.
	t.step = len(pauses.soon)
	if time.Since(t.changedAt) < longest {
		t.step = 0
	}
	s.looked(t, found, time.Now())
}

// stopTurns takes places from those who have no use for them, and from those who had their turn where others wait.
func (s *tenantScheduler) stopTurns(now time.Time) {
	pauses := s.tenants.pauses
	seeFiles := now.Sub(s.lastSeen) > pauses.idle
	if seeFiles {
		s.lastSeen = now
	}
	waiting := len(s.ready)
	var stoppable []*turn
	for one := range s.turns {
		switch {
		case one.isStopped:
			waiting--
		case one.work == nil:
		case seeFiles && !isFile(one.scheduled.path):
			one.end()
			waiting--
		default:
			stoppable = append(stoppable, one)
		}
	}
	// The idle ones first, then those who began first.
	slices.SortFunc(stoppable, func(a, b *turn) int {
		if idle := b.work.idleFor(now) - a.work.idleFor(now); idle != 0 {
			return int(idle)
		}
		return a.work.began.Compare(b.work.began)
	})
	for _, one := range stoppable {
		idle := one.work.idleFor(now)
		if idle > pauses.idle || waiting > 0 && (idle > 0 || now.Sub(one.work.began) > pauses.turn) {
			one.end()
			waiting--
		}
	}
}

func (t *turn) end() {
	t.isStopped = true
	t.stop()
}

// tenantTimes are those who rest, the one that is looked at first before the others.
type tenantTimes []*scheduledTenant

func (h tenantTimes) Len() int           { return len(h) }
func (h tenantTimes) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h tenantTimes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is of [heap.Interface].
func (h *tenantTimes) Push(t any) {
	scheduled := t.(*scheduledTenant)
	scheduled.index = len(*h)
	*h = append(*h, scheduled)
}

// Pop is of [heap.Interface].
func (h *tenantTimes) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	popped.index = -1
	*h = (*h)[:last]
	return popped
}
