package knocker

import (
	"container/list"
	"sync"
	"time"
)

const (
	// mostTypes is of how many types a pace is known; of others it is learned again.
	mostTypes = 1000
	// forgetting is what a quick run after a slow one counts for.
	forgetting = 0.2
	// soon is when a handler has used tx at the latest that has little to do elsewhere before.
	soon = 2 * time.Millisecond
	// sometimes: one that uses tx in one of so many runs does so sometimes.
	sometimes = 8
)

// handlerRun is one run of an event's handlers.
type handlerRun struct {
	// took is how long they took, but for the wait for the write lock.
	took time.Duration
	// usedTx says whether they have used tx, first so long after they began.
	usedTx    bool
	usedAfter time.Duration
	failed    bool
	// apart: they have left something on the connection, and are to have one of their own.
	apart bool
}

// pace is what is to be expected of the next run of a type.
type pace struct {
	expected time.Duration
	// unused is how many runs have returned since one used tx soon.
	unused int
	apart  bool
}

// usesTx says whether the handlers write through tx, and soon: of others nobody knows what they do elsewhere.
func (p pace) usesTx() bool { return p.unused < sometimes }

// after is the pace with one more run: slowness is noticed at once, and forgotten slowly.
func (p pace) after(r handlerRun) pace {
	usual := time.Duration((1-forgetting)*float64(p.expected) + forgetting*float64(r.took))
	unused := p.unused
	switch {
	case r.usedTx && r.usedAfter < soon:
		unused = 0
	case r.usedTx:
		unused = sometimes
	case !r.failed:
		unused++
	}
	return pace{max(r.took, usual), unused, r.apart}
}

// paces are how quick the handlers of each type have lately been in this process. They tell its workers which of them may share a commit.
type paces struct {
	clock func() time.Time

	mu     sync.Mutex
	known  map[eventKind]*list.Element
	latest *list.List
}

// eventKind is what handlers are chosen by.
type eventKind struct{ endpoint, eventType string }

type knownPace struct {
	kind eventKind
	pace pace
}

// newPaces goes by the injected clock where there is one.
func newPaces(clock func() time.Time) *paces {
	if clock == nil {
		clock = time.Now
	}
	return &paces{clock: clock, known: map[eventKind]*list.Element{}, latest: list.New()}
}

// now is a time to measure from.
func (p *paces) now() time.Time { return p.clock() }

// of gives the pace of the event's type; false where none of it has run yet.
func (p *paces) of(event *Event) (pace, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[eventKind{event.Endpoint, event.Type}]
	if !ok {
		return pace{}, false
	}
	return found.Value.(*knownPace).pace, true
}

// note notes one more run of the event's type.
func (p *paces) note(event *Event, r handlerRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind := eventKind{event.Endpoint, event.Type}
	if found, ok := p.known[kind]; ok {
		known := found.Value.(*knownPace)
		known.pace = known.pace.after(r)
		p.latest.MoveToFront(found)
		return
	}
	p.known[kind] = p.latest.PushFront(&knownPace{kind, pace{unused: sometimes}.after(r)})
	if oldest := p.latest.Back(); p.latest.Len() > mostTypes {
		delete(p.known, p.latest.Remove(oldest).(*knownPace).kind)
	}
}
