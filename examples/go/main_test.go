package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

const secret = "test-secret"

func webhooks(t *testing.T) (*knocker.Hooks, *knockertest.Clock) {
	t.Setenv("GITHUB_WEBHOOK_SECRET", secret)
	clock := knockertest.NewClock()
	hooks, err := Webhooks(knockertest.File(t), clock.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hooks.Close() })
	return hooks, clock
}

func receive(t *testing.T, hooks *knocker.Hooks, body string) *knocker.Receipt {
	endpoint := hooks.Endpoints()[0]
	header := map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
	receipt, err := endpoint.Receive(context.Background(), knockertest.Sign(t, endpoint, secret, header, body))
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func TestAPushIsBuiltOnce(t *testing.T) {
	hooks, _ := webhooks(t)
	body, err := os.ReadFile("../payloads/github-push.json")
	if err != nil {
		t.Fatal(err)
	}
	if first := receive(t, hooks, string(body)); first.Outcome != knocker.ReceiptAccepted {
		t.Fatal(first)
	}
	if again := receive(t, hooks, string(body)); again.Outcome != knocker.ReceiptDuplicate {
		t.Fatal(again)
	}
	attempts := knockertest.Drain(t, hooks)
	if len(attempts) != 1 || attempts[0].Status != "handled" {
		t.Fatal(attempts)
	}
}

func TestABodyThatIsNoPushIsDead(t *testing.T) {
	hooks, clock := webhooks(t)
	receipt := receive(t, hooks, `{"repository": 7}`)
	knockertest.Drain(t, hooks)
	event, err := hooks.Event(context.Background(), receipt.EventID)
	if err != nil || event.Status != knocker.EventDead {
		t.Fatal(event, err)
	}
	clock.Advance(time.Hour)
	if attempts := knockertest.Drain(t, hooks); len(attempts) != 0 {
		t.Fatal(attempts)
	}
}
