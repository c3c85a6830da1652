package knocker_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
)

// measured gives hooks with two accepted receipts, a refused one, and an attempt at each event, of which one failed.
func measured(t *testing.T) (*knocker.Hooks, func()) {
	t.Helper()
	hooks, _, done := openExample()
	orders, err := hooks.Endpoint("orders")
	check(err)
	orders.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		if e.Key == "bad" {
			return errors.New("no such customer")
		}
		return nil
	})
	for _, key := range []string{"good", "bad"} {
		ingestExample(orders, "order.paid", key)
	}
	_, err = orders.Ingest(context.Background(), knocker.IngestFields{Reason: "bad_signature"}, []byte("{}"))
	check(err)
	_, err = hooks.Drain(context.Background(), 10)
	check(err)
	return hooks, done
}

// samples is what each line says that is not a comment.
func samples(text string) map[string]string {
	found := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if name, value, ok := strings.Cut(line, "} "); ok && !strings.HasPrefix(line, "#") {
			found[name+"}"] = value
		}
	}
	return found
}

func TestMetricsTellWhatHappened(t *testing.T) {
	hooks, done := measured(t)
	defer done()
	text, err := hooks.Metrics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	told := samples(text)
	for name, want := range map[string]string{
		`knocker_receipts_total{endpoint="orders",outcome="accepted"}`:         "2",
		`knocker_refusals_total{endpoint="orders",reason="bad_signature"}`:     "1",
		`knocker_attempts_total{endpoint="orders",result="handled"}`:           "1",
		`knocker_attempts_total{endpoint="orders",result="failed"}`:            "1",
		`knocker_handler_duration_seconds_count{endpoint="orders"}`:            "2",
		`knocker_receive_duration_seconds_count{endpoint="orders"}`:            "3",
		`knocker_receive_duration_seconds_bucket{endpoint="orders",le="+Inf"}`: "3",
	} {
		if told[name] != want {
			t.Errorf("%s is %q, not %s", name, told[name], want)
		}
	}
	open, err := hooks.OpenMetrics(context.Background())
	if err != nil || !strings.HasSuffix(open, "# EOF\n") {
		t.Errorf("OpenMetrics ends with %q, %v", open[max(0, len(open)-20):], err)
	}
}

func TestMetricsHandlerServesWhatIsAskedFor(t *testing.T) {
	hooks, done := measured(t)
	defer done()
	for accept, contentType := range map[string]string{
		"":              "text/plain; version=0.0.4; charset=utf-8",
		"text/html,*/*": "text/plain; version=0.0.4; charset=utf-8",
		"application/openmetrics-text;version=1.0.0,text/plain;q=0.5": "application/openmetrics-text; version=1.0.0; charset=utf-8",
	} {
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.Header.Set("Accept", accept)
		answer := httptest.NewRecorder()
		hooks.MetricsHandler().ServeHTTP(answer, request)
		if answer.Code != 200 || answer.Header().Get("Content-Type") != contentType {
			t.Errorf("%q: %d %s", accept, answer.Code, answer.Header().Get("Content-Type"))
		}
		if samples(answer.Body.String())[`knocker_receipts_total{endpoint="orders",outcome="accepted"}`] != "2" {
			t.Errorf("%q: %s", accept, answer.Body)
		}
	}
}

func TestMetricsOfClosedHooksAreUnavailable(t *testing.T) {
	hooks, done := measured(t)
	defer done()
	check(hooks.Close())
	answer := httptest.NewRecorder()
	hooks.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 503 || answer.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
}
