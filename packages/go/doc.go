// Package knocker receives webhooks durably in applications that run on SQLite.
//
// Each request is verified, stored as a delivery and deduped before the provider gets its 2xx. Valid ones become events in a queue in the same file. A
// worker, in the same process or another, runs your handlers: with retries, dead letters and replay, and with the handler's own writes, the event's
// transition and the end of the job in one transaction.
//
//	hooks, err := knocker.Open("app.db")
//	stripe, err := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.Secrets(os.Getenv("STRIPE_WEBHOOK_SECRET")))
//	stripe.On("checkout.session.completed", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
//		_, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", e.Key)
//		return err
//	})
//	mux.Handle("POST /webhooks/stripe", stripe)
//	err = hooks.Work(ctx)
//
// It uses the SQLite of github.com/mattn/go-sqlite3 and needs cgo.
package knocker
