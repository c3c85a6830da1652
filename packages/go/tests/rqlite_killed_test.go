package tests

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// seldom is a secret whose text stands nowhere else.
const seldom = "whsec-seldom-4f1b7c2e9a"

func TestRqliteLosesNothingWhereTheLeaderIsKilledTwice(t *testing.T) { losesNothing(t, "/kill-leader") }

// It answers nothing, and believes itself the leader when it goes on.
func TestRqliteLosesNothingWhereTheLeaderIsPausedTwice(t *testing.T) {
	losesNothing(t, "/pause-leader")
}

// losesNothing has eight callers receive and two workers handle while that is done to the leader twice: what was acknowledged is there and handled once, the
// nodes have the same rows, and no file of theirs holds the secret.
func losesNothing(t *testing.T, disturb string) {
	t.Helper()
	const receives, callers = 2000, 8
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE orders (id INTEGER)")
	all := nodes.openAll(2)
	endpoint := must[*knocker.Endpoint](t)(all[0].Endpoint("github", knocker.Provider("github"), knocker.Secrets(seldom)))
	theirs := must[*knocker.Endpoint](t)(all[1].ExistingEndpoint("github"))
	theirs.On("*", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", event.ID)
		return err
	})
	stop := working(t, all[1], knocker.Concurrency(2), knocker.Poll(50*time.Millisecond))
	requests := make([]*knocker.WebhookRequest, receives)
	for n := range requests {
		body := fmt.Sprintf(`{"n": %d}`, n)
		unsigned := &knocker.WebhookRequest{URL: "https://example.com/", Header: http.Header{"X-Github-Event": {"push"}, "X-Github-Delivery": {fmt.Sprintf("delivery-%d", n)}}, Body: []byte(body)}
		requests[n] = must[*knocker.WebhookRequest](t)(endpoint.Sign(unsigned, seldom))
	}

	var next, acknowledged, slowest atomic.Int64
	var receiving sync.WaitGroup
	began := time.Now()
	failed := make(chan error, callers+2)
	for range callers {
		receiving.Add(1)
		go func() {
			defer receiving.Done()
			for n := next.Add(1) - 1; n < receives; n = next.Add(1) - 1 {
				since := time.Now()
				receipt, err := endpoint.Receive(context.Background(), requests[n])
				if err == nil && receipt.Outcome != knocker.ReceiptAccepted && receipt.Outcome != knocker.ReceiptDuplicate {
					err = fmt.Errorf("receipt %d is %s", n, receipt.Outcome)
				}
				if err != nil {
					failed <- err
					return
				}
				acknowledged.Add(1)
				for took := int64(time.Since(since)); took > slowest.Load(); {
					slowest.Store(took)
				}
			}
		}()
	}
	for _, at := range []int64{receives / 4, receives / 2} {
		until(t, "receipts come", func() bool { return acknowledged.Load() >= at || len(failed) > 0 })
		nodes.Ask(http.MethodPost, disturb, nil)
		// Two of three go on; the third is back before the next one is killed.
		until(t, "receipts go on", func() bool { return acknowledged.Load() >= at+receives/10 || len(failed) > 0 })
		nodes.Ask(http.MethodPost, "/restart", nil)
	}
	receiving.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}

	keys := nodes.run("SELECT key FROM knocker_events ORDER BY key")
	if len(keys) != receives {
		t.Errorf("%d events of %d acknowledged receipts", len(keys), acknowledged.Load())
	}
	until(t, "all are handled", func() bool {
		return nodes.run("SELECT count(*) FROM knocker_events WHERE status <> 'handled'")[0] == 0.0
	})
	stop()
	equal(t, "orders, and how often", nodes.run("SELECT count(*) || ' ' || count(DISTINCT id) FROM orders"), []any{fmt.Sprintf("%d %d", receives, receives)})
	var tables struct {
		Nodes     int      `json:"nodes"`
		Rows      int      `json:"rows"`
		Tables    []string `json:"tables"`
		Differing []string `json:"differing"`
	}
	nodes.Ask(http.MethodGet, "/tables", &tables)
	if tables.Nodes != 3 || len(tables.Tables) < 15 || tables.Rows < 2*receives || len(tables.Differing) > 0 {
		t.Errorf("the nodes differ: %+v", tables)
	}
	if found := nodes.filesWith("delivery-1999"); len(found) == 0 {
		t.Error("the files are not those of the nodes: not even a key is in them")
	}
	equal(t, "files that hold the secret", nodes.filesWith(seldom), nil)
	t.Logf("%d receives by %d callers in %.1f s, the slowest %.1f s; %d rows in %d tables, equal on %d nodes",
		receives, callers, took.Seconds(), time.Duration(slowest.Load()).Seconds(), tables.Rows, len(tables.Tables), tables.Nodes)
}

func (n *rqliteNodes) filesWith(text string) []string {
	n.t.Helper()
	var answer struct {
		Found []string `json:"found"`
	}
	n.Ask(http.MethodGet, "/grep?text="+url.QueryEscape(text), &answer)
	return answer.Found
}

// Figures for the documentation: receipts a second, and requests a second that insert by hand what a receipt is: a request, an event that is known again
// by its key, and a job.
func TestRqliteTellsHowManyItReceives(t *testing.T) {
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE requests (id INTEGER PRIMARY KEY, received_at INTEGER, method TEXT, url TEXT, headers TEXT, body BLOB)",
		"CREATE TABLE events (id INTEGER PRIMARY KEY, endpoint TEXT, key TEXT, type TEXT, status TEXT, received_at INTEGER, UNIQUE (endpoint, key))",
		"CREATE TABLE jobs (id INTEGER PRIMARY KEY, queue TEXT, payload TEXT, state TEXT, run_at INTEGER)", "CREATE INDEX due ON jobs (queue, state, run_at)")
	hooks := nodes.open()
	endpoint := inbox(t, hooks)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var number atomic.Int64
	headers := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"a sender of webhooks/1.0"}, "X-Request-Id": {"0123456789"}}
	receiving := func() error {
		fields := knocker.IngestFields{Valid: true, Type: "order.paid", Key: fmt.Sprintf("key-%d", number.Add(1)), URL: "/webhooks", Headers: headers}
		_, err := endpoint.Ingest(context.Background(), fields, []byte(strings.Repeat("x", 500)))
		return err
	}
	inserting := func(receipts int) func() error {
		return func() error {
			var statements []any
			for range receipts {
				now := time.Now().UnixMilli()
				statements = append(statements,
					[]any{"INSERT INTO requests (received_at, method, url, headers, body) VALUES (?, ?, ?, ?, ?)", now, "POST", "/webhooks",
						`{"content-type":"application/json","user-agent":"a sender of webhooks/1.0","x-request-id":"0123456789"}`, "x'" + strings.Repeat("78", 500) + "'"},
					[]any{"INSERT INTO events (endpoint, key, type, status, received_at) VALUES (?, ?, ?, ?, ?)", "inbox", fmt.Sprintf("key-%d", number.Add(1)),
						"order.paid", "received", now},
					[]any{"INSERT INTO jobs (queue, payload, state, run_at) VALUES (?, ?, ?, ?)", "inbox", `{"event_id":1234}`, "pending", now})
			}
			_, err := nodes.send(client, statements)
			return err
		}
	}
	const single, groups, group = 300, 100, 32
	// In turn, so that what else the machine does meets both.
	var alone, plain, together, plainTogether time.Duration
	for range 5 {
		plain += lasts(t, 1, single/5, inserting(1))
		alone += lasts(t, 1, single/5, receiving)
		plainTogether += lasts(t, 1, groups/5, inserting(group))
		together += lasts(t, group, groups/5, receiving)
	}
	a := func(count int, d time.Duration) float64 { return float64(count) / d.Seconds() }
	t.Logf("alone: %.0f receipts a second, %.0f times three inserts: %.2f", a(single, alone), a(single, plain), plain.Seconds()/alone.Seconds())
	t.Logf("%d callers: %.0f receipts a second, %.0f times three inserts: %.2f", group, a(groups*group, together), a(groups*group, plainTogether),
		plainTogether.Seconds()/together.Seconds())
}

// lasts is how long it takes that many callers to do it so often each.
func lasts(t *testing.T, callers, times int, do func() error) time.Duration {
	t.Helper()
	began := time.Now()
	failed := make(chan error, callers)
	var all sync.WaitGroup
	for range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for range times {
				if err := do(); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	all.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	return time.Since(began)
}
