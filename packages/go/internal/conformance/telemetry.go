package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

type telemetryFile struct {
	About   string          `json:"about"`
	Records []recordOf      `json:"records"`
	Cases   []telemetryCase `json:"cases"`
}

// recordOf is a row of the table of log records.
type recordOf struct {
	Record string   `json:"record"`
	Level  string   `json:"level"`
	Fields []string `json:"fields"`
}

type telemetryCase struct {
	Name string `json:"name"`

	Headers     object  `json:"headers"`
	Traceparent *string `json:"traceparent"`
	Tracestate  *string `json:"tracestate"`

	Endpoint struct {
		MaxAttempts int64 `json:"max_attempts"`
	} `json:"endpoint"`
	Handler    string          `json:"handler"`
	HooksFail  bool            `json:"hooks_fail"`
	ActiveSpan bool            `json:"active_span"`
	Steps      []telemetryStep `json:"steps"`
	Records    []any           `json:"records"`
	Spans      []any           `json:"spans"`
}

type telemetryStep struct {
	Ingest *struct {
		Valid   bool   `json:"valid"`
		Type    string `json:"type"`
		Key     string `json:"key"`
		Reason  string `json:"reason"`
		Detail  string `json:"detail"`
		Headers object `json:"headers"`
	} `json:"ingest"`
	Drain []any `json:"drain"`
}

// Spans is an SDK that keeps them.
type Spans interface {
	// Option has them made.
	Option() knocker.Option
	// Active begins a span of the application's own, and says how it is ended.
	Active(ctx context.Context) (active context.Context, end func())
	// Ended are those of Knocker that have ended, as the data has them. A parent is an id, "active" for the application's own, the number of one of
	// these, or nil, as is given in the place of it.
	Ended(parents []any) []any
}

// Telemetry runs each case of the data, with an SDK of OpenTelemetry where there is one.
func Telemetry(t *testing.T, newSpans func() Spans) (ran int) {
	for name, content := range Files(t, "telemetry") {
		var file telemetryFile
		if err := Strictly(content, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Cases {
			ran++
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				run := one.runStory
				if file.Records == nil {
					run = one.runTrace
				}
				if err := run(t, file.Records, newSpans); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	return ran
}

func httpHeader(given object) http.Header {
	header := http.Header{}
	for name, value := range given {
		several, ok := value.([]any)
		if !ok {
			several = []any{value}
		}
		for _, one := range several {
			// As they are: what http.Header makes of names is for the server to do.
			header[name] = append(header[name], one.(string))
		}
	}
	return header
}

func (one telemetryCase) runTrace(t *testing.T, _ []recordOf, _ func() Spans) error {
	hooks, _ := knockertest.Open(t)
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		return err
	}
	var seen []any
	inbox.On("*", func(_ context.Context, _ *knocker.Tx, event *knocker.Event) error {
		seen = append(seen, event.Traceparent(), event.Tracestate())
		return nil
	})
	if _, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Headers: httpHeader(one.Headers)}, nil); err != nil {
		return err
	}
	knockertest.Drain(t, hooks)
	return Compare([]any{orEmpty(one.Traceparent), orEmpty(one.Tracestate)}, seen, "trace")
}

func orEmpty(text *string) any {
	if text == nil {
		return ""
	}
	return *text
}

func (one telemetryCase) runStory(t *testing.T, table []recordOf, newSpans func() Spans) error {
	var lines bytes.Buffer
	options := []knocker.Option{knocker.Logger(slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug})))}
	if one.HooksFail {
		options = append(options,
			knocker.OnError(func(context.Context, error, *knocker.Event) { panic("the hook is broken") }),
			knocker.OnDead(func(context.Context, *knocker.Event, string) { panic("the hook is broken") }))
	}
	ctx := context.Background()
	var spans Spans
	if newSpans != nil {
		spans = newSpans()
		options = append(options, spans.Option())
	}
	hooks, _ := knockertest.Open(t, options...)
	var settings []knocker.EndpointOption
	if one.Endpoint.MaxAttempts > 0 {
		settings = append(settings, knocker.RawSettings(map[string]any{"max_attempts": one.Endpoint.MaxAttempts}))
	}
	inbox, err := hooks.Endpoint("inbox", settings...)
	if err != nil {
		return err
	}
	inbox.On("order.*", func(context.Context, *knocker.Tx, *knocker.Event) error { return one.result() })
	end := func() {}
	if one.ActiveSpan && spans != nil {
		ctx, end = spans.Active(ctx)
	}
	for _, step := range one.Steps {
		if err := one.take(ctx, hooks, inbox, step); err != nil {
			return err
		}
	}
	end()
	if err := checkRecords(one.Records, lines.String(), table); err != nil || spans == nil {
		return err
	}
	parents := make([]any, len(one.Spans))
	for i, span := range one.Spans {
		parents[i] = span.(object)["parent"]
	}
	return Compare(one.Spans, spans.Ended(parents), "spans")
}

func (one telemetryCase) result() error {
	switch one.Handler {
	case "fails":
		return errors.New("broken")
	case "retries":
		return knocker.Retry(errors.New("later"))
	case "dead":
		return knocker.Dead("never")
	case "ignores":
		return knocker.Ignore("of no interest")
	case "returns":
		return nil
	}
	panic("the data has a handler " + one.Handler)
}

func (one telemetryCase) take(ctx context.Context, hooks *knocker.Hooks, inbox *knocker.Endpoint, step telemetryStep) error {
	if step.Ingest == nil {
		attempts, err := hooks.Drain(ctx, 100)
		if err != nil {
			return err
		}
		results := make([]any, len(attempts))
		for i, attempt := range attempts {
			results[i] = attempt.Status
		}
		return Compare(step.Drain, results, "drain")
	}
	given := step.Ingest
	fields := knocker.IngestFields{Valid: given.Valid, Type: given.Type, Key: given.Key, Reason: knocker.Reason(given.Reason), Detail: given.Detail, Headers: httpHeader(given.Headers)}
	_, err := inbox.Ingest(ctx, fields, []byte(`{"customer": "never-to-be-logged"}`))
	return err
}

func checkRecords(expected []any, lines string, table []recordOf) error {
	levels := map[string]string{"DEBUG": "debug", "INFO": "info", "WARN": "warning", "ERROR": "error"}
	var found []any
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var said object
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			return err
		}
		known, ok := find(table, said["record"])
		switch {
		case !ok || levels[said["level"].(string)] != known.Level:
			return fmt.Errorf("the table has no such record of that level: %s", line)
		case strings.Contains(line, "never-to-be-logged"):
			return fmt.Errorf("a body in the log: %s", line)
		}
		record := object{"record": known.Record}
		for _, field := range known.Fields {
			record[field] = said[field]
			if said[field] == "" {
				record[field] = nil
			}
			delete(said, field)
		}
		for _, usual := range []string{"time", "level", "msg", "record", "worker"} {
			delete(said, usual)
		}
		if len(said) > 0 {
			return fmt.Errorf("fields that the table does not have: %v", said)
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
