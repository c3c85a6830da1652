// Command quickstart is the quick start of the package: it receives Stripe checkouts and notes an order for each.
package main

import (
	"cmp"
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/knocker/knocker-go"
)

func main() {
	hooks, err := knocker.Open("app.db")
	if err != nil {
		log.Fatal(err)
	}
	defer hooks.Close()
	stripe, err := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.Secrets(os.Getenv("STRIPE_WEBHOOK_SECRET")))
	if err != nil {
		log.Fatal(err)
	}

	stripe.On("checkout.session.completed", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		var checkout struct {
			Data struct{ Object struct{ ID string } }
		}
		if err := e.JSON(&checkout); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", checkout.Data.Object.ID)
		return err
	})

	http.Handle("POST /webhooks/stripe", stripe)
	go func() { log.Fatal(http.ListenAndServe(":"+cmp.Or(os.Getenv("PORT"), "3000"), nil)) }()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := hooks.Work(ctx); err != nil {
		log.Print(err)
	}
}
