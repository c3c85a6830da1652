"""What a handler may set on the worker's connection, and how neither the result nor the next handler finds it.

How rows are made is put back as soon as the handlers have ended, and so is what may stop statements: the result, or a rollback, would meet
it. Everything else cannot be put back by all drivers, or not inside a transaction: a connection that was altered is noted, and the next
attempt gets another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from knocker.driver_errors import translate

# Attributes that say how rows and cursors are made: those of sqlite3 and pysqlite3, then those of apsw.
_AS_MADE: dict[str, Any] = {"row_factory": None, "text_factory": str, "row_trace": None, "exec_trace": None}
_NOT_NOTED = (*_AS_MADE, "rowtrace", "exectrace", "cursor_factory")

# What an authorizer says to what may be done: SQLITE_OK.
_ALLOWED = 0

# Methods that set something for as long as the connection lives.
_SETTING = ("set", "create", "config", "limit", "load", "enable", "deserialize", "drop", "overload", "register", "collation", "trace")


class Alterable:
    """Notes in ``knocker_altered`` that the connection is not as it was opened."""

    knocker_altered = False
    knocker_rows_set = False

    def __setattr__(self, name: str, value: Any) -> None:
        if "knocker" not in name:
            if name not in _NOT_NOTED:
                self.knocker_altered = True
            elif name != "cursor_factory":
                self.knocker_rows_set = True
        super().__setattr__(name, value)


def noting_methods(driver_class: type[Any]) -> dict[str, Callable[..., Any]]:
    """The driver's methods that set something, each noting that it was called."""
    names = [name for name in dir(driver_class) if name.startswith(_SETTING) and callable(getattr(driver_class, name))]
    return {name: _noting(getattr(driver_class, name)) for name in names}


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    def noted(connection: Any, *arguments: Any, **named: Any) -> Any:
        connection.knocker_altered = True
        return method(connection, *arguments, **named)

    return noted


def reset_rows(connection: Any) -> None:
    """Rows and texts come as the driver makes them by itself."""
    if not (connection.knocker_rows_set or connection.knocker_altered):
        return
    connection.knocker_rows_set = False
    for name, value in _AS_MADE.items():
        if getattr(connection, name, value) is not value:
            setattr(connection, name, value)


def unhinder(connection: Any) -> None:
    """Statements run to their end again, whatever handlers have set to stop them, as a limit to the time that their own may take."""
    if not connection.knocker_altered:
        return
    connection.set_progress_handler(None, 1)
    # Not None, which denied everything before Python 3.11.
    connection.set_authorizer(lambda *_: _ALLOWED)
    if hasattr(connection, "set_commit_hook"):
        connection.set_commit_hook(None)


def has_more_files(unguarded: Any) -> bool:
    """Whether an attempt has left an attached file on the connection, or a table of its own."""
    try:
        return len(unguarded.execute("PRAGMA database_list").fetchall()) != 1
    except Exception as error:
        if translate(error) is None:
            raise
        return True
