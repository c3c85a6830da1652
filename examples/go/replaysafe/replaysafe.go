// Package replaysafe is a handler that may run twice, and late.
package replaysafe

import (
	"context"

	"github.com/knocker/knocker-go"
)

// Access is a service over the network that does nothing twice for the same key.
type Access interface {
	Grant(ctx context.Context, customer, idempotencyKey string) error
}

const upsert = `INSERT INTO subscriptions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
	SET status = excluded.status, told_at = excluded.told_at WHERE excluded.told_at >= told_at`

// Follow keeps the state of each subscription.
func Follow(access Access) knocker.Handler {
	return func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		var told struct {
			Created int64
			Data    struct {
				Object struct{ ID, Customer, Status string }
			}
		}
		if err := event.JSON(&told); err != nil {
			return knocker.Dead(err.Error())
		}
		subscription := told.Data.Object
		// Outside of the file first: it may happen again, always with the same key.
		if err := access.Grant(ctx, subscription.Customer, event.IdempotencyKey()); err != nil {
			return err
		}
		// In the file: what is older than what stands there changes nothing.
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, status TEXT, told_at INTEGER)"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, upsert, subscription.ID, subscription.Status, told.Created)
		return err
	}
}
