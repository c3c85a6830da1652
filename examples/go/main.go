// Command shop receives webhooks of GitHub and notes a build for each push.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/knocker/knocker-go"
)

// Webhooks declares what this application receives, and what it does with it. Tests call it with a file of their own.
func Webhooks(path string, options ...knocker.Option) (*knocker.Hooks, error) {
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		return nil, err
	}
	github, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(os.Getenv("GITHUB_WEBHOOK_SECRET")))
	if err != nil {
		return nil, errors.Join(err, hooks.Close())
	}
	github.On("push", build)
	return hooks, nil
}

// build is part of the event's transaction: it happens once, together with the event being handled.
func build(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	var push struct {
		After      string `json:"after"`
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
	}
	if err := event.JSON(&push); err != nil {
		return knocker.Dead(err.Error())
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS builds (repository TEXT, commit_sha TEXT, PRIMARY KEY (repository, commit_sha))"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO builds VALUES (?, ?) ON CONFLICT DO NOTHING", push.Repository.FullName, push.After)
	return err
}

func main() {
	hooks, err := Webhooks("shop.db")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", hooks.Handler())
	server := &http.Server{Addr: "127.0.0.1:8000", Handler: mux}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	worker := make(chan error, 1)
	go func() { worker <- hooks.Work(ctx, knocker.Concurrency(2)) }()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Print(err)
		stop()
	}
	if err := errors.Join(<-worker, hooks.Close()); err != nil {
		log.Fatal(err)
	}
}
