"""Loading the library, with whatever Python this is."""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker import module_sqlite

HAS_ENABLE = hasattr(sqlite3.Connection, "enable_load_extension")


def version_of(connection: Any) -> str:
    return str(connection.execute("SELECT knocker_version()").fetchall()[0][0])


def test_a_connection_of_the_standard_module_loads_it() -> None:
    connection = sqlite3.connect(":memory:")
    knocker.load(connection)
    assert version_of(connection) == knocker.__version__
    connection.close()


def test_loading_twice_is_harmless() -> None:
    connection = sqlite3.connect(":memory:")
    knocker.load(connection)
    knocker.load(connection)
    assert version_of(connection) == knocker.__version__
    connection.close()


def test_the_library_behind_the_module_loads_it_without_enable_load_extension() -> None:
    connection = sqlite3.connect(":memory:")
    module_sqlite.load(connection, knocker.loadable_path(), "sqlite3_knocker_init")
    assert version_of(connection) == knocker.__version__
    connection.close()


def test_a_subclass_of_the_connection_loads_it_the_same_way() -> None:
    class Named(sqlite3.Connection):
        __slots__ = ("name",)

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.name = "mine"

    connection = sqlite3.connect(":memory:", factory=Named)
    module_sqlite.load(connection, knocker.loadable_path(), "sqlite3_knocker_init")
    assert version_of(connection) == knocker.__version__
    connection.close()


def test_loading_is_for_one_connection_and_is_switched_off_again() -> None:
    connection, other = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    knocker.load(connection)
    with pytest.raises(sqlite3.OperationalError, match="no such function: knocker_version"):
        version_of(other)
    with pytest.raises(sqlite3.OperationalError, match=r"not authorized|no such function"):
        connection.execute("SELECT load_extension('x')")
    connection.close()
    other.close()


def test_a_closed_connection_is_refused_before_anything_is_touched() -> None:
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises((knocker.KnockerError, sqlite3.ProgrammingError), match="closed"):
        knocker.load(connection)


def test_something_else_than_a_connection_is_refused() -> None:
    with pytest.raises(knocker.CannotLoadError, match="no connection of sqlite3"):
        knocker.load(object())


def test_a_file_that_is_no_library_gives_the_reason(tmp_path: Path) -> None:
    wrong = tmp_path / "libknocker.so"
    wrong.write_text("not a library")
    connection = sqlite3.connect(":memory:")
    with pytest.raises(knocker.CannotLoadError, match=r"libknocker\.so"):
        knocker.load(connection, wrong)
    connection.close()


def test_an_old_sqlite_is_named_before_whatever_else_keeps_the_library_out(tmp_path: Path) -> None:
    wrong = tmp_path / "libknocker.so"
    wrong.write_text("not a library")
    connection = sqlite3.connect(":memory:")
    connection.create_function("sqlite_version", 0, lambda: "3.37.2")
    with pytest.raises(knocker.UnsupportedSqliteError, match=r"SQLite is 3\.37\.2, Knocker needs 3\.38\.0"):
        knocker.load(connection, wrong)
    connection.close()


def test_the_path_is_explicit_then_the_environment_then_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = tmp_path / "one.so", tmp_path / "two.so"
    one.touch()
    two.touch()
    monkeypatch.setenv("KNOCKER_EXTENSION", str(two))
    assert knocker.loadable_path(one) == str(one)
    assert knocker.loadable_path() == str(two)
    monkeypatch.delenv("KNOCKER_EXTENSION")
    package = Path(knocker.__file__).with_name("libknocker.so")
    if package.exists():
        assert knocker.loadable_path() == str(package)
    else:
        with pytest.raises(knocker.LibraryNotFoundError, match="the package"):
            knocker.loadable_path()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(knocker.LibraryNotFoundError, match="nowhere"):
        knocker.loadable_path(tmp_path / "nowhere.so")


def test_the_explicit_extension_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = tmp_path / "libknocker.so"
    shutil.copy(knocker.loadable_path(), copy)
    monkeypatch.delenv("KNOCKER_EXTENSION", raising=False)
    with knocker.open(tmp_path / "app.db", extension=copy) as hooks:
        assert hooks.stats().endpoints == ()


def test_a_module_without_a_reachable_library_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    if HAS_ENABLE:
        assert "apsw" in importlib.import_module("knocker.library").advice()
        return

    def unreachable(*_: object) -> ctypes.CDLL:
        raise module_sqlite.UnreachableError("this Python's SQLite was built without extension loading")

    monkeypatch.setattr(module_sqlite, "_sqlite", unreachable)
    connection = sqlite3.connect(":memory:")
    with pytest.raises(knocker.CannotLoadError, match="pip install apsw"):
        knocker.load(connection)
    connection.close()


def test_another_driver_is_taken_where_the_module_cannot(tmp_path: Path) -> None:
    """In a process of its own: apsw brings a second SQLite, which the library refuses beside the first."""
    if importlib.util.find_spec("apsw") is None:
        pytest.fail("the test environment has no apsw")
    script = """
import sqlite3, sys
from knocker import module_sqlite
def unreachable():
    raise module_sqlite.UnreachableError("not here")
module_sqlite._sqlite = unreachable
if hasattr(sqlite3.Connection, "enable_load_extension"):
    from knocker import connection
    connection._standard_module_problem = lambda: "not here"
import knocker
hooks = knocker.open(sys.argv[1])
print(hooks.database.driver.name, hooks.stats().database_bytes > 0)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False)
    assert done.stdout == "apsw True\n", done.stderr


def test_a_second_sqlite_in_the_process_is_refused() -> None:
    script = """
import sqlite3, apsw, knocker
first = sqlite3.connect(":memory:")
knocker.load(first)
try:
    knocker.load(apsw.Connection(":memory:"))
except knocker.SecondSqliteError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "second_sqlite\n", done.stderr


def test_nothing_is_loaded_by_the_import_alone() -> None:
    environment = {**os.environ, "KNOCKER_EXTENSION": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", "import knocker; print(knocker.__version__)"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout == f"{knocker.__version__}\n", done.stderr
