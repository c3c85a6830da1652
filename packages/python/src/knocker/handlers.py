"""Which functions want which events."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from knocker.arguments import type_pattern
from knocker.errors import UsageError
from knocker.event import Event

_MOST_TYPES = 1000

Handler = Callable[[Event, Any], object]
"""A function or coroutine function of the event and ``tx``, the worker's database connection. What it returns is not looked at."""


class Handlers:
    """The handlers of one endpoint, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, Handler]] = []
        self._known: dict[str | None, list[Handler]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, pattern: str, handler: Handler) -> None:
        """``pattern`` is a type, a prefix with ``.*``, or ``*`` for every event, also one without a type."""
        type_pattern("type", pattern)
        if not callable(handler):
            raise UsageError(f"{handler!r} cannot be called: a handler is a function of the event and tx")
        body = handler if inspect.isroutine(handler) or isinstance(handler, functools.partial) else getattr(handler, "__call__", handler)  # noqa: B004
        if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
            raise UsageError(f"{handler!r} is a generator function, of which nothing would run: a handler has no yield")
        _check_arguments(handler)
        self._entries.append((pattern, handler))
        # Another one: whoever still looks through the entries as they were keeps what he finds in the former.
        self._known = {}

    def patterns(self) -> list[str]:
        """What was added, as often as it was."""
        return [pattern for pattern, _ in self._entries]

    def matching(self, event_type: str | None) -> list[Handler]:
        """Every handler that wants this type."""
        known = self._known
        found = known.get(event_type)
        if found is None:
            found = [handler for pattern, handler in self._entries if _matches(pattern, event_type)]
            # Types are what senders say.
            if len(known) < _MOST_TYPES:
                known[event_type] = found
        return found


def _check_arguments(handler: Handler) -> None:
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        # Of some built-in functions nothing is known.
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise UsageError(f"{handler!r} is called with two arguments, the event and tx: {error}") from error


def _matches(pattern: str, event_type: str | None) -> bool:
    if pattern == "*":
        return True
    if event_type is None:
        return False
    # "invoice.*" is what starts with "invoice.", as in the filters of the bulk actions.
    return event_type.startswith(pattern[:-1]) if pattern.endswith(".*") else event_type == pattern
