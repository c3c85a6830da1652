"""Telling an operator of bodies that are too large: for a provider that never retries, each is an event that is lost."""

from __future__ import annotations

import logging
import threading
import time

from knocker.request import Request

logger = logging.getLogger("knocker.http")

# Anybody can send large bodies: a line a minute and endpoint says as much.
_PAUSE_S = 60.0


class LargeBodies:
    """The warnings of one app. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def warn(self, endpoint: str, size: int, limit: int) -> None:
        """Logs that a body of at least that size was refused with 413, with how many were since the last line."""
        now = time.monotonic()
        with self._lock:
            if now < self._next.get(endpoint, 0.0):
                self._untold[endpoint] = self._untold.get(endpoint, 0) + 1
                return
            self._next[endpoint] = now + _PAUSE_S
            untold = self._untold.pop(endpoint, 0)
        logger.warning(
            "request body too large for endpoint %s: %d bytes or more, max_body_bytes is %d%s; the event is lost where its provider does "
            "not send it again",
            endpoint,
            size,
            limit,
            f" ({untold} more since the last warning)" if untold else "",
            extra={"endpoint": endpoint, "size": size, "max_body_bytes": limit, "untold": untold},
        )


def size_of(request: Request) -> int:
    """What the sender announced, or else what was read before reading stopped."""
    announced = request.header("content-length") or ""
    return max(len(request.body), int(announced) if announced.isascii() and announced.isdigit() else 0)
