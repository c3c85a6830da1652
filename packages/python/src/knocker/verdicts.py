"""What a handler can raise to say how its event goes on. The handler's own writes are rolled back in each case."""

from __future__ import annotations

from datetime import timedelta

_LONGEST_S = 31_536_000


class HandlerVerdict(Exception):  # noqa: N818 - a verdict is a decision, not an error
    """Base of the verdicts."""


class Retry(HandlerVerdict):
    """The attempt failed; try again ``after`` that many seconds (at most a year), or after the endpoint's backoff."""

    def __init__(self, after: float | timedelta | None = None, reason: str = "the handler asked for a retry") -> None:
        super().__init__(reason)
        self.after_s = after.total_seconds() if isinstance(after, timedelta) else after
        if self.after_s is not None and not 0 <= self.after_s <= _LONGEST_S:
            raise ValueError(f"after: {self.after_s} is not between 0 and {_LONGEST_S} seconds")
        self.reason = reason


class Ignore(HandlerVerdict):
    """The event is of no interest: it becomes ``ignored`` with this reason."""

    def __init__(self, reason: str = "the handler ignored it") -> None:
        super().__init__(reason)
        self.reason = reason


class Dead(HandlerVerdict):
    """The event can never be handled: no further attempt, it becomes ``dead`` with this reason."""

    def __init__(self, reason: str = "the handler gave up") -> None:
        super().__init__(reason)
        self.reason = reason
