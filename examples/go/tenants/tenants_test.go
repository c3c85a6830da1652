package tenants

import (
	"context"
	"database/sql"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestATenantIsKnownByItsURLAndProvenByItsSecret(t *testing.T) {
	for _, one := range []struct {
		tenant, secret string
		outcome        knocker.ReceiptOutcome
	}{
		{"acme", "acme-new", knocker.ReceiptAccepted},
		{"acme", "acme-old", knocker.ReceiptAccepted},
		{"acme", "globex", knocker.ReceiptInvalid},
		{"nobody", "acme-new", knocker.ReceiptInvalid},
	} {
		t.Run(one.tenant+" with "+one.secret, func(t *testing.T) {
			file := knockertest.File(t)
			hooks, err := knocker.Open(file, knockertest.NewClock().Option())
			if err != nil {
				t.Fatal(err)
			}
			defer hooks.Close()
			stripe, err := Declare(hooks)
			if err != nil {
				t.Fatal(err)
			}
			request := knockertest.Sign(t, stripe, one.secret, nil, `{"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}`)
			request.URL = "https://shop.example/webhooks/" + one.tenant + "/stripe"
			if receipt, err := stripe.Receive(context.Background(), request); err != nil || receipt.Outcome != one.outcome {
				t.Fatal(receipt, err)
			}
			if one.outcome != knocker.ReceiptAccepted {
				return
			}
			knockertest.Drain(t, hooks)
			if tenant := theOnly(t, file, "SELECT tenant FROM payments"); tenant != one.tenant {
				t.Fatal(tenant)
			}
		})
	}
}

func theOnly(t *testing.T, file, query string) (value string) {
	db, err := sql.Open("sqlite3", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
