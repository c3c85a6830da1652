// Tests of the shop's own handlers, as you would write them for yours.
package shop

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// open gives the shop on a file of the test's own, with a clock that stands still.
func open(t *testing.T) *Shop {
	t.Setenv("STRIPE_WEBHOOK_SECRET", "whsec_test")
	t.Setenv("GITHUB_WEBHOOK_SECRET", "test-secret")
	shop, err := Open(knockertest.File(t), knockertest.NewClock().Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shop.Close() })
	return shop
}

func checkout(t *testing.T, shop *Shop, paymentStatus string) *knocker.Receipt {
	body := fmt.Sprintf(`{"id": "evt_1", "type": "checkout.session.completed", "data": {"object":
		{"id": "cs_1", "payment_status": %q, "amount_total": 2000, "customer_details": {"email": "ada@example.com"}}}}`, paymentStatus)
	receipt, err := shop.Stripe.Receive(context.Background(), knockertest.Sign(t, shop.Stripe, "whsec_test", nil, body))
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func TestAPaidCheckoutBecomesAnOrder(t *testing.T) {
	shop := open(t)
	if first := checkout(t, shop, "paid"); first.Outcome != knocker.ReceiptAccepted {
		t.Fatal(first)
	}
	if again := checkout(t, shop, "paid"); again.Outcome != knocker.ReceiptDuplicate {
		t.Fatal(again)
	}
	if attempts := knockertest.Drain(t, shop.Hooks); len(attempts) != 1 || attempts[0].Status != "handled" {
		t.Fatal(attempts)
	}
}

func TestAnUnpaidOneIsOfNoInterest(t *testing.T) {
	shop := open(t)
	receipt := checkout(t, shop, "unpaid")
	knockertest.Drain(t, shop.Hooks)
	event, err := shop.Event(context.Background(), receipt.EventID)
	if err != nil || event.Status != knocker.EventIgnored || event.Reason != "not paid yet" {
		t.Fatal(event, err)
	}
}

func TestAPushThatCannotBeReadIsDead(t *testing.T) {
	shop := open(t)
	header := map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
	receipt, err := shop.GitHub.Receive(context.Background(), knockertest.Sign(t, shop.GitHub, "test-secret", header, `{"repository": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	knockertest.Drain(t, shop.Hooks)
	if event, err := shop.Event(context.Background(), receipt.EventID); err != nil || event.Status != knocker.EventDead {
		t.Fatal(event, err)
	}
}

func TestTheWholeFlow(t *testing.T) {
	shop := open(t)
	body, err := os.ReadFile("../../payloads/github-push.json")
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
	if _, err := shop.GitHub.Receive(context.Background(), knockertest.Sign(t, shop.GitHub, "test-secret", header, string(body))); err != nil {
		t.Fatal(err)
	}
	if attempts := knockertest.Drain(t, shop.Hooks); len(attempts) != 1 || attempts[0].Status != "handled" {
		t.Fatal(attempts)
	}
}
