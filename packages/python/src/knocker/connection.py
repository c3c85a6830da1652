"""Connections: a driver that can load Knocker, opened so that what is committed stays."""

from __future__ import annotations

import importlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from knocker import library, module_sqlite
from knocker.driver_errors import translate, translated
from knocker.errors import CannotLoadError, UsageError
from knocker.file_path import file_name

Value = int | float | str | bytes | None
"""What SQLite stores."""

Synchronous = Literal["full", "normal"]
DriverName = Literal["sqlite3", "apsw", "pysqlite3"]


class Cursor(Protocol):
    """What Knocker needs of a driver's cursor."""

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What Knocker needs of a driver's connection: ``sqlite3``, ``apsw`` and ``pysqlite3`` all have it."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any: ...

    def cursor(self) -> Any: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Driver:
    """A database module: its connection class, and how one is opened in autocommit."""

    name: DriverName
    connection_class: type[Any]
    connect: Callable[[type[Any], str, float], Any]


def _connect_dbapi(connection_class: type[Any], path: str, timeout_s: float) -> Any:
    return connection_class(path, timeout=timeout_s, isolation_level=None, check_same_thread=False, uri=path.startswith("file:"))


def _connect_apsw(connection_class: type[Any], path: str, timeout_s: float) -> Any:
    connection = connection_class(path, flags=0x2 | 0x4 | 0x40)  # read-write, create, URI
    connection.setbusytimeout(int(timeout_s * 1000))
    return connection


_in_use: Driver | None = None


def find_driver(name: DriverName | None = None) -> Driver:
    """The named driver. Without a name the one that this process has loaded Knocker with, because a second SQLite is refused; else the
    first of ``sqlite3``, ``apsw`` and ``pysqlite3`` that is there and can load extensions."""
    if name is not None:
        return _named(name)
    if _in_use is not None:
        return _in_use
    problem = _standard_module_problem()
    if problem is None:
        return _named("sqlite3")
    others: tuple[DriverName, ...] = ("apsw", "pysqlite3")
    for other in others:
        try:
            return _named(other)
        except ImportError:
            continue
    raise CannotLoadError(f"{problem}. {library.advice()}")


def _named(name: DriverName) -> Driver:
    if name not in ("sqlite3", "apsw", "pysqlite3"):
        raise UsageError(f'driver must be "sqlite3", "apsw" or "pysqlite3", not {name!r}')
    # The module pysqlite3 keeps its classes in a submodule, as sqlite3 does.
    module = importlib.import_module("pysqlite3.dbapi2" if name == "pysqlite3" else name)
    return Driver(name, module.Connection, _connect_apsw if name == "apsw" else _connect_dbapi)


def _standard_module_problem() -> str | None:
    """Why ``sqlite3`` cannot load an extension here, found out on a connection in memory."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return None
    connection = sqlite3.connect(":memory:")
    try:
        module_sqlite.check(connection)
    except module_sqlite.UnreachableError as error:
        return str(error)
    finally:
        connection.close()
    return None


def open_connection(
    path: str,
    *,
    synchronous: Synchronous,
    busy_timeout_s: float,
    driver: Driver | None = None,
    connection_class: type[Any] | None = None,
    extension: str | os.PathLike[str] | None = None,
) -> Connection:
    """Opens a file in WAL mode with foreign keys on and Knocker loaded, in autocommit, usable from any thread (one at a time)."""
    if synchronous not in ("full", "normal"):
        raise UsageError(f'synchronous must be "full" or "normal", not {synchronous!r}')
    global _in_use
    chosen = driver or find_driver()
    connection: Connection = _opened(chosen, connection_class or chosen.connection_class, path, busy_timeout_s)
    if is_read_only(connection):
        # SQLite takes what it can get: a failure that passes leaves a connection that never writes.
        connection.close()
        connection = _opened(chosen, connection_class or chosen.connection_class, path, busy_timeout_s)
    try:
        with translated():
            library.load(connection, extension)
            _in_use = _in_use or chosen
            _use_wal(connection, busy_timeout_s)
            connection.execute(f"PRAGMA synchronous = {synchronous}").fetchall()
            connection.execute("PRAGMA foreign_keys = ON").fetchall()
            # SQLite's own checkpoints tell nobody that they fail: see checkpoints.py.
            connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def is_read_only(connection: Any) -> bool:
    """Whether the file could be opened for reading only, as far as the driver tells."""
    if isinstance(connection, sqlite3.Connection):
        try:
            return module_sqlite.is_read_only(connection)
        except module_sqlite.UnreachableError:
            return False
    # apsw.
    return hasattr(connection, "readonly") and bool(connection.readonly("main"))


def _opened(driver: Driver, connection_class: type[Any], path: str, busy_timeout_s: float) -> Any:
    try:
        return driver.connect(connection_class, path, busy_timeout_s)
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        if known.code == "io_error":
            reason = _why_not_opened(path)
            known = type(known)(f"{known.message}: {reason or path}")
            if reason is not None:
                # Trying again would not help, as it does with a failing disk.
                known.retryable, known.hint = False, "Correct the path, or create the folder first."
        raise known from error


def _why_not_opened(path: str) -> str | None:
    name = file_name(path)
    folder = os.path.dirname(os.path.abspath(name))
    if os.path.isdir(name):
        return f"{os.path.abspath(name)} is a folder"
    return None if os.path.isdir(folder) else f"there is no folder {folder}"


def _use_wal(connection: Connection, patience_s: float) -> None:
    """SQLite answers "locked" at once, without waiting, where two processes switch a new file at the same moment."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchall()[0][0] not in ("wal", "memory"):
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except Exception as error:
            known = translate(error)
            if known is None or known.code != "busy" or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


@lru_cache(maxsize=256)
def _call_sql(function: str, arguments: int) -> str:
    return f"SELECT {function}({', '.join('?' * arguments)})"


def call(connection: Connection, function: str, *arguments: Value) -> Any:
    """The result of one SQL function. The statement is finished when this returns."""
    return connection.execute(_call_sql(function, len(arguments)), arguments).fetchall()[0][0]


@lru_cache(maxsize=256)
def _calls_sql(calls: tuple[tuple[str, int], ...]) -> str:
    return "SELECT " + ", ".join([f"{function}({', '.join('?' * arguments)})" for function, arguments in calls])


def call_each(connection: Connection, calls: Sequence[tuple[str, tuple[Value, ...]]]) -> Sequence[Any]:
    """The results of several SQL functions, called one after the other by one statement."""
    sql = _calls_sql(tuple([(function, len(arguments)) for function, arguments in calls]))
    row: Sequence[Any] = connection.execute(sql, [value for _, arguments in calls for value in arguments]).fetchall()[0]
    return row


def rows(connection: Connection, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
    """Every row of a query."""
    return connection.execute(sql, parameters).fetchall()
