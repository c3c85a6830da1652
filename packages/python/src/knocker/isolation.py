"""An app's own hooks on a file of a test: its endpoints and handlers as they are, none of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from knocker.arguments import to_json
from knocker.connection import Connection, open_connection, rows
from knocker.connections import Clock
from knocker.database import Database
from knocker.declarations import SETTINGS
from knocker.driver_errors import translated
from knocker.file_path import FilePath, existing
from knocker.hooks import Hooks
from knocker.tables import is_knockers


@contextmanager
def on_file(hooks: Hooks, path: FilePath, clock: Clock | None = None) -> Iterator[Hooks]:
    """Inside the block the hooks of an app, its endpoints and what ``hooks.asgi()`` has made of them work on another file, by the clock.

    The file gets the tables of the app's own one, without their rows. Workers that run already stay where they are.
    """
    real = hooks.database
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


@contextmanager
def _opened(database: Database) -> Iterator[Connection]:
    """A connection of its own, as the app may have closed its hooks."""
    connection = open_connection(
        existing(database.path), synchronous=database.synchronous, busy_timeout_s=database.busy_timeout_s, driver=database.driver
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
    copy.execute("BEGIN IMMEDIATE").fetchall()
    for name, table, statement in rows(original, sql):
        if not is_knockers(name) and not is_knockers(table):
            copy.execute(statement).fetchall()
    copy.execute("COMMIT").fetchall()


def _settings(original: Connection, names: list[str]) -> list[tuple[str, str]]:
    """The settings of those endpoints as ``knocker_endpoint`` takes them."""
    sql = f"SELECT name, {', '.join(SETTINGS)} FROM knocker_endpoints WHERE name IN (SELECT value FROM json_each(?))"
    found = []
    for name, *values in rows(original, sql, [json.dumps(names)]):
        settings = dict(zip(SETTINGS, values))  # noqa: B905
        settings |= {"enabled": bool(settings["enabled"]), **{part: json.loads(settings[part]) for part in ("options", "backoff")}}
        found.append((name, to_json("settings", settings)))
    return found
