"""A file that has Knocker's tables, and programs whose SQLite is too old for Knocker: they go on with their own tables."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import knocker
from knocker.testing import drain


def make(path: str) -> None:
    """An application's file, in which Knocker has an event."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("INSERT INTO notes (text) VALUES ('before')")
    connection.close()
    with knocker.open(path) as hooks:
        assert hooks.endpoint("inbox").ingest(b"{}", valid=True, type="order").outcome == "accepted"


def use(path: str, version: str) -> None:
    """Reads, writes, changes and copies it with the older SQLite."""
    assert sqlite3.sqlite_version == version
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO notes (text) VALUES ('older')")
    connection.execute("ALTER TABLE notes RENAME TO remarks")
    connection.execute("ALTER TABLE remarks ADD COLUMN author TEXT")
    connection.execute("CREATE INDEX remarks_text ON remarks (text)")
    assert connection.execute("SELECT text FROM remarks ORDER BY id").fetchall() == [("before",), ("older",)]
    assert connection.execute("SELECT status FROM knocker_events").fetchall() == [("received",)]
    connection.execute("VACUUM")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert "_knocker_events" in "".join(connection.iterdump())
    connection.close()


def handle(path: str) -> None:
    """Knocker goes on."""
    with knocker.open(path) as hooks:
        hooks.endpoint("inbox").add_handler("order", lambda event, tx: tx.execute("INSERT INTO remarks (text) VALUES ('handled')"))
        assert [attempt.status for attempt in drain(hooks)] == ["handled"]


def refused(path: str) -> None:
    """Knocker itself is refused there, in the same words whatever stands in its way, and before it has written anything."""
    before = Path(path).read_bytes()
    connection = sqlite3.connect(":memory:")
    for load in (lambda: knocker.load(connection), lambda: knocker.open(path, driver="sqlite3")):
        try:
            load()
        except knocker.UnsupportedSqliteError as error:
            assert sqlite3.sqlite_version in str(error), error
            print(error)
        else:
            raise AssertionError("an older SQLite is to be refused")
    connection.close()
    assert Path(path).read_bytes() == before


if __name__ == "__main__":
    {"make": make, "use": use, "handle": handle, "refused": refused}[sys.argv[1]](*sys.argv[2:])
