"""People who bring their own connections: SQLAlchemy and Django."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import knocker.sqlalchemy

INGEST = text("SELECT knocker_ingest('orders', :fields, '{}')")


def test_a_session_writes_its_rows_and_the_receipt_in_one_transaction(tmp_path: Path) -> None:
    engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{tmp_path / 'app.db'}"))
    with Session(engine) as session:
        # Its first statement is a SELECT: the driver alone would have committed it at once.
        session.execute(text("SELECT knocker_bootstrap()"))
        session.execute(text("SELECT knocker_endpoint('orders', '{}')"))
        session.execute(text("CREATE TABLE orders (id)"))
        session.commit()
        session.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        session.execute(text("INSERT INTO orders VALUES (1)"))
        session.rollback()
        assert session.execute(text("SELECT count(*) FROM knocker_events")).scalar() == 0
        session.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        session.execute(text("INSERT INTO orders VALUES (1)"))
        session.commit()
        counts = session.execute(text("SELECT (SELECT count(*) FROM knocker_events), (SELECT count(*) FROM orders)")).one()
        assert tuple(counts) == (1, 1)
        settings = [session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
        assert settings == ["wal", 2, 1]
    engine.dispose()


def test_hooks_on_the_same_file_see_what_the_session_committed(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as hooks:
        hooks.endpoint("orders")
        engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{tmp_path / 'app.db'}"))
        with engine.begin() as connection:
            connection.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        assert [event.key for event in hooks.events()] == ["o-1"]
        with pytest.raises(OperationalError, match="knocker: unknown_endpoint"), engine.begin() as connection:
            connection.execute(text("SELECT knocker_ingest('nowhere', '{\"valid\": true}', '')"))
        engine.dispose()


def test_a_session_that_only_reads_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with knocker.open(path) as hooks:
        hooks.endpoint("orders")
        hooks.database.rows("CREATE TABLE orders (id)")
        engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{path}"))
        others = sqlite3.connect(path, timeout=0, isolation_level=None)
        with Session(engine) as session, Session(engine) as reader:
            for sql in (
                "SELECT count(*) FROM knocker_events",
                "WITH a AS (SELECT 1) SELECT * FROM a",
                "SELECT knocker_stats()",
                "PRAGMA user_version",
            ):
                session.execute(text(sql)).all()
            others.execute("INSERT INTO orders VALUES (1)")
            # From its first write on it holds the lock, and what it reads and writes is one transaction.
            for write in (
                "INSERT INTO orders VALUES (2)",
                "/* first */ UPDATE orders SET id = 3",
                "SAVEPOINT a",
                "WITH a AS (SELECT 4) INSERT INTO orders SELECT * FROM a",
            ):
                session.execute(text(write))
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    others.execute("BEGIN IMMEDIATE")
                assert reader.execute(text("SELECT id FROM orders")).all() == [(1,)]
                session.rollback()
            session.execute(INGEST, {"fields": json.dumps({"valid": True})})
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                others.execute("BEGIN IMMEDIATE")
            session.rollback()
            session.execute(text("BEGIN IMMEDIATE"))
            session.execute(text("SELECT count(*) FROM orders")).all()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                others.execute("BEGIN IMMEDIATE")
            session.commit()
            others.execute("BEGIN IMMEDIATE")
        others.close()
        engine.dispose()
        assert hooks.stats().events.received == 0


def test_an_async_session_writes_its_rows_and_the_receipt_in_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    ingest = {"fields": json.dumps({"valid": True, "key": "o-1"})}

    async def work() -> None:
        engine = knocker.sqlalchemy.install(create_async_engine(f"sqlite+aiosqlite:///{path}"))
        async with AsyncSession(engine) as session:
            for commits in (False, True):
                await session.execute(INGEST, ingest)
                await session.execute(text("INSERT INTO orders VALUES (1)"))
                await (session.commit() if commits else session.rollback())
                counts = await session.execute(text("SELECT (SELECT count(*) FROM knocker_events), (SELECT count(*) FROM orders)"))
                assert tuple(counts.one()) == (int(commits), int(commits))
                others = sqlite3.connect(path, timeout=0, isolation_level=None)
                others.execute("BEGIN IMMEDIATE")
                others.close()
            settings = [
                (await session.execute(text(f"PRAGMA {name}"))).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
            assert settings == ["wal", 2, 1]
        await engine.dispose()

    with knocker.open(path) as hooks:
        hooks.endpoint("orders")
        hooks.database.rows("CREATE TABLE orders (id)")
        asyncio.run(work())


def test_a_connection_of_aiosqlite_is_loaded_by_the_class_that_it_is_made_of(tmp_path: Path) -> None:
    class Loaded(sqlite3.Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            knocker.load(self)

    async def work() -> None:
        async with aiosqlite.connect(tmp_path / "app.db") as connection:
            with pytest.raises(knocker.CannotLoadError, match="factory=Loaded"):
                knocker.load(connection)
        async with (
            aiosqlite.connect(tmp_path / "app.db", factory=Loaded) as connection,
            connection.execute("SELECT knocker_version()") as cursor,
        ):
            assert await cursor.fetchone() == (knocker.__version__,)

    asyncio.run(work())


def test_what_a_block_of_a_plain_connection_takes_back(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    ingest = "SELECT knocker_ingest('orders', '{\"valid\": true}', '{}')"
    with knocker.open(path) as hooks:
        hooks.endpoint("orders")
        hooks.database.rows("CREATE TABLE orders (id)")
        connection = sqlite3.connect(path)
        knocker.load(connection)

        def counts(*statements: str) -> tuple[int, int]:
            with contextlib.suppress(ZeroDivisionError), connection:
                for sql in statements:
                    connection.execute(sql).fetchall()
                raise ZeroDivisionError
            return hooks.stats().events.received, hooks.database.rows("SELECT count(*) FROM orders")[0][0]

        assert counts("BEGIN IMMEDIATE", ingest, "INSERT INTO orders VALUES (1)") == (0, 0)
        assert counts("INSERT INTO orders VALUES (1)", ingest) == (0, 0)
        # The driver begins a transaction before an INSERT, and none before a SELECT: the call is a commit of its own.
        assert counts(ingest, "INSERT INTO orders VALUES (1)") == (1, 0)
        connection.close()


def test_djangos_transactions_hold_the_receipt(tmp_path: Path) -> None:
    script = """
import sys, knocker.django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["knocker.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": knocker.django.options()}},
)
import django
django.setup()
from django.db import connection, transaction
cursor = connection.cursor()
def value(sql):
    return cursor.execute(sql).fetchone()[0]
value("SELECT knocker_bootstrap()")
value("SELECT knocker_endpoint('orders', '{}')")
ingest = "SELECT knocker_ingest('orders', '{\\"valid\\": true, \\"key\\": \\"o-1\\"}', '')"
try:
    with transaction.atomic():
        value(ingest)
        raise KeyError
except KeyError:
    print(value("SELECT count(*) FROM knocker_events"))
with transaction.atomic():
    value(ingest)
print(value("SELECT count(*) FROM knocker_events"), value("PRAGMA journal_mode"), value("PRAGMA synchronous"), value("PRAGMA foreign_keys"))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "1", "wal", "2", "1"], done.stderr
