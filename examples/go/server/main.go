// Command server receives the shop's webhooks with net/http, and works on them in the same process.
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/knocker/knocker-go"

	"example.com/shop/shop"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	webhooks, err := shop.Open(shop.Path())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	mux := http.NewServeMux()
	mux.Handle("/webhooks/", webhooks.Handler())
	mux.HandleFunc("GET /health", webhooks.Health)
	server := &http.Server{Addr: ":" + cmp.Or(os.Getenv("PORT"), "3000"), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	worked := make(chan error, 1)
	go func() { worked <- webhooks.Work(ctx, knocker.Concurrency(2)) }()

	select {
	case err = <-served:
		// The port is taken, for example: the worker has no reason to stay.
		stop()
	case <-ctx.Done():
		err = server.Shutdown(context.WithoutCancel(ctx))
	}
	return errors.Join(err, <-worked, webhooks.Close())
}
