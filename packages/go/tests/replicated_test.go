package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// litestreamTimeout is enough for what answers at once, on a machine that is busy with other things.
const litestreamTimeout = 30 * time.Second

// litestream is what Litestream's control socket is to a receipt: a small HTTP server on a Unix socket that takes POST /sync.
type litestream struct {
	// held keeps it from answering until the channel is closed.
	held chan struct{}
	// asking is told of each question.
	asking      chan struct{}
	connections atomic.Int32

	mu     sync.Mutex
	asked  []map[string]any
	answer func(path string) (int, string)
	server *httptest.Server
}

func answers(status int, body string) func(string) (int, string) {
	return func(string) (int, string) { return status, body }
}

var synced = answers(http.StatusOK, `{"status": "synced", "txid": 7, "replicated_txid": 7}`)

// startLitestream has one listen at that path until it is ended, or the test is.
func startLitestream(t *testing.T, socket string) *litestream {
	t.Helper()
	l := &litestream{held: make(chan struct{}), asking: make(chan struct{}, 100), answer: synced}
	close(l.held)
	l.server = httptest.NewUnstartedServer(l)
	_ = l.server.Listener.Close()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l.server.Listener = listener
	l.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			l.connections.Add(1)
		}
	}
	l.server.Start()
	t.Cleanup(l.end)
	return l
}

// end ends it, with its connections.
func (l *litestream) end() {
	l.server.CloseClientConnections()
	l.server.Close()
}

func (l *litestream) answersWith(answer func(string) (int, string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

func (l *litestream) questions() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *litestream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var question map[string]any
	if r.Method != http.MethodPost || r.URL.Path != "/sync" || json.NewDecoder(r.Body).Decode(&question) != nil || r.Header.Get("Idempotency-Key") != "" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	l.mu.Lock()
	l.asked = append(l.asked, question)
	answer := l.answer
	l.mu.Unlock()
	l.asking <- struct{}{}
	select {
	case <-l.held:
	case <-r.Context().Done():
		return
	}
	status, body := answer(question["path"].(string))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// socketOf gives the path of a socket, which holds about a hundred bytes: those of the test's own folder may be longer.
func socketOf(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Litestream's control socket is Unix's")
	}
	folder := must[string](t)(os.MkdirTemp("", "knocker-"))
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "socket")
}

// openReplicated gives hooks with a GitHub endpoint whose receipts wait for the replica.
func openReplicated(t *testing.T, socket string, options ...knocker.Option) (*knocker.Hooks, *knocker.Endpoint) {
	t.Helper()
	all := []knocker.Option{knocker.Replicated(socket), knocker.ReplicatedTimeout(litestreamTimeout), knocker.BusyTimeout(patience)}
	hooks := open(t, append(all, options...)...)
	return hooks, github(t, hooks)
}

type received struct {
	receipt *knocker.Receipt
	err     error
}

func receiving(t *testing.T, endpoint *knocker.Endpoint, n int) <-chan received {
	t.Helper()
	request, done := push(t, endpoint, n), make(chan received, 1)
	go func() {
		receipt, err := endpoint.Receive(context.Background(), request)
		done <- received{receipt, err}
	}()
	return done
}

func TestAReceiptIsAnsweredOnceTheReplicaHasIt(t *testing.T) {
	socket := socketOf(t)
	hooks, endpoint := openReplicated(t, socket)
	l := startLitestream(t, socket)
	l.held = make(chan struct{})
	done := receiving(t, endpoint, 1)
	waitFor(t, "Litestream is asked", l.asking)
	// It is committed, and nobody has been told.
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventReceived})
	select {
	case early := <-done:
		t.Fatalf("it is answered before the replica has it: %v", early)
	default:
	}
	close(l.held)
	if given := waitFor(t, "the receipt", done); given.err != nil || given.receipt.Outcome != knocker.ReceiptAccepted {
		t.Error(given.receipt, given.err)
	}
	asked := l.questions()
	if len(asked) != 1 || asked[0]["wait"] != true || asked[0]["timeout"] != 30.0 || filepath.Base(asked[0]["path"].(string)) != "app.db" {
		t.Errorf("Litestream was asked %v", asked)
	}
}

// waitingForTheWriter counts the goroutines whose calls are with it: no public call tells.
func waitingForTheWriter() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "knocker-go.(*writer).call(")
}

func TestThoseWhoComeTogetherWaitForTheReplicaTogether(t *testing.T) {
	socket := socketOf(t)
	_, endpoint := openReplicated(t, socket)
	l := startLitestream(t, socket)
	l.held = make(chan struct{})
	all := []<-chan received{receiving(t, endpoint, 0)}
	waitFor(t, "Litestream is asked", l.asking)
	for n := 1; n <= 20; n++ {
		all = append(all, receiving(t, endpoint, n))
	}
	until(t, "all wait for the writer", func() bool { return waitingForTheWriter() == len(all) })
	close(l.held)
	for _, done := range all {
		if given := waitFor(t, "a receipt", done); given.err != nil {
			t.Error(given.err)
		}
	}
	if asked := len(l.questions()); asked != 2 || l.connections.Load() != 1 {
		t.Errorf("Litestream was asked %d times on %d connections", asked, l.connections.Load())
	}
}

func TestWhatIsNotReplicatedIsStoredAndTheRetryIsADuplicate(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		message string
	}{
		{"it fails", 500, `{"error": "sync database: no space left"}`, "500: sync database: no space left"},
		{"it is stopped", 409, `{"error": "database not open"}`, "409: database not open"},
		{"it knows nothing of the file", 404, `{"error": "database not found"}`, "404: database not found"},
		{"it has synced to its own folder alone", 200, `{"status": "synced_local", "txid": 9, "replicated_txid": 8}`, "200: synced_local"},
		{"it has not begun", 200, `{"status": "no_change", "txid": 0, "replicated_txid": 0}`, "200: no_change"},
		{"it counts in text", 200, `{"status": "synced", "txid": 7, "replicated_txid": "7"}`, "200: synced"},
		{"it says something else", 200, `["synced"]`, "200: no reason"},
		{"it speaks no JSON", 200, `<html>synced</html>`, "cannot be asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := socketOf(t)
			_, endpoint := openReplicated(t, socket)
			l := startLitestream(t, socket)
			l.answersWith(answers(c.status, c.body))
			_, err := endpoint.Receive(context.Background(), push(t, endpoint, 1))
			isError(t, "the receipt", err, knocker.ErrNotReplicated)
			isError(t, "its family", err, knocker.ErrDatabase)
			var known *knocker.Error
			if !errors.As(err, &known) || !known.Retryable || !strings.Contains(known.Message, c.message) {
				t.Error(err)
			}
			l.answersWith(synced)
			if receipt := receive(t, endpoint, 1); receipt.Outcome != knocker.ReceiptDuplicate {
				t.Error(receipt.Outcome)
			}
		})
	}
}

func TestAReplicaThatDoesNotAnswerInTimeIsGivenUp(t *testing.T) {
	socket := socketOf(t)
	_, endpoint := openReplicated(t, socket, knocker.ReplicatedTimeout(50*time.Millisecond))
	l := startLitestream(t, socket)
	l.held = make(chan struct{})
	_, err := endpoint.Receive(context.Background(), push(t, endpoint, 1))
	isError(t, "the receipt", err, knocker.ErrNotReplicated)
	if !strings.Contains(err.Error(), "did not sync in 50ms") {
		t.Error(err)
	}
}

// Each group has 128 at most, and whoever came before the question that nobody answers has waited as long as its askers.
func TestManyDoNotWaitOneGroupAfterTheOther(t *testing.T) {
	socket := socketOf(t)
	_, endpoint := openReplicated(t, socket, knocker.ReplicatedTimeout(300*time.Millisecond))
	l := startLitestream(t, socket)
	l.held = make(chan struct{})
	all := []<-chan received{}
	for n := 1; n <= 600; n++ {
		all = append(all, receiving(t, endpoint, n))
	}
	for _, done := range all {
		isError(t, "the receipt", waitFor(t, "a receipt", done).err, knocker.ErrNotReplicated)
	}
	if asked := len(l.questions()); asked > 3 {
		t.Errorf("Litestream was asked %d times", asked)
	}
}

// answersFirst has one listen at that path whose first answer is that text; later ones say that it has synced.
func answersFirst(t *testing.T, socket, first string) {
	t.Helper()
	listener := must[net.Listener](t)(net.Listen("unix", socket))
	var done sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		done.Wait()
	})
	text := first
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
			requests := bufio.NewReader(connection)
			for {
				request, err := http.ReadRequest(requests)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = io.WriteString(connection, text)
				text = "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n{\"status\": \"synced\", \"replicated_txid\": 7} "
			}
		}
	}()
}

func TestWhatLeadsElsewhereIsNoAnswer(t *testing.T) {
	for _, c := range []struct{ name, answer, message string }{
		{"a redirect", "HTTP/1.1 302 Found\r\nLocation: /sync\r\nContent-Length: 2\r\n\r\n{}", "302: no reason"},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "cannot be asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := socketOf(t)
			_, endpoint := openReplicated(t, socket)
			answersFirst(t, socket, c.answer)
			given := waitFor(t, "the receipt", receiving(t, endpoint, 1))
			isError(t, "the receipt", given.err, knocker.ErrNotReplicated)
			if given.err != nil && !strings.Contains(given.err.Error(), c.message) {
				t.Error(given.err)
			}
		})
	}
}

func TestLitestreamMayGoAndComeBack(t *testing.T) {
	socket := socketOf(t)
	_, endpoint := openReplicated(t, socket)
	_, err := endpoint.Receive(context.Background(), push(t, endpoint, 1))
	isError(t, "without one", err, knocker.ErrNotReplicated)
	for range 2 {
		l := startLitestream(t, socket)
		for range 2 {
			if receipt := receive(t, endpoint, 1); receipt.Outcome != knocker.ReceiptDuplicate {
				t.Error(receipt.Outcome)
			}
		}
		if asked := len(l.questions()); asked != 2 {
			t.Errorf("it was asked %d times", asked)
		}
		l.end()
	}
}

func TestTheSenderIsToldToTryAgainWhereTheReplicaIsAway(t *testing.T) {
	socket := socketOf(t)
	log := &journal{}
	hooks, endpoint := openReplicated(t, socket, knocker.Logger(log.logger()))
	signed := push(t, endpoint, 1)
	post := func() *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "/webhooks/github", strings.NewReader(string(signed.Body)))
		request.Header = signed.Header.Clone()
		recorder := httptest.NewRecorder()
		hooks.Handler().ServeHTTP(recorder, request)
		return recorder
	}
	if refused := post(); refused.Code != http.StatusServiceUnavailable || refused.Header().Get("Retry-After") != "5" {
		t.Error(refused.Code, refused.Header())
	}
	if !strings.Contains(log.String(), `msg="receipt not replicated"`) || !strings.Contains(log.String(), "code=not_replicated") {
		t.Error(log.String())
	}
	startLitestream(t, socket)
	if taken := post(); taken.Code != http.StatusOK {
		t.Error(taken.Code)
	}
}

func TestWhatIsNoReceiptWaitsForNoReplica(t *testing.T) {
	hooks, endpoint := openReplicated(t, socketOf(t))
	_, err := endpoint.Receive(context.Background(), push(t, endpoint, 1))
	isError(t, "the receipt", err, knocker.ErrNotReplicated)
	if _, err := hooks.Ignore(context.Background(), 1, "by hand"); err != nil {
		t.Error(err)
	}
}

func TestTheFileMayHaveAnotherNameAtItsReplica(t *testing.T) {
	socket := socketOf(t)
	folder := must[string](t)(filepath.EvalSymlinks(filepath.Dir(socket)))
	if err := errors.Join(os.Mkdir(filepath.Join(folder, "real"), 0o700), os.Symlink(filepath.Join(folder, "real"), filepath.Join(folder, "link"))); err != nil {
		t.Fatal(err)
	}
	hooks := openAt(t, filepath.Join(folder, "link/app.db"), knocker.Replicated(socket), knocker.ReplicatedTimeout(litestreamTimeout), knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	l := startLitestream(t, socket)
	l.answersWith(answers(http.StatusNotFound, `{"error": "database not found"}`))
	_, err := endpoint.Receive(context.Background(), push(t, endpoint, 0))
	isError(t, "where none is known", err, knocker.ErrNotReplicated)
	for n, known := range []string{"real", "link"} {
		l.answersWith(func(path string) (int, string) {
			if path != filepath.Join(folder, known, "app.db") {
				return http.StatusNotFound, `{"error": "database not found"}`
			}
			return synced(path)
		})
		receive(t, endpoint, 2*n)
		receive(t, endpoint, 2*n+1)
	}
	var asked []string
	for _, question := range l.questions() {
		asked = append(asked, filepath.Base(filepath.Dir(question["path"].(string))))
	}
	// One that is known is asked for first from then on.
	equal(t, "what Litestream was asked for", asked, []string{"link", "real", "link", "real", "real", "real", "link", "link"})
}

func TestAReplicaThatCannotBeMeantIsRefused(t *testing.T) {
	for _, options := range [][]knocker.Option{{knocker.Replicated(" ")}, {knocker.Replicated("socket"), knocker.ReplicatedTimeout(0)}} {
		_, err := knocker.Open(filepath.Join(t.TempDir(), "app.db"), options...)
		isError(t, "the options", err, knocker.ErrUsage)
	}
}

func TestTheIdempotencyKeyOfAnEvent(t *testing.T) {
	var data struct {
		Cases []struct {
			Endpoint, Key, Body, Is string
			ID                      int64
			ReceivedAt              int64 `json:"received_at"`
		}
	}
	text := must[[]byte](t)(os.ReadFile("../../../extension/conformance/idempotency_keys.json"))
	if err := json.Unmarshal(text, &data); err != nil || len(data.Cases) == 0 {
		t.Fatal(len(data.Cases), err)
	}
	for _, c := range data.Cases {
		event := &knocker.Event{ID: c.ID, Endpoint: c.Endpoint, Key: c.Key, Body: []byte(c.Body), ReceivedAt: time.UnixMilli(c.ReceivedAt)}
		if found := event.IdempotencyKey(); found != c.Is {
			t.Errorf("%s, expected %s", found, c.Is)
		}
	}
}
