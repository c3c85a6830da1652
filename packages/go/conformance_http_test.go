package knocker_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

type httpFile struct {
	About     string                     `json:"about"`
	Endpoints map[string]json.RawMessage `json:"endpoints"`
	Cases     []httpCase                 `json:"cases"`
}

type httpCase struct {
	Name      string                     `json:"name"`
	Endpoints map[string]json.RawMessage `json:"endpoints"`
	App       struct {
		PublicURL  string `json:"public_url"`
		TrustProxy bool   `json:"trust_proxy"`
	} `json:"app"`
	Database  string                  `json:"database"`
	ReadsBody bool                    `json:"reads_body"`
	Steps     []httpStep              `json:"steps"`
	Stored    []any                   `json:"stored"`
	Reported  []string                `json:"reported"`
	Otherwise map[string]httpExpected `json:"otherwise"`
}

type httpExpected struct {
	Stored   []any    `json:"stored"`
	Reported []string `json:"reported"`
}

type httpStep struct {
	On         string          `json:"on"`
	Send       json.RawMessage `json:"send"`
	SendBase64 string          `json:"send_base64"`
	Times      int             `json:"times"`
	Answer     *httpAnswer     `json:"answer"`
	Close      string          `json:"close"`
}

type httpAnswer struct {
	Status  json.RawMessage    `json:"status"`
	Headers map[string]*string `json:"headers"`
	Body    *string            `json:"body"`
}

// TestHTTP runs each case of the data over sockets to net/http.
func TestHTTP(t *testing.T) {
	ran := 0
	files := dataFiles(t, "http")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var file httpFile
		if err := strictly(files[name], &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Cases {
			ran++
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				endpoints := maps.Clone(file.Endpoints)
				maps.Copy(endpoints, one.Endpoints)
				if err := serve(t, one, endpoints); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	if !t.Failed() {
		writeCount(t, "http", ran)
	}
}

func serve(t *testing.T, one httpCase, endpoints map[string]json.RawMessage) error {
	path := knockertest.File(t)
	logged := &lockedBuffer{}
	options := []knocker.Option{
		knocker.SynchronousNormal(), knocker.BusyTimeout(50 * time.Millisecond), knocker.Logger(slog.New(slog.NewJSONHandler(logged, nil))),
	}
	if one.App.PublicURL != "" {
		options = append(options, knocker.PublicURL(one.App.PublicURL))
	}
	if one.App.TrustProxy {
		options = append(options, knocker.TrustedProxies("127.0.0.0/8"))
	}
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = hooks.Close() })
	for name, raw := range endpoints {
		if err := declare(hooks, name, raw); err != nil {
			return err
		}
	}
	var handler http.Handler = hooks.Handler()
	if one.ReadsBody {
		inner := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/fence") {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			inner.ServeHTTP(w, r)
		})
	}
	undo, err := spoil(hooks, path, one.Database)
	if err != nil {
		return err
	}
	address := listen(t, handler)
	other, err := send2(address, one.Steps)
	if err == nil && one.Database == "" {
		// A request that is answered once everything before it has been seen.
		err = fence(t, hooks, address)
	}
	undo()
	if err != nil {
		return err
	}
	expected := httpExpected{one.Stored, one.Reported}
	if other != "" {
		expected = one.Otherwise[other]
	}
	if one.Database == "" {
		rows, err := collected(hooks.Deliveries(context.Background(), knocker.ListDeliveries{WithBody: true}))
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(row any) bool { return row.(object)["endpoint"] == "fence" })
		for _, row := range rows {
			headers := row.(object)["headers"].(object)
			for name, value := range headers {
				if several, ok := value.([]any); ok {
					headers[name] = joined(several)
				}
			}
		}
		if err := compare(orEmpty(expected.Stored), orEmpty(rows), "stored"); err != nil {
			return err
		}
	}
	reported := logged.codes()
	wanted := slices.Sorted(slices.Values(expected.Reported))
	if !slices.Equal(reported, wanted) {
		return fmt.Errorf("reported %v, expected %v", reported, wanted)
	}
	return nil
}

func joined(several []any) string {
	texts := make([]string, len(several))
	for i, one := range several {
		texts[i] = one.(string)
	}
	return strings.Join(texts, ", ")
}

func declare(hooks *knocker.Hooks, name string, raw json.RawMessage) error {
	var settings object
	if err := json.Unmarshal(raw, &settings); err != nil {
		return err
	}
	options := []knocker.EndpointOption{knocker.SecretsFunc(func(context.Context, *knocker.WebhookRequest) ([]string, error) {
		if settings["secrets"] == "raises" {
			return nil, errors.New("no answer from vault.internal")
		}
		var found []string
		if given, ok := settings["secrets"].([]any); ok {
			for _, secret := range given {
				found = append(found, secret.(string))
			}
		}
		return found, nil
	})}
	stored := maps.Clone(settings)
	delete(stored, "secrets")
	_, err := hooks.Endpoint(name, append(options, knocker.RawSettings(stored))...)
	return err
}

// spoil does to the file what the case says, and gives what takes it back.
func spoil(hooks *knocker.Hooks, path, how string) (undo func(), err error) {
	nothing := func() {}
	if how == "" {
		return nothing, nil
	}
	if how == "closed" {
		return nothing, hooks.Close()
	}
	if how == "removed" {
		return nothing, os.Remove(path)
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		return nothing, err
	}
	connection, err := db.Conn(context.Background())
	if err != nil {
		return nothing, err
	}
	undo = func() {
		_ = connection.Close()
		_ = db.Close()
	}
	statement := map[string]string{
		"locked": "BEGIN IMMEDIATE",
		"newer":  "UPDATE _knocker_schema SET version = version + 4711",
		"full":   "SELECT 1",
	}[how]
	if _, err := connection.ExecContext(context.Background(), statement); err != nil {
		return undo, err
	}
	if how == "full" {
		return undo, knocker.LimitPages(hooks)
	}
	return undo, nil
}

func listen(t *testing.T, handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", handler)
	mux.Handle("/webhooks", http.NotFoundHandler())
	server := &http.Server{Handler: unclean(mux, handler), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// unclean passes on what is below the mount as it is: http.ServeMux redirects paths that it would write otherwise.
func unclean(mux, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/webhooks/") {
			handler.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func fence(t *testing.T, hooks *knocker.Hooks, address string) error {
	if _, err := hooks.Endpoint("fence", knocker.Provider("token"), knocker.Secrets("test-token")); err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/webhooks/fence", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("X-Webhook-Token", "test-token")
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the fence is answered %s", answer.Status)
	}
	return nil
}

// lockedBuffer is where the log goes.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(line)
}

// codes are those of the errors in the log, each once.
func (b *lockedBuffer) codes() (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range strings.Split(b.String(), "\n") {
		var record object
		if json.Unmarshal([]byte(line), &record) == nil && record["level"] == "ERROR" {
			found = append(found, fmt.Sprint(record["code"]))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// rawConnection is a connection that does not care for the rules.
type rawConnection struct {
	net.Conn
	reader  *bufio.Reader
	methods []string
}

// send2 plays the steps, and gives the status (or closed) of the last answer that was not the one listed first.
func send2(address string, steps []httpStep) (other string, err error) {
	connections := map[string]*rawConnection{}
	defer func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}()
	for i, step := range steps {
		c := connections[step.On]
		if c == nil {
			opened, err := net.Dial("tcp", address)
			if err != nil {
				return "", err
			}
			_ = opened.SetDeadline(time.Now().Add(patience))
			c = &rawConnection{Conn: opened, reader: bufio.NewReader(opened)}
			connections[step.On] = c
		}
		switch {
		case step.Answer != nil:
			first, status, err := c.answer(step.Answer)
			if err != nil {
				return "", fmt.Errorf("step %d: %w", i+1, err)
			}
			if !first {
				other = status
			}
		case step.Close == "half":
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		case step.Close == "reset":
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		case step.Close == "all":
			_ = c.Close()
		default:
			if err := c.send(step); err != nil {
				return "", err
			}
		}
	}
	return other, nil
}

var requestLine = regexp.MustCompile(`(?s)(?:^|\r\n\r\n.*?)([A-Z]+) \S+ HTTP/1`)

func (c *rawConnection) send(step httpStep) error {
	content, err := base64.StdEncoding.DecodeString(step.SendBase64)
	if err != nil {
		return err
	}
	if step.Send != nil {
		var lines []string
		var text string
		if json.Unmarshal(step.Send, &lines) == nil {
			text = strings.Join(lines, "\r\n")
		} else if err := json.Unmarshal(step.Send, &text); err != nil {
			return err
		}
		content = []byte(strings.Repeat(text, max(1, step.Times)))
	}
	for _, found := range requestLine.FindAllSubmatch(content[:min(len(content), 65536)], -1) {
		c.methods = append(c.methods, string(found[1]))
	}
	// All of it, or as much as the other side takes.
	_, _ = c.Write(content)
	return nil
}

func (c *rawConnection) answer(expected *httpAnswer) (isFirst bool, status string, err error) {
	var wanted []any
	if json.Unmarshal(expected.Status, &wanted) != nil || wanted == nil {
		var one any
		if err := json.Unmarshal(expected.Status, &one); err != nil {
			return false, "", err
		}
		wanted = []any{one}
	}
	method := http.MethodPost
	if len(c.methods) > 0 {
		method = c.methods[0]
	}
	var answer *http.Response
	for {
		answer, err = http.ReadResponse(c.reader, &http.Request{Method: method})
		if err != nil || answer.StatusCode >= 200 {
			break
		}
	}
	if err != nil {
		if !slices.Contains(wanted, nil) {
			return false, "", fmt.Errorf("no answer (%v), expected %s", err, expected.Status)
		}
		return wanted[0] == nil, "closed", nil
	}
	if len(c.methods) > 0 {
		c.methods = c.methods[1:]
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, "", err
	}
	if !slices.Contains(wanted, any(float64(answer.StatusCode))) {
		return false, "", fmt.Errorf("answered %s %q, expected %s", answer.Status, body, expected.Status)
	}
	if strings.Contains(string(body), "vault.internal") || strings.Contains(string(body), ".go") {
		return false, "", fmt.Errorf("an answer tells of the inside: %q", body)
	}
	if wanted[0] != any(float64(answer.StatusCode)) {
		return false, fmt.Sprint(answer.StatusCode), nil
	}
	for name, value := range expected.Headers {
		given := answer.Header.Values(name)
		if (value == nil && len(given) > 0) || (value != nil && strings.Join(given, ", ") != *value) {
			return false, "", fmt.Errorf("%s is %q, expected %v", name, given, value)
		}
	}
	if expected.Body != nil && string(body) != *expected.Body {
		return false, "", fmt.Errorf("answered %q, expected %q", body, *expected.Body)
	}
	return true, "", nil
}
