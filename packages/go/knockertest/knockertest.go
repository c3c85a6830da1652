// Package knockertest helps to test handlers: a file of the test's own, a clock that stands still, signed requests, and a queue that is drained at
// once.
//
// An application that declares its webhooks in a function is tested with that function:
//
//	func Webhooks(path string, options ...knocker.Option) (*knocker.Hooks, error) // of the application
//
//	clock := knockertest.NewClock()
//	hooks, err := Webhooks(knockertest.File(t), clock.Option())
package knockertest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// Start is where a Clock starts.
var Start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// mostAttempts is what one Drain makes at most.
const mostAttempts = 10_000

// Clock stands still until it is told to move. Safe for many goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock gives a clock at [Start].
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) { c.Set(c.Now().Add(by)) }

// Set moves the clock to a time.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// Option lets hooks go by this clock.
func (c *Clock) Option() knocker.Option { return knocker.Clock(c.Now) }

// File is the path of a database of the test's own, which is gone after the test.
func File(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "app.db")
}

// Open gives hooks on a file of the test's own with a clock that stands still. They are closed after the test.
func Open(t testing.TB, options ...knocker.Option) (*knocker.Hooks, *Clock) {
	t.Helper()
	clock := NewClock()
	hooks, err := knocker.Open(File(t), append([]knocker.Option{clock.Option()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hooks.Close(); err != nil {
			t.Error(err)
		}
	})
	return hooks, clock
}

// Drain runs the handlers of all that is due now, and gives the attempts in order. What handlers fail with is in the test's log. An event whose
// handler fails is not tried again before its backoff is over: advance the clock, then drain again.
func Drain(t testing.TB, hooks *knocker.Hooks, options ...knocker.WorkOption) []knocker.Attempted {
	t.Helper()
	attempts, err := hooks.Drain(context.Background(), mostAttempts, options...)
	if err != nil {
		t.Fatal(err)
	}
	for _, attempt := range attempts {
		if attempt.Err != nil {
			t.Logf("event %d: %s: %v", attempt.EventID, attempt.Status, attempt.Err)
		}
	}
	return attempts
}

// Sign gives the request that the endpoint's provider would send with this body, signed with this secret at the hooks' time. header holds what is no
// part of the signature, such as X-GitHub-Event, and may be nil.
func Sign(t testing.TB, endpoint *knocker.Endpoint, secret string, header map[string]string, body string) *knocker.WebhookRequest {
	t.Helper()
	request := &knocker.WebhookRequest{URL: "https://example.com/webhooks/" + endpoint.Name(), Body: []byte(body), Header: map[string][]string{}}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	signed, err := endpoint.Sign(request, secret)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
