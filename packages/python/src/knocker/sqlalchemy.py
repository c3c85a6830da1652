"""Knocker on the connections of a SQLAlchemy engine."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Engine, event

from knocker.library import load


def install(engine: Engine, extension: str | os.PathLike[str] | None = None) -> Engine:
    """Makes every new connection of the engine (driver pysqlite) load Knocker, and every transaction begin with ``BEGIN IMMEDIATE``.

    The driver's own transaction handling is turned off: it begins none for ``SELECT knocker_…()``, so that a session which starts with one
    would commit it alone. The file gets WAL mode, ``synchronous=FULL`` and foreign keys, as :func:`knocker.open` sets them. Connections
    that are open already are not touched. Returns the engine.
    """

    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        load(connection, extension)
        for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine
