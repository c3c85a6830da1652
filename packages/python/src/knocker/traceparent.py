"""The trace that a request belongs to, by W3C Trace Context: https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import re
from dataclasses import dataclass

from knocker.request import Headers

RECEIVE_TRACEPARENT = "knocker-traceparent"
"""The header that a receive adds to those that are stored, where it has a span of its own. No header of the sender is touched."""
RECEIVE_TRACESTATE = "knocker-tracestate"

# A later version may say more after a dash.
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


@dataclass(frozen=True)
class TraceContext:
    """A valid ``traceparent`` with what stands in it, and the ``tracestate`` beside it."""

    traceparent: str
    tracestate: str | None
    trace_id: str
    span_id: str
    flags: int


def trace_of(headers: Headers) -> TraceContext | None:
    """The span of the receive, or else what the sender said; None where neither is valid."""
    # A sender may have used that name: the package's own comes last.
    return _read(headers.get_all(RECEIVE_TRACEPARENT)[-1:], headers.get_all(RECEIVE_TRACESTATE)[-1:]) or sent_trace(headers)


def sent_trace(headers: Headers) -> TraceContext | None:
    """What the sender said."""
    return _read(headers.get_all("traceparent"), headers.get_all("tracestate"))


def _read(traceparents: list[str], tracestates: list[str]) -> TraceContext | None:
    if len(traceparents) != 1:
        return None
    form = _FORM.fullmatch(traceparents[0].strip(" \t"))
    if form is None:
        return None
    version, trace_id, span_id, flags, more = form.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    if version != "00":
        # Of a version that is not known here, the first flag alone means something.
        flags = f"0{int(flags, 16) & 1}"
    states = [state for state in (value.strip(" \t") for value in tracestates) if state]
    return TraceContext(f"00-{trace_id}-{span_id}-{flags}", ",".join(states) or None, trace_id, span_id, int(flags, 16))
