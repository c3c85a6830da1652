package replaysafe

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// granted remembers the keys that it was called with.
type granted []string

func (g *granted) Grant(_ context.Context, _, idempotencyKey string) error {
	*g = append(*g, idempotencyKey)
	return nil
}

func TestTheNewestWordStandsAndAReplayKeepsItsKey(t *testing.T) {
	file := knockertest.File(t)
	hooks, err := knocker.Open(file, knockertest.NewClock().Option())
	if err != nil {
		t.Fatal(err)
	}
	defer hooks.Close()
	stripe, err := hooks.Endpoint("stripe", knocker.Provider("stripe"), knocker.Secrets("whsec_test"))
	if err != nil {
		t.Fatal(err)
	}
	var keys granted
	stripe.On("customer.subscription.*", Follow(&keys))

	newer := receive(t, stripe, "evt_2", "active", 200)
	receive(t, stripe, "evt_1", "incomplete", 100)
	knockertest.Drain(t, hooks)
	if _, err := hooks.Replay(context.Background(), newer.EventID); err != nil {
		t.Fatal(err)
	}
	knockertest.Drain(t, hooks)

	if want := (granted{"stripe/evt_2", "stripe/evt_1", "stripe/evt_2"}); !reflect.DeepEqual(keys, want) {
		t.Fatal(keys)
	}
	db, err := sql.Open("sqlite3", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var status string
	if err := db.QueryRow("SELECT status FROM subscriptions").Scan(&status); err != nil || status != "active" {
		t.Fatal(status, err)
	}
}

func receive(t *testing.T, stripe *knocker.Endpoint, id, status string, created int) *knocker.Receipt {
	body := fmt.Sprintf(`{"id": %q, "type": "customer.subscription.updated", "created": %d, "data": {"object":
		{"id": "sub_1", "customer": "cus_1", "status": %q}}}`, id, created, status)
	receipt, err := stripe.Receive(context.Background(), knockertest.Sign(t, stripe, "whsec_test", nil, body))
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}
