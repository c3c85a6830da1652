"""What a statement of somebody else's would do to a transaction or to its connection."""

from __future__ import annotations

import re

from knocker.errors import UsageError

# White space, to which SQLite counts a byte order mark, and comments, each in one way only: a text of many comments is looked at once.
_GAP = r"(?:\s|\uFEFF|--[^\n]*(?:\n|$)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)"
# `ROLLBACK TO` ends no transaction.
_ENDS = re.compile(rf"(?:;|{_GAP})*(?:commit|end|rollback(?!{_GAP}+(?:transaction{_GAP}+)?to\b))\b", re.IGNORECASE | re.DOTALL)
# The savepoint that the worker takes before each handler that shares its transaction with others.
SAVEPOINT = "knocker_attempt"
_SAVEPOINT = re.compile(
    rf"(?:;|{_GAP})*(?:savepoint|release|rollback)\b(?:{_GAP}|\b(?:transaction|to|savepoint)\b)*[\"'`\[]?{SAVEPOINT}\b",
    re.IGNORECASE | re.DOTALL,
)
_PRAGMA = re.compile(rf"(?:;|{_GAP})*pragma\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
# Those that take an argument in parentheses and only read.
_READS = re.compile(
    r"\b(?:table_x?info|table_list|index_list|index_x?info|foreign_key_(?:list|check)|(?:integrity|quick)_check)\s*\(",
    re.IGNORECASE,
)

# What begins a transaction itself, or needs none.
_NEEDS_NONE = re.compile(
    rf"(?:;|{_GAP})*(?:select|values|explain|pragma|begin|commit|end|rollback|attach|detach|vacuum|with)\b", re.IGNORECASE | re.DOTALL
)
_MAY_WRITE = re.compile(
    r"\b(?:insert|update|delete|replace)\b|\bknocker_(?!stats|next_due|version|verify|sign|judge|attest)\w+\s*\(", re.IGNORECASE
)

ENDS_TRANSACTION = "a handler must not end its transaction: leave COMMIT and ROLLBACK to the worker, and raise an exception to roll back"


def refuse_end(sql: object) -> None:
    """Raises UsageError for a statement that would end the transaction. Behind others of one text it is noticed only after it has run."""
    if not isinstance(sql, str):
        return
    if _ENDS.match(sql):
        raise UsageError(ENDS_TRANSACTION)
    if SAVEPOINT in sql.lower() and _SAVEPOINT.match(sql):
        raise UsageError(f"{SAVEPOINT} is the worker's savepoint: take one of another name")


def sets_pragma(sql: object) -> bool:
    """Whether the statement sets something that outlives its transaction."""
    pragma = _PRAGMA.match(sql) if isinstance(sql, str) else None
    return pragma is not None and any(sign in pragma["rest"] for sign in "=(") and not _READS.search(pragma["rest"])


def only_reads(sql: str) -> bool:
    """Whether the statement needs no transaction for what it writes. Of one that may write, as a word in it says, this is not so."""
    return _NEEDS_NONE.match(sql) is not None and not _MAY_WRITE.search(sql)
