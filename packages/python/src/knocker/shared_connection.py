"""A handler's ``tx`` as other libraries take a driver's connection: they write through it, and end neither its transaction nor itself."""

from __future__ import annotations

from typing import Any

from knocker.errors import ClosedError, UsageError
from knocker.handler_connection import HandlerConnection
from knocker.transaction import OVER, AttemptTransaction


def attempt_of(tx: Any, function: str) -> AttemptTransaction:
    """The attempt that ``tx`` is of. Raises UsageError where it is no handler's."""
    attempt = tx.knocker_attempt if isinstance(tx, HandlerConnection) else None
    if attempt is None:
        raise UsageError(f"{function}() takes the tx of a handler, not {tx!r}")
    return attempt


class SharedConnection:
    """The connection of one attempt. What is not here is the driver's own."""

    def __init__(self, tx: Any, attempt: AttemptTransaction) -> None:
        self._tx = tx
        self._attempt = attempt

    def cursor(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        if self._tx.knocker_attempt is not self._attempt:
            raise ClosedError(OVER)
        return self._tx.cursor(*arguments, **named)

    def create_function(self, *arguments: Any, **named: Any) -> None:
        """A function that the library's own SQL calls: it stays on the connection, and is none of the handler's settings."""
        self._tx.knocker_unguarded.create_function(*arguments, **named)

    def commit(self) -> None:
        """The worker commits."""

    def rollback(self) -> None:
        """The worker rolls back, where the handler raises."""

    def close(self) -> None:
        """The worker closes it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)
