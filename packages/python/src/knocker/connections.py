"""Connections to the SQLite file at one path, whichever file that is now: opened alike, kept for the next use, given up with their file."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from knocker.arguments import positive
from knocker.change_news import ChangeNews
from knocker.checkpoints import Checkpoints
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
from knocker.driver_errors import translate, translated
from knocker.errors import ClosedError, FileReplacedError, ForkedError, KnockerError, ReadOnlyError
from knocker.file_identity import OpenFile
from knocker.file_path import FilePath, absolute, existing, file_name
from knocker.own_lock import refuse_waiting
from knocker.use_gate import UseGate

logger = logging.getLogger("knocker.database")

Clock = Callable[[], int]
"""Returns the time in Unix milliseconds."""

CLOSED = "these hooks are closed; `with hooks:`, or a worker that is started, opens them again"

_KEPT_CONNECTIONS = 8
# They wait for nobody.
_READING = frozenset({"knocker_stats", "knocker_metrics", "knocker_next_due"})


class Connections:
    """Thread-safe access to one file. Connections are opened when they are first needed, in the process that needs them."""

    def __init__(
        self,
        path: FilePath,
        *,
        synchronous: Synchronous,
        busy_timeout_s: float,
        driver: DriverName | None,
        extension: str | os.PathLike[str] | None,
        clock: Clock | None,
        follows: bool = True,
    ) -> None:
        """``follows`` is whether a file is made where there is none, and whether one that is put in its place is opened in turn."""
        if busy_timeout_s != 0:
            # 0 does not wait at all.
            positive("busy_timeout_s", busy_timeout_s)
        # Connections are opened later as well, wherever the process has gone by then.
        self.path = absolute(path)
        self.driver: Driver = find_driver(driver)
        self.synchronous: Synchronous = synchronous
        self.clock = clock
        self.changed = ChangeNews()
        self.checkpoints = Checkpoints(busy_timeout_s)
        self.gate = UseGate()
        """Whoever uses a connection of this database is inside."""
        self.generation = 0
        """Counts the files that the path has led to: a connection is of one of them."""
        self.declare_again: list[Callable[[], None]] = []
        """What is to be called when another file has been opened."""
        self.busy_timeout_s = busy_timeout_s
        self._extension = extension
        self._follows = follows
        # One that can be referred to weakly, as the driver's own cannot.
        self._connection_class = type("Connection", (self.driver.connection_class,), {})
        self._file = OpenFile(file_name(self.path))
        self._lock = threading.Lock()
        self._opening = threading.RLock()
        self._is_opening = False
        self._idle: list[Connection] = []
        self._given: weakref.WeakSet[Any] = weakref.WeakSet()
        self._closed = False
        self._forked: str | None = None
        self._pid = os.getpid()

    def now(self) -> int | None:
        """The injected clock's time, or None for the system clock."""
        return self.clock() if self.clock is not None else None

    def current_ms(self) -> int:
        """The time in Unix milliseconds, by the injected clock where there is one."""
        return self.clock() if self.clock is not None else time.time_ns() // 1_000_000

    def connect(self, *, connection_class: type[Any] | None = None) -> Connection:
        """A new connection with this file's settings; the caller closes it. Until then the process cannot fork and go on in the child."""
        self._refuse_forked()
        with self.gate:
            self.refuse_closed()
            connection = self.open(connection_class=connection_class)
        self._given.add(connection)
        return connection

    def open(self, *, connection_class: type[Any] | None = None) -> Connection:
        """As :meth:`connect`, for those inside the gate, who close it where a fork asks for it."""
        if not self._file.is_known:
            self._open_file()
        return self._open(connection_class or self._connection_class)

    def _open(self, connection_class: type[Any]) -> Connection:
        generation = self.generation
        # A file is made only where there has been none: one that is gone may be on its way back.
        is_first = generation == 0 and not self._file.is_known
        try:
            connection = open_connection(
                self.path if is_first and self._follows else existing(self.path),
                synchronous=self.synchronous,
                busy_timeout_s=self.busy_timeout_s,
                driver=self.driver,
                connection_class=connection_class,
                extension=self._extension,
            )
        except KnockerError:
            self.refuse_former(generation)
            if not is_first and not self._file.is_there:
                raise FileReplacedError(f"{self.path} was removed or replaced while it was open, and there is none now") from None
            raise
        if self._file.is_known:
            self._file.note_log()
        return connection

    def _open_file(self) -> None:
        """Opens the file that is at the path, prepares it, and says so to whoever has declared something in the one before."""
        with self._opening:
            if self._file.is_known or self._is_opening:
                return
            if self.generation and not self._follows:
                raise FileReplacedError(f"{self.path} was removed or replaced while it was open")
            self._is_opening = True
            try:
                self._make_way()
                there = self._file.identity()
                connection = self._open(self._connection_class)
                try:
                    opened = self._file.identity()
                    if opened is None or there not in (None, opened):
                        raise FileReplacedError(f"{self.path} changed while it was opened")
                    with translated():
                        call(connection, "knocker_bootstrap", self.now())
                    # Others wait until everything is declared, so that no request finds its endpoint missing.
                    for declare in self.declare_again:
                        declare()
                except BaseException:
                    connection.close()
                    raise
                self._file.note(opened)
                with self._lock:
                    self._idle.append(connection)
                if self.generation:
                    logger.warning("%s is another file now, and open", self.path, extra={"record": "file_opened", "path": self.path})
            except BaseException:
                self._close_idle()
                raise
            finally:
                self._is_opening = False

    def make_way(self, *, at_once: bool = False) -> None:
        """To be called before somebody else opens what is at the path now, where that may be another file than was open here: the former
        one's log would be taken for its own. Raises FileReplacedError where it cannot be opened yet; ``at_once`` is for a new file."""
        with suppress(FileReplacedError):
            self.refuse_replaced()
        with self._opening:
            self._make_way(at_once=at_once)

    def _make_way(self, *, at_once: bool = False) -> None:
        why_not = None if at_once else self._file.why_not_yet()
        if why_not is not None:
            raise FileReplacedError(f"{self.path} was removed or replaced while it was open, and {why_not}")
        aside = self._file.set_leftovers_aside()
        if aside is not None:
            logger.warning("the log of the replaced file is kept as %s", aside, extra={"record": "log_kept", "path": str(aside)})

    @property
    def is_closed(self) -> bool:
        """Whether it is to be opened again before it is used."""
        return self._closed

    @property
    def was_replaced(self) -> bool:
        """Whether the path leads to another file than it did at first, or to none."""
        return self.generation > 0 or not self._file.is_same

    def refuse_replaced(self) -> None:
        """Raises FileReplacedError where the path leads to another file, or to none: what is written to the open one would be lost. The
        next use opens what is there then."""
        if self._file.is_same:
            return
        with self._lock:
            news = not self._file.is_same
            if news:
                what = "replaced by another file" if self._file.is_there else "removed"
                self._file.forget()
                self.generation += 1
                idle, self._idle = self._idle, []
        if not news:
            return
        for connection in idle:
            connection.close()
        problem = FileReplacedError(f"{self.path} was {what} while it was open")
        logger.error("%s", problem, extra={"record": "file_replaced", "code": problem.code, "error": problem.message})
        self.changed.notify()
        raise problem

    def refuse_former(self, generation: int) -> None:
        """As :meth:`refuse_replaced`, also for connections of a file that somebody else has found replaced."""
        self.refuse_replaced()
        if generation != self.generation:
            raise FileReplacedError(f"{self.path} was removed or replaced while it was open")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the length of the block, kept for the next one."""
        # First: a lock of the parent's threads stays held in a child that nobody told.
        self._refuse_forked()
        with self.gate:
            self.refuse_replaced()
            with self._lock:
                self.refuse_closed()
                generation = self.generation
                connection = self._idle.pop() if self._idle else None
            if connection is None and not self._file.is_known:
                self._open_file()
                with self._lock:
                    connection = self._idle.pop() if self._idle and generation == self.generation else None
            if connection is None:
                connection = self.open()
            keep = False
            try:
                yield connection
                keep = True
            except Exception as error:
                # One that came up read-only stays so, whatever becomes of the file.
                known = error if isinstance(error, KnockerError) else translate(error)
                keep = known is None or known.code != "read_only"
                raise
            finally:
                with self._lock:
                    # One that an error left inside a transaction is nobody else's.
                    keep = (
                        keep
                        and not self._closed
                        and generation == self.generation
                        and len(self._idle) < _KEPT_CONNECTIONS
                        and not connection.in_transaction
                    )
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def call(self, function: str, *arguments: Value) -> Any:
        """Runs one SQL function in a transaction of its own, with the clock as its last argument."""
        if function not in _READING:
            refuse_waiting(self.path, function)
        try:
            return self._call(function, arguments)
        except ReadOnlyError:
            # Perhaps only the connection is: it came up so, and the file has been put right since. The others may be like it.
            self._close_idle()
            return self._call(function, arguments)

    def _call(self, function: str, arguments: Sequence[Value]) -> Any:
        with self.connection() as connection:
            try:
                with translated():
                    result = call(connection, function, *arguments, self.now())
            except KnockerError as error:
                self.doubt(error)
                raise
            self.checkpoints.committed(connection, 1)
            return result

    def doubt(self, error: KnockerError) -> None:
        """To be called with the error of a failed write."""
        if self.checkpoints.doubt(error):
            # A new descriptor does not report the old error again.
            self._close_idle()

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        with self.connection() as connection, translated():
            return rows(connection, sql, parameters)

    def select(self, columns: Sequence[str], of: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query of those columns of a view."""
        return self.rows(f"SELECT {', '.join(columns)} {of}", parameters)

    def wal_path(self) -> Path:
        """The write-ahead log that SQLite keeps beside the file."""
        return Path(self._file.log_path)

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def refuse_closed(self) -> None:
        """Raises ClosedError after :meth:`close`, and ForkedError in a child that cannot use what it inherited."""
        if self._closed:
            raise ClosedError(CLOSED)
        self._refuse_forked()

    def _refuse_forked(self) -> None:
        if self._forked is not None:
            raise ForkedError(self._forked)
        if self._pid != os.getpid():
            # Nobody was told before it, so that the parent's connections are here too.
            raise ForkedError(
                f"this process came out of one that had {self.path} open, by a fork that Python did not hear of: open the file in the "
                "child, or let uWSGI do so by lazy-apps, or tell of its forks by py-call-uwsgi-fork-hooks"
            )
