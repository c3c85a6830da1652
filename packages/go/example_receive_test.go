package knocker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/knocker/knocker-go"
)

func ExampleHooks_Endpoint() {
	hooks, _, done := openExample()
	defer done()
	stripe, err := hooks.Endpoint("stripe",
		knocker.Provider("stripe"),
		knocker.Secrets("the-new-secret", "the-one-before"),
		knocker.MaxAttempts(15),
		knocker.MaxBodyBytes(256<<10),
	)
	check(err)
	fmt.Println(stripe.Name())
	_, err = hooks.Endpoint("other", knocker.Provider("stripe"), knocker.Secrets(""))
	fmt.Println(err)
	_, err = hooks.Endpoint("other", knocker.Provider("stripe"))
	fmt.Println(err)
	// Output:
	// stripe
	// knocker: usage: endpoint other: a secret is empty: is the environment variable set?
	// knocker: usage: endpoint other: stripe needs a secret, and there is none: give it with Secrets or SecretsFunc
}

func ExampleHooks_ExistingEndpoint() {
	hooks, _, done := openExample()
	defer done()
	_, err := hooks.ExistingEndpoint("stripe")
	fmt.Println(errors.Is(err, knocker.ErrUnknownEndpoint))
	// Output: true
}

func ExampleSecretsFunc() {
	hooks, _, done := openExample()
	defer done()
	secretOf := map[string]string{"acme": "secret-of-acme"}
	github, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.SecretsFunc(
		func(_ context.Context, request *knocker.WebhookRequest) ([]string, error) {
			// As in /webhooks/acme/github. None found is a request that is refused.
			secret, ok := secretOf[strings.Split(request.URL, "/")[2]]
			if !ok {
				return nil, nil
			}
			return []string{secret}, nil
		}))
	check(err)
	for _, tenant := range []string{"acme", "other"} {
		request, err := github.Sign(&knocker.WebhookRequest{
			URL: "/webhooks/" + tenant + "/github", Body: []byte("{}"), Header: http.Header{"X-Github-Event": {"push"}},
		}, "secret-of-acme")
		check(err)
		receipt, err := github.Receive(context.Background(), request)
		check(err)
		fmt.Println(tenant, receipt.Outcome)
	}
	// Output:
	// acme accepted
	// other invalid
}

func ExampleWithBackoff() {
	hooks, clock, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox", knocker.WithBackoff(knocker.BackoffSettings{Base: time.Minute, Factor: 2, Cap: time.Hour}))
	check(err)
	inbox.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return errors.New("not today") })
	ingestExample(inbox, "order.paid", "o-1")
	drainExample(hooks)
	drainExample(hooks)
	// The next attempt is due after a minute, and ten per cent of jitter.
	clock.Advance(67 * time.Second)
	drainExample(hooks)
	// Output:
	// event 1 is failed
	// event 1 is failed
}

func ExampleEndpoint_ServeHTTP() {
	hooks, _, done := openExample()
	defer done()
	endpoint, err := hooks.Endpoint("deploys", knocker.Provider("token"), knocker.Secrets("test-token"))
	check(err)
	for _, token := range []string{"test-token", "a guess"} {
		request := httptest.NewRequest(http.MethodPost, "https://shop.example/webhooks/deploys", strings.NewReader("{}"))
		request.Header.Set("X-Webhook-Token", token)
		answer := httptest.NewRecorder()
		endpoint.ServeHTTP(answer, request)
		fmt.Println(answer.Code)
	}
	// Output:
	// 200
	// 401
}

func ExampleHooks_Handler() {
	hooks, _, done := openExample()
	defer done()
	_, err := hooks.Endpoint("deploys", knocker.Provider("token"), knocker.Secrets("test-token"))
	check(err)
	mux := http.NewServeMux()
	// The last part of the path names the endpoint, whatever stands before it.
	mux.Handle("/webhooks/", hooks.Handler())
	for _, path := range []string{"/webhooks/deploys", "/webhooks/acme/deploys", "/webhooks/unknown"} {
		request := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, strings.NewReader("{}"))
		request.Header.Set("X-Webhook-Token", "test-token")
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(path, answer.Code)
	}
	// Output:
	// /webhooks/deploys 200
	// /webhooks/acme/deploys 200
	// /webhooks/unknown 404
}

func ExampleEndpoint_Receive() {
	hooks, _, done := openExample()
	defer done()
	github, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets("test-secret"))
	check(err)
	request, err := github.Sign(&knocker.WebhookRequest{
		Body: []byte(`{"ref": "main"}`), Header: http.Header{"X-Github-Event": {"push"}, "X-Github-Delivery": {"delivery-1"}},
	}, "test-secret")
	check(err)
	for range 2 {
		receipt, err := github.Receive(context.Background(), request)
		check(err)
		fmt.Println(receipt.Outcome, receipt.Response.Status, "event", receipt.EventID)
	}
	request.Body = []byte(`{"ref": "forged"}`)
	receipt, err := github.Receive(context.Background(), request)
	check(err)
	fmt.Println(receipt.Outcome, receipt.Response.Status, receipt.Reason)
	// Output:
	// accepted 200 event 1
	// duplicate 200 event 1
	// invalid 401 bad_signature
}

// What the application has verified itself, or has made: a message of a queue, a job of its own.
func ExampleEndpoint_Ingest() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	for range 2 {
		receipt, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "order.paid", Key: "o-1"}, []byte("{}"))
		check(err)
		fmt.Println(receipt.Outcome)
	}
	// Output:
	// accepted
	// duplicate
}

func ExampleEndpoint_Verify() {
	hooks, _, done := openExample()
	defer done()
	endpoint, err := hooks.Endpoint("deploys", knocker.Provider("token"), knocker.Secrets("test-token"))
	check(err)
	verdict, err := endpoint.Verify(context.Background(), &knocker.WebhookRequest{Body: []byte("{}"), Header: http.Header{"X-Webhook-Token": {"a guess"}}})
	check(err)
	fmt.Println(verdict.Valid, verdict.Reason)
	// Output: false bad_signature
}

func ExampleEndpoint_Sign() {
	hooks, _, done := openExample()
	defer done()
	endpoint, err := hooks.Endpoint("deploys", knocker.Provider("token"), knocker.Secrets("test-token"))
	check(err)
	request, err := endpoint.Sign(&knocker.WebhookRequest{Body: []byte("{}")}, "test-token")
	check(err)
	fmt.Println(request.Header)
	// Output: map[X-Webhook-Token:[test-token]]
}
