"""An app's own hooks on a file of a test: its endpoints and handlers as they are, none of its rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from knocker.arguments import to_json
from knocker.connection import Connection, open_connection, rows
from knocker.connections import Clock
from knocker.database import Database
from knocker.declarations import SETTINGS
from knocker.driver_errors import translated
from knocker.errors import UsageError
from knocker.file_path import FilePath, absolute, existing, file_name
from knocker.hooks import Hooks
from knocker.tables import is_knockers


@contextmanager
def on_file(hooks: Hooks, path: FilePath, clock: Clock | None = None) -> Iterator[Hooks]:
    """Inside the block the hooks of an app, its endpoints and what ``hooks.asgi()`` has made of them work on another file, by the clock.

    The file gets the tables of the app's own one that it lacks, without their rows. Where it was there before, as the one that Django makes
    for its tests, it is left without Knocker's tables, as it was. Workers that run already stay where they are.
    """
    real = hooks.database
    is_lent = _exists_without_knocker(real, path)
    isolated = real.like(path, clock)
    try:
        with _opened(real) as connection:
            with isolated.connection() as copy, translated():
                _copy_tables(connection, copy)
            kept_elsewhere = [endpoint.name for endpoint in hooks.endpoints.values() if not endpoint.is_declared]
            for name, settings in _settings(connection, kept_elsewhere):
                isolated.call("knocker_endpoint", name, settings)
        hooks.move_to(isolated)
        yield hooks
    finally:
        # With the workers of the test, if it has left some.
        if hooks.database is isolated:
            hooks.close()
        isolated.close()
        hooks.move_to(real, declare=False)
        if is_lent:
            _remove_knocker(isolated)


@contextmanager
def _opened(database: Database, path: FilePath | None = None) -> Iterator[Connection]:
    """A connection to its file, which may be closed, or to that of another path."""
    connection = open_connection(
        existing(database.path if path is None else absolute(path)),
        synchronous=database.synchronous,
        busy_timeout_s=database.busy_timeout_s,
        driver=database.driver,
    )
    try:
        yield connection
    finally:
        connection.close()


def _copy_tables(original: Connection, copy: Connection) -> None:
    """Whatever the app has made in its file; of a virtual table the tables behind it come by themselves."""
    sql = """
        SELECT name, tbl_name, sql FROM sqlite_schema
        WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
          AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
        ORDER BY type <> 'table', rowid
    """
    there = {name for (name,) in rows(copy, "SELECT name FROM sqlite_schema")}
    copy.execute("BEGIN IMMEDIATE").fetchall()
    for name, table, statement in rows(original, sql):
        if name not in there and not is_knockers(name) and not is_knockers(table):
            copy.execute(statement).fetchall()
    copy.execute("COMMIT").fetchall()


def _exists_without_knocker(real: Database, path: FilePath) -> bool:
    """Raises UsageError where it is the app's own file."""
    name = file_name(absolute(path))
    if not os.path.exists(name):
        return False
    if os.path.samefile(name, file_name(real.path)):
        raise UsageError(f"{name} is the app's own file: name another one for the test")
    with _opened(real, path) as connection:
        return not any(is_knockers(table) for (table,) in rows(connection, "SELECT name FROM sqlite_schema"))


def _remove_knocker(isolated: Database) -> None:
    """Triggers go with their tables."""
    with _opened(isolated) as connection:
        connection.execute("PRAGMA foreign_keys = OFF").fetchall()
        for kind, name in rows(connection, "SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'table') ORDER BY type DESC"):
            if is_knockers(name):
                connection.execute(f'DROP {kind} "{name}"').fetchall()


def _settings(original: Connection, names: list[str]) -> list[tuple[str, str]]:
    """The settings of those endpoints as ``knocker_endpoint`` takes them."""
    sql = f"SELECT name, {', '.join(SETTINGS)} FROM knocker_endpoints WHERE name IN (SELECT value FROM json_each(?))"
    found = []
    for name, *values in rows(original, sql, [json.dumps(names)]):
        settings = dict(zip(SETTINGS, values))  # noqa: B905
        settings |= {"enabled": bool(settings["enabled"]), **{part: json.loads(settings[part]) for part in ("options", "backoff")}}
        found.append((name, to_json("settings", settings)))
    return found
