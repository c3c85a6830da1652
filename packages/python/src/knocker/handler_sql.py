"""What a statement of somebody else's would do to a transaction or to its connection."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

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
    r"\b(?:insert|update|delete|replace)\b|\bknocker_(?!stats|next_due|first_event|last_event|version|verify|sign|judge|attest)\w+\s*\(",
    re.IGNORECASE,
)

_ATTACHES = re.compile(r"\b(?:attach|temp|temporary)\b", re.IGNORECASE)
_LONGEST_KEPT = 4096

ENDS_TRANSACTION = "a handler must not end its transaction: leave COMMIT and ROLLBACK to the worker, and raise an exception to roll back"


class Effect(NamedTuple):
    """What a statement does to the connection."""

    refused: str | None
    """Why it must not be run: it would end the transaction. Behind others of one text that is noticed only after it has run."""
    sets_pragma: bool
    """Whether it sets something that outlives its transaction."""
    may_attach: bool
    """Whether it may leave another file or a table of the connection's own, as a word in it says."""


def effect_of(sql: object) -> Effect | None:
    """None where there is none. A handler's statements are mostly the same ones, event after event, and so their effects are kept."""
    if not isinstance(sql, str):
        return None
    return _kept_effect(sql) if len(sql) <= _LONGEST_KEPT else _effect(sql)


def _effect(sql: str) -> Effect | None:
    effect = Effect(_refused(sql), _sets_pragma(sql), _ATTACHES.search(sql) is not None)
    return effect if any(effect) else None


_kept_effect = lru_cache(maxsize=256)(_effect)


def _refused(sql: str) -> str | None:
    if _ENDS.match(sql):
        return ENDS_TRANSACTION
    if SAVEPOINT in sql.lower() and _SAVEPOINT.match(sql):
        return f"{SAVEPOINT} is the worker's savepoint: take one of another name"
    return None


def _sets_pragma(sql: str) -> bool:
    pragma = _PRAGMA.match(sql)
    return pragma is not None and any(sign in pragma["rest"] for sign in "=(") and not _READS.search(pragma["rest"])


def only_reads(sql: str) -> bool:
    """Whether the statement needs no transaction for what it writes. Of one that may write, as a word in it says, this is not so."""
    return _NEEDS_NONE.match(sql) is not None and not _MAY_WRITE.search(sql)
