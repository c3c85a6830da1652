"""The transaction of an attempt: whose it is, when it ends, and how long its result waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from typing import Any

import pytest

import knocker
from inbox import ingest, orders, statuses
from knocker import transaction as transaction_module
from knocker.handler_sql import ENDS_TRANSACTION, effect_of
from knocker.testing import FrozenClock

PATIENCE_S = 300


def insert_or_rollback(tx: Any) -> None:
    with contextlib.suppress(Exception):
        tx.execute("INSERT OR ROLLBACK INTO orders VALUES ('a')")


def test_a_transaction_that_ended_before_the_handlers_is_a_failed_attempt(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    @inbox.on("order")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('a')")
        insert_or_rollback(tx)

    event_id = ingest(inbox)
    assert statuses(hooks) == ["failed"]
    assert "ended before the handlers" in str(hooks.event(event_id).reason)


def test_a_statement_behind_many_comments_is_looked_at_once() -> None:
    comments = "/* */" * 50_000 + "-- \n" * 50_000
    assert effect_of(comments + "COMMIT") == (ENDS_TRANSACTION, False, False)
    assert effect_of(comments + "/* left open") is None
    # SQLite takes a byte order mark for white space.
    assert effect_of("\ufeffCOMMIT") == (ENDS_TRANSACTION, False, False)
    assert effect_of(comments + "PRAGMA query_only = ON") == (None, True, False)


def test_what_follows_the_end_of_the_transaction_is_not_written(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    @inbox.on("order")
    def handler(event: knocker.Event, tx: Any) -> None:
        cursor = tx.cursor()
        cursor.execute("INSERT INTO orders VALUES ('a')")
        insert_or_rollback(tx)
        for use in (tx.execute, cursor.execute):
            with pytest.raises(knocker.UsageError, match="ended"):
                use("INSERT INTO orders VALUES ('outside')")

    ingest(inbox)
    assert statuses(hooks) == ["failed"]
    assert orders(hooks) == []


def test_close_is_not_the_handlers(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    @inbox.on("order")
    def handler(event: knocker.Event, tx: Any) -> None:
        with pytest.raises(knocker.UsageError, match="worker's own"):
            tx.close()

    ingest(inbox)
    assert statuses(hooks) == ["handled"]


def test_cursors_that_are_left_open_end_with_their_attempt_however_many_there_were(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    left: list[Any] = []

    @inbox.on("order")
    def handler(event: knocker.Event, tx: Any) -> None:
        for n in range(500):
            # Of most of them nothing is kept.
            cursor = tx.execute("INSERT INTO orders VALUES (?)", [str(n)])
            if n % 50 == 0:
                cursor = tx.execute("SELECT id FROM orders UNION ALL SELECT 'another'")
                left.append(cursor)

    ingest(inbox)
    assert statuses(hooks) == ["handled"]
    assert len(left) == 10
    for cursor in left:
        with pytest.raises(Exception, match="closed"):
            cursor.fetchone()


def test_a_tx_that_was_kept_is_refused(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    kept: list[Any] = []
    refused: list[str] = []

    @inbox.on("first")
    def first(event: knocker.Event, tx: Any) -> None:
        kept.extend([tx, tx.cursor()])

    @inbox.on("second")
    def second(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('second')")
        # The cursor of the attempt before, on what is the same connection.
        with pytest.raises(knocker.UsageError, match="over"):
            kept[1].execute("INSERT INTO orders VALUES ('stray')")
        refused.append("in the next event")

    ingest(inbox, "first", "1")
    ingest(inbox, "second", "2")
    assert statuses(hooks) == ["handled", "handled"]
    assert refused == ["in the next event"]
    assert orders(hooks) == ["second"]
    for use in (kept[0].execute, kept[1].execute, lambda sql: kept[0].executemany(sql, [[]]), lambda _: kept[0].__enter__()):
        with pytest.raises(knocker.UsageError, match="over"):
            use("INSERT INTO orders VALUES ('stray')")


def test_a_task_that_a_handler_left_behind_cannot_write_into_the_next_event(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    go_on, tasks = asyncio.Event(), []
    outcome: list[str] = []

    @inbox.on("first")
    async def first(event: knocker.Event, tx: Any) -> None:
        async def later() -> None:
            await go_on.wait()
            try:
                tx.execute("INSERT INTO orders VALUES ('stray')")
            except knocker.UsageError as error:
                outcome.append(error.code)

        tasks.append(asyncio.create_task(later()))

    @inbox.on("second")
    async def second(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('second')")
        go_on.set()
        await asyncio.wait(tasks)

    ingest(inbox, "first", "1")
    ingest(inbox, "second", "2")
    assert statuses(hooks) == ["handled", "handled"]
    assert outcome == ["closed"]
    assert orders(hooks) == ["second"]


def test_a_result_waits_longer_than_a_receive_does(tmp_path: Any) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.01) as hooks:
        inbox = hooks.endpoint("inbox")
        blocker = hooks.database.connect()
        waited: list[str] = []

        @inbox.on("order")
        def handler(event: knocker.Event, tx: Any) -> None:
            blocker.execute("BEGIN IMMEDIATE")
            meanwhile.start()

        def others_give_up() -> None:
            for n in range(5):
                try:
                    inbox.ingest(b"", valid=True, key=f"meanwhile {n}")
                except knocker.BusyError as error:
                    waited.append(error.code)
            blocker.execute("ROLLBACK")

        meanwhile = threading.Thread(target=others_give_up)
        ingest(inbox)
        assert statuses(hooks) == ["handled"]
        meanwhile.join()
        assert waited == ["busy"] * 5
        blocker.close()


def test_a_result_that_could_not_be_written_costs_an_attempt(tmp_path: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    usual_patience_s = transaction_module._RESULT_PATIENCE_S
    monkeypatch.setattr(transaction_module, "_RESULT_PATIENCE_S", 0.0)
    runs: queue.Queue[int] = queue.Queue()
    unwritten = threading.Event()

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "result not written" in record.getMessage():
                unwritten.set()

    monkeypatch.setattr(logging.getLogger("knocker.worker"), "handlers", [Log()])
    path = tmp_path / "app.db"
    with knocker.open(path, clock=clock, busy_timeout_s=0.01) as hooks, knocker.open(path, clock=clock, busy_timeout_s=60) as patient:
        inbox = hooks.endpoint("inbox", max_attempts=2)
        outside = patient.endpoint("inbox", max_attempts=2)
        blocker = hooks.database.connect()

        @inbox.on("order")
        def handler(event: knocker.Event, tx: Any) -> None:
            if event.attempt == 1:
                blocker.execute("BEGIN IMMEDIATE")
            runs.put(event.attempt)

        @inbox.on("next")
        def following(event: knocker.Event, tx: Any) -> None:
            runs.put(0)

        event_id = ingest(inbox)
        with hooks.start_worker(lease_s=1, poll=0.05):
            assert runs.get(timeout=PATIENCE_S) == 1
            assert unwritten.wait(PATIENCE_S)
            monkeypatch.setattr(transaction_module, "_RESULT_PATIENCE_S", usual_patience_s)
            blocker.execute("ROLLBACK")
            # A claim that finds another job does not take the first one up again within its lease.
            ingest(outside, "next", "2")
            assert runs.get(timeout=PATIENCE_S) == 0
            # Past the lease, and past the wait that follows it as it follows a failure.
            clock.advance(10)
            assert runs.get(timeout=PATIENCE_S) == 2
        assert [(attempt.attempt, attempt.result) for attempt in hooks.attempts(event_id=event_id)] == [
            (1, "lease_expired"),
            (2, "handled"),
        ]
        blocker.close()
