"""Checkpoints, run and watched by the package: SQLite's automatic ones tell nobody that they fail.

Two things end the trust in what is written, until the whole log has been checkpointed: an ``io_error`` of a write, because a failed sync
marks pages as written that are not, so that later commits would be lost behind the hole; and a failing checkpoint.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from knocker.connection import Connection
from knocker.driver_errors import translate
from knocker.errors import IoError, KnockerError

logger = logging.getLogger("knocker.database")

LOG_PAGES = 1000
"""How long the write-ahead log grows before a checkpoint, in pages: what SQLite's automatic checkpoints take."""

# Each descriptor that was open reports an old error once.
_TRIES = 4
# After these, for as long as it goes on failing.
_PAUSE_S = 0.25
_PAGE_BYTES = 4096
# What one call writes, before the log has told.
_PAGES_A_CALL = 8
_LEAST_FACTOR, _MOST_FACTOR = 0.1, 10.0

# A reader that stays for longer is left alone, and the checkpoint comes later.
_PATIENCE_S = 0.05
# FULL, because one that ends where others read or write counts pages as moved without a sync, and does not move them again.
Mode = Literal["FULL", "TRUNCATE"]


class Checkpoints:
    """Of one database in one process, for all of its connections. Thread-safe."""

    def __init__(self, busy_timeout_s: float) -> None:
        """``busy_timeout_s`` is that of the connections."""
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._trouble: KnockerError | None = None
        self._next_try = 0.0
        self._written = 0.0
        self._factor = 1.0
        self._log_pages = 0

    @property
    def trouble(self) -> KnockerError | None:
        """Why nothing is to be acknowledged now, if so."""
        return self._trouble

    def doubt(self, error: KnockerError) -> bool:
        """To be called with the error of a failed write. Returns whether it is one that ends the trust in what was written before."""
        if error.code != "io_error":
            return False
        with self._lock:
            self._distrust(error)
            self._next_try = 0.0
        return True

    def require_sound(self, connection: Connection) -> None:
        """Returns where what is committed now can be trusted. Else a checkpoint is tried, and the error raised where it fails."""
        if self._trouble is None:
            return
        with self._lock:
            if self._trouble is None:
                return
            if time.monotonic() >= self._next_try and self._recover(connection):
                fields = {"record": "disk_recovered"}
                logger.warning("the write-ahead log is checkpointed: receipts are taken again", extra=fields)
                self._trouble = None
                return
            raise IoError(f"nothing is acknowledged until the write-ahead log is checkpointed: {self._trouble.message}")

    def committed(self, connection: Connection, calls: int, size: int = 0) -> None:
        """Notes a commit of so many calls with so many bytes, and runs the checkpoint that is due, if one is. The connection is in no
        transaction, and whoever waited for the commit has been answered."""
        if self.note(calls, size):
            self.run(connection)

    def note(self, calls: int, size: int = 0) -> bool:
        """Notes a commit of so many calls with so many bytes. Returns whether a checkpoint is due."""
        with self._lock:
            self._written += calls * _PAGES_A_CALL + size / _PAGE_BYTES
            return self._is_due

    @property
    def _is_due(self) -> bool:
        return self._written * self._factor >= LOG_PAGES and self._trouble is None

    def run(self, connection: Connection) -> None:
        """Runs the checkpoint that is due, unless another connection has."""
        with self._lock:
            if not self._is_due:
                return
            written, self._written = self._written, 0.0
        try:
            _, log, moved = self._checkpoint(connection, "FULL")
        except KnockerError as error:
            with self._lock:
                if error.code == "busy":
                    self._written += written
                else:
                    # Whatever it is: the log grows, or what was moved into the file is not safe there.
                    self._distrust(error)
            return
        with self._lock:
            self._learn(written, log, moved)

    def after_fork(self) -> None:
        """In a child, where nobody holds the lock."""
        self._lock = threading.Lock()

    def _learn(self, written: float, log: int, moved: int) -> None:
        """Adapts to what the log says that was really written, by other processes as well."""
        grown = log - self._log_pages if log > self._log_pages else log
        # A log that was moved completely begins anew.
        self._log_pages = 0 if moved == log else log
        if written > 0 and grown > 0:
            factor = (self._factor + grown / written) / 2
            self._factor = min(_MOST_FACTOR, max(_LEAST_FACTOR, factor))

    def _distrust(self, error: KnockerError) -> None:
        if self._trouble is None:
            text = "nothing is acknowledged until the write-ahead log is checkpointed: %s"
            logger.error(text, error.message, extra={"record": "disk_failed", "code": error.code, "error": error.message})
        self._trouble = error

    def _recover(self, connection: Connection) -> bool:
        for _ in range(_TRIES):
            try:
                busy, _, _ = self._checkpoint(connection, "TRUNCATE")
            except KnockerError as error:
                if error.code != "busy":
                    self._trouble = error
                continue
            if not busy:
                self._written, self._log_pages = 0.0, 0
                return True
            break
        self._next_try = time.monotonic() + _PAUSE_S
        return False

    def _checkpoint(self, connection: Connection, mode: Mode) -> tuple[int, int, int]:
        """Whether it was kept from finishing, the pages of the log, and how many of them are in the file now. Raises KnockerError."""
        with self._impatient(connection):
            try:
                if mode == "FULL":
                    # Where somebody else writes, one without the write lock would end before the log does.
                    connection.execute("BEGIN IMMEDIATE").fetchall()
                    connection.execute("ROLLBACK").fetchall()
                busy, log, moved = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()[0]
            except Exception as error:
                known = translate(error)
                if known is None:
                    raise
                raise known from None
        return int(busy), int(log), int(moved)

    @contextmanager
    def _impatient(self, connection: Connection) -> Iterator[None]:
        connection.execute(f"PRAGMA busy_timeout = {int(min(_PATIENCE_S, self._busy_timeout_s) * 1000)}").fetchall()
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout_s * 1000)}").fetchall()
