// Package shop is a tiny shop: paid checkouts become orders, pushes become builds. The servers and the worker share it.
package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"github.com/knocker/knocker-go"
)

// Path is the shop's file.
func Path() string {
	if path := os.Getenv("SHOP_DB"); path != "" {
		return path
	}
	return "shop.db"
}

// Shop is what the shop receives.
type Shop struct {
	*knocker.Hooks
	Stripe, GitHub *knocker.Endpoint
}

// Open declares what the shop receives, and what it does with it. Tests call it with a file of their own.
func Open(path string, options ...knocker.Option) (*Shop, error) {
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		return nil, err
	}
	stripe, stripeErr := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.Secrets(os.Getenv("STRIPE_WEBHOOK_SECRET")))
	github, githubErr := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(os.Getenv("GITHUB_WEBHOOK_SECRET")))
	if err := errors.Join(stripeErr, githubErr); err != nil {
		return nil, errors.Join(err, hooks.Close())
	}
	stripe.On("checkout.session.completed", order)
	github.On("push", build)
	github.On("ping", func(context.Context, *knocker.Tx, *knocker.Event) error { return knocker.Ignore("GitHub says hello") })
	return &Shop{hooks, stripe, github}, nil
}

// Health answers what an orchestrator asks: 200 and what waits where the file can be read.
func (s *Shop) Health(w http.ResponseWriter, request *http.Request) {
	stats, err := s.Stats(request.Context())
	if err != nil {
		http.Error(w, "no database", http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]int64{"waiting": stats.Events.Received + stats.Events.Failed, "dead": stats.Events.Dead})
}

func order(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	var checkout struct {
		Data struct {
			Object struct {
				ID              string
				PaymentStatus   string                 `json:"payment_status"`
				AmountTotal     int64                  `json:"amount_total"`
				CustomerDetails struct{ Email string } `json:"customer_details"`
			}
		}
	}
	if err := event.JSON(&checkout); err != nil {
		return knocker.Dead(err.Error())
	}
	session := checkout.Data.Object
	if session.PaymentStatus != "paid" {
		// Stripe sends checkout.session.async_payment_succeeded later.
		return knocker.Ignore("not paid yet")
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT)"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT DO NOTHING", session.ID, session.AmountTotal, session.CustomerDetails.Email)
	return err
}

func build(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	var push struct {
		After      string
		Repository struct {
			FullName string `json:"full_name"`
		}
	}
	if err := event.JSON(&push); err != nil {
		return knocker.Dead(err.Error())
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS builds (event INTEGER PRIMARY KEY, repository TEXT, revision TEXT)"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO builds VALUES (?, ?, ?) ON CONFLICT DO NOTHING", event.ID, push.Repository.FullName, push.After)
	return err
}
