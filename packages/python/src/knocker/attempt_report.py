"""What is said about one attempt: log lines that name the event, its span, and the hooks ``on_error`` and ``on_dead``."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knocker.decision import stored_text
from knocker.errors import KnockerError, UsageError
from knocker.event import Event
from knocker.tracing import Processing

logger = logging.getLogger("knocker.worker")

# What is no failure, and not for somebody who reads warnings.
_QUIET = ("handled", "ignored")

OnError = Callable[[BaseException, Event], Any]
"""Called with the error and the event of each failed attempt; ``event.attempt`` counts it."""
OnDead = Callable[[Event, str | None], Any]
"""Called with each event that is dead now, and the reason that is stored with it."""


@dataclass(frozen=True)
class FailureHooks:
    """Functions of the app that are told of failures, in the thread in which they are noticed."""

    on_error: OnError | None = None
    on_dead: OnDead | None = None

    def __post_init__(self) -> None:
        for name, hook in (("on_error", self.on_error), ("on_dead", self.on_dead)):
            if hook is None:
                continue
            if not callable(hook):
                raise UsageError(f"{name} is a function of two arguments, not {hook!r}")
            if inspect.iscoroutinefunction(hook) or inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
                raise UsageError(f"{name} is called in the worker's thread and not awaited: pass a plain function")

    def or_else(self, others: FailureHooks) -> FailureHooks:
        """These, and the others' where there is none."""
        return FailureHooks(self.on_error or others.on_error, self.on_dead or others.on_dead)


class AttemptReport:
    """The account of one attempt, which begins when it is made."""

    def __init__(self, event: Event, hooks: FailureHooks) -> None:
        self._event = event
        self._hooks = hooks
        self._started = time.monotonic()
        self._stopped: float | None = None
        self._error: BaseException | None = None
        self._held: list[Callable[[], None]] | None = None
        self.span = Processing(event)

    def duration_ms(self) -> int:
        """How long it has taken so far, or until it was stopped."""
        return round(((self._stopped or time.monotonic()) - self._started) * 1000)

    def stop(self) -> None:
        """The handlers have ended; what comes is not their time."""
        self._stopped = self._stopped or time.monotonic()

    def hold(self) -> None:
        """Keeps to itself what is to be told, until :meth:`tell`: it is not so before the commit."""
        self._held = []

    def tell(self) -> None:
        """Tells what was held back, and from now on at once."""
        held, self._held = self._held or [], None
        for action in held:
            action()

    def failed(self, error: BaseException, what: str = "failed", outcome: str = "failed") -> None:
        """Logs the error, and tells ``on_error`` unless it knows of an earlier one of this attempt."""
        code = error.code if isinstance(error, KnockerError) else None
        fields = {"outcome": outcome, "duration_ms": self.duration_ms(), "code": code, "error": stored_text(error)}
        self._log("attempt_failed", logging.WARNING, what, error, **fields)
        if self._error is None:
            self._error = error
            if self._hooks.on_error is not None:
                self._call("on_error", self._hooks.on_error, error, self._event)

    def dead(self, reason: str | None) -> None:
        """Logs that the event will not be handled unless somebody puts it back, and tells ``on_dead``."""
        shown = reason if reason is None or reason.isprintable() else repr(reason)
        self._log("event_dead", logging.ERROR, f"dead: {shown}", outcome="dead", reason=reason, duration_ms=self.duration_ms())
        self.span.ended("dead", self._error)
        if self._hooks.on_dead is not None:
            self._call("on_dead", self._hooks.on_dead, self._event, reason)

    def ended(self, status: str) -> None:
        """Logs what became of it; of a failure all has been said."""
        if status in _QUIET and logger.isEnabledFor(logging.DEBUG):
            self._log("attempt_ended", logging.DEBUG, status, outcome=status, duration_ms=self.duration_ms())
        self.span.ended(status, self._error)

    def follow(self, action: Callable[[], None]) -> None:
        """Does what handlers have left for after the commit: the event is handled whatever comes of it."""
        self._call("after_commit", action)

    def _call(self, name: str, hook: Callable[..., Any], *arguments: Any) -> None:
        if self._held is not None:
            self._held.append(lambda: self._call(name, hook, *arguments))
            return
        try:
            hook(*arguments)
        # Whatever it raises: the attempt is still to be recorded.
        except BaseException as problem:
            what = "what was to follow the commit" if name == "after_commit" else name
            self._log("hook_failed", logging.ERROR, f"{what} failed", problem, hook=name, error=stored_text(problem))

    def _log(self, record: str, level: int, what: str, raised: BaseException | None = None, **fields: Any) -> None:
        if not logger.isEnabledFor(level):
            return
        if self._held is not None:
            self._held.append(lambda: self._log(record, level, what, raised, **fields))
            return
        event = self._event
        about = {
            "record": record,
            "endpoint": event.endpoint,
            "event_id": event.id,
            "delivery_id": event.delivery.id,
            "type": event.type,
            "key": event.key,
            "attempt": event.attempt,
            "trace_id": self.span.trace_id,
            **fields,
        }
        # Types are what senders say: a line break in one must not make a line of its own.
        kind = "no type" if event.type is None else event.type if event.type.isprintable() else repr(event.type)
        message = "event %d of %s (%s), attempt %d: %s"
        logger.log(level, message, event.id, event.endpoint, kind, event.attempt, what, exc_info=raised, extra=about)
