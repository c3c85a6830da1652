// Command chi receives the shop's webhooks with chi. The worker is a process of its own: ../worker.
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

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"example.com/shop/shop"
)

func main() {
	webhooks, err := shop.Open(shop.Path())
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: ":" + cmp.Or(os.Getenv("PORT"), "3000"), Handler: router(webhooks), ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ended <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := errors.Join(<-ended, webhooks.Close()); err != nil {
		log.Fatal(err)
	}
}

func router(webhooks *shop.Shop) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Handle("/webhooks/{endpoint}", webhooks.Handler())
	r.Get("/health", webhooks.Health)
	return r
}
