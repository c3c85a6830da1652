package tests

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// stillShop is a shop whose clock stands still until a test moves it.
func stillShop(t *testing.T) (path string, hooks *knocker.Hooks, box *knocker.Endpoint, clock *knockertest.Clock) {
	t.Helper()
	clock = knockertest.NewClock()
	path, hooks, box = shop(t, clock.Option())
	return path, hooks, box, clock
}

func TestAHandlerThatWritesAndThenOutlivesItsLeaseIsHandled(t *testing.T) {
	path, hooks, box, clock := stillShop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		if err := order(ctx, tx, "a"); err != nil {
			return err
		}
		clock.Advance(time.Hour)
		return nil
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptHandled})
	if found := orders(t, path); found != 1 {
		t.Errorf("%d orders, expected 1", found)
	}
}

func TestWhatItFailsWithCountsAndNotTheTime(t *testing.T) {
	for name, writes := range map[string]bool{"after a write": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			_, hooks, box, clock := stillShop(t)
			box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
				if writes {
					if err := order(ctx, tx, "a"); err != nil {
						return err
					}
				}
				clock.Advance(time.Hour)
				return errors.New("no answer")
			})
			id := ingest(t, box, "paid")
			equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"failed"})
			if reason := must[knocker.EventRecord](t)(hooks.Event(context.Background(), id)).Reason; reason != "no answer" {
				t.Errorf("failed because of %q", reason)
			}
			equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptFailed})
		})
	}
}

func TestWhatAnOperatorHasTakenMeanwhileIsLost(t *testing.T) {
	path, hooks, box, clock := stillShop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		clock.Advance(time.Hour)
		if _, err := hooks.Ignore(ctx, e.ID, "", knocker.Force()); err != nil {
			return err
		}
		return order(ctx, tx, "a")
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"lease_lost"})
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventIgnored})
	if found := orders(t, path); found != 0 {
		t.Errorf("%d orders, expected none", found)
	}
}

func TestAHandlerWhoseLeaseIsLostIsTold(t *testing.T) {
	hooks := open(t)
	box := inbox(t, hooks)
	entered, cause := make(chan int64, 1), make(chan error, 1)
	box.On("*", func(ctx context.Context, _ *knocker.Tx, e *knocker.Event) error {
		entered <- e.ID
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	})
	ingest(t, box, "paid")
	working(t, hooks, knocker.Lease(time.Second))
	id := waitFor(t, "the handler runs", entered)
	must[knocker.Transition](t)(hooks.Ignore(context.Background(), id, "", knocker.Force()))
	isError(t, "the cause", waitFor(t, "the handler is told", cause), knocker.ErrLeaseLost)
}

func TestTheHandlersBesideItKeepTheirLeasesToo(t *testing.T) {
	_, hooks, box, clock := stillShop(t)
	beside, goOn := make(chan struct{}), make(chan struct{})
	box.On("beside", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		close(beside)
		<-goOn
		return order(ctx, tx, "beside")
	})
	box.On("long", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		<-beside
		if err := order(ctx, tx, "long"); err != nil {
			return err
		}
		// Nobody can extend a lease from here on, nor claim the job of one that ran out.
		clock.Advance(time.Hour)
		return nil
	})
	ingest(t, box, "beside")
	long := ingest(t, box, "long")
	stop := working(t, hooks, knocker.Concurrency(2))
	ctx := context.Background()
	until(t, "the long one is handled", func() bool {
		return must[knocker.EventRecord](t)(hooks.Event(ctx, long)).Status == knocker.EventHandled
	})
	if claimed := must[int64](t)(hooks.Leases("another").Claim(ctx, 10, time.Minute)); claimed != 0 {
		t.Errorf("another worker has taken %d jobs", claimed)
	}
	close(goOn)
	stop()
	equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptHandled, knocker.AttemptHandled})
}

func TestTheWorkersOwnClaimTakesNothingFromTheHandlersBesideIt(t *testing.T) {
	_, hooks, box, clock := stillShop(t)
	beside, goOn, next := make(chan struct{}), make(chan struct{}), make(chan struct{})
	box.On("waits", func(context.Context, *knocker.Tx, *knocker.Event) error {
		close(beside)
		<-goOn
		return nil
	})
	box.On("blocks", func(ctx context.Context, _ *knocker.Tx, _ *knocker.Event) error {
		<-beside
		// The machine slept: nobody has extended a lease, and this worker claims again before anybody does.
		clock.Advance(time.Hour)
		_, err := box.Ingest(ctx, knocker.IngestFields{Valid: true, Type: "next"}, nil)
		return err
	})
	box.On("next", func(context.Context, *knocker.Tx, *knocker.Event) error { close(next); return nil })
	ingest(t, box, "waits")
	ingest(t, box, "blocks")
	stop := working(t, hooks, knocker.Concurrency(2))
	waitFor(t, "the next one is handled", next)
	close(goOn)
	stop()
	equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptHandled, knocker.AttemptHandled, knocker.AttemptHandled})
}

func TestALongHandlerKeepsItsLease(t *testing.T) {
	path, hooks, box, clock := stillShop(t)
	expires := func() time.Time {
		return time.UnixMilli(int64(count(t, path, "SELECT lease_expires_at FROM knocker_jobs"))).UTC()
	}
	done := make(chan time.Time, 1)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		// Three leases by the worker's clock, which stands still until the lease has been extended.
		for range 6 {
			clock.Advance(time.Second)
			until(t, "the lease is extended", func() bool { return !expires().Before(clock.Now().Add(2 * time.Second)) })
		}
		done <- expires()
		return nil
	})
	ingest(t, box, "paid")
	stop := working(t, hooks, knocker.Lease(2*time.Second))
	if until := waitFor(t, "it is through", done); !until.Equal(clock.Now().Add(2 * time.Second)) {
		t.Errorf("the lease runs out at %v", until)
	}
	stop()
	equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptHandled})
}

func TestAClockThatJumpsLosesNothing(t *testing.T) {
	_, hooks, box, clock := stillShop(t)
	failing := true
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		if failing {
			return errors.New("not yet")
		}
		return nil
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"failed"})
	failing = false
	// Set back by a day: what was received then is due, and the retry is when its time comes again.
	clock.Advance(-24 * time.Hour)
	ingest(t, box, "paid again")
	equal(t, "after the jump back", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	clock.Advance(10 * 365 * 24 * time.Hour)
	equal(t, "after the jump ahead", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	ingest(t, box, "paid once more")
	equal(t, "in the future", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
}

func TestTheEndOfAWorkerDoesNotFailWhereSomebodyElseWrites(t *testing.T) {
	log := &journal{}
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(log.logger()), knocker.BusyTimeout(10*time.Millisecond))
	inbox(t, hooks).On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	stop := working(t, hooks)
	until(t, "the worker is at work", func() bool { return strings.Contains(log.String(), "worker started") })
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	stop()
	if !strings.Contains(log.String(), "leases not given back") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}
