"""``tx``: the worker's own database connection, of the driver's class, guarded for the length of one attempt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any

from knocker.connection_state import Alterable, noting_methods
from knocker.errors import UsageError
from knocker.handler_sql import effect_of
from knocker.transaction import AttemptTransaction

if TYPE_CHECKING:
    import sqlite3

    class _Connection(sqlite3.Connection):
        # sqlite3 has it from Python 3.11 on, apsw always.
        def blobopen(self, *arguments: Any, **named: Any) -> Any: ...

    _Cursor = sqlite3.Cursor
else:
    _Connection = _Cursor = object

_SCRIPT = "executescript() commits first and would tear your writes from the event; use execute() for each statement"


class GuardedCursor(_Cursor):
    """A cursor that works while its attempt does."""

    _knocker_attempt: AttemptTransaction | None = None

    def execute(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own."""
        with self._knocker_statement(arguments, named):
            return super().execute(*arguments, **named)

    def executemany(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own."""
        with self._knocker_statement(arguments, named):
            return super().executemany(*arguments, **named)

    def executescript(self, *arguments: Any, **named: Any) -> Any:
        """Refused: the driver commits before a script."""
        raise UsageError(_SCRIPT)

    def _knocker_statement(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> AbstractContextManager[None]:
        """Around each statement of a handler."""
        attempt = self._knocker_attempt
        if attempt is None:
            # A cursor of the worker itself.
            return nullcontext()
        sql = arguments[0] if arguments else named.get("statements")
        effect = effect_of(sql)
        if effect is not None:
            attempt.note(effect)
        return attempt


class HandlerConnection(Alterable, _Connection):
    """What a handler's ``tx`` adds to the driver's connection class.

    The first use begins the transaction. The worker commits it together with the handled transition, so commit, rollback and close are
    not the handler's to call; ``with tx:`` is a savepoint, taken back when its block raises. After the attempt every use is refused.
    """

    _knocker_driver_class: type[Any]
    _knocker_cursor_class: type[Any] | None = None
    knocker_attempt: AttemptTransaction | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        # The driver's own way to end a transaction: its setter commits.
        commits = (name == "isolation_level" and value is None) or (name == "autocommit" and hasattr(self._knocker_driver_class, name))
        if commits and self.knocker_attempt is not None:
            raise UsageError(f"to set {name} commits: the worker commits tx together with the event when the handlers have returned")
        super().__setattr__(name, value)

    @property
    def knocker_unguarded(self) -> Unguarded:
        """The same connection for the worker's own statements."""
        return Unguarded(self, self._knocker_driver_class)

    def cursor(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        attempt = self.knocker_attempt
        if attempt is None:
            return super().cursor(*arguments, **named)
        attempt.use()
        wanted = arguments[0] if arguments else named.get("factory")
        cursor: Any
        if hasattr(self, "cursor_factory"):
            # apsw has an attribute for what is an argument elsewhere.
            if isinstance(self.cursor_factory, type):
                self.cursor_factory: Any = _guarded(self.cursor_factory)
            cursor = super().cursor()
        else:
            if self._knocker_cursor_class is None:
                type(self)._knocker_cursor_class = type(super().cursor())
            factory = wanted or self._knocker_cursor_class
            cursor = super().cursor(_guarded(factory) if isinstance(factory, type) else factory)
        if isinstance(cursor, GuardedCursor):
            cursor._knocker_attempt = attempt
            attempt.close_at_end(cursor)
        return cursor

    def execute(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        return self.cursor().execute(*arguments, **named)

    def executemany(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        return self.cursor().executemany(*arguments, **named)

    def blobopen(self, *arguments: Any, **named: Any) -> Any:
        """As the driver's own; begins the transaction."""
        with self.knocker_attempt or nullcontext():
            blob = super().blobopen(*arguments, **named)
            if self.knocker_attempt is not None:
                self.knocker_attempt.blobs.append(blob)
            return blob

    def executescript(self, *arguments: Any, **named: Any) -> Any:
        """Refused: the driver commits before a script."""
        raise UsageError(_SCRIPT)

    def commit(self) -> None:
        """Refused: the worker commits."""
        raise UsageError("the worker commits tx together with the event when the handlers have returned")

    def rollback(self) -> None:
        """Refused: raise to roll back."""
        raise UsageError("raise an exception to roll back: knocker.Retry, knocker.Ignore or knocker.Dead say how the event goes on")

    def close(self, *arguments: Any) -> None:
        """Refused: the connection is the worker's."""
        if self.knocker_attempt is None:
            return super().close(*arguments)
        raise UsageError("tx is the worker's own connection, which it needs for the result and for the next event; just return")

    def __enter__(self) -> Any:
        attempt = self._knocker_use()
        if attempt is None:
            return super().__enter__()
        attempt.depth += 1
        self.execute(f"SAVEPOINT knocker_handler_{attempt.depth}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        attempt = self.knocker_attempt
        if attempt is None:
            return super().__exit__(kind, error, trace)
        if kind is not None and (attempt.conflicted or attempt.was_ended):
            # There is nothing left to take back, and the block's own error says more.
            return False
        name = f"knocker_handler_{attempt.depth}"
        attempt.depth -= 1
        if kind is not None:
            self.execute(f"ROLLBACK TO {name}")
        self.execute(f"RELEASE {name}")
        return False

    async def __aenter__(self) -> Any:
        # Waits for the write lock without blocking the event loop.
        if self.knocker_attempt is not None:
            await self.knocker_attempt.ause()
        return self.__enter__()

    async def __aexit__(self, *arguments: Any) -> Any:
        return self.__exit__(*arguments)

    def _knocker_use(self) -> AttemptTransaction | None:
        # None before the first attempt, while the worker sets the connection up.
        if self.knocker_attempt is not None:
            self.knocker_attempt.use()
        return self.knocker_attempt


class Unguarded:
    """A handler connection as the driver made it."""

    def __init__(self, connection: Any, driver_class: type[Any]) -> None:
        self._connection = connection
        self._driver_class = driver_class

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        in_transaction: bool = self._connection.in_transaction
        return in_transaction

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Runs one statement."""
        return self._driver_class.cursor(self._connection).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Runs one statement for each set of parameters."""
        return self._driver_class.cursor(self._connection).executemany(sql, parameters)

    def cursor(self) -> Any:
        """A new cursor."""
        return self._driver_class.cursor(self._connection)

    def create_function(self, *arguments: Any, **named: Any) -> None:
        """One that stays on the connection and is none of a handler's settings."""
        self._driver_class.create_function(self._connection, *arguments, **named)

    def create_aggregate(self, *arguments: Any, **named: Any) -> None:
        """As :meth:`create_function`."""
        self._driver_class.create_aggregate(self._connection, *arguments, **named)

    def close(self) -> None:
        """Closes the connection."""
        self._driver_class.close(self._connection)


_GUARDED: dict[type[Any], type[Any]] = {}


def _guarded(cursor_class: type[Any]) -> type[Any]:
    """That class with the guards of a cursor, the same each time."""
    guarded = _GUARDED.get(cursor_class)
    if guarded is None:
        if issubclass(cursor_class, GuardedCursor):
            return cursor_class
        guarded = _GUARDED[cursor_class] = type("HandlerCursor", (GuardedCursor, cursor_class), {})
    return guarded


def handler_class(driver_class: type[Any]) -> type[Any]:
    """The driver's connection class with the guards of ``tx``."""
    members = {**noting_methods(driver_class), "_knocker_driver_class": driver_class}
    return type("HandlerConnection", (HandlerConnection, driver_class), members)
