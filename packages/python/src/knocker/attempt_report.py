"""What is said about one attempt: log lines that name the event, and ``on_error``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from knocker.event import Event
from knocker.leases import Job

logger = logging.getLogger("knocker.worker")

OnError = Callable[[BaseException, Event], Any]
"""Called with the error and the event of each failed attempt."""


class AttemptReport:
    """The account of one attempt, which begins when it is made."""

    def __init__(self, job: Job, on_error: OnError | None) -> None:
        self._event = job.event
        self._on_error = on_error
        self._started = time.monotonic()
        self._told = False

    def duration_ms(self) -> int:
        """How long it has taken so far."""
        return round((time.monotonic() - self._started) * 1000)

    def failed(self, error: BaseException, what: str = "failed") -> None:
        """Logs the error, and tells ``on_error`` unless it knows of an earlier one of this attempt."""
        self._log(logging.WARNING, what, error)
        told, self._told = self._told, True
        if told or self._on_error is None:
            return
        try:
            self._on_error(error, self._event)
        # Whatever it raises: the attempt is still to be recorded.
        except BaseException as problem:
            self._log(logging.ERROR, "on_error failed", problem)

    def ended(self, status: str) -> None:
        """Logs what became of it."""
        self._log(logging.INFO, status, status=status, duration_ms=self.duration_ms())

    def _log(self, level: int, what: str, error: BaseException | None = None, **fields: Any) -> None:
        event = self._event
        about = {"endpoint": event.endpoint, "event_id": event.id, "event_type": event.type, "attempt": event.attempt, **fields}
        # Types are what senders say: a line break in one must not make a line of its own.
        kind = "no type" if event.type is None else event.type if event.type.isprintable() else repr(event.type)
        message = "event %d of %s (%s), attempt %d: %s"
        logger.log(level, message, event.id, event.endpoint, kind, event.attempt, what, exc_info=error, extra=about)
