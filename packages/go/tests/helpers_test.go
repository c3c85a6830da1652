// Package tests holds what uses the Go package as applications do: over frameworks and drivers, in processes that are killed, and as a stranger would
// like to break it. It is a module of its own, so that the package's go.mod stays free of what these tests need; goleak looks after each test.
package tests

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

const (
	secret   = "test-secret"
	patience = time.Minute
)

// TestMain runs the tests, or what a test has started this program again for.
func TestMain(m *testing.M) {
	if role := os.Getenv("KNOCKER_TEST_ROLE"); role != "" {
		if err := roles[role](); err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// noLeaks fails the test where a goroutine is left when all else of it is over; to be called first.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// openAt gives hooks on that file, which are closed after the test.
func openAt(t *testing.T, path string, options ...knocker.Option) *knocker.Hooks {
	t.Helper()
	noLeaks(t)
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hooks.Close(); err != nil {
			t.Error(err)
		}
	})
	return hooks
}

// open gives hooks on a file of the test's own, which log into the test.
func open(t *testing.T, options ...knocker.Option) *knocker.Hooks {
	t.Helper()
	return openAt(t, knockertest.File(t), append([]knocker.Option{knocker.Logger(quiet())}, options...)...)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// journal is a log that can be asked what it holds.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// github declares an endpoint that GitHub sends to.
func github(t *testing.T, hooks *knocker.Hooks, options ...knocker.EndpointOption) *knocker.Endpoint {
	t.Helper()
	return must[*knocker.Endpoint](t)(hooks.Endpoint("github", append([]knocker.EndpointOption{knocker.Provider("github"), knocker.Secrets(secret)}, options...)...))
}

// inbox declares an endpoint for what the application itself has verified.
func inbox(t *testing.T, hooks *knocker.Hooks, options ...knocker.EndpointOption) *knocker.Endpoint {
	t.Helper()
	return must[*knocker.Endpoint](t)(hooks.Endpoint("inbox", options...))
}

// push is the n-th request that GitHub sends.
func push(t *testing.T, endpoint *knocker.Endpoint, n int) *knocker.WebhookRequest {
	t.Helper()
	return pushOf(t, endpoint, n, `{"n": `+strconv.Itoa(n)+`}`)
}

func pushOf(t *testing.T, endpoint *knocker.Endpoint, n int, body string) *knocker.WebhookRequest {
	t.Helper()
	return knockertest.Sign(t, endpoint, secret, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "delivery-" + strconv.Itoa(n)}, body)
}

func receive(t *testing.T, endpoint *knocker.Endpoint, n int) *knocker.Receipt {
	t.Helper()
	return must[*knocker.Receipt](t)(endpoint.Receive(context.Background(), push(t, endpoint, n)))
}

// ingest stores an event of that type, and gives its id.
func ingest(t *testing.T, endpoint *knocker.Endpoint, eventType string) int64 {
	t.Helper()
	receipt := must[*knocker.Receipt](t)(endpoint.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: eventType}, []byte("{}")))
	return receipt.Events[0].ID
}

// execute runs statements on a connection of the application's own.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// count gives the number that a query finds.
func count(t *testing.T, path, query string) (found int) {
	t.Helper()
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(query).Scan(&found); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}

func statuses(attempts []knocker.Attempted) (all []string) {
	for _, attempt := range attempts {
		all = append(all, attempt.Status)
	}
	return all
}

// results are those of all attempts of the file.
func results(t *testing.T, hooks *knocker.Hooks) (all []knocker.AttemptResult) {
	t.Helper()
	for attempt, err := range hooks.Attempts(context.Background(), knocker.ListAttempts{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, attempt.Result)
	}
	return all
}

// eventStatuses are those of all events of the file.
func eventStatuses(t *testing.T, hooks *knocker.Hooks) (all []knocker.EventStatus) {
	t.Helper()
	for event, err := range hooks.Events(context.Background(), knocker.ListEvents{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, event.Status)
	}
	return all
}

func equal[T comparable](t *testing.T, what string, found, expected []T) {
	t.Helper()
	if !slices.Equal(found, expected) {
		t.Errorf("%s: %v, expected %v", what, found, expected)
	}
}

func isError(t *testing.T, what string, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Errorf("%s: %v, expected %v", what, err, expected)
	}
}

// waitFor waits until the channel gives something, or is closed.
func waitFor[T any](t *testing.T, what string, channel <-chan T) (given T) {
	t.Helper()
	select {
	case given = <-channel:
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
	}
	return given
}

// until waits for a state that nobody tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// works are hooks, and the tenants of many files.
type works interface {
	Work(ctx context.Context, options ...knocker.WorkOption) error
}

// working starts a worker, and gives what ends it and waits for it. It is ended with the test at the latest.
func working(t *testing.T, hooks works, options ...knocker.WorkOption) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hooks.Work(ctx, options...) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := waitFor(t, "the worker ends", done); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}
