"""Operating and reading through typed objects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice, product

import pytest

import knocker
from knocker.testing import FrozenClock, drain


@pytest.fixture
def orders(hooks: knocker.Hooks) -> knocker.Endpoint:
    endpoint = hooks.endpoint("orders")
    endpoint.add_handler("*", lambda event, tx: None)
    return endpoint


def ingest(endpoint: knocker.Endpoint, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        endpoint.ingest(b"{}", valid=True, type=f"order.{'paid' if n % 2 else 'placed'}", key=str(n))


def ids(records: Iterator[knocker.EventRecord]) -> list[int]:
    return [record.id for record in records]


def test_lists_are_lazy_and_page_by_cursor(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    ingest(orders, 250)
    statements: list[str] = []
    rows = hooks.database.rows

    def counted(sql: str, parameters: object = ()) -> list[tuple[object, ...]]:
        statements.append(sql)
        return rows(sql, parameters)  # type: ignore[arg-type]

    hooks.database.rows = counted  # type: ignore[method-assign]
    listed = hooks.events()
    assert statements == []
    assert ids(islice(listed, 5)) == [1, 2, 3, 4, 5]
    assert len(statements) == 1
    assert ids(listed) == list(range(6, 251))
    assert len(statements) == 3
    assert ids(hooks.events(limit=101)) == list(range(1, 102))
    assert [statement.rpartition(" ")[2] for statement in statements[3:]] == ["100", "1"]
    assert ids(islice(hooks.events(after=100), 2)) == [101, 102]
    assert ids(islice(hooks.events(after=100, newest_first=True), 2)) == [99, 98]


def test_lists_are_filtered(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    ingest(orders, 2)
    clock.advance(60)
    ingest(orders, 2, first=2)
    hooks.ignore(1)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert ids(hooks.events(status="ignored")) == [1]
    assert ids(hooks.events(status=["ignored", "received"], limit=2)) == [1, 2]
    assert ids(hooks.events(status=[])) == []
    assert [delivery.id for delivery in hooks.deliveries(outcome=("accepted", "invalid"), newest_first=True, limit=1)] == [4]
    assert ids(hooks.events(type="order.paid")) == [2, 4]
    assert ids(hooks.events(type="order.*")) == ids(hooks.events(type="*")) == ids(hooks.events(endpoint="orders")) == [1, 2, 3, 4]
    assert ids(hooks.events(key="2")) == [3]
    assert ids(hooks.events(since=start + timedelta(seconds=1))) == [3, 4]
    assert ids(hooks.events(until=clock.now_ms)) == [1, 2]
    with pytest.raises(knocker.UsageError, match="time zone"):
        hooks.events(since=datetime(2026, 1, 1))
    hooks.worker().drain()
    assert [attempt.event_id for attempt in hooks.attempts(since=clock.now_ms, until=clock.now_ms + 1, limit=1)] == [2]
    assert list(hooks.attempts(until=clock.now_ms)) == []
    assert [delivery.event_id for delivery in hooks.deliveries(event_id=3)] == [3]


def test_lists_by_a_time_page_as_they_do_without(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    start = clock.now_ms
    # A minute each, but for two, when the clock was wrong.
    times = [start + 60_000 * {7: 90, 100: 3}.get(n, n) for n in range(1, 131)]
    for n, at in enumerate(times):
        clock.now_ms = at
        ingest(orders, 1, first=n)
    moments = [None, *(start + 60_000 * minute for minute in (0, 3, 50, 91, 131))]
    for since, until, after, newest_first in product(moments, moments, [None, 7, 60, 2**63 - 1], [False, True]):
        met = [
            n
            for n, at in enumerate(times, 1)
            if (since is None or at >= since)
            and (until is None or at < until)
            and (after is None or (n < after if newest_first else n > after))
        ]
        listed = hooks.events(since=since, until=until, after=after, newest_first=newest_first)
        assert ids(listed) == (met[::-1] if newest_first else met), (since, until, after, newest_first)


def test_a_page_of_a_list_by_a_time_begins_and_ends_by_one_condition(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    statements: list[str] = []
    rows = hooks.database.rows

    def told(sql: str, parameters: object = ()) -> list[tuple[object, ...]]:
        statements.append(sql)
        return rows(sql, parameters)  # type: ignore[arg-type]

    ingest(orders, 250)
    hooks.database.rows = told  # type: ignore[method-assign]
    assert len(ids(hooks.events(since=0, until=2**60, after=1))) == 249
    assert [statement.count("id >") for statement in statements] == [1, 1, 1]
    assert [statement.count("id <") for statement in statements] == [1, 1, 1]
    assert [statement.count("first_event_since") for statement in statements] == [1, 0, 0]


def test_bodies_are_read_when_asked_for(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    ingest(orders, 1)
    assert next(hooks.events()).body is None
    assert next(hooks.events(with_body=True)).body == b"{}"
    assert next(hooks.deliveries()).body is None
    assert hooks.event(1).body == hooks.delivery(1).body == b"{}"


def test_unknown_ids_are_named(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.UnknownEventError, match="5"):
        hooks.event(5)
    with pytest.raises(knocker.UnknownDeliveryError, match="5"):
        hooks.delivery(5)
    with pytest.raises(knocker.UnknownDeliveryError):
        hooks.replay_delivery(5)


def test_one_event_is_operated(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    ingest(orders, 1)
    with pytest.raises(knocker.BadStateError):
        hooks.replay(1)
    assert hooks.ignore(1, "not needed") == knocker.Transition(1, "ignored", True)
    assert hooks.ignore(1) == knocker.Transition(1, "ignored", False)
    assert hooks.requeue(1) == knocker.Transition(1, "received", True)
    drain(hooks)
    assert hooks.replay(1) == knocker.Transition(1, "received", True)
    drain(hooks)
    assert hooks.replay_delivery(1) == knocker.ReplayedDelivery(1, (1,))
    assert [attempt.result for attempt in hooks.attempts(event_id=1)] == ["handled", "handled"]


def test_many_events_are_operated(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    ingest(orders, 6)
    assert hooks.ignore_where(type="order.paid", dry_run=True) == knocker.BulkResult(3, 0, False, True)
    assert hooks.ignore_where(type="order.paid", limit=2) == knocker.BulkResult(2, 2, True, False)
    assert hooks.requeue_where(status=["ignored", "dead"]).changed == 2
    drain(hooks)
    assert hooks.replay_where(endpoint="orders", since=0).changed == 6
    with pytest.raises(knocker.InvalidArgumentError):
        hooks.replay_where()


def test_pruning_is_explicit_bounded_and_audited(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    ingest(orders, 3)
    orders.ingest(b"{}", valid=False)
    drain(hooks)
    clock.advance(3600)
    assert hooks.prune_events(older_than_s=timedelta(minutes=5), dry_run=True).events == 3
    pruned = hooks.prune_events(older_than_s=60, limit=2)
    assert (pruned.events, pruned.more) == (2, True)
    assert hooks.prune_events(before=clock.now_ms, status="handled", endpoint="orders").events == 1
    assert hooks.prune_deliveries(older_than_s=60, outcome="invalid").deliveries == 1
    assert [(audit.kind, audit.events, audit.deliveries) for audit in hooks.prunes()] == [
        ("events", 2, 2),
        ("events", 1, 1),
        ("deliveries", 0, 1),
    ]


def test_retention_is_a_policy_and_a_pass(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    policy = hooks.retention("orders", handled_s=timedelta(days=1), interval_s=60)
    assert (policy.endpoint, policy.handled_s, policy.dead_s, policy.interval_s, policy.limit) == ("orders", 86400, None, 60, 1000)
    ingest(orders, 1)
    drain(hooks)
    clock.advance(2 * 86400)
    assert hooks.retain() == knocker.RetentionPass(True, 1, 1, 1, 0, False)
    assert not hooks.retain().ran


def test_stats_count_by_endpoint_and_status(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    ingest(orders, 3)
    orders.ingest(b"{}", valid=False)
    clock.advance(5)
    stats = hooks.stats()
    assert stats.events == knocker.EventCounts(received=3, processing=0, failed=0, handled=0, dead=0, ignored=0)
    assert stats.oldest_waiting_ms == 5000
    assert stats.last_hour == knocker.LastHour(receipts=4, refused=1, failures=0)
    assert [(one.endpoint, one.provider, one.enabled, one.events) for one in stats.endpoints] == [("orders", None, True, stats.events)]
    assert stats.database_bytes > 4096


def test_everything_is_thread_safe(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    ingest(orders, 40)
    problems: list[BaseException] = []

    def operate(first: int) -> None:
        try:
            for event_id in range(first, 41, 4):
                hooks.ignore(event_id)
                hooks.requeue(event_id)
                assert hooks.event(event_id).status == "received"
                hooks.stats()
                assert len(list(hooks.events())) == 40
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=operate, args=(first,)) for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_the_queue_can_be_used_call_by_call(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    ingest(orders, 3)
    leases = hooks.leases("by-hand")
    assert leases.next_due_ms(["orders"]) == 0
    assert leases.claim(10, 60, ["other"]) == 0
    assert leases.claim(10, 60) == 3
    first, second, third = leases.jobs()
    assert (first.worker, first.event.type, first.event.attempt) == ("by-hand", "order.placed", 1)
    assert leases.extend(first.id, 300) == datetime(2026, 1, 1, 0, 5, tzinfo=timezone.utc)
    leases.handled(first.id, 5)
    leases.skipped(second.id, "no", 5)
    failure = leases.failed(third.id, "later", 5, retry_after_s=30)
    assert (failure.status, failure.next_attempt_at) == ("failed", datetime(2026, 1, 1, 0, 0, 30, tzinfo=timezone.utc))
    assert leases.release() == 0
    with pytest.raises(knocker.LeaseLostError):
        leases.handled(first.id, 5)
