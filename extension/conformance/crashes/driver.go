// The Go package at work, for the crash tests to record: driver <this file> <database> <name> <seed> <steps>.
//
// It does what src/crash/workload.rs does, through the package's public interface, and writes the same marks.
package main

/*
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int open_marks(const char *path) { return open(path, O_WRONLY | O_APPEND | O_CREAT, 0644); }
*/
import "C"

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	_ "github.com/mattn/go-sqlite3"

	"github.com/knocker/knocker-go"
)

const (
	secret   = "test-secret"
	openings = 20
	// A little more than the package waits before it tries a failed disk again.
	pause   = 300 * time.Millisecond
	workers = 2
)

// shop is one life of the application.
type shop struct {
	hooks  *knocker.Hooks
	orders *knocker.Endpoint
	scrap  *knocker.Endpoint
	name   string
	choose *rand.Rand
	number int
	marks  marks

	mu sync.Mutex
	// attempted are the events of orders in the running drain: what is scrap may be pruned at once by another process.
	attempted map[int64]bool
	refusals  int
}

func main() {
	path, name := os.Args[2], os.Args[3]
	seed, steps := number(os.Args[4]), number(os.Args[5])
	s := &shop{name: name, choose: rand.New(rand.NewSource(int64(seed))), marks: newMarks()}
	for opening := 0; s.prepare(path) != nil; opening++ {
		if opening == openings {
			return
		}
		time.Sleep(pause)
	}
	s.say("prepared")
	s.say("armed")
	// In every second life a worker beside the senders: what it has handled is not said, but checked all the same.
	drains := seed%2 == 0
	ctx, stop := context.WithCancel(context.Background())
	worked := make(chan error, 1)
	if drains {
		worked <- nil
	} else {
		go func() { worked <- s.hooks.Work(ctx, knocker.Concurrency(workers)) }()
	}
	for range steps {
		before := s.refusals
		s.step(drains)
		if s.refusals > before {
			time.Sleep(pause)
		}
	}
	stop()
	must(<-worked)
	must(s.hooks.Close())
}

func number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// marks are written through the C library, where the recorder sees them: Go itself writes past it, and its SQLite does not.
type marks C.int

func newMarks() marks {
	path := C.CString(os.Getenv("KNOCKER_RECORDER_MARKS"))
	defer C.free(unsafe.Pointer(path))
	return marks(C.open_marks(path))
}

func (s *shop) say(format string, arguments ...any) {
	line := []byte(fmt.Sprintf(format, arguments...) + "\n")
	C.write(C.int(s.marks), unsafe.Pointer(&line[0]), C.size_t(len(line)))
}

func (s *shop) prepare(path string) error {
	hooks, err := knocker.Open(path, knocker.BusyTimeout(time.Minute), knocker.Logger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		return err
	}
	s.hooks = hooks
	err = createOrders(path)
	if err == nil {
		err = s.declare()
	}
	if err != nil {
		return errors.Join(err, hooks.Close())
	}
	return nil
}

func createOrders(path string) error {
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=60000&_sync=2")
	if err != nil {
		return err
	}
	_, err = db.Exec("CREATE TABLE IF NOT EXISTS orders (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL)")
	return errors.Join(err, db.Close())
}

func (s *shop) declare() (err error) {
	settings := []knocker.EndpointOption{
		knocker.Secrets(secret),
		knocker.RawSettings(map[string]any{
			"provider": "token", "options": map[string]any{"header": "x-shop-token", "id_path": "id", "type_path": "kind"},
			"max_attempts": 1000, "invalid_per_hour": 1_000_000_000,
		}),
	}
	if s.orders, err = s.hooks.Endpoint("orders", settings...); err != nil {
		return err
	}
	if s.scrap, err = s.hooks.Endpoint("scrap", settings...); err != nil {
		return err
	}
	s.orders.On("*", s.handle)
	s.scrap.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	return nil
}

func (s *shop) handle(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	s.mu.Lock()
	if s.attempted != nil {
		s.attempted[event.ID] = true
	}
	s.mu.Unlock()
	if (event.ID+int64(event.Attempt))%7 == 0 {
		return knocker.RetryAfter(0, nil)
	}
	if event.ID%11 == 0 {
		return knocker.Ignore("a test order")
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?)", event.ID, event.Attempt, s.name)
	return err
}

func (s *shop) step(drains bool) {
	switch what := s.choose.Intn(100); {
	case what < 35:
		s.receive(1)
	case what < 60:
		s.receive(2 + s.choose.Intn(7))
	case what < 90 && drains:
		s.work()
	default:
		s.prune()
	}
}

// receive has so many senders at once.
func (s *shop) receive(senders int) {
	var sending sync.WaitGroup
	for range senders {
		s.number++
		key, endpoint, token, length := fmt.Sprint(s.name, "-", s.number), s.orders, secret, s.choose.Intn(600)
		if s.choose.Float64() < 0.1 {
			token = "forged"
		}
		if s.choose.Float64() < 0.3 {
			// Long ones, so that checkpoints come due.
			length = s.choose.Intn(60_000)
		}
		if s.choose.Float64() < 0.25 {
			endpoint = s.scrap
		}
		sending.Add(1)
		go func() {
			defer sending.Done()
			s.receiveOne(endpoint, key, token, length)
		}()
	}
	sending.Wait()
}

func (s *shop) receiveOne(endpoint *knocker.Endpoint, key, token string, length int) {
	body, err := json.Marshal(map[string]string{"id": key, "kind": "order.paid", "note": strings.Repeat("x", length)})
	must(err)
	request := &knocker.WebhookRequest{Method: "POST", URL: "/webhooks", Body: body,
		Header: map[string][]string{"X-Shop-Token": {token}, "Content-Type": {"application/json"}}}
	receipt, err := endpoint.Receive(context.Background(), request)
	if err != nil {
		s.refused(err)
		return
	}
	word := string(receipt.Outcome)
	if endpoint == s.scrap && receipt.EventID != 0 {
		word = "scrap"
	}
	s.say("%s %d %d %s", word, receipt.DeliveryID, receipt.EventID, key)
}

func (s *shop) refused(err error) {
	if !errors.Is(err, knocker.ErrDatabase) {
		panic(err)
	}
	s.mu.Lock()
	s.refusals++
	s.mu.Unlock()
	s.say("refused")
}

func (s *shop) work() {
	s.attempted = map[int64]bool{}
	attempts, err := s.hooks.Drain(context.Background(), 1000)
	words := map[string]string{"handled": "handled", "failed": "failed", "ignored": "skipped"}
	for _, attempt := range attempts {
		if word := words[attempt.Status]; word != "" && s.attempted[attempt.EventID] {
			s.say("%s %d", word, attempt.EventID)
		}
	}
	if err != nil {
		s.refused(err)
	}
}

func (s *shop) prune() {
	s.say("pruning")
	soon := time.Now().Add(24 * time.Hour)
	filter := knocker.PruneEventsFilter{Endpoint: "scrap", Before: soon, Status: []knocker.EventStatus{knocker.EventHandled}, Limit: 1 + int64(s.choose.Intn(19))}
	result, err := s.hooks.PruneEvents(context.Background(), filter)
	if err != nil {
		s.refused(err)
		return
	}
	s.say("pruned %d", result.Events)
}
