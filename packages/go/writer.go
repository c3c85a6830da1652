package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// storeFunction is the call that stores a receipt that was judged.
	storeFunction = "knocker_store"
	// mostCalls is how many calls share a commit at most.
	mostCalls = 128
	// mostBytes is how many bytes of arguments share a commit at most; a larger call has one of its own.
	mostBytes = 8 << 20
	// waitingStep is how long SQLite is asked to wait for the write lock at a time. It does so in pauses of 1, 2, 5 ms and so on up to a hundred, and
	// begins with the shortest each time. With the long ones processes that take turns at the lock leave it idle, or one of them has it again and again
	// while another sleeps. With nothing but the shortest ones receipts would leave workers of other processes no turn.
	waitingStep = 20 * time.Millisecond
	// givingUpSlack: calls that came within this time of each other give up together.
	givingUpSlack = 20 * time.Millisecond
)

// ticket is one call on its way to the writer, and whom to answer.
type ticket struct {
	function  string
	arguments []driver.Value
	// isWhole: the function judges and stores, in a transaction of its own where it is in none.
	isWhole  bool
	size     int
	queuedAt time.Time
	result   driver.Value
	err      error
	answered chan struct{}
}

func newTicket(function string, arguments ...driver.Value) *ticket {
	t := &ticket{function: function, arguments: arguments, queuedAt: time.Now(), answered: make(chan struct{})}
	for _, argument := range arguments {
		switch value := argument.(type) {
		case string:
			t.size += len(value)
		case []byte:
			t.size += len(value)
		}
	}
	return t
}

// writer is group commit: callers that arrive together share one transaction, and each is answered after its commit.
//
// The price of a durable write is the fsync of its commit. Whoever has the turn has the writing connection: it takes what is queued, runs each call in
// one transaction (each is atomic through a savepoint of its own, so one caller's error is its own), commits once, and answers everybody. A call
// that finds nobody else, as the one before it, is committed at once, by its caller, who needs no other goroutine for it; for those who come together
// the writer's goroutine does it. What is costly about a call is done before it comes here.
type writer struct {
	database *database
	queue    chan *ticket
	turn     *writerTurn
	ended    chan struct{}
	// isAlone: the last commit was of one call.
	isAlone atomic.Bool

	// What follows is of whoever has the turn.
	connection *conn
	generation int64
	// replica is what receipts wait for after their commit; nil where they do not.
	replica *replica
	// waiting were taken from the queue, and are not yet in a group. There are none while nobody has the turn.
	waiting []*ticket
	// isCheckpointDue: the commit has been answered that made it so.
	isCheckpointDue bool

	mu     sync.RWMutex
	closed bool
}

func newWriter(d *database) *writer {
	w := &writer{database: d, queue: make(chan *ticket, mostCalls), turn: newWriterTurn(), ended: make(chan struct{})}
	if socket := d.options.replicated; socket != "" {
		w.replica = newReplica(d.path, socket, d.options.replicatedWait)
	}
	go w.run()
	return w
}

// call runs one SQL function in the next commit that has room for it, and gives its result after the commit. Where the context ends first, the
// call may still be committed.
func (w *writer) call(ctx context.Context, function string, arguments ...driver.Value) (driver.Value, error) {
	t := newTicket(function, arguments...)
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return nil, errClosed()
	}
	if w.mayLead(ctx) && w.turn.take() {
		w.mu.RUnlock()
		w.lead(t)
	} else {
		select {
		case w.queue <- t:
			w.turn.wake()
			w.mu.RUnlock()
		case <-ctx.Done():
			w.mu.RUnlock()
			return nil, ctx.Err()
		}
	}
	select {
	case <-t.answered:
		return t.result, t.err
	case <-ctx.Done():
		return nil, fmt.Errorf("knocker: the caller stopped waiting, and what it received may still be stored: %w", ctx.Err())
	}
}

// close commits what is queued and ends the goroutine.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.turn.end()
	}
	w.mu.Unlock()
	<-w.ended
}

func (w *writer) run() {
	defer close(w.ended)
	<-w.turn.given
	if cluster := w.database.cluster; cluster != nil {
		cluster.write(w)
		return
	}
	defer w.disconnect()
	if w.replica != nil {
		defer w.replica.close()
	}
	for w.takeOne() {
		if w.isCheckpointDue {
			w.isCheckpointDue = false
			w.database.checkpoints.run(w.connection)
		} else {
			w.serve(false)
		}
	}
}

// serve commits a group of those who wait, and answers it.
func (w *writer) serve(byCaller bool) {
	group, done := []*ticket(nil), false
	if byCaller && w.waiting[0].isWhole {
		group, done = w.writeWhole()
	}
	if !done {
		group = w.write(byCaller, false)
	}
	w.isAlone.Store(len(group) == 1)
	w.answer(group)
	if w.connection == nil || len(group) == 0 {
		return
	}
	size := 0
	for _, t := range group {
		size += t.size
	}
	w.isCheckpointDue = w.database.checkpoints.note(len(group), size)
}

// answer answers everybody, and those with a receipt once the replica has it.
func (w *writer) answer(group []*ticket) {
	if w.replica == nil {
		answer(group)
		return
	}
	var receipts, others []*ticket
	for _, t := range group {
		if (t.isWhole || t.function == storeFunction) && t.err == nil {
			receipts = append(receipts, t)
		} else {
			others = append(others, t)
		}
	}
	answer(others)
	if len(receipts) == 0 {
		return
	}
	if err := w.replica.wait(receipts[len(receipts)-1].queuedAt); err != nil {
		// They are stored all the same, and what is sent again is a duplicate.
		for _, t := range receipts {
			t.err = err
		}
	}
	answer(receipts)
}

func answer(group []*ticket) {
	for _, t := range group {
		close(t.answered)
	}
}

func (w *writer) disconnect() {
	if w.connection != nil {
		w.connection.close()
		w.connection = nil
	}
}

// takeOne waits until the goroutine has something to do; false at the end.
func (w *writer) takeOne() bool {
	for {
		if w.takeQueued(); len(w.waiting) > 0 || w.isCheckpointDue {
			return true
		}
		if !w.turn.rest(func() bool { return len(w.queue) > 0 }) {
			return false
		}
	}
}

func (w *writer) takeQueued() {
	for {
		select {
		case t := <-w.queue:
			w.waiting = append(w.waiting, t)
		default:
			return
		}
	}
}

// gathering is how long a group waits for as many as shared the one before, whom the answer to that has just set free.
const gathering = 2 * time.Millisecond

// gather takes what is queued, and waits a moment for those who shared the last commit: alone, the first of them would keep the others waiting.
func (w *writer) gather(last int) {
	w.takeQueued()
	if len(w.waiting) >= last {
		return
	}
	over := time.NewTimer(gathering)
	defer over.Stop()
	for len(w.waiting) < last {
		select {
		case t := <-w.queue:
			w.waiting = append(w.waiting, t)
		case <-over.C:
			return
		}
	}
}

// takeGroup takes of those who wait as many as share a commit.
func (w *writer) takeGroup() []*ticket {
	size := 0
	for i, t := range w.waiting {
		if size += t.size; i == mostCalls || (i > 0 && size > mostBytes) {
			group := w.waiting[:i:i]
			w.waiting = w.waiting[i:]
			return group
		}
	}
	group := w.waiting
	w.waiting = nil
	return group
}

// write commits a group of those who wait, and gives those who are to be answered.
func (w *writer) write(byCaller, reopened bool) []*ticket {
	begun, err := w.begin(byCaller)
	if err == nil && !begun {
		return nil
	}
	var group []*ticket
	if err == nil {
		group, err = w.perform()
	}
	if err == nil {
		err = w.connection.exec("COMMIT")
	}
	if err == nil {
		// In the file that is gone it is nowhere.
		err = w.database.refuseFormer(w.generation)
	}
	if err == nil {
		w.database.changed.notify()
		return group
	}
	// Nothing could be begun, or COMMIT failed: nobody's write is there.
	if len(group) == 0 {
		// Opening waits for locks as well: who has waited meanwhile does not wait again.
		w.takeQueued()
		group, w.waiting = w.waiting, nil
	}
	if w.connection != nil && w.connection.inTransaction() {
		// A rollback that fails leaves what SQLite has rolled back itself; the error that the callers get is the first one.
		_ = w.connection.exec("ROLLBACK")
	}
	if errors.Is(err, ErrReadOnly) && !reopened {
		// Perhaps only the connection is: it came up so, and the file has been put right since.
		w.disconnect()
		for _, t := range group {
			t.result, t.err = nil, nil
		}
		w.waiting = append(group, w.waiting...)
		return w.write(byCaller, true)
	}
	for _, t := range group {
		if t.err == nil {
			t.err = err
		}
	}
	if begun {
		w.database.doubt(err)
	}
	if errors.Is(err, ErrReadOnly) || errors.Is(err, ErrFileReplaced) {
		w.disconnect()
	}
	return group
}

// connect makes sure of the writing connection, to the file that is at the path now, and in a state to be trusted.
func (w *writer) connect() error {
	d := w.database
	if err := d.refuseReplaced(); err != nil {
		return err
	}
	if w.generation != d.generation.Load() {
		w.disconnect()
	}
	if w.connection == nil {
		if err := d.openTheFile(); err != nil {
			return err
		}
		w.generation = d.generation.Load()
		opened, err := d.connect()
		if err != nil {
			return err
		}
		w.connection = opened
	}
	return d.checkpoints.requireSound(w.connection)
}

// begin begins a transaction for those who wait, and for who joins them on the way; false where everybody's time ran out first. Those whose time
// runs out are answered here, so that nobody waits longer because others have waited before. A caller tries once, as it would wait for the others too.
func (w *writer) begin(byCaller bool) (bool, error) {
	if err := w.connect(); err != nil {
		return false, err
	}
	if err := w.waitAStep(); err != nil {
		return false, err
	}
	patience := w.database.options.busyTimeout
	for len(w.waiting) > 0 {
		err := w.connection.exec("BEGIN IMMEDIATE")
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrBusy) {
			return false, err
		}
		if byCaller {
			return false, nil
		}
		overdueAt := time.Now().Add(-patience)
		if !w.waiting[0].queuedAt.After(overdueAt) {
			w.giveUp(err, overdueAt.Add(givingUpSlack))
		}
	}
	return false, nil
}

// waitAStep sets for how long SQLite waits for the lock. It stays so: nothing after BEGIN IMMEDIATE waits for one, and what else needs another patience
// sets it.
func (w *writer) waitAStep() error {
	return w.connection.waits(min(waitingStep, w.database.options.busyTimeout))
}

// giveUp answers those who have waited since that time.
func (w *writer) giveUp(err error, overdueAt time.Time) {
	w.takeQueued()
	var expired, rest []*ticket
	for _, t := range w.waiting {
		if t.queuedAt.After(overdueAt) {
			rest = append(rest, t)
		} else {
			t.err = err
			expired = append(expired, t)
		}
	}
	w.waiting = rest
	answer(expired)
}

// perform runs those who wait, and who is queued meanwhile, until the group is full.
func (w *writer) perform() (group []*ticket, err error) {
	size := 0
	for len(group) < mostCalls {
		if len(w.waiting) == 0 {
			w.takeQueued()
		}
		if len(w.waiting) == 0 || (len(group) > 0 && size+w.waiting[0].size > mostBytes) {
			return group, nil
		}
		t := w.waiting[0]
		w.waiting = w.waiting[1:]
		size += t.size
		group = append(group, t)
		t.result, t.err = w.connection.call(t.function, t.arguments...)
		if t.err == nil {
			continue
		}
		if errors.Is(t.err, ErrIO) || errors.Is(t.err, ErrReadOnly) {
			// It is not the call's own: what the disk has of this transaction is not known, or the connection never writes.
			return group, t.err
		}
		if !w.connection.inTransaction() {
			// A full disk ends the whole transaction: what was done before in it is gone as well.
			for _, earlier := range group {
				if earlier.err == nil {
					earlier.result, earlier.err = nil, t.err
				}
			}
			if err := w.connection.exec("BEGIN IMMEDIATE"); err != nil {
				return group, err
			}
		}
	}
	return group, nil
}
