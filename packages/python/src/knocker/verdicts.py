"""What a handler can raise to say how its event goes on. The handler's own writes are rolled back in each case."""

from __future__ import annotations

from datetime import timedelta


class HandlerVerdict(Exception):  # noqa: N818 - a verdict is a decision, not an error
    """Base of the verdicts."""


class Retry(HandlerVerdict):
    """The attempt failed; try again ``after`` that many seconds, or after the endpoint's backoff."""

    def __init__(self, after: float | timedelta | None = None, reason: str = "the handler asked for a retry") -> None:
        super().__init__(reason)
        self.after_s = after.total_seconds() if isinstance(after, timedelta) else after
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
