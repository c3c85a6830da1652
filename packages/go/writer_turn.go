package knocker

import "sync"

// writerTurn says who has a writer's connection: nobody, a caller who found it idle, or the writer's goroutine, for which the others queue.
type writerTurn struct {
	mu sync.Mutex
	of turnOf
	// isOver: the goroutine ends as soon as nothing is left to do.
	isOver bool
	// given is the goroutine's news that it has the turn.
	given chan struct{}
}

type turnOf int

const (
	turnOfNobody turnOf = iota
	turnOfCaller
	turnOfGoroutine
)

func newWriterTurn() *writerTurn { return &writerTurn{given: make(chan struct{}, 1)} }

// take gives a caller the turn, where it is nobody's.
func (t *writerTurn) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of != turnOfNobody {
		return false
	}
	t.of = turnOfCaller
	return true
}

// wake is to be called by whoever has queued something. A caller who has the turn passes it on.
func (t *writerTurn) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == turnOfNobody {
		t.give()
	}
}

// pass ends a caller's turn. more says whether there is something to do for the goroutine.
func (t *writerTurn) pass(more func() bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isOver || more() {
		t.give()
	} else {
		t.of = turnOfNobody
	}
}

// rest ends the goroutine's turn, unless there is more to do, and waits for the next one; false at the end.
func (t *writerTurn) rest(more func() bool) bool {
	t.mu.Lock()
	isMore, isOver := more(), t.isOver
	if !isMore && !isOver {
		t.of = turnOfNobody
	}
	t.mu.Unlock()
	if !isMore && !isOver {
		<-t.given
	}
	return isMore || !isOver
}

// end has the goroutine end once all is done.
func (t *writerTurn) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isOver = true
	if t.of == turnOfNobody {
		t.give()
	}
}

func (t *writerTurn) give() {
	t.of = turnOfGoroutine
	t.given <- struct{}{}
}
