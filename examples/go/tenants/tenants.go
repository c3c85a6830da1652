// Package tenants is one endpoint for several tenants, each with secrets of its own.
package tenants

import (
	"context"
	"net/url"
	"path"

	"github.com/knocker/knocker-go"
)

// Of your configuration, or a table. While a secret is replaced both are there, and each is tried.
var secrets = map[string][]string{"acme": {"acme-new", "acme-old"}, "globex": {"globex"}}

// tenantOf is "acme" for https://shop.example/webhooks/acme/stripe.
func tenantOf(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return path.Base(path.Dir(parsed.Path)), nil
}

// Declare adds the endpoint and its handler.
func Declare(hooks *knocker.Hooks) (*knocker.Endpoint, error) {
	stripe, err := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.SecretsFunc(
		func(_ context.Context, request *knocker.WebhookRequest) ([]string, error) {
			tenant, err := tenantOf(request.URL)
			return secrets[tenant], err
		}))
	if err != nil {
		return nil, err
	}
	stripe.On("invoice.paid", note)
	return stripe, nil
}

func note(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	var paid struct {
		Data struct{ Object struct{ ID string } }
	}
	if err := event.JSON(&paid); err != nil {
		return knocker.Dead(err.Error())
	}
	tenant, err := tenantOf(event.Delivery.URL)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY, tenant TEXT)"); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO payments VALUES (?, ?) ON CONFLICT DO NOTHING", paid.Data.Object.ID, tenant)
	return err
}
