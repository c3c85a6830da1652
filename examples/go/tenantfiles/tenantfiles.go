// Package tenantfiles is a file for each tenant: one server receives for all of them, and one worker handles what they got.
package tenantfiles

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/knocker/knocker-go"
)

// Open gives the tenants of a folder, which has files such as acme.db.
func Open(folder string, options ...knocker.Option) (*knocker.Tenants, error) {
	return knocker.OpenMany(filepath.Join(folder, "*.db"), setUp, options...)
}

// setUp runs each time that a tenant's file is opened.
func setUp(hooks *knocker.Hooks, tenant string) error {
	// STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
	secret := os.Getenv("STRIPE_WEBHOOK_SECRET_" + strings.ToUpper(tenant))
	stripe, err := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.Secrets(secret))
	if err != nil {
		return err
	}
	stripe.On("invoice.paid", note)
	return nil
}

// note writes into the file of the event's tenant.
func note(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING", event.Key)
	return err
}

// Serve receives https://acme.shop.example/webhooks/stripe for acme, and works for every tenant until ctx ends.
func Serve(ctx context.Context, tenants *knocker.Tenants) error {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/", tenants.Handler(func(r *http.Request) string {
		tenant, _, _ := strings.Cut(r.Host, ".")
		return tenant
	}))
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux}
	go func() { log.Print(server.ListenAndServe()) }()
	err := tenants.Work(ctx)
	return errors.Join(err, server.Shutdown(context.Background()))
}
