"""Bodies: rqlite makes a text of bytes that stand in no column of a table, as in a view, so that they are asked for in hexadecimal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_BODY = "body"


def bytes_as_hex(columns: Sequence[str]) -> list[str]:
    """What to select for the columns of a view."""
    return [f"iif({name} IS NULL, NULL, hex({name})) AS {name}" if name == _BODY else name for name in columns]


def bytes_of_hex(columns: Sequence[str], row: Sequence[Any]) -> tuple[Any, ...]:
    """The row that was meant."""
    return tuple(bytes.fromhex(value) if name == _BODY and value is not None else value for name, value in zip(columns, row))  # noqa: B905
