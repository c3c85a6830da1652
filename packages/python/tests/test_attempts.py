"""Attempts: handlers, their transaction, and their results. Everything runs in the test's thread, on a clock that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf
from knocker.testing import START_MS, FrozenClock, drain

Statuses = Callable[[], list[str]]


@pytest.fixture
def github(hooks: knocker.Hooks) -> knocker.Endpoint:
    hooks.database.rows("CREATE TABLE orders (id TEXT)")
    return hooks.endpoint("github", provider="github", secrets=[SECRET])


def orders(hooks: knocker.Hooks) -> list[str]:
    return [row[0] for row in hooks.database.rows("SELECT id FROM orders ORDER BY rowid")]


def statuses(hooks: knocker.Hooks) -> list[str]:
    return [attempt.status for attempt in drain(hooks)]


def test_a_handler_gets_the_event(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    seen: list[knocker.Event] = []
    github.add_handler("push", lambda event, tx: seen.append(event))
    receipt = github.receive(push(7))
    assert statuses(hooks) == ["handled"]
    event = seen[0]
    assert (event.id, event.endpoint, event.type, event.attempt, event.max_attempts) == (receipt.event_id, "github", "push", 1, 10)
    assert (event.body, event.json()) == (b'{"n": 7}', {"n": 7})
    assert event.received_at == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert (event.delivery.id, event.delivery.method, event.delivery.url) == (receipt.delivery_id, "POST", "https://example.com/webhooks")
    assert event.headers["X-GITHUB-EVENT"] == "push"
    assert event.headers.get_all("x-github-delivery") == ["delivery-7"]
    assert "X-Absent" not in event.headers


def test_a_handler_that_is_added_later_gets_what_comes_then(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    seen: list[tuple[str, int]] = []
    inbox.add_handler("order", lambda event, tx: seen.append(("first", event.id)))
    inbox.ingest(b"{}", valid=True, type="order")
    assert statuses(hooks) == ["handled"]
    inbox.add_handler("*", lambda event, tx: seen.append(("later", event.id)))
    inbox.ingest(b"{}", valid=True, type="order")
    assert statuses(hooks) == ["handled"]
    assert seen == [("first", 1), ("first", 2), ("later", 2)]


def test_writes_and_the_event_are_one_commit(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.json()["n"])])

    receipt = github.receive(push(1))
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["1"]
    assert hooks.event(receipt.event_id or 0).status == "handled"


def test_tx_is_the_drivers_own_connection(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    kinds: list[bool] = []
    github.add_handler("push", lambda event, tx: kinds.append(isinstance(tx, hooks.database.driver.connection_class)))
    github.receive(push(1))
    drain(hooks)
    assert kinds == [True]


def test_the_transaction_begins_at_the_first_use(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    open_transactions: list[bool] = []

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        open_transactions.append(tx.in_transaction)
        # Nothing is locked yet: another connection writes.
        github.receive(push(2, "ping"))
        tx.execute("INSERT INTO orders VALUES ('a')")
        open_transactions.append(tx.in_transaction)

    github.add_handler("ping", lambda event, tx: None)
    github.receive(push(1))
    drain(hooks)
    assert open_transactions == [False, True]


@pytest.mark.parametrize("use", ["execute", "executemany", "cursor"])
def test_every_way_to_write_begins_it(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, use: str) -> None:
    def handler(event: knocker.Event, tx: Any) -> None:
        if use == "execute":
            tx.execute("INSERT INTO orders VALUES ('a')")
        elif use == "executemany":
            tx.executemany("INSERT INTO orders VALUES (?)", [["a"]])
        else:
            tx.cursor().execute("INSERT INTO orders VALUES ('a')")
        assert tx.in_transaction
        raise knocker.Dead("to see it rolled back")

    github.add_handler("push", handler)
    github.receive(push(1))
    assert statuses(hooks) == ["dead"]
    assert orders(hooks) == []


def test_a_failing_handler_leaves_nothing_and_is_tried_again(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, clock: FrozenClock
) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [f"attempt {event.attempt}"])
        if event.attempt == 1:
            raise ConnectionError("no answer")

    receipt = github.receive(push(1))
    assert statuses(hooks) == ["failed"]
    assert statuses(hooks) == []
    event = hooks.event(receipt.event_id or 0)
    assert (event.status, event.reason) == ("failed", "ConnectionError: no answer")
    clock.advance(10)
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["attempt 2"]
    assert [attempt.result for attempt in hooks.attempts()] == ["failed", "handled"]


def test_several_handlers_run_in_order_in_one_transaction(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    github.add_handler("*", lambda event, tx: tx.execute("INSERT INTO orders VALUES ('first')"))

    @github.on("issues.*")
    async def second(event: knocker.Event, tx: Any) -> None:
        await asyncio.sleep(0)
        tx.execute("INSERT INTO orders VALUES ('second')")

    github.add_handler("issues.opened", lambda event, tx: tx.execute("INSERT INTO orders SELECT 'third after ' || count(*) FROM orders"))
    github.receive(push(1, "issues.opened"))
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["first", "second", "third after 2"]

    github.add_handler("issues.opened", lambda event, tx: 1 / 0)
    github.receive(push(2, "issues.opened"))
    assert statuses(hooks) == ["failed"]
    assert len(orders(hooks)) == 3


def test_an_event_nobody_wants_waits_or_is_dead_or_ignored(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    github.add_handler("push", lambda event, tx: None)
    receipt = github.receive(push(1, "ping"))
    assert statuses(hooks) == ["failed"]
    assert hooks.event(receipt.event_id or 0).reason == "no_handler"
    github.configure(provider="github", unhandled="dead")
    github.receive(push(2, "ping"))
    assert statuses(hooks) == ["dead"]
    github.configure(provider="github", unhandled="ignore")
    github.receive(push(3, "ping"))
    assert statuses(hooks) == ["ignored"]


def test_retry_says_when(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, clock: FrozenClock) -> None:
    raised: list[knocker.Retry] = [
        knocker.Retry(after=90),
        knocker.Retry(after=timedelta(minutes=5), reason="not open yet"),
        knocker.Retry(),
    ]

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        raise raised[event.attempt - 1]

    receipt = github.receive(push(1))
    expected = [(90, "the handler asked for another attempt"), (300, "not open yet")]
    for seconds, reason in expected:
        assert statuses(hooks) == ["failed"]
        event = hooks.event(receipt.event_id or 0)
        assert event.reason == reason
        assert event.next_attempt_at is not None
        assert event.next_attempt_at.timestamp() == clock.now_ms / 1000 + seconds
        clock.advance(seconds)
    assert statuses(hooks) == ["failed"]
    due = hooks.event(receipt.event_id or 0).next_attempt_at
    assert due is not None
    # The endpoint's own backoff: 5 s × 4², ten percent up or down, in whole seconds.
    assert 72 <= due.timestamp() - clock.now_ms / 1000 <= 89


@pytest.mark.parametrize("after", [-1, 31_536_001, timedelta(days=-1)])
def test_a_retry_at_an_impossible_time_is_an_ordinary_failure(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, after: float | timedelta
) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        raise knocker.Retry(after=after)

    receipt = github.receive(push(1))
    assert statuses(hooks) == ["failed"]
    assert "after" in str(hooks.event(receipt.event_id or 0).reason)


def test_ignore_and_dead_end_the_event(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    decisions: dict[int, knocker.Decision] = {1: knocker.Ignore("a test order"), 2: knocker.Dead("no such customer")}

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('gone')")
        raise decisions[event.json()["n"]]

    github.receive(push(1))
    github.receive(push(2))
    assert statuses(hooks) == ["ignored", "dead"]
    assert [(event.status, event.reason) for event in hooks.events()] == [("ignored", "a test order"), ("dead", "no such customer")]
    assert orders(hooks) == []


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), RuntimeError("boom")])
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_whatever_a_handler_raises_is_a_failed_attempt(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, error: BaseException, kind: str
) -> None:
    def function(event: knocker.Event, tx: Any) -> None:
        raise error

    async def coroutine(event: knocker.Event, tx: Any) -> None:
        raise error

    github.add_handler("push", function if kind == "function" else coroutine)
    receipt = github.receive(push(1))
    assert statuses(hooks) == ["failed"]
    assert type(error).__name__ in str(hooks.event(receipt.event_id or 0).reason)


def test_commit_rollback_and_scripts_are_not_the_handlers(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    refused: list[str] = []

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES ('kept')")
        for use in (tx.commit, tx.rollback, lambda: tx.executescript("SELECT 1")):
            with pytest.raises(knocker.UsageError) as caught:
                use()
            refused.append(caught.value.code)

    github.receive(push(1))
    assert statuses(hooks) == ["handled"]
    assert refused == ["usage"] * 3
    assert orders(hooks) == ["kept"]


def test_with_tx_is_a_savepoint(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        with tx:
            tx.execute("INSERT INTO orders VALUES ('outer')")
            with contextlib.suppress(ValueError), tx:
                tx.execute("INSERT INTO orders VALUES ('inner')")
                raise ValueError("taken back")

    github.receive(push(1))
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["outer"]


def test_async_with_tx_begins_without_blocking_the_loop(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    @github.on("push")
    async def handler(event: knocker.Event, tx: Any) -> None:
        async with tx:
            tx.execute("INSERT INTO orders VALUES ('async')")

    github.receive(push(1))
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["async"]


def test_a_lost_lease_rolls_the_handler_back(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, clock: FrozenClock) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        if event.attempt == 1:
            clock.advance(120)
            hooks.leases("another").claim(10, 60)
        tx.execute("INSERT INTO orders VALUES (?)", [f"attempt {event.attempt}"])

    github.receive(push(1))
    assert statuses(hooks) == ["lease_lost"]
    assert orders(hooks) == []
    hooks.leases("another").release()
    clock.advance(120)
    assert statuses(hooks) == ["handled"]


def test_on_error_sees_each_failure_and_cannot_break_the_worker(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    seen: list[tuple[str, str | None]] = []

    def on_error(error: BaseException, event: knocker.Event) -> None:
        seen.append((type(error).__name__, event.type))
        raise RuntimeError("on_error itself fails")

    github.add_handler("push", lambda event, tx: 1 / 0)
    github.receive(push(1))
    assert [status for _, status in hooks.worker(on_error=on_error).drain()] == ["failed"]
    assert seen == [("ZeroDivisionError", "push")]


def test_logs_are_structured_and_hold_no_body(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, caplog: pytest.LogCaptureFixture
) -> None:
    github.add_handler("push", lambda event, tx: None)
    receipt = github.receive(push(1))
    with caplog.at_level(logging.DEBUG, "knocker"):
        drain(hooks)
    record = next(record for record in caplog.records if record.name == "knocker.worker" and hasattr(record, "outcome"))
    assert (record.__dict__["event_id"], record.__dict__["endpoint"], record.__dict__["outcome"]) == (receipt.event_id, "github", "handled")
    assert all('{"n"' not in str(record.__dict__) for record in caplog.records)


def test_a_replayed_delivery_runs_with_its_own_body(hooks: knocker.Hooks) -> None:
    bodies: list[bytes] = []
    endpoint = hooks.endpoint("internal")
    endpoint.add_handler("*", lambda event, tx: bodies.append(event.body))
    endpoint.ingest(b"first", valid=True, key="o-1")
    second = endpoint.ingest(b"second", valid=True, key="o-1")
    drain(hooks)
    hooks.replay_delivery(second.delivery_id or 0)
    drain(hooks)
    assert bodies == [b"first", b"second"]


def test_a_frozen_clock_is_what_is_stored(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    github.receive(push(1))
    assert hooks.database.rows("SELECT received_at FROM knocker_events") == [(START_MS,)]


def test_a_statement_that_fails_in_a_handler_can_be_handled(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        with pytest.raises(Exception, match="no such table"):
            tx.execute("INSERT INTO nowhere VALUES (1)")
        tx.execute("INSERT INTO orders VALUES ('after')")

    github.receive(push(1))
    assert statuses(hooks) == ["handled"]
    assert orders(hooks) == ["after"]
