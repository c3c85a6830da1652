package knockertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// webhooks is the application's own: it declares the endpoints and their handlers.
func webhooks(path string, options ...knocker.Option) (*knocker.Hooks, *knocker.Endpoint, error) {
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		return nil, nil, err
	}
	github, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets("test-secret"))
	if err != nil {
		return nil, nil, err
	}
	github.On("push", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		if e.Attempt == 1 {
			return errors.New("no answer yet")
		}
		return nil
	})
	return hooks, github, nil
}

// A test of the application's own handlers: a signed request, an attempt that fails, and one after its backoff.
func Example() {
	// In a test file, under the name that go test looks for.
	testPush := func(t *testing.T) {
		clock := knockertest.NewClock()
		hooks, github, err := webhooks(knockertest.File(t), clock.Option())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = hooks.Close() }()
		request := knockertest.Sign(t, github, "test-secret", map[string]string{"X-GitHub-Event": "push"}, `{"ref": "main"}`)
		receipt, err := github.Receive(context.Background(), request)
		if err != nil || receipt.Outcome != knocker.ReceiptAccepted {
			t.Fatal(receipt, err)
		}
		if attempts := knockertest.Drain(t, hooks); attempts[0].Status != "failed" {
			t.Error(attempts)
		}
		clock.Advance(time.Minute)
		if attempts := knockertest.Drain(t, hooks); attempts[0].Status != "handled" {
			t.Error(attempts)
		}
	}
	fmt.Println(testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestPush", F: testPush}}))
	// Output: true
}

func ExampleClock() {
	folder, err := os.MkdirTemp("", "knocker-example-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	clock := knockertest.NewClock()
	hooks, err := knocker.Open(filepath.Join(folder, "app.db"), clock.Option())
	if err != nil {
		panic(err)
	}
	defer func() { _ = hooks.Close() }()
	fmt.Println(clock.Now().Format(time.DateTime))
	clock.Advance(90 * time.Minute)
	fmt.Println(clock.Now().Format(time.DateTime))
	// Output:
	// 2026-01-01 00:00:00
	// 2026-01-01 01:30:00
}
