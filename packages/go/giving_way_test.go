package knocker

import (
	"slices"
	"testing"
	"time"
)

// besideOthers are what givingWay goes by, in the hands of a test.
type besideOthers struct {
	now     time.Time
	version int64
	own     ownCommits
	// meanwhile is what happens in each pause.
	meanwhile func()
	pauses    []time.Duration
	way       *givingWay
	watch     *othersWatch
}

func newBesideOthers() *besideOthers {
	b := &besideOthers{now: time.Now(), version: 1, meanwhile: func() {}}
	wait := func(d time.Duration) {
		b.pauses = append(b.pauses, d)
		b.meanwhile()
	}
	b.way = &givingWay{clock: func() time.Time { return b.now }, wait: wait}
	b.watch = &othersWatch{version: func() (int64, error) { return b.version, nil }, own: &b.own, here: func() int64 { return 0 }}
	b.way.look(b.watch)
	return b
}

// held has the lock held so often for so long, and expects these pauses.
func (b *besideOthers) held(t *testing.T, times int, long time.Duration, pauses ...time.Duration) {
	t.Helper()
	b.pauses = nil
	for range times {
		b.way.after(long, b.watch)
	}
	if !slices.Equal(b.pauses, pauses) {
		t.Errorf("%d times %v: pauses of %v, expected %v", times, long, b.pauses, pauses)
	}
}

func TestAPartOfTheTimeIsLeftToWhoeverMayWait(t *testing.T) {
	b := newBesideOthers()
	b.held(t, 1, 6*time.Millisecond)
	b.held(t, 1, 6*time.Millisecond, 1200*time.Microsecond)
	b.held(t, 1, 3*time.Second, 5*time.Millisecond)
}

func TestOthersThatWriteGetTurnsAsLongAsBetweenTwoLooksOfTheirs(t *testing.T) {
	b := newBesideOthers()
	b.meanwhile = func() { b.version++ }
	b.held(t, 1, 20*time.Millisecond, 2*time.Millisecond)
	b.meanwhile = func() {}
	b.held(t, 7, 20*time.Millisecond, 25*time.Millisecond, 25*time.Millisecond)
	b.now = b.now.Add(othersKnown)
	b.held(t, 1, 20*time.Millisecond, 4*time.Millisecond)
}

func TestWhatOthersWroteWhileNothingWasDueIsKnown(t *testing.T) {
	b := newBesideOthers()
	b.version++
	b.way.look(b.watch)
	b.held(t, 1, 60*time.Millisecond, 25*time.Millisecond)
}

func TestWhatTheWorkerCommitsOnAnotherConnectionIsNotOfOthers(t *testing.T) {
	b := newBesideOthers()
	commit := func() error {
		b.version++
		return nil
	}
	_ = b.own.during(commit)
	b.way.look(b.watch)
	b.meanwhile = func() { _ = b.own.during(commit) }
	b.held(t, 2, 20*time.Millisecond, 2*time.Millisecond, 2*time.Millisecond)
	b.meanwhile = func() {}
	_ = b.own.during(func() error {
		// Nobody can tell whether it is there already.
		b.way.look(b.watch)
		return commit()
	})
	b.way.look(b.watch)
	b.held(t, 1, 20*time.Millisecond, 2*time.Millisecond)
}

// Together the goroutines of a worker would hardly ever leave the lock alone.
func TestTheGoroutinesOfAWorkerPauseAtTheSameTime(t *testing.T) {
	b := newBesideOthers()
	another := *b.watch
	went := make(chan struct{})
	inTurn := false
	b.meanwhile = func() {
		if !inTurn {
			inTurn = true
			go func() {
				b.way.after(20*time.Millisecond, &another)
				close(went)
			}()
			b.version++
		}
	}
	b.held(t, 1, 20*time.Millisecond, 2*time.Millisecond)
	<-went
	if len(b.pauses) != 1 {
		t.Errorf("pauses of %v", b.pauses)
	}
}
