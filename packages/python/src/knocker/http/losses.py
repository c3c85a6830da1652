"""Telling an operator of requests that are lost although nothing failed: too large bodies, and refused requests beyond what is kept."""

from __future__ import annotations

import logging
import threading
import time

from knocker.receipt import Receipt
from knocker.request import WebhookRequest

logger = logging.getLogger("knocker.http")

# Anybody can send such requests: a line a minute, kind and endpoint says as much.
_PAUSE_S = 60.0


class Losses:
    """The warnings of one app. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def tell(self, endpoint: str, request: WebhookRequest, receipt: Receipt, max_body_bytes: int) -> None:
        """Logs what the receipt says of a loss, if it does, with how many there were since the last line."""
        if receipt.response.status == 413:
            # A provider that never retries does not send the event again.
            size = _size_of(request)
            text = f"request body too large: {size} bytes or more, max_body_bytes is {max_body_bytes}"
            self._warn("too_large", endpoint, text, {"size": size, "max_body_bytes": max_body_bytes})
        elif receipt.outcome == "limited":
            self._warn("limited", endpoint, f"refused requests are only counted: {receipt.detail}", {})

    def _warn(self, kind: str, endpoint: str, text: str, fields: dict[str, int]) -> None:
        now, key = time.monotonic(), (kind, endpoint)
        with self._lock:
            if now < self._next.get(key, 0.0):
                self._untold[key] = self._untold.get(key, 0) + 1
                return
            self._next[key] = now + _PAUSE_S
            untold = self._untold.pop(key, 0)
        more = f" ({untold} more since the last warning)" if untold else ""
        logger.warning("endpoint %s: %s%s", endpoint, text, more, extra={"endpoint": endpoint, "code": kind, "untold": untold, **fields})


def _size_of(request: WebhookRequest) -> int:
    """What the sender announced, or else what was read before reading stopped."""
    announced = request.header("content-length") or ""
    return max(len(request.body), int(announced) if announced.isascii() and announced.isdigit() else 0)
