package knocker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// check ends an example that did not work.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// temporaryFile is the path of a database, and what removes it.
func temporaryFile() (path string, remove func()) {
	folder, err := os.MkdirTemp("", "knocker-example-")
	check(err)
	return filepath.Join(folder, "app.db"), func() { _ = os.RemoveAll(folder) }
}

// openExample gives hooks on a file of the example's own, with a clock that stands still, and what closes and removes them.
func openExample(options ...knocker.Option) (hooks *knocker.Hooks, clock *knockertest.Clock, done func()) {
	path, remove := temporaryFile()
	clock = knockertest.NewClock()
	hooks, err := knocker.Open(path, append([]knocker.Option{clock.Option(), silent}, options...)...)
	check(err)
	return hooks, clock, func() {
		check(hooks.Close())
		remove()
	}
}

// ingestExample stores an event of that type.
func ingestExample(endpoint *knocker.Endpoint, eventType, key string) *knocker.Receipt {
	receipt, err := endpoint.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: eventType, Key: key}, []byte(`{"total": 12}`))
	check(err)
	return receipt
}

// drainExample has the handlers do all that is due, and prints what became of it.
func drainExample(hooks *knocker.Hooks) {
	attempts, err := hooks.Drain(context.Background(), 100)
	check(err)
	for _, attempt := range attempts {
		fmt.Println("event", attempt.EventID, "is", attempt.Status)
	}
}
