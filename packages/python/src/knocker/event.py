"""The event that a handler gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from knocker.request import Headers
from knocker.traceparent import trace_of

Moment = datetime | int
"""An aware datetime, or Unix milliseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_datetime(ms: int) -> datetime:
    """Unix milliseconds as an aware datetime in UTC, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """An aware datetime as Unix milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class EventDelivery:
    """The HTTP request that brought the event. Headers that carry a credential are redacted."""

    id: int
    method: str
    url: str = field(repr=False)
    headers: Headers


@dataclass(frozen=True)
class Event:
    """What happened at the provider, to be processed once.

    ``key`` is the identity of the occurrence, the same however often it is delivered: with ``endpoint`` it is what to give to others as an
    idempotency key. None where nothing tells two occurrences apart. ``attempt`` counts from 1. ``body`` is the raw body of the delivery, or
    the event's own item of a batch. ``received_at`` is in UTC.
    """

    id: int
    endpoint: str
    type: str | None
    key: str | None
    body: bytes = field(repr=False)
    attempt: int
    max_attempts: int
    received_at: datetime
    delivery: EventDelivery

    @property
    def headers(self) -> Headers:
        """The headers of the delivery."""
        return self.delivery.headers

    @property
    def traceparent(self) -> str | None:
        """The trace to go on with, as W3C Trace Context writes it: the span of the receive where OpenTelemetry was set up there, else what
        the sender said. None where there is none, or a malformed one."""
        trace = trace_of(self.headers)
        return None if trace is None else trace.traceparent

    @property
    def tracestate(self) -> str | None:
        """What belongs to :attr:`traceparent`."""
        trace = trace_of(self.headers)
        return None if trace is None else trace.tracestate

    def json(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return json.loads(self.body)
