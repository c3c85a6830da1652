"""Writing beside ``tx``: a handler that holds the write lock is told so, and what to do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import knocker
from inbox import ingest, statuses

WAIT_S = 0.01


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[knocker.Hooks]:
    with knocker.open(tmp_path / "app.db") as opened:
        opened.database.rows("CREATE TABLE orders (id TEXT UNIQUE)")
        yield opened


def by_the_driver(hooks: knocker.Hooks) -> None:
    connection = sqlite3.connect(hooks.database.path, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("INSERT INTO orders VALUES ('own')")
    finally:
        connection.close()


def by_sqlalchemy(hooks: knocker.Hooks) -> None:
    engine = create_engine(f"sqlite:///{hooks.database.path}", connect_args={"timeout": WAIT_S})
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO orders VALUES ('own')"))
    finally:
        engine.dispose()


@pytest.mark.parametrize("write", [by_the_driver, by_sqlalchemy])
def test_another_connection_after_tx_is_named_as_the_cause(hooks: knocker.Hooks, write: Callable[[knocker.Hooks], None]) -> None:
    if hooks.database.driver.name != "sqlite3":
        pytest.skip("two SQLite libraries in one process")
    inbox = hooks.endpoint("inbox")
    seen: list[BaseException] = []

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        if event.type == "after":
            tx.execute("INSERT INTO orders VALUES ('tx')")
        write(hooks)

    event_id = ingest(inbox, "after")
    assert [status for _, status in hooks.worker(on_error=lambda error, event: seen.append(error)).drain()] == ["failed"]
    (error,) = seen
    assert isinstance(error, knocker.BusyError)
    assert "this handler has held the write lock of" in str(error)
    assert "Write through tx, or before its first use." in str(hooks.event(event_id).reason)
    assert error.__cause__ is not None
    # Before it, it does no harm.
    ingest(inbox, "before", "2")
    assert statuses(hooks) == ["handled"]


CALLS: dict[str, Callable[[knocker.Hooks, knocker.Endpoint], Any]] = {
    "ingest": lambda hooks, inbox: inbox.ingest(b"", valid=True),
    "receive": lambda hooks, inbox: inbox.receive(knocker.WebhookRequest(b"")),
    "requeue": lambda hooks, inbox: hooks.requeue(1),
    "update": lambda hooks, inbox: hooks.update_endpoint("inbox", enabled=False),
    "prune": lambda hooks, inbox: hooks.prune_events(older_than_s=1),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_calls_that_would_wait_in_vain_are_refused_at_once(hooks: knocker.Hooks, call: str, kind: str) -> None:
    inbox = hooks.endpoint("inbox")

    def function(event: knocker.Event, tx: Any) -> None:
        assert hooks.stats().events.processing == 1
        tx.execute("INSERT INTO orders VALUES ('tx')")
        assert hooks.stats().events.processing == 1
        CALLS[call](hooks, inbox)

    async def coroutine(event: knocker.Event, tx: Any) -> None:
        function(event, tx)
        await asyncio.sleep(0)

    inbox.add_handler("*", function if kind == "function" else coroutine)
    event_id = ingest(inbox)
    assert statuses(hooks) == ["failed"]
    assert "would wait for it in vain" in str(hooks.event(event_id).reason)


class Unprintable(sqlite3.OperationalError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_without_a_text_that_a_lock_holder_raises_is_a_failed_attempt(hooks: knocker.Hooks) -> None:
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('tx')")
        raise Unprintable

    ingest(inbox, "after")
    assert [status for _, status in hooks.worker().drain()] == ["failed"]
    assert [attempt.error for attempt in hooks.attempts()] == ["Unprintable"]
    assert hooks.database.rows("SELECT * FROM orders") == []


def test_another_file_is_another_lock(hooks: knocker.Hooks, tmp_path: Path) -> None:
    with knocker.open(tmp_path / "other.db") as other:
        away = other.endpoint("away")
        inbox = hooks.endpoint("inbox")

        @inbox.on("*")
        def handler(event: knocker.Event, tx: Any) -> None:
            tx.execute("INSERT INTO orders VALUES ('tx')")
            away.ingest(b"", valid=True)

        ingest(inbox)
        assert statuses(hooks) == ["handled"]
        assert len(list(other.events())) == 1
