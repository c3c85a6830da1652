//go:build unix

package tests

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// load are senders that, like a provider, send each request until it is answered with a 2xx.
type load struct {
	requests []*knocker.WebhookRequest

	mu       sync.Mutex
	changed  *sync.Cond
	address  string
	next     int
	answered int
	refused  map[int]int
	senders  sync.WaitGroup
}

func sending(requests []*knocker.WebhookRequest, senders int) *load {
	l := &load{requests: requests, refused: map[int]int{}}
	l.changed = sync.NewCond(&l.mu)
	for range senders {
		l.senders.Add(1)
		go l.send()
	}
	return l
}

// serve says where the server is now.
func (l *load) serve(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address = address
	l.changed.Broadcast()
}

func (l *load) waitFor(answered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.answered < answered {
		l.changed.Wait()
	}
}

func (l *load) send() {
	defer l.senders.Done()
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for {
		l.mu.Lock()
		n := l.next
		l.next++
		l.mu.Unlock()
		if n >= len(l.requests) {
			return
		}
		for !l.isSent(client, l.requests[n]) {
		}
	}
}

func (l *load) isSent(client *http.Client, request *knocker.WebhookRequest) bool {
	l.mu.Lock()
	for l.address == "" {
		l.changed.Wait()
	}
	address := l.address
	l.mu.Unlock()
	sent, err := http.NewRequest(http.MethodPost, "http://"+address+"/webhooks/github", bytes.NewReader(request.Body))
	if err != nil {
		panic(err)
	}
	sent.Header = request.Header
	answer, err := client.Do(sent)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		// The server is gone: nothing is known of this request.
		if l.address == address {
			l.address = ""
		}
		return false
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		l.refused[answer.StatusCode]++
		return false
	}
	l.answered++
	l.changed.Broadcast()
	return true
}

// pushes are requests as GitHub sends them; the key of the n-th is delivery-n.
func pushes(t *testing.T, n int) (requests []*knocker.WebhookRequest) {
	t.Helper()
	endpoint := github(t, open(t))
	for i := range n {
		requests = append(requests, push(t, endpoint, i))
	}
	return requests
}

// shopFile is a file with the table that the workers write to.
func shopFile(t *testing.T) string {
	t.Helper()
	path := knockertest.File(t)
	execute(t, path, "CREATE TABLE orders (key TEXT, event_id INTEGER)")
	return path
}

// allHandledOnce waits until so many events are handled, and checks what is in the file then.
func allHandledOnce(t *testing.T, path string, total int) {
	t.Helper()
	hooks := openAt(t, path, knocker.BusyTimeout(patience))
	ctx := context.Background()
	until(t, "every event is handled", func() bool {
		return must[knocker.Stats](t)(hooks.Stats(ctx)).Events.Handled == int64(total)
	})
	var keys []string
	for event, err := range hooks.Events(ctx, knocker.ListEvents{}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, event.Key)
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) != total {
		t.Errorf("%d keys, expected %d", len(keys), total)
	}
	for query, expected := range map[string]int{
		"SELECT count(*) FROM orders":                                              total,
		"SELECT count(DISTINCT key) FROM orders":                                   total,
		"SELECT count(DISTINCT event_id) FROM orders":                              total,
		"SELECT count(*) FROM _knocker_attempts WHERE result = 'handled'":          total,
		"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'": 1,
	} {
		if found := count(t, path, query); found != expected {
			t.Errorf("%s: %d, expected %d", query, found, expected)
		}
	}
}

func TestNothingAnsweredIsLostAndNothingIsHandledTwiceByKilledProcesses(t *testing.T) {
	const total, kills = 600, 16
	seed := time.Now().UnixNano()
	if given, err := strconv.ParseInt(os.Getenv("KNOCKER_TEST_SEED"), 10, 64); err == nil {
		seed = given
	}
	chance := rand.New(rand.NewSource(seed))
	t.Logf("KNOCKER_TEST_SEED=%d repeats the choices", seed)
	places := chance.Perm(total - 60)[:kills]
	slices.Sort(places)
	path := shopFile(t)
	senders := sending(pushes(t, total), 6)
	server, worker := start(t, "server", path), start(t, "worker", path)
	senders.serve(server.told)
	for n, place := range places {
		senders.waitFor(20 + place)
		if n%2 == 1 {
			server.kill()
			server = start(t, "server", path)
			senders.serve(server.told)
		} else {
			worker.kill()
			worker = start(t, "worker", path)
		}
	}
	senders.senders.Wait()
	allHandledOnce(t, path, total)
	worker.stop()
	server.stop()
	if len(senders.refused) > 0 {
		t.Errorf("refused: %v", senders.refused)
	}
	t.Log(fmt.Sprint("answered ", senders.answered, ", attempts ", count(t, path, "SELECT count(*) FROM _knocker_attempts")))
}

// Workers with a backlog, whose handlers share commits, are killed in the middle of it.
func TestABacklogIsHandledOnceByKilledWorkers(t *testing.T) {
	const total, kills = 800, 6
	path := shopFile(t)
	hooks := openAt(t, path, knocker.BusyTimeout(patience), knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	var all sync.WaitGroup
	for sender := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := sender; n < total; n += 8 {
				receive(t, endpoint, n)
			}
		}()
	}
	all.Wait()
	worker := start(t, "worker", path)
	for kill := range kills {
		until(t, "some more are handled", func() bool { return orders(t, path) > (kill+1)*total/(kills+4) })
		worker.kill()
		worker = start(t, "worker", path)
	}
	allHandledOnce(t, path, total)
	worker.stop()
	if found := count(t, path, "SELECT count(*) FROM _knocker_attempts WHERE result = 'lease_expired'"); found == 0 {
		t.Error("no worker has died in the middle of something")
	}
}

func TestSeveralProcessesShareAFile(t *testing.T) {
	const total = 400
	path := shopFile(t)
	requests := pushes(t, total)
	servers := []*process{start(t, "server", path), start(t, "server", path)}
	workers := []*process{start(t, "worker", path), start(t, "worker", path)}
	both := []*load{sending(requests[:total/2], 4), sending(requests[total/2:], 4)}
	for n, l := range both {
		l.serve(servers[n].told)
	}
	for _, l := range both {
		l.senders.Wait()
		if len(l.refused) > 0 {
			t.Errorf("refused: %v", l.refused)
		}
	}
	allHandledOnce(t, path, total)
	for _, p := range append(servers, workers...) {
		p.stop()
	}
}

func TestAReceiptOfAnotherProcessWakesAWorker(t *testing.T) {
	path := shopFile(t)
	hooks := openAt(t, path, knocker.BusyTimeout(patience), knocker.Logger(quiet()))
	seen := make(chan string, 1)
	endpoint := github(t, hooks)
	endpoint.On("push", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		seen <- e.Key
		return nil
	})
	// Nothing else would wake it in time.
	working(t, hooks, knocker.Poll(time.Hour))
	server := start(t, "server", path)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := range 5 {
		if status := post(t, client, "http://"+server.told+"/webhooks/github", push(t, endpoint, n)); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
		if key := waitFor(t, "the worker wakes", seen); key != "delivery-"+strconv.Itoa(n) {
			t.Errorf("woke for %s, expected %d", key, n)
		}
	}
	server.stop()
}
