"""A connection that a worker keeps for the queue: opened again where it has failed, or where the file has become another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from knocker.connection import Connection, call, rows
from knocker.database import Database
from knocker.driver_errors import translated
from knocker.errors import KnockerError
from knocker.leases import Leases


class WorkerConnection:
    """A connection, who may use it, and the queue seen through it. Thread-safe."""

    def __init__(self, database: Database, worker: str, is_rarely_used: bool = False) -> None:
        """One that is rarely used is opened when it is needed."""
        self._database = database
        self._lock = threading.Lock()
        self._generation = database.generation
        self._connection: Connection | None = None if is_rarely_used else database.connect()
        self.leases = Leases(
            worker,
            lambda function, *arguments: call(self._opened(), function, *arguments, database.now()),
            lambda sql, parameters: rows(self._opened(), sql, parameters),
        )
        """For those inside :meth:`use`."""

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """The connection, for one thread at a time."""
        with self._lock:
            self._database.refuse_replaced()
            if self._generation != self._database.generation:
                self._close()
            try:
                with translated():
                    yield self._opened()
            except KnockerError as error:
                self._failed(error)
                raise

    def try_lock(self) -> bool:
        """Keeps others from using it, until :meth:`unlock`; false where somebody does now."""
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        """Ends :meth:`try_lock`."""
        self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is done in the block is one commit. For those inside :meth:`use`."""
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE").fetchall()
        try:
            yield
            connection.execute("COMMIT").fetchall()
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK").fetchall()
            raise

    def committed(self, calls: int) -> None:
        """Notes what was committed, outside of a transaction. For those inside :meth:`use`."""
        self._database.checkpoints.committed(self._opened(), calls)

    def close(self) -> None:
        """Closes it."""
        with self._lock:
            self._close()

    def _opened(self) -> Connection:
        if self._connection is None:
            self._generation = self._database.generation
            self._connection = self._database.connect()
        return self._connection

    def _failed(self, error: KnockerError) -> None:
        self._database.doubt(error)
        if error.code not in ("busy", "closed"):
            # One that came up read-only, say, stays so.
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
