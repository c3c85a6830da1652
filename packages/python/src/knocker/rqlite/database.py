"""A cluster as the hooks see it: what :class:`~knocker.database.Database` is of a file."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from knocker.arguments import positive
from knocker.change_news import ChangeNews
from knocker.connection import DriverName, Value, find_driver
from knocker.connections import CLOSED, Clock
from knocker.errors import ClosedError, ForkedError, UsageError
from knocker.judging import Judges
from knocker.rqlite.bodies import bytes_as_hex, bytes_of_hex
from knocker.rqlite.cluster import Cluster, Reply, Statement, function
from knocker.rqlite.mirror import Mirror
from knocker.rqlite.url import ClusterUrl
from knocker.rqlite.writer import ClusterWriter

# What a secret is given to stays in this process.
_LOCAL = frozenset({"knocker_verify", "knocker_sign", "knocker_judge", "knocker_attest"})
_READING = frozenset({"knocker_stats", "knocker_metrics", "knocker_next_due"})
_SECRET = frozenset({"knocker_receive"})


class ClusterDatabase:
    """Thread-safe. Each call is one transaction, with the time of this machine as ``now``: the nodes would each take their own."""

    def __init__(
        self,
        url: ClusterUrl,
        *,
        patience_s: float,
        driver: DriverName | None,
        extension: str | os.PathLike[str] | None,
        clock: Clock | None,
    ) -> None:
        positive("busy_timeout_s", patience_s)
        self.path = str(url)
        self.clock = clock
        self.changed = ChangeNews()
        self.generation = 0
        self.declare_again: list[Callable[[], None]] = []
        self.workers: weakref.WeakSet[Any] = weakref.WeakSet()
        self.cluster = Cluster(url, patience_s)
        self.mirror = Mirror(self.cluster, find_driver(driver), extension, self.now, self.refuse_closed)
        self._pid = os.getpid()
        self._closed = False
        self._start()
        self.call("knocker_bootstrap")
        self.mirror.refresh()

    def _start(self) -> None:
        self.judges = Judges(self.mirror)
        self.writer = ClusterWriter(self.cluster, self.mirror.refresh, self.changed.notify)

    def now(self) -> int:
        """The time in Unix milliseconds, by the injected clock where there is one."""
        return self.clock() if self.clock is not None else time.time_ns() // 1_000_000

    current_ms = now

    def call(self, name: str, *arguments: Value) -> Any:
        """Runs one SQL function in a transaction of its own, with the time as its last argument."""
        if name in _SECRET:
            raise UsageError(f"{name} would leave the secrets in the cluster's log: receive with an endpoint")
        self.refuse_closed()
        if name in _LOCAL:
            return self.mirror.call(name, *arguments, self.now())
        statement = function(name, [*arguments, self.now()])
        if name in _READING:
            [[(result,)]] = self.cluster.read([statement])
            return result
        [[(result,)]] = self.write([statement]).rows()
        if name == "knocker_endpoint":
            self.mirror.refresh()
        return result

    def write(self, statements: Sequence[Statement], patience_s: float | None = None) -> Reply:
        """Runs statements in one transaction."""
        self.refuse_closed()
        return self.cluster.write(statements, patience_s)

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query. Bytes that stand in no column of a table that is declared as BLOB come as text: ask for their hex()."""
        self.refuse_closed()
        [rows] = self.cluster.read([Statement(sql, parameters)])
        return rows

    def select(self, columns: Sequence[str], of: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query of those columns of a view."""
        rows = self.rows(f"SELECT {', '.join(bytes_as_hex(columns))} {of}", parameters)
        return [bytes_of_hex(columns, row) for row in rows]

    def connect(self, **_: Any) -> Any:
        """Refused: there is no file."""
        raise UsageError(f"{self.path} has no connection of SQLite: write with tx in a handler, read with hooks.database.rows()")

    def like(self, *_: Any) -> Any:
        """Refused: tests of handlers open a file."""
        raise UsageError("on_file moves hooks of a file: open a file in the tests of your handlers")

    def open_again(self) -> None:
        """Undoes :meth:`close`."""
        if self._closed:
            self._closed = False
            self._start()

    def close(self) -> None:
        """Stores what is queued and closes the connections."""
        if self._closed or self._pid != os.getpid():
            # A child has nothing of its own: what is here is the parent's.
            return
        self.judges.close()
        self.writer.close()
        self._closed = True
        self.mirror.close()
        self.cluster.close()

    def refuse_closed(self) -> None:
        """Raises ClosedError after :meth:`close`, and ForkedError in a child, which has none of the threads."""
        if self._closed:
            raise ClosedError(CLOSED)
        if self._pid != os.getpid():
            raise ForkedError(f"this process came out of one that had {self.path} open: open it in the child")
