// Command operate looks into the shop's file and acts on it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/knocker/knocker-go"

	"example.com/shop/shop"
)

func main() {
	hooks, err := knocker.Open(shop.Path())
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(operate(context.Background(), hooks), hooks.Close()); err != nil {
		log.Fatal(err)
	}
}

func operate(ctx context.Context, hooks *knocker.Hooks) error {
	dead := knocker.ListEvents{Status: []knocker.EventStatus{knocker.EventDead}, Page: knocker.Page{NewestFirst: true}}
	for event, err := range hooks.Events(ctx, dead) {
		if err != nil {
			return err
		}
		fmt.Println(event.ID, event.Endpoint, event.Type, event.Reason)
		for attempt, err := range hooks.Attempts(ctx, knocker.ListAttempts{EventID: event.ID}) {
			if err != nil {
				return err
			}
			fmt.Println("   ", attempt.FinishedAt, attempt.Result, attempt.Error)
		}
	}

	// After the bug is fixed: every dead push of the last day goes back into the queue.
	yesterday := time.Now().Add(-24 * time.Hour)
	requeued, err := hooks.RequeueWhere(ctx, knocker.BulkFilter{Status: []knocker.EventStatus{knocker.EventDead}, Endpoint: "github", Type: "push", Since: yesterday})
	if err != nil {
		return err
	}
	fmt.Println(requeued.Changed, "requeued")

	if _, err := hooks.Replay(ctx, 1); errors.Is(err, knocker.ErrNotFound) || errors.Is(err, knocker.ErrBadState) {
		var known *knocker.Error
		errors.As(err, &known)
		fmt.Println(known.Code, "-", known.Hint)
	} else if err != nil {
		return err
	}

	// Keep handled events for 30 days, refused and repeated deliveries for 7. Workers run the passes.
	if _, err := hooks.Retention(ctx, knocker.RetentionSettings{Handled: 30 * 24 * time.Hour, Deliveries: 7 * 24 * time.Hour}); err != nil {
		return err
	}

	stats, err := hooks.Stats(ctx)
	if err != nil {
		return err
	}
	fmt.Println(stats.Events.Received+stats.Events.Failed, "waiting,", stats.Events.Dead, "dead")
	return nil
}
