"""The event that a handler gets."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, TypeVar

from knocker.request import Headers
from knocker.traceparent import trace_of

Moment = datetime | int
"""An aware datetime, or Unix milliseconds."""

# Other bytes are = and two digits, so that no two keys become one, and so that a header or a URL can hold it.
_ESCAPED = re.compile(rb"[^A-Za-z0-9_.-]")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


T = TypeVar("T")


def made(cls: type[T], **fields: Any) -> T:
    """One of a frozen class. Its own ``__init__`` sets field by field past the freeze, which takes as long as all else of reading it."""
    one = object.__new__(cls)
    one.__dict__.update(fields)
    return one


def to_datetime(ms: int) -> datetime:
    """Unix milliseconds as an aware datetime in UTC, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """An aware datetime as Unix milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda byte: b"=%02X" % byte[0][0], text.encode()).decode()


class StoredHeaders(Headers):
    """Headers as they are stored, read when somebody first asks for one: many handlers never do."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _values(self) -> dict[str, list[str]]:  # type: ignore[override]
        return Headers(json.loads(self._text))._values


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

    ``key`` is the identity of the occurrence, the same however often it is delivered; None where nothing tells two occurrences apart. What
    to give to others is :attr:`idempotency_key`. ``attempt`` counts from 1. ``body`` is the raw body of the delivery, or the event's own
    item of a batch. ``received_at`` is in UTC.
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
    def idempotency_key(self) -> str:
        """What to give to others as an idempotency key: :attr:`endpoint` and :attr:`key`, the same at each attempt and replay, and after
        a restore. An event without a key has its number, its time and a hash of its body. The id of the message that ``knocker publish``
        hands over is the same."""
        endpoint = _escaped(self.endpoint)
        if self.key is not None:
            return f"{endpoint}/{_escaped(self.key)}"
        return f"{endpoint}+{self.id}.{to_ms(self.received_at)}.{hashlib.sha256(self.body).hexdigest()[:32]}"

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
