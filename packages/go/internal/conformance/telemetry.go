package conformance

import (
	"context"
	"net/http"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

type telemetryFile struct {
	About      string            `json:"about"`
	Everywhere map[string]string `json:"everywhere"`
	Records    []recordOf        `json:"records"`
	Cases      []telemetryCase   `json:"cases"`
}

// recordOf is a row of the table of log records.
type recordOf struct {
	Record string   `json:"record"`
	Level  string   `json:"level"`
	Fields []string `json:"fields"`
	// OnlyIn are the languages that have it, with the reason; all of them where it is empty.
	OnlyIn map[string]string `json:"only_in"`
}

type telemetryCase struct {
	Name string `json:"name"`

	Headers     object  `json:"headers"`
	Traceparent *string `json:"traceparent"`
	Tracestate  *string `json:"tracestate"`

	Endpoint   object          `json:"endpoint"`
	Secrets    any             `json:"secrets"`
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
	Work  *struct {
		Until  string `json:"until"`
		Locked bool   `json:"locked"`
		LeaseS int64  `json:"lease_s"`
	} `json:"work"`
	Declare     object `json:"declare"`
	Read        bool   `json:"read"`
	ReplaceFile bool   `json:"replace_file"`
	Close       bool   `json:"close"`
	Request     int    `json:"request"`
	Scrape      int    `json:"scrape"`
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
				run := func() error { return runStory(t, one, file, newSpans) }
				if file.Records == nil {
					run = func() error { return one.runTrace(t) }
				}
				if err := run(); err != nil {
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

func (one telemetryCase) runTrace(t *testing.T) error {
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
