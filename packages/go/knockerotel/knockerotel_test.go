package knockerotel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/knockerotel"
	"github.com/knocker/knocker-go/knockertest"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// kept is an SDK that keeps the spans.
type kept struct {
	recorder *tracetest.SpanRecorder
	provider *sdk.TracerProvider
	active   string
}

func newKept() *kept {
	recorder := tracetest.NewSpanRecorder()
	return &kept{recorder: recorder, provider: sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))}
}

func (k *kept) Option() knocker.Option {
	return knockerotel.Tracing(knockerotel.WithTracerProvider(k.provider))
}

func (k *kept) Active(ctx context.Context) (context.Context, func()) {
	ctx, span := k.provider.Tracer("app").Start(ctx, "active")
	k.active = span.SpanContext().SpanID().String()
	return ctx, func() { span.End() }
}

func (k *kept) ended() (spans []sdk.ReadOnlySpan) {
	for _, span := range k.recorder.Ended() {
		if span.Name() != "active" {
			spans = append(spans, span)
		}
	}
	return spans
}

func (k *kept) Ended(parents []any) (found []any) {
	spans := k.ended()
	for i, span := range spans {
		attributes := map[string]any{}
		for _, one := range span.Attributes() {
			attributes[string(one.Key)] = one.Value.AsInterface()
			if number, ok := one.Value.AsInterface().(int64); ok {
				attributes[string(one.Key)] = float64(number)
			}
		}
		var parent any
		if span.Parent().IsValid() {
			parent = span.Parent().SpanID().String()
		}
		if i < len(parents) {
			if number, ok := parents[i].(float64); ok && parent == spans[int(number)].SpanContext().SpanID().String() {
				parent = number
			}
		}
		if parent == k.active && parent != "" {
			parent = "active"
		}
		found = append(found, map[string]any{
			"name": span.Name(), "kind": strings.ToLower(span.SpanKind().String()), "trace_id": span.SpanContext().TraceID().String(),
			"parent": parent, "failed": span.Status().Code == codes.Error, "attributes": attributes,
		})
	}
	return found
}

// TestTelemetry runs each case of the data with OpenTelemetry's own SDK.
func TestTelemetry(t *testing.T) {
	conformance.Telemetry(t, func() conformance.Spans { return newKept() })
}

const sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestOneTrace goes from the span of a server to what a handler does.
func TestOneTrace(t *testing.T) {
	k := newKept()
	hooks, _ := knockertest.Open(t, k.Option())
	look := func(ctx context.Context, name string) {
		_, span := k.provider.Tracer("app").Start(ctx, name)
		span.End()
	}
	inbox, err := hooks.Endpoint("inbox", knocker.RawSettings(map[string]any{"provider": "token"}),
		knocker.SecretsFunc(func(ctx context.Context, _ *knocker.WebhookRequest) ([]string, error) {
			look(ctx, "look up")
			return []string{"test-token"}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	inbox.On("*", func(ctx context.Context, _ *knocker.Tx, _ *knocker.Event) error {
		look(ctx, "work")
		return nil
	})
	request := httptest.NewRequest(http.MethodPost, "/webhooks/inbox", strings.NewReader("{}"))
	for name, value := range map[string]string{
		"X-Webhook-Token": "test-token", "Traceparent": sent, "Tracestate": "congo=t61rcWkgMzE",
		"Knocker-Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		request.Header.Set(name, value)
	}
	inbox.ServeHTTP(httptest.NewRecorder(), request)
	knockertest.Drain(t, hooks)
	var names []string
	spans := map[string]sdk.ReadOnlySpan{}
	for _, span := range k.ended() {
		names = append(names, span.Name())
		spans[span.Name()] = span
	}
	if got := strings.Join(names, ", "); got != "look up, receive inbox, work, process inbox" {
		t.Fatal(got)
	}
	for child, parent := range map[string]string{"look up": "receive inbox", "process inbox": "receive inbox", "work": "process inbox"} {
		if spans[child].Parent().SpanID() != spans[parent].SpanContext().SpanID() {
			t.Errorf("%q is no child of %q", child, parent)
		}
	}
	if state := spans["work"].SpanContext().TraceState().String(); state != "congo=t61rcWkgMzE" {
		t.Error(state)
	}
	delivery, err := hooks.Delivery(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	// The sender's headers are stored as they came.
	if got := delivery.Headers.Get("Traceparent"); got != sent {
		t.Error(got)
	}
	own := delivery.Headers.Values("Knocker-Traceparent")
	if len(own) != 2 || !strings.Contains(own[1], spans["receive inbox"].SpanContext().SpanID().String()) {
		t.Error(own)
	}
}

// TestNobodyCollects: without a provider of the application's the sender's trace goes on as it was.
func TestNobodyCollects(t *testing.T) {
	hooks, _ := knockertest.Open(t, knockerotel.Tracing())
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		t.Fatal(err)
	}
	var seen string
	inbox.On("*", func(ctx context.Context, _ *knocker.Tx, event *knocker.Event) error {
		seen = event.Traceparent() + " " + trace.SpanContextFromContext(ctx).SpanID().String()
		return nil
	})
	if _, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Headers: http.Header{"Traceparent": {sent}}}, nil); err != nil {
		t.Fatal(err)
	}
	knockertest.Drain(t, hooks)
	if seen != sent+" b7ad6b7169203331" {
		t.Error(seen)
	}
}

// TestNothingStored is a failed span.
func TestNothingStored(t *testing.T) {
	k := newKept()
	hooks, _ := knockertest.Open(t, k.Option())
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		t.Fatal(err)
	}
	_ = hooks.Close()
	if _, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true}, nil); err == nil {
		t.Fatal("stored")
	}
	span := k.ended()[0]
	if span.Status().Code != codes.Error || len(span.Events()) != 0 || !strings.Contains(k.errorType(), "closed") {
		t.Error(span.Status(), span.Attributes())
	}
}

func (k *kept) errorType() string {
	for _, one := range k.ended()[0].Attributes() {
		if one.Key == "error.type" {
			return one.Value.AsString()
		}
	}
	return ""
}
