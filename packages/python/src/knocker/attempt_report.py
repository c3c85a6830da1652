"""What is said about one attempt: log lines that name the event, and the hooks ``on_error`` and ``on_dead``."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knocker.errors import UsageError
from knocker.event import Event

logger = logging.getLogger("knocker.worker")

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
        self._told = False
        self._held: list[Callable[[], None]] | None = None

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

    def failed(self, error: BaseException, what: str = "failed") -> None:
        """Logs the error, and tells ``on_error`` unless it knows of an earlier one of this attempt."""
        self._log(logging.WARNING, what, error)
        told, self._told = self._told, True
        if not told and self._hooks.on_error is not None:
            self._call("on_error", self._hooks.on_error, error, self._event)

    def dead(self, reason: str | None) -> None:
        """Logs that the event will not be handled unless somebody puts it back, and tells ``on_dead``."""
        shown = reason if reason is None or reason.isprintable() else repr(reason)
        self._log(logging.ERROR, f"dead: {shown}", status="dead", reason=reason, duration_ms=self.duration_ms())
        if self._hooks.on_dead is not None:
            self._call("on_dead", self._hooks.on_dead, self._event, reason)

    def ended(self, status: str) -> None:
        """Logs what became of it."""
        self._log(logging.INFO, status, status=status, duration_ms=self.duration_ms())

    def follow(self, action: Callable[[], None]) -> None:
        """Does what handlers have left for after the commit: the event is handled whatever comes of it."""
        self._call("what was to follow the commit", action)

    def _call(self, name: str, hook: Callable[..., Any], *arguments: Any) -> None:
        if self._held is not None:
            self._held.append(lambda: self._call(name, hook, *arguments))
            return
        try:
            hook(*arguments)
        # Whatever it raises: the attempt is still to be recorded.
        except BaseException as problem:
            self._log(logging.ERROR, f"{name} failed", problem)

    def _log(self, level: int, what: str, error: BaseException | None = None, **fields: Any) -> None:
        if self._held is not None:
            self._held.append(lambda: self._log(level, what, error, **fields))
            return
        event = self._event
        about = {"endpoint": event.endpoint, "event_id": event.id, "event_type": event.type, "attempt": event.attempt, **fields}
        # Types are what senders say: a line break in one must not make a line of its own.
        kind = "no type" if event.type is None else event.type if event.type.isprintable() else repr(event.type)
        message = "event %d of %s (%s), attempt %d: %s"
        logger.log(level, message, event.id, event.endpoint, kind, event.attempt, what, exc_info=error, extra=about)
