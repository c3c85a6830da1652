// Command worker runs the shop's handlers in a process of its own, beside any number of servers on the same file.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/knocker/knocker-go"

	"example.com/shop/shop"
)

func main() {
	webhooks, err := shop.Open(shop.Path())
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// It lets the running handlers finish, and gives back the rest.
	if err := errors.Join(webhooks.Work(ctx, knocker.Concurrency(4)), webhooks.Close()); err != nil {
		log.Fatal(err)
	}
}
