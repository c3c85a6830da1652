"""Spans of receipts and attempts, through the OpenTelemetry API where the app has set it up. Knocker needs none and imports none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from knocker.contract import VERSION
from knocker.decision import Dead, Retry
from knocker.errors import KnockerError
from knocker.event import Event
from knocker.records import Receipt
from knocker.request import Headers, HeadersLike
from knocker.traceparent import RECEIVE_TRACEPARENT, RECEIVE_TRACESTATE, TraceContext, sent_trace, trace_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider

_NO_SPAN = nullcontext()
# Making a tracer costs more than a span does, and a test sets another provider up.
_tracer: tuple[TracerProvider, Tracer] | None = None


def _find_tracer() -> Tracer | None:
    """None where nobody in this process has imported the API, and so nobody collects spans."""
    global _tracer
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if _tracer is None or _tracer[0] is not provider:
        _tracer = (provider, provider.get_tracer("knocker", VERSION))
    return _tracer[1]


class Receiving:
    """The receipt of one request: its span is a child of the one that is active, or else of the sender's."""

    def __init__(self, endpoint: str, headers: HeadersLike) -> None:
        self.added: list[tuple[str, str]] = []
        """Headers to be stored beside those of the request, so that the handler goes on with this span."""
        self._headers = headers
        self._started = time.monotonic()
        self._span: Span | None = None
        tracer = _find_tracer()
        if tracer is not None:
            from opentelemetry import trace
            from opentelemetry.trace import SpanKind

            try:
                sent = sent_trace(Headers(headers))
            except (AttributeError, TypeError, ValueError):
                # Headers that are no texts: the core says what of them is wrong.
                sent = None
            active = trace.get_current_span().get_span_context().is_valid
            parent = None if active or sent is None else _context_of(sent)
            attributes = _attributes(endpoint, "receive", "send")
            self._span = tracer.start_span(f"receive {endpoint}", parent, SpanKind.PRODUCER, attributes)
            own = self._span.get_span_context()
            # Where nothing collects spans, it is the sender's again.
            if own.is_valid and (sent is None or own.span_id != int(sent.span_id, 16)):
                self.added = _as_headers(own)

    def current(self) -> AbstractContextManager[None]:
        """While this lasts, spans of the app are children of this one. It ends with this."""
        return _NO_SPAN if self._span is None else self._current(self._span)

    @contextmanager
    def _current(self, span: Span) -> Iterator[None]:
        from opentelemetry import trace

        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as error:
            _fail(span, _type_of(error))
            raise
        finally:
            span.end()

    def stored(self, receipt: Receipt) -> None:
        """Says what became of the request."""
        if self._span is None or not self._span.is_recording():
            return
        self._span.set_attribute("knocker.outcome", receipt.outcome)
        if receipt.delivery_id is not None:
            self._span.set_attribute("knocker.delivery_id", receipt.delivery_id)
        if receipt.reason is not None:
            self._span.set_attribute("knocker.reason", receipt.reason)
        if len(receipt.events) > 1:
            self._span.set_attribute("messaging.batch.message_count", len(receipt.events))
        elif receipt.event_id is not None:
            self._span.set_attribute("messaging.message.id", str(receipt.event_id))

    def duration_ms(self) -> int:
        """How long it has taken so far."""
        return round((time.monotonic() - self._started) * 1000)

    @property
    def trace_id(self) -> str | None:
        """That of the span, or else of the sender's."""
        return _trace_id(self._span, self._headers)


class Processing:
    """An attempt: its span is a child of the receive's, so that the trace goes on in the handlers, whenever they run."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._span: Span | None = None

    def start(self) -> None:
        """Begins the span."""
        tracer = _find_tracer()
        if tracer is None:
            return
        from opentelemetry.trace import SpanKind

        event = self._event
        attributes = _attributes(event.endpoint, "process", "process")
        attributes |= {"messaging.message.id": str(event.id), "knocker.delivery_id": event.delivery.id, "knocker.attempt": event.attempt}
        if event.type is not None:
            attributes["knocker.event_type"] = event.type
        kept = trace_of(event.headers)
        self._span = tracer.start_span(f"process {event.endpoint}", _context_of(kept) if kept else None, SpanKind.CONSUMER, attributes)

    def current(self) -> AbstractContextManager[Any]:
        """While this lasts, the spans that handlers start are children of this one."""
        if self._span is None:
            return _NO_SPAN
        from opentelemetry import trace

        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def ended(self, outcome: str, error: BaseException | None) -> None:
        """Ends the span with what became of the attempt. The text of an error is in the log alone: it may quote anything."""
        span, self._span = self._span, None
        if span is None:
            return
        span.set_attribute("knocker.outcome", outcome)
        if error is not None:
            _fail(span, _type_of(error))
        span.end()

    @property
    def trace_id(self) -> str | None:
        """That of the span, or else of the event's."""
        return _trace_id(self._span, self._event.headers)


def _attributes(endpoint: str, operation: str, kind: str) -> dict[str, str | int]:
    """Named by the semantic conventions for messaging: to receive a webhook is to send a message into the queue."""
    return {
        "messaging.system": "knocker",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": endpoint,
    }


def _trace_id(span: Span | None, headers: HeadersLike) -> str | None:
    own = span.get_span_context() if span is not None else None
    if own is not None and own.is_valid:
        return f"{own.trace_id:032x}"
    kept = trace_of(headers if isinstance(headers, Headers) else Headers(headers))
    return kept.trace_id if kept is not None else None


def _type_of(error: BaseException) -> str:
    """What is told of an error: one of Knocker's codes, what a handler has decided, or the name of a class."""
    if isinstance(error, KnockerError):
        return error.code
    if isinstance(error, (Retry, Dead)):
        return "retry" if isinstance(error, Retry) else "dead"
    return type(error).__qualname__


def _fail(span: Span, error_type: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


def _context_of(kept: TraceContext) -> Context:
    from opentelemetry import trace
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

    state = TraceState.from_header([kept.tracestate]) if kept.tracestate else None
    parent = SpanContext(int(kept.trace_id, 16), int(kept.span_id, 16), True, TraceFlags(kept.flags), state)
    return trace.set_span_in_context(NonRecordingSpan(parent))


def _as_headers(own: SpanContext) -> list[tuple[str, str]]:
    traceparent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
    tracestate = own.trace_state.to_header()
    return [(RECEIVE_TRACEPARENT, traceparent), *([(RECEIVE_TRACESTATE, tracestate)] if tracestate else [])]
