package tests

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// serve gives the address of a server, which ends with the test.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// dial gives a connection that does not care for the rules.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection := must[net.Conn](t)(net.Dial("tcp", address))
	_ = connection.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// answerTo writes as much as the other side takes, and gives the answer.
func answerTo(t *testing.T, connection net.Conn, bytes string) (status int, body string) {
	t.Helper()
	go func() { _, _ = io.WriteString(connection, bytes) }()
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	text := must[[]byte](t)(io.ReadAll(answer.Body))
	return answer.StatusCode, string(text)
}

// post sends the request to that address, and gives the status.
func post(t *testing.T, client *http.Client, address string, request *knocker.WebhookRequest) int {
	t.Helper()
	sent := must[*http.Request](t)(http.NewRequest(http.MethodPost, address, bytes.NewReader(request.Body)))
	sent.Header = request.Header
	answer := must[*http.Response](t)(client.Do(sent))
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestABodyThatComesTooSlowlyIsAnsweredAndItsConnectionClosed(t *testing.T) {
	hooks := open(t, knocker.BodyTimeout(50*time.Millisecond))
	github(t, hooks)
	address := serve(t, hooks.Handler())
	for name, head := range map[string]string{
		"half of a body":  "Content-Length: 100\r\n\r\nhalf",
		"none of a body":  "Content-Length: 100\r\n\r\n",
		"half of a chunk": "Transfer-Encoding: chunked\r\n\r\n20\r\nhalf",
		"no last chunk":   "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			connection := dial(t, address)
			status, body := answerTo(t, connection, "POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\n"+head)
			if status != http.StatusRequestTimeout || body != "the body took too long" {
				t.Errorf("answered %d %q", status, body)
			}
			if _, err := io.Copy(io.Discard, connection); err != nil {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
	equal(t, "events", eventStatuses(t, hooks), nil)
}

func TestABodyThatIsTooLargeIsAnsweredWhileItsSenderGoesOn(t *testing.T) {
	hooks := open(t, knocker.BodyTimeout(50*time.Millisecond))
	github(t, hooks, knocker.MaxBodyBytes(1000))
	address := serve(t, hooks.Handler())
	for name, head := range map[string]string{
		"announced":     "Content-Length: 1000000\r\n\r\n",
		"not announced": "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("40\r\n"+strings.Repeat("x", 64)+"\r\n", 20),
	} {
		t.Run(name, func(t *testing.T) {
			connection := dial(t, address)
			if status, _ := answerTo(t, connection, "POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\n"+head); status != http.StatusRequestEntityTooLarge {
				t.Errorf("answered %d", status)
			}
			// It never sends the rest, and holds nothing of the server for it.
			_, _ = io.Copy(io.Discard, connection)
		})
	}
}

func TestHugeHeadsAreRefusedOrBounded(t *testing.T) {
	hooks := open(t)
	endpoint := github(t, hooks)
	address := serve(t, hooks.Handler())
	for name, lines := range map[string]string{
		"one long header":    "X-Long: " + strings.Repeat("x", 900_000) + "\r\n",
		"many headers":       strings.Repeat("X-Many: 1\r\n", 60_000),
		"headers of no text": "X-Odd: \xff\xfe\x80\r\nX-Quote: \"\\\x7f\"\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			status, _ := answerTo(t, dial(t, address), "POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\n"+lines+"Content-Length: 2\r\n\r\n{}")
			if status != http.StatusUnauthorized && status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusBadRequest {
				t.Errorf("answered %d", status)
			}
		})
	}
	if receive(t, endpoint, 1).Outcome != knocker.ReceiptAccepted {
		t.Error("a good request is not accepted after them")
	}
	for delivery, err := range hooks.Deliveries(context.Background(), knocker.ListDeliveries{}) {
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(fmt.Sprint(delivery.Headers)); kept > 256<<10 {
			t.Errorf("%d bytes of headers are kept of a request that was refused", kept)
		}
	}
}

func TestARequestMadeByHandNeedsNoBody(t *testing.T) {
	hooks := open(t)
	endpoint := github(t, hooks)
	request := httptest.NewRequest(http.MethodPost, "http://example.com/webhooks/github", nil)
	request.Body = nil
	answer := httptest.NewRecorder()
	endpoint.ServeHTTP(answer, request)
	if answer.Code != http.StatusUnauthorized {
		t.Errorf("answered %d", answer.Code)
	}
}

func TestHTTP2IsServedAsWell(t *testing.T) {
	hooks := open(t)
	endpoint := github(t, hooks)
	server := httptest.NewUnstartedServer(hooks.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	var all sync.WaitGroup
	for n := range 20 {
		request := push(t, endpoint, n)
		all.Add(1)
		go func() {
			defer all.Done()
			if status := post(t, client, server.URL+"/webhooks/github", request); status != http.StatusOK {
				t.Errorf("answered %d", status)
			}
		}()
	}
	all.Wait()
	for delivery, err := range hooks.Deliveries(context.Background(), knocker.ListDeliveries{}) {
		if err != nil || !strings.HasPrefix(delivery.URL, "https://127.0.0.1:") {
			t.Errorf("%v %v", delivery.URL, err)
		}
	}
}

func TestASenderThatGoesAwayAfterItsBodyIsStored(t *testing.T) {
	hooks := open(t)
	endpoint := github(t, hooks)
	address := serve(t, hooks.Handler())
	request := push(t, endpoint, 1)
	var sent bytes.Buffer
	fmt.Fprintf(&sent, "POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n", len(request.Body))
	_ = request.Header.Write(&sent)
	sent.WriteString("\r\n")
	sent.Write(request.Body)
	connection := dial(t, address)
	_, _ = connection.Write(sent.Bytes())
	_ = connection.Close()
	until(t, "it is stored", func() bool { return len(eventStatuses(t, hooks)) == 1 })
}

func TestAFunctionOfSecretsThatPanicsEndsItsRequestAlone(t *testing.T) {
	said := &journal{}
	hooks := open(t, knocker.Logger(said.logger()))
	endpoint := must[*knocker.Endpoint](t)(hooks.Endpoint("github", knocker.Provider("github"), knocker.SecretsFunc(
		func(_ context.Context, request *knocker.WebhookRequest) ([]string, error) {
			switch request.Header.Get("X-Tenant") {
			case "panics":
				panic("no such tenant")
			case "empty":
				return []string{""}, nil
			case "none":
				return nil, nil
			}
			return []string{secret}, nil
		})))
	address := serve(t, hooks.Handler())
	for range 20 {
		head := "POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nX-Tenant: panics\r\nContent-Length: 2\r\n\r\n{}"
		if status, body := answerTo(t, dial(t, address), head); status != http.StatusInternalServerError || body != "internal error: nothing was stored" {
			t.Errorf("answered %d %q", status, body)
		}
	}
	if !strings.Contains(said.String(), "code=internal") || !strings.Contains(said.String(), "http_test.go") || strings.Contains(said.String(), "no such tenant") {
		t.Errorf("the log says %s", said.String())
	}
	for _, tenant := range []string{"empty", "none"} {
		// What anybody could sign.
		request := must[*knocker.WebhookRequest](t)(endpoint.Sign(&knocker.WebhookRequest{Body: []byte("{}"), Header: http.Header{
			"X-Tenant": {tenant}, "X-Github-Event": {"push"}, "X-Github-Delivery": {tenant},
		}}, secret))
		if receipt := must[*knocker.Receipt](t)(endpoint.Receive(context.Background(), request)); receipt.Outcome != knocker.ReceiptInvalid {
			t.Errorf("%s: %s", tenant, receipt.Outcome)
		}
	}
	if receive(t, endpoint, 1).Outcome != knocker.ReceiptAccepted {
		t.Error("a good request is not accepted after them")
	}
}

func TestABodyThatSomethingInFrontHasReadIsTheApplicationsMistake(t *testing.T) {
	hooks := open(t)
	endpoint := github(t, hooks)
	request := must[*knocker.WebhookRequest](t)(endpoint.Sign(&knocker.WebhookRequest{Body: []byte(`{"n": 1}`)}, secret))
	for name, read := range map[string]func(*http.Request){
		"whole":  func(r *http.Request) { _, _ = io.ReadAll(r.Body) },
		"a part": func(r *http.Request) { _, _ = io.ReadFull(r.Body, make([]byte, 3)) },
		"closed": func(r *http.Request) { _ = r.Body.Close() },
		"parsed": func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			_ = r.ParseForm()
		},
	} {
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			read(r)
			hooks.Handler().ServeHTTP(w, r)
		}))
		if status := post(t, http.DefaultClient, "http://"+address+"/webhooks/github", request); status != http.StatusInternalServerError {
			t.Errorf("%s: answered %d", name, status)
		}
	}
	if stored := eventStatuses(t, hooks); len(stored) != 0 {
		t.Errorf("stored %v", stored)
	}
}

func TestChunksWithoutAByteAreToldOnce(t *testing.T) {
	var told journal
	hooks := open(t, knocker.Logger(told.logger()))
	endpoint := github(t, hooks)
	request := must[*knocker.WebhookRequest](t)(endpoint.Sign(&knocker.WebhookRequest{Body: []byte(`{"n": 1}`)}, secret))
	for range 2 {
		sent := httptest.NewRequest(http.MethodPost, "/webhooks/github", bytes.NewReader(request.Body))
		sent.ContentLength = -1
		_, _ = io.ReadAll(sent.Body)
		answer := httptest.NewRecorder()
		hooks.Handler().ServeHTTP(answer, sent)
		if answer.Code != http.StatusLengthRequired {
			t.Errorf("answered %d", answer.Code)
		}
	}
	if lines := strings.Count(told.String(), "something in front of the endpoint has read the body"); lines != 1 {
		t.Errorf("%d lines: %s", lines, &told)
	}
}

func TestAThousandGoroutinesEachGetTheirOwnReceipt(t *testing.T) {
	hooks := open(t, knocker.BusyTimeout(patience))
	endpoint := github(t, hooks)
	const callers = 1000
	requests := make([]*knocker.WebhookRequest, callers)
	for n := range requests {
		requests[n] = push(t, endpoint, n)
	}
	begin := make(chan struct{})
	receipts := make([]*knocker.Receipt, callers)
	var all sync.WaitGroup
	for n := range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			<-begin
			var err error
			if receipts[n], err = endpoint.Receive(context.Background(), requests[n]); err != nil {
				t.Error(err)
			}
		}()
	}
	close(begin)
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for n, receipt := range receipts {
		event := must[knocker.EventRecord](t)(hooks.Event(context.Background(), receipt.Events[0].ID))
		if string(event.Body) != string(requests[n].Body) {
			t.Fatalf("caller %d was told of %s", n, event.Body)
		}
	}
}
