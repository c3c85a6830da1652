"""What a handler can raise to say how its event goes on. The handler's own writes are rolled back in each case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_LONGEST_S = 2_592_000


def stored_text(value: object) -> str:
    """A text that the database takes, whatever the value and its ``__str__`` are. An exception is shown with the name of its class."""
    name = type(value).__name__
    try:
        text = str(value)
    except Exception:
        text = ""
    if isinstance(value, BaseException):
        text = f"{name}: {text}" if text else name
    # Of text that stood for undecodable bytes, such as a file's name, no database can store the halves.
    return (text or name).encode("utf-8", "backslashreplace").decode()


class Decision(Exception):  # noqa: N818 - it says how to go on, and is no error
    """Base of the decisions. ``reason`` is stored with the event: a text, or what has one, such as the exception that led to it."""

    default_reason = "the handler decided so"

    def __init__(self, reason: object = None) -> None:
        self.reason = self.default_reason if reason is None else reason if isinstance(reason, str) else stored_text(reason)
        super().__init__(self.reason)


class Retry(Decision):
    """The attempt failed; try again ``after`` that many seconds (at most thirty days), or after the endpoint's backoff."""

    default_reason = "the handler asked for another attempt"

    def __init__(self, after: float | timedelta | None = None, reason: object = None) -> None:
        super().__init__(reason)
        seconds = after.total_seconds() if isinstance(after, timedelta) else after
        if isinstance(seconds, bool) or not (seconds is None or isinstance(seconds, (int, float))):
            raise TypeError(f"after: {after!r} is no number of seconds and no timedelta")
        if seconds is not None and not 0 <= seconds <= _LONGEST_S:
            raise ValueError(f"after: {seconds} is not between 0 and {_LONGEST_S} seconds")
        self.after_s = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.after_s, self.reason)


class Ignore(Decision):
    """The event is of no interest: it becomes ``ignored`` with this reason."""

    default_reason = "the handler ignored it"


class Dead(Decision):
    """The event can never be handled: no further attempt, it becomes ``dead`` with this reason."""

    default_reason = "the handler gave up"
