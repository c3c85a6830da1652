package knocker

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Where nobody else is known to write: a tenth of the time that the lock was held, so that the first one comes through. No timer takes less than a
	// millisecond.
	gap        = 10
	leastHeld  = 10 * time.Millisecond
	longestGap = 5 * time.Millisecond
	// Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that.
	heldForOthers = 60 * time.Millisecond
	turnOfOthers  = 25 * time.Millisecond
	// othersKnown is for how long others are known after they have written.
	othersKnown = 10 * time.Second
)

// givingWay is when the goroutines of a worker leave the write lock to others.
//
// Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often, and sleeps in
// between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
type givingWay struct {
	clock func() time.Time
	// wait lets so much time pass.
	wait func(time.Duration)

	// mu is kept in a pause: so the other goroutines have theirs at the same time, after one more commit.
	mu          sync.Mutex
	held        time.Duration
	othersUntil time.Time
}

// ownCommits are those of one worker, on whichever connection.
type ownCommits struct{ begun, ended atomic.Int64 }

// during is around what commits.
func (o *ownCommits) during(commit func() error) error {
	o.begun.Add(1)
	defer o.ended.Add(1)
	return commit()
}

// othersWatch is how one goroutine, on its connection, notices that others write.
type othersWatch struct {
	// version is another one when another connection has committed something.
	version func() (int64, error)
	// own are the worker's commits, of which so many were made on this connection.
	own  *ownCommits
	here func() int64

	seen, seenOwn int64
	// quiet: nothing of the worker was on its way at the last look, if there was one.
	quiet bool
}

// haveWritten says whether others have written since the last call. Where the worker has, too, on another connection, nobody can tell.
func (o *othersWatch) haveWritten() bool {
	ended := o.own.ended.Load()
	version, err := o.version()
	if err != nil {
		// It is met by whatever this connection is used for next.
		o.quiet = false
		return false
	}
	begun := o.own.begun.Load()
	own := begun - o.here()
	others := version != o.seen && o.quiet && own == o.seenOwn
	o.seen, o.seenOwn, o.quiet = version, own, ended == begun
	return others
}

// look notes whether others have written: before the worker commits something on another connection, and after that.
func (g *givingWay) look(o *othersWatch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note(o)
}

func (g *givingWay) note(o *othersWatch) {
	if o.haveWritten() {
		g.othersUntil = g.clock().Add(othersKnown)
	}
}

// after is to be called without the lock, which has been held for so long since the last call.
func (g *givingWay) after(held time.Duration, o *othersWatch) {
	if held <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held += held
	least, pause := leastHeld, min(longestGap, g.held/gap)
	if g.clock().Before(g.othersUntil) {
		least, pause = heldForOthers, turnOfOthers
	}
	if g.held < least {
		return
	}
	g.held = 0
	g.note(o)
	g.wait(pause)
	g.note(o)
}
