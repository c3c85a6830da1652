package conformance

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

const untold = "never-to-be-logged"

// story is what a case does to hooks, and beside them.
type story struct {
	telemetryCase
	t     *testing.T
	path  string
	lines *lockedBuffer
	hooks *knocker.Hooks
	inbox *knocker.Endpoint
}

func runStory(t *testing.T, one telemetryCase, file telemetryFile, newSpans func() Spans) error {
	s := &story{telemetryCase: one, t: t, path: knockertest.File(t), lines: &lockedBuffer{}}
	options := s.options()
	ctx := context.Background()
	var spans Spans
	if newSpans != nil {
		spans = newSpans()
		options = append(options, spans.Option())
	}
	var err error
	if s.hooks, err = knocker.Open(s.path, options...); err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.hooks.Close() })
	if s.inbox, err = s.declared(s.hooks, nil); err != nil {
		return err
	}
	s.inbox.On("order.*", func(context.Context, *knocker.Tx, *knocker.Event) error { return s.result() })
	end := func() {}
	if one.ActiveSpan && spans != nil {
		ctx, end = spans.Active(ctx)
	}
	for _, step := range one.Steps {
		if err := s.take(ctx, step); err != nil {
			return err
		}
	}
	end()
	if err := checkRecords(one.Records, s.lines.text(), file); err != nil || spans == nil || one.Spans == nil {
		return err
	}
	parents := make([]any, len(one.Spans))
	for i, span := range one.Spans {
		parents[i] = span.(object)["parent"]
	}
	return Compare(one.Spans, spans.Ended(parents), "spans")
}

func (s *story) options() []knocker.Option {
	// Nobody waits for the lock but for one that is kept.
	patience := Patience
	if s.Handler == "keeps_lock" {
		patience = 50 * time.Millisecond
	}
	for _, step := range s.Steps {
		if step.Work != nil && step.Work.Locked {
			patience = 50 * time.Millisecond
		}
	}
	options := []knocker.Option{s.logger(), knockertest.NewClock().Option(), knocker.BusyTimeout(patience)}
	if s.HooksFail {
		options = append(options,
			knocker.OnError(func(context.Context, error, *knocker.Event) { panic("the hook is broken") }),
			knocker.OnDead(func(context.Context, *knocker.Event, string) { panic("the hook is broken") }))
	}
	return options
}

func (s *story) logger() knocker.Option {
	return knocker.Logger(slog.New(slog.NewJSONHandler(s.lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// declared declares the endpoint, with some settings that are others.
func (s *story) declared(hooks *knocker.Hooks, others object) (*knocker.Endpoint, error) {
	settings := object{}
	maps.Copy(settings, s.Endpoint)
	maps.Copy(settings, others)
	find := func(context.Context, *knocker.WebhookRequest) ([]string, error) {
		if s.Secrets == "fails" {
			return nil, errors.New("no " + untold + " in the vault")
		}
		return []string{"test-secret"}, nil
	}
	return hooks.Endpoint("inbox", knocker.SecretsFunc(find), knocker.RawSettings(settings))
}

func (s *story) result() error {
	switch s.Handler {
	case "fails":
		return errors.New("broken")
	case "retries":
		return knocker.Retry(errors.New("later"))
	case "dead":
		return knocker.Dead("never")
	case "ignores":
		return knocker.Ignore("of no interest")
	case "loses_lease":
		return s.loseLease()
	case "keeps_lock":
		return s.keepLock()
	case "returns":
		return nil
	}
	panic("the data has a handler " + s.Handler)
}

// loseLease has another worker take the job, and waits until this one has noticed.
func (s *story) loseLease() error {
	var started struct {
		Worker string `json:"worker"`
	}
	for _, line := range strings.Split(s.lines.text(), "\n") {
		if strings.Contains(line, `"worker_started"`) {
			if err := json.Unmarshal([]byte(line), &started); err != nil {
				return err
			}
		}
	}
	ctx := context.Background()
	if _, err := s.hooks.Leases(started.Worker).Release(ctx); err != nil {
		return err
	}
	if _, err := s.hooks.Leases("another").Claim(ctx, 1, time.Minute); err != nil {
		return err
	}
	return s.until("lease_lost")
}

// keepLock keeps the write lock until this worker has found it kept.
func (s *story) keepLock() error {
	connection, err := s.connect("BEGIN IMMEDIATE")
	if err != nil {
		return err
	}
	defer func() { _, _ = connection.ExecContext(context.Background(), "ROLLBACK") }()
	return s.until("leases_not_extended")
}

func (s *story) take(ctx context.Context, step telemetryStep) error {
	switch {
	case step.Ingest != nil:
		return s.ingest(ctx, step)
	case step.Drain != nil:
		return s.drain(ctx, step.Drain)
	case step.Work != nil:
		return s.work(ctx, step)
	case step.Declare != nil:
		return s.declareElsewhere(step.Declare)
	case step.Read:
		_, err := s.connect("BEGIN", "SELECT count(*) FROM sqlite_schema")
		return err
	case step.ReplaceFile:
		return s.replaceFile()
	case step.Close:
		return s.hooks.Close()
	case step.Request != 0:
		return answers(s.inbox, http.MethodPost, step.Request)
	case step.Scrape != 0:
		return answers(s.hooks.MetricsHandler(), http.MethodGet, step.Scrape)
	}
	return errors.New("the data has a step that does nothing")
}

func (s *story) ingest(ctx context.Context, step telemetryStep) error {
	given := step.Ingest
	fields := knocker.IngestFields{Valid: given.Valid, Type: given.Type, Key: given.Key, Reason: knocker.Reason(given.Reason), Detail: given.Detail, Headers: httpHeader(given.Headers)}
	for end := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		_, err := s.inbox.Ingest(ctx, fields, []byte(`{"customer": "`+untold+`"}`))
		// Until the new one is open.
		if !errors.Is(err, knocker.ErrFileReplaced) || time.Now().After(end) {
			return err
		}
	}
}

func (s *story) drain(ctx context.Context, expected []any) error {
	attempts, err := s.hooks.Drain(ctx, 100)
	if err != nil {
		return err
	}
	results := make([]any, len(attempts))
	for i, attempt := range attempts {
		results[i] = attempt.Status
	}
	return Compare(expected, results, "drain")
}

// work starts a worker, and stops it once the log has that record.
func (s *story) work(ctx context.Context, step telemetryStep) error {
	given := step.Work
	if given.Locked {
		if _, err := s.connect("BEGIN IMMEDIATE"); err != nil {
			return err
		}
	}
	var options []knocker.WorkOption
	if given.LeaseS > 0 {
		options = append(options, knocker.Lease(time.Duration(given.LeaseS)*time.Second))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.hooks.Work(ctx, options...) }()
	if err := s.until(given.Until); err != nil {
		return err
	}
	stop()
	return <-ended
}

func (s *story) until(record string) error {
	for end := time.Now().Add(Patience); !strings.Contains(s.lines.text(), `"record":"`+record+`"`); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("the log has no %s: %s", record, s.lines.text())
		}
	}
	return nil
}

// declareElsewhere declares the endpoint as another process would: hooks have one declaration of each.
func (s *story) declareElsewhere(settings object) error {
	other, err := knocker.Open(s.path, s.logger())
	if err != nil {
		return err
	}
	_, err = s.declared(other, settings)
	return errors.Join(err, other.Close())
}

func (s *story) replaceFile() error {
	path := s.path + ".new"
	other, err := knocker.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(other.Close(), os.Rename(path, s.path))
}

// connect opens another connection, which is closed after the case.
func (s *story) connect(statements ...string) (*sql.Conn, error) {
	db, err := sql.Open("sqlite3", "file:"+s.path+"?_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = db.Close() })
	connection, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = connection.Close() })
	for _, statement := range statements {
		if _, err := connection.ExecContext(context.Background(), statement); err != nil {
			return nil, err
		}
	}
	return connection, nil
}

func answers(handler http.Handler, method string, status int) error {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, "/inbox", http.NoBody))
	if recorder.Code != status {
		return fmt.Errorf("answered %d, expected %d", recorder.Code, status)
	}
	return nil
}

func checkRecords(expected []any, lines string, file telemetryFile) error {
	levels := map[string]string{"DEBUG": "debug", "INFO": "info", "WARN": "warning", "ERROR": "error"}
	found := []any{}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if line == "" {
			continue
		}
		var said object
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			return err
		}
		known, ok := find(file.Records, said["record"])
		switch {
		case !ok || levels[said["level"].(string)] != known.Level:
			return fmt.Errorf("the table has no such record of that level: %s", line)
		case known.OnlyIn != nil && known.OnlyIn["go"] == "":
			return fmt.Errorf("the table has no such record in Go: %s", line)
		case strings.Contains(line, untold):
			return fmt.Errorf("a body or a secret in the log: %s", line)
		}
		record := object{"record": known.Record}
		for _, field := range known.Fields {
			record[field] = said[field]
			if said[field] == "" {
				record[field] = nil
			}
			delete(said, field)
		}
		for _, usual := range []string{"time", "level", "msg", "record"} {
			delete(said, usual)
		}
		for field := range file.Everywhere {
			delete(said, field)
		}
		if len(said) > 0 {
			return fmt.Errorf("fields that the table does not have: %v in %s", said, line)
		}
		found = append(found, record)
	}
	return Compare(expected, found, "records")
}

func find(table []recordOf, name any) (recordOf, bool) {
	for _, one := range table {
		if one.Record == name {
			return one, true
		}
	}
	return recordOf{}, false
}
