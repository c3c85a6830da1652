"""What a handler is told whose statement a cluster cannot take."""

from __future__ import annotations

import pytest

import knocker
from knocker.rqlite.statements import refuse_other_than_writes


def test_a_handler_that_makes_a_table_is_told_where_to() -> None:
    with pytest.raises(knocker.UsageError, match="make tables beforehand, with /db/execute"):
        refuse_other_than_writes("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)", [])
