// Package knockerotel makes spans of Knocker's receipts and attempts with OpenTelemetry, so that a trace goes from the provider's call, or from the
// application's own HTTP server, through the queue to the handler:
//
//	hooks, err := knocker.Open("shop.db", knockerotel.Tracing())
//
// What they say is in docs/tracing.md of the repository.
package knockerotel

import (
	"context"
	"strconv"

	"github.com/knocker/knocker-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Option changes how spans are made.
type Option func(*tracer)

// WithTracerProvider takes the spans; [otel.GetTracerProvider] by default.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(t *tracer) { t.provider = provider }
}

// Tracing is the option of [knocker.Open] that has spans made.
func Tracing(options ...Option) knocker.Option {
	t := &tracer{}
	for _, option := range options {
		option(t)
	}
	if t.provider == nil {
		t.provider = otel.GetTracerProvider()
	}
	t.tracer = t.provider.Tracer("github.com/knocker/knocker-go/knockerotel")
	return knocker.Tracing(t)
}

type tracer struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
}

// w3c is what Knocker stores, whatever propagator the application has set for others.
var w3c = propagation.TraceContext{}

// Receive begins the span of a receipt: a child of the one in the context, or else of the sender's.
func (t *tracer) Receive(ctx context.Context, endpoint string, sent knocker.TraceContext) (context.Context, knocker.ReceiveSpan) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = goOn(ctx, sent)
	}
	// To receive a webhook is to send a message into the queue.
	ctx, s := t.start(ctx, trace.SpanKindProducer, "receive", "send", endpoint)
	return ctx, receiveSpan{span{ctx, s}}
}

// Process begins the span of an attempt, a child of the receive's.
func (t *tracer) Process(ctx context.Context, event *knocker.Event) (context.Context, knocker.ProcessSpan) {
	ctx = goOn(ctx, knocker.TraceContext{Traceparent: event.Traceparent(), Tracestate: event.Tracestate()})
	about := []attribute.KeyValue{
		attribute.String("messaging.message.id", strconv.FormatInt(event.ID, 10)),
		attribute.Int64("knocker.delivery_id", event.Delivery.ID),
		attribute.Int("knocker.attempt", event.Attempt),
	}
	if event.Type != "" {
		about = append(about, attribute.String("knocker.event_type", event.Type))
	}
	ctx, s := t.start(ctx, trace.SpanKindConsumer, "process", "process", event.Endpoint, about...)
	return ctx, processSpan{span{ctx, s}}
}

func goOn(ctx context.Context, kept knocker.TraceContext) context.Context {
	if kept.Traceparent == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{"traceparent": kept.Traceparent, "tracestate": kept.Tracestate})
}

// start names things by the semantic conventions for messaging.
func (t *tracer) start(ctx context.Context, kind trace.SpanKind, operation, of, endpoint string, more ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, operation+" "+endpoint, trace.WithSpanKind(kind), trace.WithAttributes(append(more,
		attribute.String("messaging.system", "knocker"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", of),
		attribute.String("messaging.destination.name", endpoint),
	)...))
}

type span struct {
	ctx  context.Context
	span trace.Span
}

// Trace is what others go on with.
func (s span) Trace() knocker.TraceContext {
	carrier := propagation.MapCarrier{}
	w3c.Inject(s.ctx, carrier)
	return knocker.TraceContext{Traceparent: carrier["traceparent"], Tracestate: carrier["tracestate"]}
}

// end says what kind of error it was, and not its text, which may quote anything.
func (s span) end(errorType string) {
	if errorType != "" {
		s.span.SetAttributes(attribute.String("error.type", errorType))
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

type receiveSpan struct{ span }

// End says what became of the request.
func (s receiveSpan) End(receipt *knocker.Receipt, errorType string) {
	if receipt != nil {
		s.span.span.SetAttributes(attribute.String("knocker.outcome", string(receipt.Outcome)))
		if receipt.DeliveryID != 0 {
			s.span.span.SetAttributes(attribute.Int64("knocker.delivery_id", receipt.DeliveryID))
		}
		if receipt.Reason != "" {
			s.span.span.SetAttributes(attribute.String("knocker.reason", string(receipt.Reason)))
		}
		if len(receipt.Events) > 1 {
			s.span.span.SetAttributes(attribute.Int("messaging.batch.message_count", len(receipt.Events)))
		} else if receipt.EventID != 0 {
			s.span.span.SetAttributes(attribute.String("messaging.message.id", strconv.FormatInt(receipt.EventID, 10)))
		}
	}
	s.end(errorType)
}

type processSpan struct{ span }

// End says what became of the attempt.
func (s processSpan) End(outcome, errorType string) {
	s.span.span.SetAttributes(attribute.String("knocker.outcome", outcome))
	s.end(errorType)
}
