"""One SQLite file in one process: its settings, a writer with group commit, and connections for everything else."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knocker.arguments import positive
from knocker.connection import (
    Connection,
    Driver,
    DriverName,
    Synchronous,
    Value,
    call,
    find_driver,
    open_connection,
    rows,
)
from knocker.errors import ClosedError, translated
from knocker.file_path import FilePath, absolute
from knocker.signals import ChangeSignal
from knocker.writer import Writer

Clock = Callable[[], int]
"""Returns the time in Unix milliseconds."""

_KEPT_CONNECTIONS = 8


class Database:
    """Thread-safe access to one file. Connections are opened when they are first needed, in the process that needs them."""

    def __init__(
        self,
        path: FilePath,
        *,
        synchronous: Synchronous = "full",
        busy_timeout_s: float = 5.0,
        driver: DriverName | None = None,
        extension: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if busy_timeout_s != 0:
            # 0 does not wait at all.
            positive("busy_timeout_s", busy_timeout_s)
        # Connections are opened later as well, wherever the process has gone by then.
        self.path = absolute(path)
        self.driver: Driver = find_driver(driver)
        self.synchronous: Synchronous = synchronous
        self.clock = clock
        self.changed = ChangeSignal()
        self._busy_timeout_s = busy_timeout_s
        self._extension = extension
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._writer: Writer | None = None
        self._closed = False
        _OPEN.add(self)
        with self.connection() as connection, translated():
            call(connection, "knocker_bootstrap", self.now())

    def now(self) -> int | None:
        """The injected clock's time, or None for the system clock."""
        return self.clock() if self.clock is not None else None

    def current_ms(self) -> int:
        """The time in Unix milliseconds, by the injected clock where there is one."""
        return self.clock() if self.clock is not None else time.time_ns() // 1_000_000

    def connect(self, *, synchronous: Synchronous | None = None, connection_class: type[Any] | None = None) -> Connection:
        """A new connection with this file's settings; the caller closes it."""
        return open_connection(
            self.path,
            synchronous=synchronous or self.synchronous,
            busy_timeout_s=self._busy_timeout_s,
            driver=self.driver,
            connection_class=connection_class,
            extension=self._extension,
        )

    @property
    def writer(self) -> Writer:
        """The writer of this process, started at first use."""
        writer = self._writer
        if writer is None:
            with self._lock:
                self.refuse_closed()
                writer = self._writer = self._writer or Writer(self.connect, self.changed.notify, self._busy_timeout_s)
        return writer

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the length of the block, kept for the next one."""
        with self._lock:
            self.refuse_closed()
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self.connect()
        try:
            yield connection
        finally:
            with self._lock:
                # One that an error left inside a transaction is nobody else's.
                keep = not self._closed and len(self._idle) < _KEPT_CONNECTIONS and not connection.in_transaction
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def call(self, function: str, *arguments: Value) -> Any:
        """Runs one SQL function in a transaction of its own, with the clock as its last argument."""
        with self.connection() as connection, translated():
            return call(connection, function, *arguments, self.now())

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        with self.connection() as connection, translated():
            return rows(connection, sql, parameters)

    def wal_path(self) -> Path:
        """The write-ahead log that SQLite keeps beside the file."""
        name = self.rows("SELECT file FROM pragma_database_list WHERE name = 'main'")[0][0]
        return Path(f"{name}-wal")

    def close(self) -> None:
        """Commits what is queued and closes the connections. Using it afterwards raises ClosedError."""
        with self._lock:
            self._closed = True
            writer, self._writer = self._writer, None
            idle, self._idle = self._idle, []
        if writer is not None:
            writer.close()
        for connection in idle:
            connection.close()

    def refuse_closed(self) -> None:
        """Raises ClosedError after :meth:`close`."""
        if self._closed:
            raise ClosedError("these hooks are closed")

    def _forget_parent(self) -> None:
        """In a forked child: the parent's connections and thread are not ours. They are kept alive, not closed, because closing the
        child's copies would touch files that the parent works on."""
        _PARENTS.append((self._idle, self._writer))
        self._lock = threading.Lock()
        self._idle = []
        self._writer = None
        self.changed = ChangeSignal()


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_PARENTS: list[object] = []


def _after_fork_in_child() -> None:
    for database in list(_OPEN):
        database._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
