package tests

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestClosingWhileOthersReceiveAnswersEachOfThem(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	const callers = 64
	var all sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	begun := make(chan struct{}, callers)
	canEnd, cancel := context.WithCancel(context.Background())
	defer cancel()
	for caller := range callers {
		request := push(t, endpoint, caller)
		// Some write by themselves where nobody else does; those who would hear of the end of their context never do.
		ctx := context.Background()
		if caller%2 == 1 {
			ctx = canEnd
		}
		all.Add(1)
		go func() {
			defer all.Done()
			begun <- struct{}{}
			for {
				receipt, err := endpoint.Receive(ctx, request)
				if err != nil {
					if !errors.Is(err, knocker.ErrClosed) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				accepted++
				mu.Unlock()
				if receipt.Outcome != knocker.ReceiptAccepted && receipt.Outcome != knocker.ReceiptDuplicate {
					t.Error(receipt.Outcome)
				}
			}
		}()
	}
	for range callers {
		<-begun
	}
	if err := hooks.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if stored := count(t, path, "SELECT count(*) FROM _knocker_deliveries"); stored != accepted {
		t.Errorf("%d receipts were acknowledged, and %d are stored", accepted, stored)
	}
}

func TestEveryCloseWaitsUntilAllIsClosed(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()))
	box := inbox(t, hooks)
	entered, goOn := make(chan struct{}), make(chan struct{})
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		close(entered)
		<-goOn
		return nil
	})
	for range 3 {
		ingest(t, box, "paid")
	}
	working(t, hooks)
	waitFor(t, "the handler runs", entered)
	closed := make(chan struct{}, 8)
	for range cap(closed) {
		go func() {
			_ = hooks.Close()
			// The last connection takes the log with it.
			if _, err := os.Stat(path + "-wal"); err == nil {
				t.Error("something of these hooks is still open")
			}
			closed <- struct{}{}
		}()
	}
	waitFor(t, "the closing begins", hooks.Closing())
	close(goOn)
	for range cap(closed) {
		waitFor(t, "it is closed", closed)
	}
	again := openAt(t, path)
	equal(t, "events", eventStatuses(t, again), []knocker.EventStatus{knocker.EventHandled, knocker.EventReceived, knocker.EventReceived})
	if claimed := must[int64](t)(again.Leases("another").Claim(context.Background(), 10, 60e9)); claimed != 2 {
		t.Errorf("%d jobs were given back, expected 2", claimed)
	}
}

func TestClosedHooksSaySo(t *testing.T) {
	hooks := open(t)
	box := inbox(t, hooks)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	request := push(t, github(t, hooks), 1)
	for range 2 {
		if err := hooks.Close(); err != nil {
			t.Error(err)
		}
	}
	ctx := context.Background()
	_, err := box.Ingest(ctx, knocker.IngestFields{Valid: true}, nil)
	isError(t, "Ingest", err, knocker.ErrClosed)
	_, err = hooks.Endpoints()[0].Receive(ctx, request)
	isError(t, "Receive", err, knocker.ErrClosed)
	_, err = hooks.Stats(ctx)
	isError(t, "Stats", err, knocker.ErrClosed)
	_, err = hooks.Drain(ctx, 1)
	isError(t, "Drain", err, knocker.ErrClosed)
	isError(t, "Work", hooks.Work(ctx), knocker.ErrClosed)
	_, err = hooks.Endpoint("late")
	isError(t, "Endpoint", err, knocker.ErrClosed)
	for _, err := range hooks.Events(ctx, knocker.ListEvents{}) {
		isError(t, "Events", err, knocker.ErrClosed)
	}
}

func TestAHandlerCanCloseItsHooks(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()))
	box := inbox(t, hooks)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		go func() { _ = hooks.Close() }()
		<-hooks.Closing()
		return nil
	})
	ingest(t, box, "paid")
	if err := hooks.Work(context.Background()); err != nil {
		t.Error(err)
	}
	if err := hooks.Close(); err != nil {
		t.Error(err)
	}
	equal(t, "events", eventStatuses(t, openAt(t, path)), []knocker.EventStatus{knocker.EventHandled})
}

func TestACallerThatIsCancelledWhileItWaitsDisturbsNobody(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()), knocker.BusyTimeout(patience))
	endpoint := github(t, hooks)
	first, second := push(t, endpoint, 1), push(t, endpoint, 2)
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	gaveUp, stored := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := endpoint.Receive(cancelled, first)
		gaveUp <- err
	}()
	go func() {
		_, err := endpoint.Receive(context.Background(), second)
		stored <- err
	}()
	cancel()
	isError(t, "who gave up", waitFor(t, "the cancelled caller returns", gaveUp), context.Canceled)
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t, "the other one is answered", stored); err != nil {
		t.Error(err)
	}
	// What was begun for the cancelled one may be stored, and is found again.
	if outcome := receive(t, endpoint, 1).Outcome; outcome != knocker.ReceiptAccepted && outcome != knocker.ReceiptDuplicate {
		t.Error(outcome)
	}
	if events := len(eventStatuses(t, hooks)); events != 2 {
		t.Errorf("%d events, expected 2", events)
	}
}
