package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// lookedUp is an error as people write them, which cannot be nil of its type.
type lookedUp struct{ cause error }

func (l *lookedUp) Error() string { return "looked up: " + l.cause.Error() }
func (l *lookedUp) Unwrap() error { return l.cause }

// picky fails whoever compares it.
type picky struct{}

func (picky) Error() string      { return "picky" }
func (picky) Is(error) bool      { panic("not with me") }
func (picky) As(target any) bool { panic(fmt.Sprintf("not as %T", target)) }

// speechless has no text.
type speechless struct{}

func (speechless) Error() string { panic("no word") }

// shy is a value whose text cannot be had.
type shy struct{}

func (shy) String() string { panic("no word") }

func TestWhateverAHandlerFailsWithIsAFailedAttempt(t *testing.T) {
	var noLookup *lookedUp
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	endless := []any{nil}
	endless[0] = endless
	for name, handler := range map[string]knocker.Handler{
		"an error":                  func(context.Context, *knocker.Tx, *knocker.Event) error { return io.ErrUnexpectedEOF },
		"a nil pointer as an error": func(context.Context, *knocker.Tx, *knocker.Event) error { return noLookup },
		"an error of no comparison": func(context.Context, *knocker.Tx, *knocker.Event) error { return picky{} },
		"an error of no text":       func(context.Context, *knocker.Tx, *knocker.Event) error { return speechless{} },
		"an error without a word":   func(context.Context, *knocker.Tx, *knocker.Event) error { return errors.New("") },
		"a text of no UTF-8":        func(context.Context, *knocker.Tx, *knocker.Event) error { return errors.New("\xff\x00\xfe") },
		"megabytes": func(context.Context, *knocker.Tx, *knocker.Event) error {
			return errors.New(strings.Repeat("é", 5<<20))
		},
		"a decision for such a one":  func(context.Context, *knocker.Tx, *knocker.Event) error { return knocker.Retry(noLookup) },
		"a panic with a text":        func(context.Context, *knocker.Tx, *knocker.Event) error { panic("no") },
		"a panic with an error":      func(context.Context, *knocker.Tx, *knocker.Event) error { panic(io.EOF) },
		"a panic with nil":           func(context.Context, *knocker.Tx, *knocker.Event) error { panic(nil) },
		"a panic with a nil pointer": func(context.Context, *knocker.Tx, *knocker.Event) error { panic(noLookup) },
		"a panic with no text":       func(context.Context, *knocker.Tx, *knocker.Event) error { panic(shy{}) },
		"a panic with a cyclic map":  func(context.Context, *knocker.Tx, *knocker.Event) error { panic(cyclic) },
		"a panic with a cyclic list": func(context.Context, *knocker.Tx, *knocker.Event) error { panic(endless) },
		"a panic of the runtime": func(context.Context, *knocker.Tx, *knocker.Event) error {
			return []error{}[len(cyclic)]
		},
		"a panic after a write": func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
			_, _ = tx.ExecContext(ctx, "INSERT INTO orders VALUES ('half')")
			panic("no")
		},
		"the end of its goroutine": func(context.Context, *knocker.Tx, *knocker.Event) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			path := knockertest.File(t)
			execute(t, path, "CREATE TABLE orders (id TEXT)")
			told := make(chan error, 10)
			hooks := openAt(t, path, knocker.Logger(quiet()), knocker.OnError(func(_ context.Context, err error, _ *knocker.Event) { told <- err }))
			box := inbox(t, hooks)
			goesOn := make(chan struct{})
			box.On("fails", handler)
			box.On("next", func(context.Context, *knocker.Tx, *knocker.Event) error { close(goesOn); return nil })
			id := ingest(t, box, "fails")
			ingest(t, box, "next")
			stop := working(t, hooks)
			_ = waitFor(t, "the hook is told", told)
			waitFor(t, "the worker goes on", goesOn)
			stop()
			event := must[knocker.EventRecord](t)(hooks.Event(context.Background(), id))
			if event.Status != knocker.EventFailed || event.Reason == "" || len(event.Reason) > 16<<10 {
				t.Errorf("the event is %s because of %.100q", event.Status, event.Reason)
			}
			if orders := count(t, path, "SELECT count(*) FROM orders"); orders != 0 {
				t.Error("what the handler wrote is there")
			}
		})
	}
}

func TestAHookThatEndsItsGoroutineDoesNotEndTheWorker(t *testing.T) {
	for name, hook := range map[string]func(){"panics": func() { panic("no") }, "exits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			hooks := open(t,
				knocker.OnError(func(context.Context, error, *knocker.Event) { hook() }),
				knocker.OnDead(func(context.Context, *knocker.Event, string) { hook() }))
			box := inbox(t, hooks)
			goesOn := make(chan struct{})
			box.On("fails", func(context.Context, *knocker.Tx, *knocker.Event) error { return knocker.Dead("no") })
			box.On("next", func(context.Context, *knocker.Tx, *knocker.Event) error { close(goesOn); return nil })
			ingest(t, box, "fails")
			ingest(t, box, "next")
			stop := working(t, hooks)
			waitFor(t, "the worker goes on", goesOn)
			stop()
			equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventDead, knocker.EventHandled})
		})
	}
}

func TestAPanicIsToldWithItsValueAndItsStack(t *testing.T) {
	var told error
	hooks := open(t, knocker.OnError(func(_ context.Context, err error, _ *knocker.Event) { told = err }))
	box := inbox(t, hooks)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { panic(io.ErrShortWrite) })
	id := ingest(t, box, "paid")
	knockertest.Drain(t, hooks)
	var panicked *knocker.PanicError
	if !errors.As(told, &panicked) || panicked.Value != any(io.ErrShortWrite) || !errors.Is(told, io.ErrShortWrite) {
		t.Errorf("told of %v", told)
	}
	if reason := must[knocker.EventRecord](t)(hooks.Event(context.Background(), id)).Reason; !strings.Contains(reason, "handlers_test.go") {
		t.Errorf("the reason does not say where: %s", reason)
	}
}

func TestTheWorkersEndDoesNotEndTheHandlersContext(t *testing.T) {
	hooks := open(t)
	box := inbox(t, hooks)
	entered, goOn := make(chan struct{}), make(chan struct{})
	seen := errors.New("the worker ended before its handler")
	box.On("*", func(ctx context.Context, _ *knocker.Tx, _ *knocker.Event) error {
		close(entered)
		<-goOn
		seen = ctx.Err()
		return nil
	})
	ingest(t, box, "paid")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hooks.Work(ctx) }()
	waitFor(t, "the handler runs", entered)
	cancel()
	close(goOn)
	if err := waitFor(t, "the worker ends", done); err != nil || seen != nil {
		t.Error(err, seen)
	}
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventHandled})
}
