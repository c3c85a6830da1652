"""Files that cannot be opened, read or written: each in a process of its own, because a library that is loaded once stays loaded."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import knocker
import knocker.driver_errors
from knocker.driver_errors import load_failure

OPEN = """
import sqlite3, sys, knocker
try:
    knocker.open(sys.argv[1], busy_timeout_s=0.05)
except knocker.KnockerError as error:
    print(type(error).__name__, error.retryable)
    print(error)
"""
LOAD = """
import sqlite3, sys, knocker
connection = sqlite3.connect(sys.argv[1], timeout=0.05, uri=True)
knocker.load(connection)
try:
    connection.execute("SELECT knocker_bootstrap()").fetchall()
except sqlite3.DatabaseError as error:
    known = knocker.driver_errors.translate(error)
    print(type(known).__name__, known.retryable)
    print(known)
connection.close()
"""


def a_table(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE orders (id)")
    return connection


def garbage(path: Path) -> str:
    path.write_bytes(b"x" * 5000)
    return str(path)


def damaged(path: Path) -> str:
    a_table(path).close()
    head = path.read_bytes()[:100]
    path.write_bytes(head + b"\xff" * (path.stat().st_size - 100))
    return f"file:{path}?mode=ro"


def read_only(path: Path) -> str:
    a_table(path).close()
    return f"file:{path}?mode=ro"


@pytest.mark.parametrize("script", [OPEN, LOAD], ids=["open", "load"])
@pytest.mark.parametrize(
    ("make", "expected"),
    [(garbage, "CorruptError False"), (damaged, "CorruptError False"), (read_only, "ReadOnlyError False")],
)
def test_a_file_that_cannot_be_used_has_an_error_of_its_kind(
    tmp_path: Path, make: Callable[[Path], str], expected: str, script: str
) -> None:
    path = make(tmp_path / "app.db")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, [expected]), done.stderr


@pytest.mark.parametrize("script", [OPEN, LOAD], ids=["open", "load"])
def test_a_file_that_is_locked_while_it_is_opened_is_busy(tmp_path: Path, script: str) -> None:
    blocker = a_table(tmp_path / "app.db")
    blocker.execute("BEGIN EXCLUSIVE")
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False)
    blocker.close()
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["BusyError True"]), done.stderr


@pytest.mark.parametrize(
    ("path", "reason"), [("nowhere/app.db", "there is no folder"), (".", "is a folder"), ("file:nowhere/app.db", "there is no folder")]
)
def test_what_cannot_be_opened_is_named_with_the_reason(tmp_path: Path, path: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(knocker.IoError, match=reason) as caught:
        knocker.open(path)
    assert str(tmp_path) in caught.value.message
    assert "try again" not in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error during initialization: knocker: unsupported_sqlite: too old", knocker.UnsupportedSqliteError),
        ("error during initialization: database is locked", knocker.BusyError),
        ("error during initialization: file is not a database", knocker.CorruptError),
        ("error during initialization: attempt to write a readonly database", knocker.ReadOnlyError),
        ("libknocker.so: invalid ELF header", knocker.CannotLoadError),
    ],
)
def test_a_load_that_fails_says_what_sqlite_says(text: str, expected: type[knocker.KnockerError]) -> None:
    assert type(load_failure("/lib/libknocker.so", text)) is expected
