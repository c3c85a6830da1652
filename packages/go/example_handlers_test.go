package knocker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/knocker/knocker-go"
)

func ExampleEndpoint_On() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox", knocker.WithUnhandled(knocker.UnhandledIgnore))
	check(err)
	say := func(what string) knocker.Handler {
		return func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
			fmt.Println(what, "sees", e.Type)
			return nil
		}
	}
	inbox.On("invoice.paid", say("invoice.paid"))
	inbox.On("invoice.*", say("invoice.*"))
	for _, eventType := range []string{"invoice.paid", "invoice.sent", "customer.created"} {
		ingestExample(inbox, eventType, eventType)
	}
	drainExample(hooks)
	// Output:
	// invoice.paid sees invoice.paid
	// invoice.* sees invoice.paid
	// invoice.* sees invoice.sent
	// event 1 is handled
	// event 2 is handled
	// event 3 is ignored
}

// The transaction begins at its first use: what takes long comes before that, and holds up nobody.
func ExampleTx() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", e.Key); err != nil {
			return err
		}
		var orders int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&orders); err != nil {
			return err
		}
		fmt.Println("orders:", orders)
		if e.Key == "o-2" {
			return errors.New("what was written is taken back")
		}
		return nil
	})
	for _, key := range []string{"o-1", "o-2", "o-3"} {
		ingestExample(inbox, "order.paid", key)
	}
	drainExample(hooks)
	// Output:
	// orders: 1
	// orders: 2
	// orders: 2
	// event 1 is handled
	// event 2 is failed
	// event 3 is handled
}

// For libraries that want a transaction: sqlx.Tx{Tx: own}, bun, gorm. Its end is the worker's.
func ExampleTx_SQL() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		own, err := tx.SQL(ctx)
		if err != nil {
			return err
		}
		_, err = own.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
		return err
	})
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	// Output: event 1 is handled
}

func ExampleEvent_JSON() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		var order struct{ Total int }
		if err := e.JSON(&order); err != nil {
			// No attempt will ever read it.
			return knocker.Dead(err.Error())
		}
		fmt.Println(e.Endpoint, e.Key, order.Total, "attempt", e.Attempt, "of", e.MaxAttempts)
		return nil
	})
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	// Output:
	// inbox o-1 12 attempt 1 of 10
	// event 1 is handled
}

func ExampleRetryAfter() {
	hooks, clock, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		if e.Attempt == 1 {
			// As the service has asked for.
			return knocker.RetryAfter(time.Hour, errors.New("too many requests"))
		}
		return nil
	})
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	clock.Advance(time.Hour)
	drainExample(hooks)
	// Output:
	// event 1 is failed
	// event 1 is handled
}

func ExampleRetry() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return knocker.Retry(nil) })
	event := ingestExample(inbox, "order.paid", "o-1").EventID
	drainExample(hooks)
	failed, err := hooks.Event(context.Background(), event)
	check(err)
	fmt.Println(failed.Reason)
	// Output:
	// event 1 is failed
	// the handler asked for another attempt
}

func ExampleIgnore() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		return fmt.Errorf("a decision may be wrapped: %w", knocker.Ignore("a test order"))
	})
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	// Output: event 1 is ignored
}

func ExampleDead() {
	hooks, _, done := openExample(knocker.OnDead(func(_ context.Context, e *knocker.Event, reason string) {
		fmt.Println("tell somebody:", e.Key, reason)
	}))
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return knocker.Dead("no such customer") })
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	// Output:
	// tell somebody: o-1 no such customer
	// event 1 is dead
}

// A panic is a failed attempt, with its stack.
func ExamplePanicError() {
	hooks, _, done := openExample(knocker.OnError(func(_ context.Context, err error, e *knocker.Event) {
		var panicked *knocker.PanicError
		if errors.As(err, &panicked) {
			fmt.Println(e.Type, "failed:", panicked, len(panicked.Stack) > 0)
		}
	}))
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { panic("no total") })
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	// Output:
	// order.paid failed: panic: no total true
	// event 1 is failed
}

func ExampleHooks_Work() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	handled := make(chan string)
	inbox.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		handled <- e.Key
		return nil
	})
	// In an application: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM).
	ctx, stop := context.WithCancel(context.Background())
	worked := make(chan error)
	go func() { worked <- hooks.Work(ctx, knocker.Concurrency(4), knocker.Lease(2*time.Minute)) }()
	ingestExample(inbox, "order.paid", "o-1")
	fmt.Println(<-handled)
	stop()
	fmt.Println(<-worked)
	// Output:
	// o-1
	// <nil>
}

// From a timer, or in a test: all that is due now.
func ExampleHooks_Drain() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	ingestExample(inbox, "order.paid", "o-1")
	attempts, err := hooks.Drain(context.Background(), 1000)
	check(err)
	for _, attempt := range attempts {
		fmt.Println(attempt.EventID, attempt.Status, attempt.Err)
	}
	// Output: 1 handled <nil>
}
