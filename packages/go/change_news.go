package knocker

import "sync"

// changeNews tells the workers of this process that the database has changed. Who looked before a change does not sleep through it.
type changeNews struct {
	mu      sync.Mutex
	next    chan struct{}
	waiting int
	wanted  chan struct{}
}

func newChangeNews() *changeNews {
	return &changeNews{next: make(chan struct{}), wanted: make(chan struct{}, 1)}
}

// look gives a channel that is closed by the next change; to be asked for before the database is looked at.
func (n *changeNews) look() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next
}

// notify says that something changed.
func (n *changeNews) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.next)
	n.next = make(chan struct{})
}

// waits counts somebody who waits for news, until the returned function is called.
func (n *changeNews) waits() (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting++
	select {
	case n.wanted <- struct{}{}:
	default:
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.waiting--
	}
}

// idle says how many wait.
func (n *changeNews) idle() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waiting
}
