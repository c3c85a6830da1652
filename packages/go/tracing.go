package knocker

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Tracer makes the spans of receipts and attempts. The module knockerotel has one for OpenTelemetry, so that this one depends on nothing of it.
type Tracer interface {
	// Receive begins the span of a receipt: a child of the one in the context, or else of what the sender said. What the application does for the
	// receipt gets the context that it gives.
	Receive(ctx context.Context, endpoint string, sent TraceContext) (context.Context, ReceiveSpan)
	// Process begins the span of an attempt, a child of what the event goes on with. Handlers get the context that it gives.
	Process(ctx context.Context, event *Event) (context.Context, ProcessSpan)
}

// ReceiveSpan is that of one receipt.
type ReceiveSpan interface {
	// Trace is what the handler goes on with, and is stored with the delivery.
	Trace() TraceContext
	// End ends it with the receipt, or where nothing was stored with nil and the kind of error.
	End(receipt *Receipt, errorType string)
}

// ProcessSpan is that of one attempt.
type ProcessSpan interface {
	// Trace is what the log names.
	Trace() TraceContext
	// End ends it with what became of the attempt (handled, failed, dead, ignored, lease_lost, unwritten), and the kind of error where it failed. One
	// that is repeated runs again at once, with a span of its own: the transaction that it shared was lost.
	End(outcome, errorType string)
}

// Tracing has spans made of receipts and attempts.
func Tracing(tracer Tracer) Option {
	return func(o *openOptions) error {
		if tracer == nil {
			return usage("Tracing: nil")
		}
		o.tracer = tracer
		return nil
	}
}

// receiving is the account of one receipt: its span, if any, and its line in the log.
type receiving struct {
	endpoint *Endpoint
	began    time.Time
	header   http.Header
	trace    TraceContext
	span     ReceiveSpan
}

// receiving begins it. What is to be stored are its headers.
func (e *Endpoint) receiving(ctx context.Context, header http.Header) (context.Context, *receiving) {
	r := &receiving{endpoint: e, began: time.Now(), header: header}
	tracer := e.database.options.tracer
	if tracer == nil {
		return ctx, r
	}
	named := canonical(header)
	sent := sentTrace(named)
	ctx, r.span = tracer.Receive(ctx, e.name, sent)
	r.trace = r.span.Trace()
	// Where nothing collects spans, it is the sender's again.
	if r.trace.Traceparent != "" && r.trace.Traceparent != sent.Traceparent {
		named.Add(receiveTraceparent, r.trace.Traceparent)
		if r.trace.Tracestate != "" {
			named.Add(receiveTracestate, r.trace.Tracestate)
		}
		r.header = named
	}
	return ctx, r
}

// canonical is a copy with the names that http.Header looks for.
func canonical(header http.Header) http.Header {
	named := make(http.Header, len(header)+2)
	for name, values := range header {
		name = http.CanonicalHeaderKey(name)
		named[name] = append(named[name], values...)
	}
	return named
}

// ended says what became of it.
func (r *receiving) ended(ctx context.Context, receipt *Receipt, err error, size int64) {
	if r.span != nil {
		r.span.End(receipt, errorType(err))
	}
	if receipt == nil {
		return
	}
	e := r.endpoint
	log := e.database.options.logger
	if !e.losses.tell(e.name, receipt, r, size, e.maxBodyBytes.Load()) && log.Enabled(ctx, slog.LevelDebug) {
		log.DebugContext(ctx, "receipt stored", "record", "receipt_stored", "endpoint", e.name, "outcome", string(receipt.Outcome),
			"delivery_id", receipt.DeliveryID, "event_id", receipt.EventID, "duration_ms", time.Since(r.began).Milliseconds(), "trace_id", r.traceID())
	}
}

func (r *receiving) traceID() string {
	if r.trace.Traceparent != "" {
		return r.trace.TraceID()
	}
	return traceOf(canonical(r.header)).TraceID()
}

// errorType is what is told of an error: one of Knocker's codes, what a handler has decided, or a type.
func errorType(err error) string {
	if err == nil {
		return ""
	}
	if decision := decisionOf(err); decision != nil {
		return decision.kind
	}
	if code := codeOf(err); code != "" {
		return code
	}
	return fmt.Sprintf("%T", err)
}
