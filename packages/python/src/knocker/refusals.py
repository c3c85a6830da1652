"""Telling an operator of requests that were refused. Anybody can send such, so there is a line a minute for each endpoint and reason."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from knocker.http.body import BadLengthError, announced_length
from knocker.records import Receipt
from knocker.request import WebhookRequest
from knocker.tracing import Receiving

logger = logging.getLogger("knocker.receive")

PAUSE_MS = 60_000
"""How long nothing more is said of an endpoint and reason."""

_REFUSED = ("invalid", "too_large", "disabled", "limited")


class Refusals:
    """The warnings of one file's endpoints. Thread-safe."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._told_at: dict[tuple[str, str], int] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def tell(self, endpoint: str, receipt: Receipt, span: Receiving, request: WebhookRequest | None, max_body_bytes: int) -> None:
        """Logs what became of a request; a refusal as a warning, with how many there were since the last one."""
        if receipt.outcome not in _REFUSED:
            self._tell_stored(endpoint, receipt, span)
            return
        # What is not kept any more is another trouble than why it was refused.
        reason = receipt.outcome if receipt.outcome == "limited" else receipt.reason or receipt.outcome
        untold = self._due(endpoint, reason)
        if untold is None:
            return
        fields: dict[str, object] = {
            "outcome": receipt.outcome,
            "reason": reason,
            "detail": receipt.detail,
            "delivery_id": receipt.delivery_id,
            "trace_id": span.trace_id,
            "untold": untold,
        }
        text = receipt.detail or ""
        if receipt.outcome == "too_large":
            # A provider that never retries does not send the event again.
            size = _size_of(request)
            fields |= {"size": size, "max_body_bytes": max_body_bytes}
            text = f"{size} bytes or more, max_body_bytes is {max_body_bytes}"
        self._warn(endpoint, reason, text, untold, fields)

    def tell_too_slow(self, endpoint: str, received: int, timeout_s: float) -> None:
        """Logs that a body was not complete in time."""
        self._tell_of_body(endpoint, "too_slow", f"{received} bytes of the body came in {timeout_s:g} s")

    def tell_short(self, endpoint: str, received: int, announced: int) -> None:
        """Logs that a body ended before its end. Not every server lets it be seen that something in front has read the rest."""
        text = (
            f"the body ended after {received} of {announced} bytes: the sender has gone, or something in front of Knocker read some of it"
        )
        self._tell_of_body(endpoint, "short_body", text)

    def _tell_of_body(self, endpoint: str, reason: str, text: str) -> None:
        untold = self._due(endpoint, reason)
        if untold is not None:
            self._warn(endpoint, reason, text, untold, {"reason": reason, "detail": text, "untold": untold})

    @staticmethod
    def _tell_stored(endpoint: str, receipt: Receipt, span: Receiving) -> None:
        if not logger.isEnabledFor(logging.DEBUG):
            return
        fields = {
            "record": "receipt_stored",
            "endpoint": endpoint,
            "outcome": receipt.outcome,
            "delivery_id": receipt.delivery_id,
            "event_id": receipt.event_id,
            "duration_ms": span.duration_ms(),
            "trace_id": span.trace_id,
        }
        logger.debug("endpoint %s: delivery %s: %s", endpoint, receipt.delivery_id, receipt.outcome, extra=fields)

    @staticmethod
    def _warn(endpoint: str, reason: str, text: str, untold: int, fields: dict[str, object]) -> None:
        more = f" ({untold} more since the last warning)" if untold else ""
        # A detail may quote a header's name: a line break in one must not make a line of its own.
        shown = text if text.isprintable() else repr(text)
        fields = {"record": "receipt_refused", "endpoint": endpoint, **fields}
        logger.warning("endpoint %s: request refused: %s: %s%s", endpoint, reason, shown, more, extra=fields)

    def _due(self, endpoint: str, reason: str) -> int | None:
        """How many were not told since the last line, or None where it is too early for another."""
        now_ms, key = self._now_ms(), (endpoint, reason)
        with self._lock:
            told_at = self._told_at.get(key)
            # A clock that was put back must not silence it for longer.
            if told_at is not None and 0 <= now_ms - told_at < PAUSE_MS:
                self._untold[key] = self._untold.get(key, 0) + 1
                return None
            self._told_at[key] = now_ms
            return self._untold.pop(key, 0)


def _size_of(request: WebhookRequest | None) -> int:
    """What the sender announced, or else what was read before reading stopped."""
    if request is None:
        return 0
    try:
        announced = announced_length(request.header("content-length")) or 0
    except BadLengthError:
        announced = 0
    return max(len(request.body), announced)
