"""SQLAlchemy 2: sessions on a handler's ``tx``, Knocker on the connections of an engine, and its tables in Alembic's migrations."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from knocker.errors import UsageError
from knocker.handler_sql import only_reads
from knocker.library import load
from knocker.shared_connection import SharedConnection, attempt_of
from knocker.tables import is_knockers

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

AnySession = TypeVar("AnySession", bound=Session)


@overload
def session(tx: Any, **options: Any) -> Session: ...
@overload
def session(tx: Any, make: Callable[..., AnySession], **options: Any) -> AnySession: ...
def session(tx: Any, make: Callable[..., Session] = Session, **options: Any) -> Session:
    """A session whose writes are the handler's: they are committed together with the event, or rolled back with it.

    Its own ``commit()`` and ``rollback()`` end a savepoint of the handler's transaction and not the transaction; what is pending when the
    handlers return is flushed by itself. ``make`` is ``Session``, a class of yours or a ``sessionmaker``, and ``options`` are its own. The
    session is of this attempt: do not keep it, or objects with unloaded attributes, beyond the handler.
    """
    attempt = attempt_of(tx, "session")
    token = _CURRENT.set(SharedConnection(tx, attempt))
    try:
        connection = _engine(tx._knocker_driver_class).connect()
    finally:
        _CURRENT.reset(token)
    # The driver's connection does nothing here: its BEGIN is that of tx.
    connection.begin()
    made = make(bind=connection, join_transaction_mode="create_savepoint", **options)

    def finish() -> None:
        made.commit()
        made.close()

    attempt.at_return.append(finish)
    return made


_CURRENT: ContextVar[SharedConnection | None] = ContextVar("knocker_sqlalchemy_connection", default=None)


@lru_cache(maxsize=2)
def _engine(driver_class: type[Any]) -> Engine:
    """One for all handlers, so that each statement is compiled once."""
    driver = sys.modules[driver_class.__module__]
    if driver.__name__ == "apsw":
        raise UsageError('SQLAlchemy does not speak apsw: knocker.open(…, driver="sqlite3") or "pysqlite3"')

    def current() -> Any:
        # The first one, by which the engine learns what SQLite can do, is not the handler's: asking would begin its transaction.
        return _CURRENT.get() or driver.connect(":memory:")

    engine = create_engine("sqlite://", module=driver, creator=current, poolclass=NullPool)
    token = _CURRENT.set(None)
    try:
        engine.connect().close()
    finally:
        _CURRENT.reset(token)
    return engine


def include_object(object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """For Alembic's ``context.configure(include_object=…)``: autogenerate leaves Knocker's tables alone, which it would drop."""
    table = name if type_ == "table" else getattr(getattr(object, "table", None), "name", None)
    return not is_knockers(table or "")


_AnyEngine = TypeVar("_AnyEngine", bound="Engine | AsyncEngine")


def install(engine: _AnyEngine, extension: str | os.PathLike[str] | None = None) -> _AnyEngine:
    """Makes every new connection of the engine load Knocker, and every transaction begin with ``BEGIN IMMEDIATE`` before its first write.

    The engine is one of the driver pysqlite, or an ``AsyncEngine`` of aiosqlite. The driver's own transaction handling is turned off: it
    begins none for ``SELECT knocker_…()``, so that a session which starts with one would commit it alone. What only reads begins none
    and holds up nobody; reads that come before the first write are not of its transaction, as with the driver alone. Where they must
    be, execute ``BEGIN IMMEDIATE`` first. The file gets WAL mode, ``synchronous=FULL`` and foreign keys, as :func:`knocker.open` sets
    them. Connections that are open already are not touched. Returns the engine.
    """
    synchronous = getattr(engine, "sync_engine", engine)

    def prepare(connection: Any) -> None:
        connection.isolation_level = None
        load(connection, extension)
        for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    def connecting(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
        # The connection lives in a thread of aiosqlite's, which makes it of this class.
        factory = options.get("factory", sqlite3.Connection)

        class Prepared(factory):  # type: ignore[misc, valid-type]
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)
                prepare(self)

        options["factory"] = Prepared

    def executing(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        raw = connection.connection.driver_connection
        if (
            raw is not None
            and not raw.in_transaction
            and not only_reads(statement)
            and connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
        ):
            cursor.execute("BEGIN IMMEDIATE")

    if synchronous is engine:
        event.listen(engine, "connect", lambda connection, record: prepare(connection))
    else:
        event.listen(synchronous, "do_connect", connecting)
    event.listen(synchronous, "before_cursor_execute", executing)
    return engine
