package conformance

import (
	"bytes"
	"context"
	"database/sql"
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

// Server is one that is put through the cases.
type Server struct {
	// Mount puts the handler at /webhooks/ and below.
	Mount func(http.Handler) http.Handler
	// Full has the hooks find a full disk; nil where nobody can, and the cases of it are left out.
	Full func(*knocker.Hooks) error
}

// HTTP runs each case of the data over sockets, and gives how many it ran.
func HTTP(t *testing.T, server Server) (ran int) {
	files := Files(t, "http")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var file httpFile
		if err := Strictly(files[name], &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Cases {
			if one.Database == "full" && server.Full == nil {
				continue
			}
			ran++
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				endpoints := maps.Clone(file.Endpoints)
				maps.Copy(endpoints, one.Endpoints)
				if err := server.run(t, one, endpoints); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	return ran
}

func (s Server) run(t *testing.T, one httpCase, endpoints map[string]json.RawMessage) error {
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
	handler := hooks.Handler()
	if one.ReadsBody {
		inner := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/fence") {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			inner.ServeHTTP(w, r)
		})
	}
	undo, err := s.spoil(hooks, path, one.Database)
	if err != nil {
		return err
	}
	address := listen(t, s.Mount(handler))
	other, err := send2(address, one.Steps)
	if err == nil && one.Database == "" {
		// A request that is answered once everything before it has been seen.
		err = fence(hooks, address)
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
		rows, err := Collected(hooks.Deliveries(context.Background(), knocker.ListDeliveries{WithBody: true}))
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
		if err := Compare(OrEmpty(expected.Stored), OrEmpty(rows), "stored"); err != nil {
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
func (s Server) spoil(hooks *knocker.Hooks, path, how string) (undo func(), err error) {
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
		return undo, s.Full(hooks)
	}
	return undo, nil
}

func listen(t *testing.T, handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func fence(hooks *knocker.Hooks, address string) error {
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

// text is what was written so far.
func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
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
