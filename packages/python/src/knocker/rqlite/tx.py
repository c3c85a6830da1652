"""``tx`` of a handler on a cluster: writes, which are sent together with the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from knocker.connection import Value
from knocker.errors import ClosedError, UsageError
from knocker.rqlite.cluster import Cluster, Statement
from knocker.rqlite.statements import ONLY_WRITES, refuse_other_than_writes
from knocker.transaction import OVER


class ClusterTransaction:
    """What one attempt writes."""

    def __init__(self, cluster: Cluster, checked: set[str]) -> None:
        """``checked`` is the SQL that the cluster is known to understand."""
        self.statements: list[Statement] = []
        self._cluster = cluster
        self._checked = checked
        self._is_over = False

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> Unread:
        """A write, with what is bound to its question marks. It is done once the handlers have returned."""
        if self._is_over:
            raise ClosedError(OVER)
        if not isinstance(parameters, (list, tuple)):
            raise UsageError("tx of a cluster takes its parameters as a list, for ? in the SQL")
        refuse_other_than_writes(sql, parameters)
        statement = Statement(sql, list(parameters))
        self._understand(statement)
        self.statements.append(statement)
        return _UNREAD

    def executemany(self, sql: str, parameters: Iterable[Sequence[Value]]) -> Unread:
        """The write for each set of parameters."""
        for one in parameters:
            self.execute(sql, one)
        return _UNREAD

    def end(self) -> None:
        """Nothing is taken from here on."""
        self._is_over = True

    def _understand(self, statement: Statement) -> None:
        """rqlite commits what stands beside a statement that it does not understand, so that it is asked before."""
        if statement.sql not in self._checked:
            self._cluster.read([Statement(f"EXPLAIN {statement.sql}", statement.parameters)])
            self._checked.add(statement.sql)

    def __getattr__(self, name: str) -> NoReturn:
        raise UsageError(f"tx has no {name}(): {ONLY_WRITES}")


class Unread:
    """What a write gives back: nothing yet."""

    def __getattr__(self, name: str) -> NoReturn:
        raise UsageError(f"{name}: {ONLY_WRITES}")

    def __iter__(self) -> NoReturn:
        raise UsageError(ONLY_WRITES)


_UNREAD = Unread()
