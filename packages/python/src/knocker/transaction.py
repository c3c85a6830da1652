"""``tx``: the worker's own database connection, whose transaction begins when a handler first uses it.

A handler that calls an API for ten seconds and then writes holds the write lock only for the write, so receipts never wait for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from knocker.errors import UsageError

if TYPE_CHECKING:
    import sqlite3

    class _Base(sqlite3.Connection):
        # sqlite3 has it from Python 3.11 on, apsw always.
        def blobopen(self, *arguments: Any, **named: Any) -> Any: ...

else:
    _Base = object


class LoopBusyError(BaseException):
    """Another handler of this event loop awaits inside its transaction. Not an Exception, so that no handler takes it for its own: the
    worker catches it, waits, and runs the handlers again."""


class LoopGate:
    """One transaction at a time among the handlers of one event loop.

    Waiting for the write lock blocks the loop; if the one who holds it awaits on that same loop, neither would ever go on.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._holder: object = None

    def enter(self, who: object, wait: bool = False) -> None:
        """Takes the gate; without ``wait`` raises :class:`LoopBusyError` where another one has it."""
        with self._condition:
            if wait:
                self._condition.wait_for(lambda: self._holder in (None, who))
            if self._holder not in (None, who):
                raise LoopBusyError
            self._holder = who

    def leave(self, who: object) -> None:
        """Gives it back, if ``who`` has it."""
        with self._condition:
            if self._holder is who:
                self._holder = None
                self._condition.notify_all()

    def wait_until_free(self) -> None:
        """Returns when nobody has it."""
        with self._condition:
            self._condition.wait_for(lambda: self._holder is None)


class LazyTransaction(_Base):
    """What a handler's ``tx`` adds to the driver's connection class.

    While a handler runs, the first use begins the transaction. The worker commits it together with the handled transition, so commit and
    rollback are not the handler's to call; ``with tx:`` is a savepoint, taken back when its block raises.
    """

    _knocker_lazy = False
    _knocker_gate: LoopGate | None = None
    _knocker_depth = 0

    def execute(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        self._knocker_begin()
        return super().execute(*arguments, **named)

    def executemany(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        self._knocker_begin()
        return super().executemany(*arguments, **named)

    def cursor(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        self._knocker_begin()
        return super().cursor(*arguments, **named)

    def blobopen(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        self._knocker_begin()
        return super().blobopen(*arguments, **named)

    def executescript(self, *arguments: Any, **named: Any) -> Any:
        """Refused: the driver commits before a script."""
        raise UsageError("executescript() commits first and would tear your writes from the event; use execute() for each statement")

    def commit(self) -> None:
        """Refused: the worker commits."""
        raise UsageError("the worker commits tx together with the event when the handlers have returned")

    def rollback(self) -> None:
        """Refused: raise to roll back."""
        raise UsageError("raise an exception to roll back: knocker.Retry, knocker.Ignore or knocker.Dead say how the event goes on")

    def __enter__(self) -> Any:
        self._knocker_begin()
        self._knocker_depth += 1
        super().execute(f"SAVEPOINT knocker_handler_{self._knocker_depth}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        name = f"knocker_handler_{self._knocker_depth}"
        self._knocker_depth -= 1
        if kind is not None:
            super().execute(f"ROLLBACK TO {name}")
        super().execute(f"RELEASE {name}")
        return False

    async def __aenter__(self) -> Any:
        # Waits for the write lock without blocking the event loop.
        await asyncio.get_running_loop().run_in_executor(None, self._knocker_begin, True)
        return self.__enter__()

    async def __aexit__(self, *arguments: Any) -> Any:
        return self.__exit__(*arguments)

    def _knocker_begin(self, wait: bool = False) -> None:
        if not self._knocker_lazy:
            return
        if self._knocker_gate is not None:
            self._knocker_gate.enter(self, wait)
        # First of all, because the driver's execute() asks cursor() for one.
        self._knocker_lazy = False
        try:
            super().execute("BEGIN IMMEDIATE")
        except BaseException:
            self._knocker_lazy = True
            if self._knocker_gate is not None:
                self._knocker_gate.leave(self)
            raise


def lazy_class(connection_class: type[Any]) -> type[Any]:
    """The driver's connection class with a lazy transaction."""
    return type("HandlerConnection", (LazyTransaction, connection_class), {})


class HandlerTransaction:
    """The worker's side of ``tx``: armed for a job's handlers, then committed with the verdict, or rolled back."""

    def __init__(self, connection: Any, gate: LoopGate | None) -> None:
        self.tx = connection
        self._gate = gate

    def arm(self, on_loop: bool) -> None:
        """The next use begins a transaction."""
        self.tx._knocker_gate = self._gate if on_loop else None
        self.tx._knocker_depth = 0
        self.tx._knocker_lazy = True

    def was_ended(self) -> bool:
        """Whether the handlers began a transaction and ended it themselves, with a COMMIT or ROLLBACK of their own."""
        return not self.tx._knocker_lazy and not self.tx.in_transaction

    def finish(self, verdict: Callable[[], Any]) -> Any:
        """Runs the verdict in the handlers' transaction, or in a new one where they began none, and commits. Returns what it returns."""
        self.tx._knocker_lazy = False
        try:
            if not self.tx.in_transaction:
                self.tx.execute("BEGIN IMMEDIATE")
            result = verdict()
            self.tx.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise
        self._leave()
        return result

    def roll_back(self) -> None:
        """Takes back what the handlers wrote. SQLite has done so itself after a full or failing disk."""
        self.tx._knocker_lazy = False
        try:
            if self.tx.in_transaction:
                self.tx.execute("ROLLBACK")
        finally:
            self._leave()

    def _leave(self) -> None:
        if self.tx._knocker_gate is not None:
            self.tx._knocker_gate.leave(self.tx)
