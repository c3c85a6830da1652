package knocker

import (
	"sync"
	"time"
)

const (
	// mostShared is how many events share a commit at most.
	mostShared = 64
	// mostOpen is for how long the transaction stays open, and no handler is begun in it that lately took longer than what is left of that.
	mostOpen = 20 * time.Millisecond
	// longestStill is for how long others wait where the injected clock stands still, which says nothing of how long a handler takes.
	longestStill = time.Second
)

const (
	attemptSavepoint = "knocker_attempt"
	beginSavepoint   = "SAVEPOINT " + attemptSavepoint
	undoSavepoint    = "ROLLBACK TO " + attemptSavepoint
	releaseSavepoint = "RELEASE " + attemptSavepoint
)

// sharedCommit is one transaction for the attempts of several events on one connection: each in a savepoint with its verdict, and one commit for
// all. What one handler fails with takes back its own writes alone. Nobody sees an event's writes or its verdict before the commit, and nothing is
// told of it. Where the whole transaction is lost, none of them counts as run.
//
// It is begun by the first handler that uses tx. Attempts that ended before that wait with their verdicts; they hold no lock.
//
// One goroutine runs the handlers; a timer commits early where one of them keeps the others waiting. A handler that has not used tx yet has nothing
// of the connection, so whoever holds mu has it alone.
type sharedCommit struct {
	database   *database
	keeper     *leaseKeeper
	connection *handlerConnection
	generation int64

	mu      sync.Mutex
	members []*member
	// current is what the handlers that run now have, nil while none run; inSavepoint says whether they have used it.
	current     *Tx
	inSavepoint bool
	isOpen      bool
	// openedAt is by the clock that leases go by.
	openedAt time.Time
	// since is when the first of its members began to wait or to write, on the stopwatch and in truth.
	since, trulySince time.Time
	// lockedAt is when it was begun, on the stopwatch.
	lockedAt time.Time
	timer    *time.Timer
}

func newSharedCommit(d *database, keeper *leaseKeeper, connection *handlerConnection, generation int64) *sharedCommit {
	s := &sharedCommit{database: d, keeper: keeper, connection: connection, generation: generation}
	s.timer = time.AfterFunc(longestStill, s.commitOverdue)
	s.timer.Stop()
	return s
}

// size is how many attempts wait for the commit, or to be told of it.
func (s *sharedCommit) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members)
}

// isIdle says whether there is nothing to commit and nobody to tell.
func (s *sharedCommit) isIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members) == 0 && !s.isOpen
}

// hasLock says whether it has the write lock.
func (s *sharedCommit) hasLock() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isOpen
}

// hasRoomFor says whether a handler of that pace may be begun in it: nobody is to wait for the lock because of one that is slow, or that does
// something else first.
func (s *sharedCommit) hasRoomFor(p pace) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) == 0 && !s.isOpen {
		return true
	}
	if len(s.members) >= mostShared || (s.isOpen && !p.usesTx()) {
		return false
	}
	return s.age()+p.expected <= mostOpen
}

// isFull says whether it is to be committed, whatever comes next.
func (s *sharedCommit) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members) >= mostShared || ((len(s.members) > 0 || s.isOpen) && s.age() >= mostOpen)
}

func (s *sharedCommit) age() time.Duration { return s.database.paces.now().Sub(s.since) }

// start gives what the handlers of one more attempt get.
func (s *sharedCommit) start() *Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := s.connection.start()
	tx.shared, s.connection.guard.shared = s, s
	s.current, s.inSavepoint = tx, false
	tx.metLock = s.isOpen
	if s.hasUncommitted() {
		s.timer.Reset(s.patience())
	}
	return tx
}

// begin is the first use of tx by the handlers that run: it begins the transaction if need be, and a savepoint in it.
func (s *sharedCommit) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.connection.guard.asWorker()()
	c := s.connection.conn
	if !s.isOpen {
		if err := s.open(); err != nil {
			return err
		}
		if err := s.writeWaiting(); err != nil {
			// It is not this handler's error.
			s.rollBack()
			s.undo(err)
			if err := s.open(); err != nil {
				return err
			}
		}
	}
	if err := c.exec(beginSavepoint); err != nil {
		return err
	}
	s.inSavepoint = true
	return nil
}

func (s *sharedCommit) open() error {
	if err := s.connection.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	s.opened()
	return nil
}

func (s *sharedCommit) opened() {
	if len(s.members) == 0 {
		s.noteSince()
	}
	s.isOpen, s.openedAt, s.lockedAt = true, s.database.wallClock(), s.database.paces.now()
}

func (s *sharedCommit) noteSince() { s.since, s.trulySince = s.database.paces.now(), time.Now() }

// ended says that the handlers that were started have ended, and that nothing of them uses the connection any more.
func (s *sharedCommit) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.current, s.inSavepoint = nil, false
}

// add adds an attempt that has ended. Its error is what keeps the verdict from being written: the attempt is none of this transaction then, and is
// to be dropped.
func (s *sharedCommit) add(m *member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.usedTx && !m.hasWrites {
		s.takeBack()
	}
	// With writes the verdict is written inside the savepoint: a lease that is lost takes back this event's alone.
	if s.isOpen {
		if err := s.writeVerdict(m); err != nil {
			return err
		}
	}
	if m.hasWrites && m.status == leaseLost {
		s.takeBack()
	} else if m.hasWrites {
		if err := s.connection.conn.exec(releaseSavepoint); err != nil {
			return err
		}
	}
	if len(s.members) == 0 && !s.isOpen {
		s.noteSince()
	}
	s.members = append(s.members, m)
	return nil
}

// drop takes back what an attempt wrote that is none of this transaction. A setting of its handlers is not to be in the way of the others.
func (s *sharedCommit) drop(usedTx bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if usedTx {
		s.takeBack()
		_ = s.connection.conn.exec(writable)
	}
}

// commit commits, and gives every attempt since the last call: committed, or undone. With claimNext the next jobs are claimed by the same commit,
// which may find attempts that were lost.
func (s *sharedCommit) commit(claimNext bool) ([]*member, []lostAttempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.settle(func() error { return beginPatiently(s.connection.conn) }, claimNext)
	members := s.members
	s.members = nil
	return members, lost
}

// letGo commits what is there before the handlers of that attempt wait for the write lock elsewhere, unless they have it themselves.
func (s *sharedCommit) letGo(tx *Tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == tx {
		s.commitEarly()
	}
}

// commitOverdue commits what has waited for too long for the handlers that run. They are told of when those have ended.
func (s *sharedCommit) commitOverdue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.inSavepoint || !s.hasUncommitted() {
		return
	}
	patience := s.patience()
	if patience <= 0 {
		s.commitEarly()
		patience = longestStill
	}
	if s.hasUncommitted() {
		s.timer.Reset(patience)
	}
}

func (s *sharedCommit) patience() time.Duration {
	return min(mostOpen-s.age(), longestStill-time.Since(s.trulySince))
}

func (s *sharedCommit) commitEarly() {
	if s.inSavepoint {
		return
	}
	defer s.connection.guard.asWorker()()
	// Where somebody else writes, verdicts that hold no lock may wait longer.
	s.settle(func() error { return s.connection.conn.exec("BEGIN IMMEDIATE") }, false)
}

func (s *sharedCommit) hasUncommitted() bool {
	if s.isOpen {
		return true
	}
	for _, m := range s.members {
		if m.state == memberWaits {
			return true
		}
	}
	return false
}

// close gives up what is not committed.
func (s *sharedCommit) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.current = nil
	s.rollBack()
}
