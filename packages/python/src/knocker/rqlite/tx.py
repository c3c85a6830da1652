"""``tx`` of a handler on a cluster: writes, which are sent together with the verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from knocker.connection import Value
from knocker.errors import ClosedError, UsageError
from knocker.handler_sql import _GAP
from knocker.rqlite.cluster import Cluster, Statement, looks_like_a_blob
from knocker.transaction import OVER

_WRITES = re.compile(rf"(?:;|{_GAP})*(?:insert|replace|update|delete|with)\b", re.IGNORECASE | re.DOTALL)
_ONLY_WRITES = (
    "tx of a cluster takes INSERT, UPDATE, DELETE and REPLACE: they are sent with the verdict in one request, so that it reads nothing, "
    "not even what it has written itself. Read what is committed with hooks.database.rows()"
)


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
        if not isinstance(sql, str) or not _WRITES.match(sql):
            raise UsageError(_ONLY_WRITES)
        if not isinstance(parameters, (list, tuple)):
            raise UsageError("tx of a cluster takes its parameters as a list, for ? in the SQL")
        for value in parameters:
            _check(value)
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
        raise UsageError(f"tx has no {name}(): {_ONLY_WRITES}")


class Unread:
    """What a write gives back: nothing yet."""

    def __getattr__(self, name: str) -> NoReturn:
        raise UsageError(f"{name}: {_ONLY_WRITES}")

    def __iter__(self) -> NoReturn:
        raise UsageError(_ONLY_WRITES)


_UNREAD = Unread()


def _check(value: Value) -> None:
    if value is not None and not isinstance(value, (int, float, str, bytes)):
        raise UsageError(f"a parameter is a number, a text, bytes or None, not {type(value).__name__}")
    if looks_like_a_blob(value):
        raise UsageError("rqlite takes a text of the form x'00' for bytes: pass bytes, and CAST(? AS TEXT) in the SQL")
