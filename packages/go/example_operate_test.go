package knocker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/knocker/knocker-go"
)

// deadExample gives hooks with three events, the second of which is dead.
func deadExample() (hooks *knocker.Hooks, advance func(time.Duration), done func()) {
	hooks, clock, done := openExample()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	inbox.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		if e.Key == "o-2" && e.Delivery.ID == 2 {
			return knocker.Dead("no such customer")
		}
		return nil
	})
	for _, key := range []string{"o-1", "o-2", "o-3"} {
		ingestExample(inbox, "order.paid", key)
	}
	_, err = hooks.Drain(context.Background(), 100)
	check(err)
	return hooks, clock.Advance, done
}

func ExampleHooks_Events() {
	hooks, _, done := deadExample()
	defer done()
	for event, err := range hooks.Events(context.Background(), knocker.ListEvents{Status: []knocker.EventStatus{knocker.EventDead}}) {
		check(err)
		fmt.Println(event.ID, event.Type, event.Key, event.Status, event.Reason)
	}
	// A page after the other, newest first: the last id of one is where the next goes on.
	page := knocker.ListEvents{Page: knocker.Page{NewestFirst: true, Limit: 2}}
	for event, err := range hooks.Events(context.Background(), page) {
		check(err)
		page.After = event.ID
		fmt.Println(event.ID)
	}
	for event, err := range hooks.Events(context.Background(), page) {
		check(err)
		fmt.Println("next page:", event.ID)
	}
	// Output:
	// 2 order.paid o-2 dead no such customer
	// 3
	// 2
	// next page: 1
}

func ExampleHooks_Deliveries() {
	hooks, _, done := deadExample()
	defer done()
	for delivery, err := range hooks.Deliveries(context.Background(), knocker.ListDeliveries{EventID: 2, WithBody: true}) {
		check(err)
		fmt.Println(delivery.ID, delivery.Outcome, string(delivery.Body))
	}
	// Output: 2 accepted {"total": 12}
}

func ExampleHooks_Attempts() {
	hooks, _, done := deadExample()
	defer done()
	for attempt, err := range hooks.Attempts(context.Background(), knocker.ListAttempts{EventID: 2}) {
		check(err)
		fmt.Println(attempt.Attempt, attempt.Result, attempt.Error)
	}
	// Output: 1 dead no such customer
}

func ExampleHooks_Replay() {
	hooks, _, done := deadExample()
	defer done()
	replayed, err := hooks.Replay(context.Background(), 1)
	check(err)
	fmt.Println(replayed.Status, replayed.Changed)
	drainExample(hooks)
	// Output:
	// received true
	// event 1 is handled
}

func ExampleHooks_Requeue() {
	hooks, _, done := deadExample()
	defer done()
	_, err := hooks.Requeue(context.Background(), 1)
	fmt.Println("a handled event:", errors.Is(err, knocker.ErrBadState))
	requeued, err := hooks.Requeue(context.Background(), 2)
	check(err)
	fmt.Println(requeued.Status)
	// Output:
	// a handled event: true
	// received
}

func ExampleHooks_Ignore() {
	hooks, _, done := deadExample()
	defer done()
	ignored, err := hooks.Ignore(context.Background(), 2, "settled by hand")
	check(err)
	fmt.Println(ignored.Status)
	// Output: ignored
}

func ExampleHooks_ReplayDelivery() {
	hooks, _, done := deadExample()
	defer done()
	replayed, err := hooks.ReplayDelivery(context.Background(), 3)
	check(err)
	fmt.Println(replayed.DeliveryID, replayed.EventIDs)
	// Output: 3 [3]
}

func ExampleHooks_RequeueWhere() {
	hooks, _, done := deadExample()
	defer done()
	filter := knocker.BulkFilter{Status: []knocker.EventStatus{knocker.EventDead}, Type: "order.*", DryRun: true}
	would, err := hooks.RequeueWhere(context.Background(), filter)
	check(err)
	filter.DryRun = false
	did, err := hooks.RequeueWhere(context.Background(), filter)
	check(err)
	fmt.Println("would:", would.Matched, would.Changed)
	fmt.Println("did:", did.Matched, did.Changed)
	// Output:
	// would: 1 0
	// did: 1 1
}

func ExampleHooks_PruneEvents() {
	hooks, advance, done := deadExample()
	defer done()
	advance(31 * 24 * time.Hour)
	pruned, err := hooks.PruneEvents(context.Background(), knocker.PruneEventsFilter{OlderThan: 30 * 24 * time.Hour})
	check(err)
	fmt.Println(pruned.Events, "events and", pruned.Deliveries, "deliveries are gone")
	// Output: 2 events and 2 deliveries are gone
}

func ExampleHooks_Retention() {
	hooks, _, done := deadExample()
	defer done()
	policy, err := hooks.Retention(context.Background(), knocker.RetentionSettings{Handled: 30 * 24 * time.Hour})
	check(err)
	fmt.Println("handled events stay for", policy.Handled, "and workers run its passes")
	// Output: handled events stay for 720h0m0s and workers run its passes
}

func ExampleHooks_Stats() {
	hooks, _, done := deadExample()
	defer done()
	stats, err := hooks.Stats(context.Background())
	check(err)
	fmt.Println("handled:", stats.Events.Handled, "dead:", stats.Events.Dead, "waiting:", stats.Events.Received)
	// Output: handled: 2 dead: 1 waiting: 0
}

func ExampleHooks_UpdateEndpoint() {
	hooks, _, done := deadExample()
	defer done()
	// The switch of an operator: requests are answered 410 until it is turned on again, also after a deploy.
	check(hooks.UpdateEndpoint(context.Background(), "inbox", knocker.Enabled(false)))
	for endpoint, err := range hooks.StoredEndpoints(context.Background()) {
		check(err)
		fmt.Println(endpoint.Name, endpoint.Enabled, endpoint.MaxAttempts)
	}
	// Output: inbox false 10
}

// A worker of one's own, call by call.
func ExampleHooks_Leases() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	ingestExample(inbox, "order.paid", "o-1")
	ctx := context.Background()
	queue := hooks.Leases("a-worker-of-my-own")
	claimed, err := queue.Claim(ctx, 10, time.Minute)
	check(err)
	jobs, err := queue.Jobs(ctx)
	check(err)
	for _, job := range jobs {
		fmt.Println(claimed, job.Event.Type, job.Event.Key)
		failure, err := queue.Failed(ctx, job.ID, "not today", time.Second, knocker.FailedRetryAfter(time.Hour))
		check(err)
		fmt.Println(failure.Status)
	}
	due, waits, err := queue.NextDue(ctx)
	check(err)
	fmt.Println(due, waits)
	// Output:
	// 1 order.paid o-1
	// failed
	// 1h0m0s true
}
