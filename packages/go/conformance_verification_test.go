package knocker_test

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/knockertest"
)

type verificationFile struct {
	Provider string             `json:"provider"`
	Cases    []verificationCase `json:"cases"`
}

type verificationCase struct {
	Name    string   `json:"name"`
	Options object   `json:"options"`
	Secrets []string `json:"secrets"`
	Now     int64    `json:"now"`
	sent
	Then *then `json:"then"`
}

type sent struct {
	Request sentRequest  `json:"request"`
	Expect  expectedCase `json:"expect"`
	sentBody
}

type then struct {
	Now    int64 `json:"now"`
	Events int   `json:"events"`
	sent
}

type expectedCase struct {
	Valid           bool              `json:"valid"`
	Kind            *string           `json:"kind"`
	Reason          *string           `json:"reason"`
	Items           []any             `json:"items"`
	Status          int64             `json:"status"`
	ResponseBody    *string           `json:"response_body"`
	ResponseHeaders map[string]string `json:"response_headers"`
}

// TestVerification runs each case of the data through the verdict of an endpoint, and through its receipt.
func TestVerification(t *testing.T) {
	hooks, clock := knockertest.Open(t, knocker.SynchronousNormal())
	ran := 0
	files := conformance.Files(t, "verification")
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var file verificationFile
		if err := conformance.Strictly(files[name], &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Cases {
			ran++
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				if err := verifyCase(hooks, clock, fmt.Sprintf("case-%d", ran), file.Provider, one); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if !t.Failed() {
		conformance.WriteCount(t, "verification", ran)
	}
}

func verifyCase(hooks *knocker.Hooks, clock *knockertest.Clock, name, provider string, one verificationCase) error {
	settings := []knocker.EndpointOption{
		knocker.Provider(provider),
		knocker.SecretsFunc(func(context.Context, *knocker.WebhookRequest) ([]string, error) { return one.Secrets, nil }),
	}
	if one.Options != nil {
		settings = append(settings, knocker.ProviderOptions(one.Options))
	}
	endpoint, err := hooks.Endpoint(name, settings...)
	if err != nil {
		return err
	}
	if err := send(endpoint, clock, one.Now, one.sent, knocker.ReceiptAccepted); err != nil || one.Then == nil {
		return err
	}
	before, err := count(hooks, name)
	if err != nil {
		return err
	}
	outcome := knocker.ReceiptDuplicate
	if one.Then.Events > before {
		outcome = knocker.ReceiptAccepted
	}
	if err := send(endpoint, clock, one.Then.Now, one.Then.sent, outcome); err != nil {
		return fmt.Errorf("then: %w", err)
	}
	after, err := count(hooks, name)
	if err == nil && after != one.Then.Events {
		err = fmt.Errorf("then: there are %d events, expected %d", after, one.Then.Events)
	}
	return err
}

func count(hooks *knocker.Hooks, endpoint string) (n int, err error) {
	for _, err := range hooks.Events(context.Background(), knocker.ListEvents{Endpoint: endpoint}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// send sends one request of a case; delivery is the outcome of a delivery.
func send(endpoint *knocker.Endpoint, clock *knockertest.Clock, now int64, one sent, delivery knocker.ReceiptOutcome) error {
	clock.Set(time.UnixMilli(now))
	body, err := one.bytes()
	if err != nil {
		return err
	}
	request, err := one.Request.request(body)
	if err != nil {
		return err
	}
	response := object{"status": float64(one.Expect.Status), "headers": asObject(one.Expect.ResponseHeaders)}
	if one.Expect.ResponseBody != nil {
		response["body"] = *one.Expect.ResponseBody
	}
	items := one.Expect.Items
	if items == nil {
		items = []any{}
	}
	verdict, err := endpoint.Verify(context.Background(), request)
	if err != nil {
		return err
	}
	wanted := object{"valid": one.Expect.Valid, "kind": textOr(one.Expect.Kind), "reason": textOr(one.Expect.Reason), "items": items, "response": response}
	if err := conformance.Compare(wanted, conformance.Plain(verdict), "verdict"); err != nil {
		return err
	}
	receipt, err := endpoint.Receive(context.Background(), request)
	if err != nil {
		return err
	}
	outcome := knocker.ReceiptInvalid
	if one.Expect.Kind != nil {
		outcome = delivery
		if *one.Expect.Kind == "handshake" {
			outcome = knocker.ReceiptHandshake
		}
	}
	return conformance.Compare(object{"outcome": string(outcome), "reason": textOr(one.Expect.Reason), "response": response}, conformance.Plain(receipt), "receipt")
}

func textOr(text *string) any {
	if text == nil {
		return nil
	}
	return *text
}

func asObject(headers map[string]string) object {
	made := object{}
	for name, value := range headers {
		made[strings.ToLower(name)] = value
	}
	return made
}
