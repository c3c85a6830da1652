"""Which statements of a handler a cluster can take: those that write, alone, and the same on each node."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knocker.connection import Value
from knocker.errors import UsageError
from knocker.handler_sql import _GAP, only_reads
from knocker.rqlite.cluster import looks_like_a_blob

ONLY_WRITES = (
    "tx of a cluster takes INSERT, UPDATE, DELETE and REPLACE: they are sent with the verdict in one request, so that it reads nothing, "
    "not even what it has written itself. Read what is committed with hooks.database.rows(), and make tables "
    "beforehand, with /db/execute of a node"
)

_WRITES = re.compile(rf"(?:;|{_GAP})*(?:insert|replace|update|delete|with)\b", re.IGNORECASE | re.DOTALL)
# What may hold a semicolon that ends nothing, and a name that is none.
_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]"
_OPAQUE = re.compile(rf"(?P<quoted>{_QUOTED})|{_GAP}", re.DOTALL)
_SEVERAL = re.compile(r";[\s;]*[^\s;]")
# rqlite puts a value in the place of some of them, and of others it does not.
_DIFFERS = re.compile(r"\b(?:random|randomblob)\s*\(|\bcurrent_(?:timestamp|time|date)\b", re.IGNORECASE)
_TIME = re.compile(r"\b(?:date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\((?P<empty>\s*\))?", re.IGNORECASE)
_NOW = re.compile(r"'\s*now\s*'", re.IGNORECASE)


def refuse_other_than_writes(sql: str, parameters: Sequence[Value]) -> None:
    """Raises UsageError for anything else, and for what cannot be bound."""
    if not isinstance(sql, str) or not _WRITES.match(sql) or only_reads(sql):
        raise UsageError(ONLY_WRITES)
    bare = _OPAQUE.sub(" ", sql)
    if _SEVERAL.search(bare):
        raise UsageError("tx of a cluster takes one statement at a time: call execute() for each")
    if _DIFFERS.search(bare) or _asks_for_the_time(sql, bare, parameters):
        raise UsageError(
            "each node would take a random number or a time of its own, and they would part: bind the value in the place of it"
        )
    for value in parameters:
        if value is not None and not isinstance(value, (int, float, str, bytes)):
            raise UsageError(f"a parameter is a number, a text, bytes or None, not {type(value).__name__}")
        if looks_like_a_blob(value):
            raise UsageError("rqlite takes a text of the form x'00' for bytes: pass bytes, and CAST(? AS TEXT) in the SQL")


def _asks_for_the_time(sql: str, bare: str, parameters: Sequence[Value]) -> bool:
    calls = list(_TIME.finditer(bare))
    is_now = _NOW.search(sql) is not None or any(isinstance(value, str) and value.strip().lower() == "now" for value in parameters)
    return any(is_now or call["empty"] for call in calls)
