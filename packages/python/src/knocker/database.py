"""One SQLite file in one process: a writer with group commit, judges beside it, and connections for everything else."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any, Protocol

from knocker.change_news import ChangeNews
from knocker.connection import DriverName, Synchronous
from knocker.connections import CLOSED, Clock, Connections
from knocker.errors import ClosedError
from knocker.file_path import FilePath, file_name
from knocker.forks import prepare_for_forks
from knocker.judging import Judges
from knocker.pace import Paces
from knocker.replica import Replica
from knocker.replica import check as check_replicated
from knocker.use_gate import UseGate
from knocker.writer import Writer

# On top of the time that a call may wait for the write lock.
_FORK_MARGIN_S = 1.0


class Restful(Protocol):
    """What works on the file by itself and comes to rest for a fork."""

    def rest(self, patience_s: float) -> bool:
        """Comes to an end for now and closes its connections; returns whether it has."""

    def go_on(self) -> None:
        """Ends the rest."""


class Database(Connections):
    """The file's connections, and what works on them: it ends with :meth:`close`, and comes to rest for a fork."""

    opens_others = False

    def __init__(
        self,
        path: FilePath,
        *,
        synchronous: Synchronous = "full",
        busy_timeout_s: float = 5.0,
        driver: DriverName | None = None,
        extension: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
        replicated: FilePath | None = None,
        replicated_timeout_s: float = 5.0,
        follows: bool = True,
    ) -> None:
        self._replicated = check_replicated(replicated, replicated_timeout_s)
        self._replicated_timeout_s = replicated_timeout_s
        super().__init__(
            path, synchronous=synchronous, busy_timeout_s=busy_timeout_s, driver=driver, extension=extension, clock=clock, follows=follows
        )
        self.judges = Judges(self)
        self.paces = Paces(clock)
        self._kept: list[object] = []
        self._writer: Writer | None = None
        self._ended = False
        self._came_to_rest = True
        self.workers: weakref.WeakSet[Restful] = weakref.WeakSet()
        """Whatever works on the file by itself, with connections of its own."""
        prepare_for_forks(self)
        with self.connection():
            pass

    @property
    def writer(self) -> Writer:
        """The writer of this process, started at first use."""
        writer = self._writer
        if writer is None:
            with self._lock:
                if self._ended:
                    raise ClosedError(CLOSED)
                writer = self._writer = self._writer or Writer(self, self.replica())
        return writer

    def replica(self) -> Replica | None:
        """The replica that receipts wait for, where there is one; each writer asks for itself."""
        if self._replicated is None:
            return None
        return Replica(file_name(self.path), self._replicated, self._replicated_timeout_s)

    def like(self, path: FilePath, clock: Clock | None) -> Database:
        """Another file, opened as this one, but for the replica: nobody makes one of it."""
        return Database(
            path,
            synchronous=self.synchronous,
            busy_timeout_s=self.busy_timeout_s,
            driver=self.driver.name,
            extension=self._extension,
            clock=clock,
        )

    @property
    def is_writing(self) -> bool:
        """Whether calls wait for a commit."""
        return self._writer is not None and self._writer.is_awaited

    def open_again(self) -> None:
        """Undoes :meth:`close`."""
        with self._lock:
            if not self._closed:
                return
            self.judges = Judges(self)
            self._closed = self._ended = False
        with self.connection():
            pass

    def close(self) -> None:
        """Commits what is queued and closes the connections. Using it afterwards raises ClosedError, until it is opened again."""
        if self._pid != os.getpid():
            # A child that nobody told has nothing of its own: what is here is the parent's.
            _OF_PARENTS.append(self)
            return
        with self._lock:
            self._closed = True
        # What is judged still goes to the writer.
        self.judges.close()
        with self._lock:
            self._ended = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._close_idle()

    def before_fork(self) -> None:
        """Closes what is open, once nobody uses it. Connections that were given away cannot be: then nobody is kept waiting either."""
        deadline = time.monotonic() + self.busy_timeout_s + _FORK_MARGIN_S
        # First, because handlers may need everything else to come to their end.
        for worker in list(self.workers):
            worker.rest(max(0.0, deadline - time.monotonic()))
        self._kept = [connection for connection in list(self._given) if _is_open(connection)]
        patience_s = 0.0 if self._kept or self._closed else self.busy_timeout_s + _FORK_MARGIN_S
        # In this order, because a judge may have to open a connection, for which it passes the gate.
        self._came_to_rest = self.judges.rest(patience_s) and self.gate.close(patience_s) and not self._kept
        if self._came_to_rest:
            self._close_idle()
            if self._writer is not None:
                self._writer.disconnect()

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        self._kept = []
        self.judges.go_on()
        self.gate.open()
        for worker in list(self.workers):
            worker.go_on()

    def after_fork_in_child(self) -> None:
        """Begins again without the parent's threads, and refuses where a connection is the parent's: it is kept alive and not closed,
        because closing the child's copy would touch files that the parent works on."""
        if not self._came_to_rest:
            _OF_PARENTS.append((self._kept, self._idle, self._writer, self.judges))
            what = "a handler, or a connection from hooks.database.connect()," if self._kept else "a call that did not end in time"
            self._forked = self._forked or f"{what} was using {self.path} when this process was forked"
        self._kept = []
        self._pid = os.getpid()
        self.gate = UseGate()
        self._lock = threading.Lock()
        self._opening = threading.RLock()
        self._is_opening = False
        self._idle = []
        self._given = weakref.WeakSet()
        self.workers = weakref.WeakSet()
        self._writer = None
        self.changed = ChangeNews()
        self.judges = Judges(self)
        self.checkpoints.after_fork()


_OF_PARENTS: list[object] = []


def _is_open(connection: Any) -> bool:
    # A closed one refuses every question.
    try:
        return connection.in_transaction in (True, False)
    except Exception:
        return False
