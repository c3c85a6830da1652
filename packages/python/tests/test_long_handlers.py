"""Handlers that work for longer than their lease. The clock stands still until a test moves it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker.testing import FrozenClock, drain

PATIENCE_S = 300


@pytest.fixture
def inbox(hooks: knocker.Hooks) -> knocker.Endpoint:
    hooks.database.rows("CREATE TABLE orders (id TEXT)")
    return hooks.endpoint("inbox")


class Handled(logging.Handler):
    """The ids of the events that workers have handled, as they say so."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: queue.Queue[int] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        if record.__dict__.get("outcome") == "handled":
            self.ids.put(record.__dict__["event_id"])


@pytest.fixture
def handled(caplog: pytest.LogCaptureFixture) -> Iterator[Handled]:
    logger, handler = logging.getLogger("knocker.worker"), Handled()
    logger.addHandler(handler)
    with caplog.at_level(logging.DEBUG, "knocker.worker"):
        yield handler
    logger.removeHandler(handler)


def outcomes(hooks: knocker.Hooks) -> list[tuple[int, str]]:
    return [(attempt.attempt, attempt.result) for attempt in hooks.attempts()]


def test_a_handler_that_writes_first_and_then_outlives_its_lease_is_handled(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock
) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('a')")
        clock.advance(3600)

    inbox.ingest(b"", valid=True)
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    assert outcomes(hooks) == [(1, "handled")]
    assert hooks.database.rows("SELECT id FROM orders") == [("a",)]


@pytest.mark.parametrize("writes", [True, False], ids=["after a write", "without one"])
def test_what_it_raises_counts_and_not_the_time(hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock, writes: bool) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        if writes:
            tx.execute("INSERT INTO orders VALUES ('a')")
        clock.advance(3600)
        raise ConnectionError("no answer")

    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == ["failed"]
    assert hooks.event(event_id).reason == "ConnectionError: no answer"
    assert outcomes(hooks) == [(1, "failed")]


def test_what_an_operator_has_taken_meanwhile_is_lost(hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        if event.attempt == 1:
            clock.advance(3600)
            hooks.ignore(event.id)
        tx.execute("INSERT INTO orders VALUES ('a')")

    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == ["lease_lost"]
    assert hooks.event(event_id).status == "ignored"
    assert hooks.database.rows("SELECT id FROM orders") == []


def test_the_threads_beside_it_keep_their_leases_too(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock, handled: Handled
) -> None:
    beside, go_on = threading.Event(), threading.Event()

    @inbox.on("beside")
    def waits(event: knocker.Event, tx: Any) -> None:
        beside.set()
        assert go_on.wait(PATIENCE_S)
        tx.execute("INSERT INTO orders VALUES ('beside')")

    @inbox.on("long")
    def writes(event: knocker.Event, tx: Any) -> None:
        assert beside.wait(PATIENCE_S)
        tx.execute("INSERT INTO orders VALUES ('long')")
        # Nobody can extend a lease from here on, nor claim the job of one that ran out.
        clock.advance(3600)

    waiting = inbox.ingest(b"", valid=True, type="beside").event_id
    long = inbox.ingest(b"", valid=True, type="long").event_id
    with hooks.start_worker(concurrency=2):
        assert handled.ids.get(timeout=PATIENCE_S) == long
        assert hooks.leases("another").claim(10, 60) == 0
        go_on.set()
        assert handled.ids.get(timeout=PATIENCE_S) == waiting
    assert outcomes(hooks) == [(1, "handled"), (1, "handled")]


def test_the_workers_own_claim_takes_nothing_from_the_threads_beside_it(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock, handled: Handled
) -> None:
    beside, go_on = threading.Event(), threading.Event()

    @inbox.on("waits")
    def waits(event: knocker.Event, tx: Any) -> None:
        beside.set()
        assert go_on.wait(PATIENCE_S)

    @inbox.on("blocks")
    def blocks(event: knocker.Event, tx: Any) -> None:
        assert beside.wait(PATIENCE_S)
        # The machine slept: nobody has extended a lease, and this worker claims again before anybody does.
        clock.advance(3600)
        inbox.ingest(b"", valid=True, type="next")

    inbox.add_handler("next", lambda event, tx: None)
    waiting = inbox.ingest(b"", valid=True, type="waits").event_id
    blocking = inbox.ingest(b"", valid=True, type="blocks").event_id
    with hooks.start_worker(concurrency=2):
        assert handled.ids.get(timeout=PATIENCE_S) == blocking
        assert handled.ids.get(timeout=PATIENCE_S) not in (waiting, blocking)
        go_on.set()
        assert handled.ids.get(timeout=PATIENCE_S) == waiting
    assert {result for _, result in outcomes(hooks)} == {"handled"}


def test_a_lease_that_could_not_be_extended_is_taken_up_again_by_its_own_worker(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock
) -> None:
    """As after a long transaction of another process, or a machine that was suspended."""
    extended = threading.Event()

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        clock.advance(3600)
        deadline = time.monotonic() + PATIENCE_S
        while hooks.database.rows("SELECT lease_expires_at FROM knocker_jobs")[0][0] < clock() and time.monotonic() < deadline:
            extended.wait(0.01)
        extended.set()

    inbox.ingest(b"", valid=True)
    with hooks.start_worker(lease_s=1):
        assert extended.wait(PATIENCE_S)
    assert outcomes(hooks) == [(1, "handled")]


def test_stopping_does_not_fail_where_somebody_else_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.01) as hooks:
        hooks.endpoint("inbox").add_handler("*", lambda event, tx: None)
        blocker = hooks.database.connect()
        with caplog.at_level(logging.WARNING, "knocker"), hooks.start_worker():
            blocker.execute("BEGIN IMMEDIATE").fetchall()
        blocker.close()
    assert "leases not given back" in caplog.text


def test_a_busy_database_is_no_crash_of_a_thread(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from knocker import worker as worker_module

    monkeypatch.setattr(worker_module, "_PAUSE_S", 0.01)
    busy, seen = threading.Event(), threading.Event()

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "busy" in record.getMessage():
                busy.set()

    monkeypatch.setattr(logging.getLogger("knocker.worker"), "handlers", [Log()])
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.01) as hooks:
        inbox = hooks.endpoint("inbox")
        inbox.add_handler("*", lambda event, tx: seen.set())
        inbox.ingest(b"", valid=True)
        blocker = hooks.database.connect()
        blocker.execute("BEGIN IMMEDIATE").fetchall()
        with caplog.at_level(logging.WARNING, "knocker"), hooks.start_worker():
            assert busy.wait(PATIENCE_S)
            blocker.execute("ROLLBACK").fetchall()
            assert seen.wait(PATIENCE_S)
        blocker.close()
    assert "Traceback" not in caplog.text
