package knocker_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/knocker/knocker-go"
)

// silent keeps the examples' log out of their output.
var silent = knocker.Logger(slog.New(slog.NewTextHandler(io.Discard, nil)))

// A webhook from its request to the order that it pays.
func Example() {
	path, remove := temporaryFile()
	defer remove()
	db, err := sql.Open("sqlite3", path)
	check(err)
	defer func() { _ = db.Close() }()
	_, err = db.Exec("CREATE TABLE orders (id TEXT PRIMARY KEY)")
	check(err)

	hooks, err := knocker.Open(path)
	check(err)
	defer func() { _ = hooks.Close() }()
	github, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets("test-secret"))
	check(err)
	handled := make(chan struct{})
	github.On("push", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		// Written in one transaction with the event, or not at all.
		_, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", e.Key)
		close(handled)
		return err
	})

	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/github", github)
	server := httptest.NewServer(mux)
	defer server.Close()

	// What GitHub sends. It tries again until it has an answer, so the second one is a duplicate.
	request, err := github.Sign(&knocker.WebhookRequest{
		Body: []byte("{}"), Header: http.Header{"X-Github-Event": {"push"}, "X-Github-Delivery": {"delivery-1"}},
	}, "test-secret")
	check(err)
	for range 2 {
		sent, err := http.NewRequest(http.MethodPost, server.URL+"/webhooks/github", strings.NewReader(string(request.Body)))
		check(err)
		sent.Header = request.Header
		answer, err := http.DefaultClient.Do(sent)
		check(err)
		fmt.Println("answered", answer.Status)
		check(answer.Body.Close())
	}

	ctx, stop := context.WithCancel(context.Background())
	worked := make(chan error)
	go func() { worked <- hooks.Work(ctx) }()
	<-handled
	stop()
	check(<-worked)

	var orders int
	check(db.QueryRow("SELECT count(*) FROM orders").Scan(&orders))
	fmt.Println("orders:", orders)
	// Output:
	// answered 200 OK
	// answered 200 OK
	// orders: 1
}

func ExampleOpen() {
	path, remove := temporaryFile()
	defer remove()
	hooks, err := knocker.Open(path,
		knocker.BusyTimeout(10*time.Second),
		knocker.PublicURL("https://shop.example"),
		knocker.TrustedProxies("10.0.0.0/8", "::1"),
	)
	check(err)
	fmt.Println(len(hooks.Endpoints()), "endpoints")
	check(hooks.Close())
	// Output: 0 endpoints
}

func ExampleFromDB() {
	path, remove := temporaryFile()
	defer remove()
	db, err := sql.Open("sqlite3", path)
	check(err)
	defer func() { _ = db.Close() }()

	hooks, err := knocker.FromDB(db)
	check(err)
	defer func() { _ = hooks.Close() }()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	ingestExample(inbox, "order.paid", "o-1")

	var events int
	check(db.QueryRow("SELECT count(*) FROM knocker_events").Scan(&events))
	fmt.Println("events in the application's own file:", events)
	// Output: events in the application's own file: 1
}

func ExampleRegister() {
	path, remove := temporaryFile()
	defer remove()
	check(knocker.Register("sqlite3_example"))
	db, err := sql.Open("sqlite3_example", path)
	check(err)
	defer func() { _ = db.Close() }()

	var version string
	check(db.QueryRow("SELECT knocker_version()").Scan(&version))
	fmt.Println(strings.Count(version, ".") == 2)
	// Output: true
}

func ExampleLoadablePath() {
	path, err := knocker.LoadablePath()
	check(err)
	// Other tools load it as well: sqlite3 app.db ".load '…'".
	fmt.Println(path != "")
	// Output: true
}

func ExampleError() {
	hooks, _, done := openExample()
	defer done()
	_, err := hooks.Event(context.Background(), 4711)
	var known *knocker.Error
	if errors.As(err, &known) {
		fmt.Println(known.Code, known.Retryable)
	}
	fmt.Println(errors.Is(err, knocker.ErrUnknownEvent), errors.Is(err, knocker.ErrNotFound), errors.Is(err, knocker.ErrBusy))
	// Output:
	// unknown_event false
	// true true false
}

func ExampleHooks_Close() {
	hooks, _, done := openExample()
	defer done()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	check(hooks.Close())
	_, err = inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true}, nil)
	fmt.Println(errors.Is(err, knocker.ErrClosed))
	// Output: true
}

func ExampleHooks_Closing() {
	hooks, _, done := openExample()
	defer done()
	go func() { _ = hooks.Close() }()
	// What takes long can end sooner then.
	<-hooks.Closing()
	fmt.Println("the application ends")
	// Output: the application ends
}
