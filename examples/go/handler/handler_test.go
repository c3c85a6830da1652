// Package handler is the smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name.
package handler

import (
	"context"
	"log"
	"os"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestAnEventIsReceived(t *testing.T) {
	t.Setenv("GITHUB_WEBHOOK_SECRET", "test-secret")
	hooks, err := knocker.Open(knockertest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hooks.Close() })
	// region: handler
	endpoint, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(os.Getenv("GITHUB_WEBHOOK_SECRET")))
	if err != nil {
		log.Fatal(err)
	}

	endpoint.On("push", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO received (event, type) VALUES (?, ?)", event.ID, event.Type)
		return err
	})
	// endregion: handler
	endpoint.On("create table", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE received (event INTEGER PRIMARY KEY, type TEXT)")
		return err
	})
	for _, kind := range []string{"create table", "push"} {
		signed := knockertest.Sign(t, endpoint, "test-secret", map[string]string{"X-GitHub-Event": kind}, `{"type": "`+kind+`"}`)
		if _, err := endpoint.Receive(context.Background(), signed); err != nil {
			t.Fatal(err)
		}
		if attempts := knockertest.Drain(t, hooks); len(attempts) != 1 || attempts[0].Status != "handled" {
			t.Fatal(attempts)
		}
	}
}
