package knocker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// Leases are extended while the attempts of a commit are told of, one after the other.
func TestLeasesThatACommitHasEndedAreNotLost(t *testing.T) {
	var log bytes.Buffer
	var hooks *knocker.Hooks
	var extended []error
	hooks, _ = knockertest.Open(t, knocker.Logger(slog.New(slog.NewTextHandler(&log, nil))),
		knocker.OnError(func(context.Context, error, *knocker.Event) { extended = append(extended, knocker.ExtendLeases(hooks)) }))
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		t.Fatal(err)
	}
	inbox.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id)"); err != nil {
			return err
		}
		if e.ID == 12 {
			return errors.New("broken")
		}
		return nil
	})
	for range 20 {
		if _, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "order"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	knockertest.Drain(t, hooks)
	if len(extended) != 1 || errors.Join(extended...) != nil {
		t.Fatal(extended)
	}
	if strings.Contains(log.String(), "lease is lost") {
		t.Error(log.String())
	}
}
