"""Receiving: what becomes of a request, and how callers share commits."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf, github_request
from inbox import queued_calls
from knocker.testing import FrozenClock, drain, sign


@pytest.fixture
def github(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("github", provider="github", secrets=[SECRET])


def test_a_valid_request_is_stored_as_a_delivery_and_an_event(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    receipt = github.receive(push(1))
    assert (receipt.outcome, receipt.reason, receipt.response.status) == ("accepted", None, 200)
    assert receipt.event_id is not None
    event = hooks.event(receipt.event_id)
    assert (event.type, event.key, event.status, event.body) == ("push", "delivery-1", "received", b'{"n": 1}')
    assert hooks.delivery(event.delivery_id).body == b'{"n": 1}'


def test_a_repeated_request_is_a_duplicate_of_the_same_event(github: knocker.Endpoint, push: PushOf) -> None:
    first, second = github.receive(push(1)), github.receive(push(1))
    assert second.outcome == "duplicate"
    assert second.event_id == first.event_id
    assert second.events[0].duplicate
    assert second.delivery_id != first.delivery_id


def test_a_forged_request_is_stored_without_an_event(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    forged = sign("github", b"{}", "another-secret", headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": "1"})
    receipt = github.receive(forged)
    assert (receipt.outcome, receipt.reason, receipt.event_id, receipt.response.status) == ("invalid", "bad_signature", None, 401)
    assert [delivery.outcome for delivery in hooks.deliveries()] == ["invalid"]


def test_each_secret_of_a_list_is_tried(hooks: knocker.Hooks, push: PushOf) -> None:
    rotating = hooks.endpoint("github", provider="github", secrets=["a-new-secret", SECRET])
    assert rotating.receive(push(1)).outcome == "accepted"


def test_secrets_may_be_a_function_of_the_request(hooks: knocker.Hooks) -> None:
    def of_tenant(request: knocker.WebhookRequest) -> Sequence[str]:
        return [f"secret-of-{request.header('X-Tenant')}"]

    endpoint = hooks.endpoint("github", provider="github", secrets=of_tenant)
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "1"}
    good = sign("github", b"{}", "secret-of-acme", headers={**headers, "X-Tenant": "acme"})
    bad = sign("github", b"{}", "secret-of-acme", headers={**headers, "X-Tenant": "other"})
    assert endpoint.receive(good).outcome == "accepted"
    assert endpoint.receive(bad).outcome == "invalid"


def test_secrets_may_be_a_coroutine_function_for_areceive(hooks: knocker.Hooks, push: PushOf) -> None:
    async def looked_up(_: knocker.WebhookRequest) -> list[str]:
        await asyncio.sleep(0)
        return [SECRET]

    endpoint = hooks.endpoint("github", provider="github", secrets=looked_up)
    assert asyncio.run(endpoint.areceive(push(1))).outcome == "accepted"
    with pytest.raises(knocker.UsageError, match="areceive"):
        endpoint.receive(push(2))


@pytest.mark.parametrize("secrets", [[""], [None], "", (), []])
def test_a_secret_that_is_not_set_is_refused_at_once(hooks: knocker.Hooks, secrets: Any) -> None:
    with pytest.raises(knocker.UsageError, match=r'secrets=\[os.environ\["MY_SHOP_WEBHOOK_SECRET"\]\].*environment variable'):
        hooks.endpoint("my-shop", provider="github", secrets=secrets)
    assert hooks.stored_endpoints() == []


def test_a_provider_whose_first_request_brings_the_secret_needs_none_before(hooks: knocker.Hooks) -> None:
    assert hooks.endpoint("notion", provider="notion").verify(knocker.WebhookRequest(b"{}")).reason is not None
    # Under another of its names as well.
    with pytest.raises(knocker.UsageError, match="whatsapp needs a secret"):
        hooks.endpoint("whatsapp", provider="whatsapp")


def test_no_secret_is_in_the_file(tmp_path: Path, hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    github.receive(push(1))
    hooks.close()
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_nothing_shows_bodies_urls_or_header_values_in_logs(hooks: knocker.Hooks, push: PushOf) -> None:
    assert repr(push(1)) == "WebhookRequest(method='POST', truncated=False)"
    assert repr(knocker.Headers([("Authorization", "Bearer x")])) == "Headers(authorization)"
    endpoint = hooks.endpoint("internal")
    events: list[knocker.Event] = []
    endpoint.add_handler("*", lambda event, tx: events.append(event))
    receipt = endpoint.ingest(b"private", valid=True, url="https://example.com/?token=private", headers={"X-Trace": "private"})
    drain(hooks)
    shown = [receipt, *events, *hooks.events(with_body=True), *hooks.deliveries(with_body=True)]
    assert len(shown) == 4
    assert [repr(one) for one in shown if "private" in repr(one) or "body=" in repr(one)] == []


@pytest.mark.parametrize("found", [None, [None], b"test-secret", 7, {"test-secret": 1}])
def test_a_function_that_finds_no_texts_is_an_error_that_shows_none(hooks: knocker.Hooks, push: PushOf, found: Any) -> None:
    endpoint = hooks.endpoint("github", provider="github", secrets=lambda request: found)
    with pytest.raises(knocker.UsageError) as caught:
        endpoint.receive(push(1))
    assert "test-secret" not in str(caught.value)
    assert list(hooks.deliveries()) == []


def test_trusted_ingress_states_the_verdict(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("internal")
    accepted = endpoint.ingest(b"{}", valid=True, type="order.paid", key="o-1", headers={"X-Trace": ["1", "2"]})
    again = endpoint.ingest(b"{}", valid=True, type="order.paid", key="o-1")
    refused = endpoint.ingest(b"{}", valid=False, reason="not_allowed", detail="not on the list")
    assert [receipt.outcome for receipt in (accepted, again, refused)] == ["accepted", "duplicate", "invalid"]
    assert accepted.delivery_id is not None
    assert hooks.delivery(accepted.delivery_id).headers == {"x-trace": ["1", "2"]}
    assert asyncio.run(endpoint.aingest(b"{}", valid=True, key="o-2")).outcome == "accepted"


def test_verify_stores_nothing(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    verdict = github.verify(push(1))
    assert verdict.valid
    assert verdict.items == (knocker.Item("push", "delivery-1"),)
    assert list(hooks.deliveries()) == []


def test_concurrent_threads_each_get_their_own_result(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    receipts: dict[int, knocker.Receipt] = {}
    start = threading.Barrier(32)

    def caller(n: int) -> None:
        requests = [github_request(n * 100 + i) for i in range(20)]
        start.wait()
        for i, request in enumerate(requests):
            receipts[n * 100 + i] = github.receive(request)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 640
    assert len({receipt.delivery_id for receipt in receipts.values()}) == 640
    for n, receipt in receipts.items():
        assert receipt.event_id is not None
        assert hooks.event(receipt.event_id).key == f"delivery-{n}"


def test_callers_that_come_together_share_a_commit(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    requests = [github_request(n) for n in range(200)]
    commits, queued = hooks.database.changed.changes, queued_calls(hooks)
    blocker = hooks.database.connect()
    blocker.execute("BEGIN IMMEDIATE")

    async def all_at_once() -> list[knocker.Receipt]:
        calls = [asyncio.create_task(github.areceive(request)) for request in requests]
        # The writer waits for the lock meanwhile.
        await asyncio.to_thread(lambda: [queued.acquire() for _ in calls])
        blocker.execute("ROLLBACK")
        return await asyncio.gather(*calls)

    receipts = asyncio.run(all_at_once())
    blocker.close()
    assert {receipt.outcome for receipt in receipts} == {"accepted"}
    # The writer tells of each commit once, and a commit takes 128 calls.
    assert hooks.database.changed.changes - commits == 2


def test_one_callers_error_is_its_own(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    ingest_only = hooks.endpoint("internal")

    async def together() -> list[Any]:
        calls = [github.areceive(push(1)), ingest_only.areceive(push(2)), github.areceive(push(3))]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, second, third = asyncio.run(together())
    assert (first.outcome, third.outcome) == ("accepted", "accepted")
    assert isinstance(second, knocker.InvalidArgumentError)
    assert len(list(hooks.events())) == 2


def test_a_cancelled_caller_does_not_disturb_the_others(github: knocker.Endpoint, push: PushOf) -> None:
    async def one_gives_up() -> str:
        task = asyncio.create_task(github.areceive(push(1)))
        other = asyncio.create_task(github.areceive(push(2)))
        await asyncio.sleep(0)
        task.cancel()
        outcome = (await other).outcome
        with pytest.raises(asyncio.CancelledError):
            await task
        return outcome

    assert asyncio.run(one_gives_up()) == "accepted"


def test_a_full_database_stores_nothing_and_works_again_with_room(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", clock=FrozenClock()) as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        endpoint.receive(push(0))
        big = b'{"pad": "%s"}' % (b"x" * 100_000)
        pages = hooks.database.rows("PRAGMA page_count")[0][0]
        # The limit is the writing connection's own, so the writer itself sets it.
        hooks.database.close()
    limited = knocker.open(tmp_path / "app.db", clock=FrozenClock())
    open_connection = limited.database.open

    def open_limited(**named: Any) -> Any:
        connection = open_connection(**named)
        connection.execute(f"PRAGMA max_page_count = {pages + 30}").fetchall()
        return connection

    limited.database.open = open_limited  # type: ignore[method-assign]
    endpoint = limited.endpoint("github", provider="github", secrets=[SECRET])

    async def together() -> list[Any]:
        calls = [endpoint.areceive(github_request(n, body=big)) for n in range(1, 6)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(together())
    assert any(isinstance(result, knocker.DiskFullError) for result in results)
    stored = [result for result in results if isinstance(result, knocker.Receipt)]
    # Whoever was answered is there, and nobody else.
    assert len(list(limited.deliveries())) == 1 + len(stored)
    assert endpoint.receive(push(50)).outcome == "accepted"
    limited.close()


def test_a_lock_held_too_long_is_busy_and_stores_nothing(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.05) as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        blocker = hooks.database.connect()
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(knocker.BusyError) as caught:
            endpoint.receive(push(1))
        assert caught.value.retryable
        blocker.execute("ROLLBACK")
        assert endpoint.receive(push(1)).outcome == "accepted"
        blocker.close()


def test_a_lock_that_was_waited_for_long_is_had_soon_after_it_is_free(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    """SQLite's own pauses have grown to a hundred milliseconds by then, and would mostly end long after the lock was free."""
    queued = queued_calls(hooks)
    blocker = hooks.database.connect()
    late_s = []
    for n in range(5):
        blocker.execute("BEGIN IMMEDIATE")
        received = threading.Thread(target=github.receive, args=(github_request(n),))
        received.start()
        assert queued.acquire(timeout=60)
        # Nobody else comes: it is the time that passes. SQLite's own looks would be after 228 and 328 milliseconds.
        received.join(0.24 + n * 0.01)
        blocker.execute("ROLLBACK")
        free = time.monotonic()
        received.join()
        late_s.append(time.monotonic() - free)
    blocker.close()
    # One of five: a busy machine may have let any of the others wait.
    assert min(late_s) < 0.025, late_s


def test_callers_that_wait_together_for_a_lock_give_up_together(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.2) as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        blocker = hooks.database.connect()
        blocker.execute("BEGIN IMMEDIATE")

        connect, begun, all_queued = hooks.database.open, list[float](), threading.Event()

        class Watched:
            """The writer's connection, whose first wait for the lock begins when every caller is queued."""

            def __init__(self) -> None:
                self.connection: Any = connect()

            def __getattr__(self, name: str) -> Any:
                return getattr(self.connection, name)

            def execute(self, sql: str, *parameters: Any) -> Any:
                if sql == "BEGIN IMMEDIATE":
                    assert all_queued.wait(60)
                    begun.append(time.monotonic())
                return self.connection.execute(sql, *parameters)

        hooks.database.open = Watched  # type: ignore[method-assign,assignment]

        queued = queued_calls(hooks)

        async def together() -> list[Any]:
            calls = [asyncio.create_task(endpoint.areceive(github_request(n))) for n in range(40)]
            await asyncio.to_thread(lambda: [queued.acquire() for _ in calls])
            all_queued.set()
            return await asyncio.gather(*calls, return_exceptions=True)

        results = asyncio.run(together())
        # One wait for all: one after the other they would take eight seconds.
        assert time.monotonic() - begun[0] < 4
        assert {type(result) for result in results} == {knocker.BusyError}
        assert len({id(result) for result in results}) == 40
        blocker.execute("ROLLBACK")
        blocker.close()
        assert endpoint.receive(github_request(1)).outcome == "accepted"


def test_closed_hooks_say_so(tmp_path: Path, push: PushOf) -> None:
    hooks = knocker.open(tmp_path / "app.db")
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    endpoint.receive(push(1))
    hooks.close()
    hooks.close()
    with pytest.raises(knocker.UsageError, match="closed"):
        endpoint.receive(push(2))
    with pytest.raises(knocker.UsageError, match="closed"):
        hooks.stats()


def test_closing_answers_whoever_is_queued(tmp_path: Path) -> None:
    hooks = knocker.open(tmp_path / "app.db")
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])

    async def close_behind_them() -> list[Any]:
        calls = [asyncio.create_task(endpoint.areceive(github_request(n))) for n in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(hooks.close)
        return await asyncio.gather(*calls)

    assert {receipt.outcome for receipt in asyncio.run(close_behind_them())} == {"accepted"}


def test_a_caller_whose_loop_is_gone_does_not_stop_the_writer(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    loop = asyncio.new_event_loop()
    blocker = hooks.database.connect()
    blocker.execute("BEGIN IMMEDIATE")
    task = loop.create_task(github.areceive(push(1)))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert github.receive(push(2)).outcome == "accepted"
    assert len(list(hooks.events())) == 2


def test_a_relative_path_is_that_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with knocker.open("app.db") as hooks:
        monkeypatch.chdir("/")
        endpoint = hooks.endpoint("internal")
        assert endpoint.ingest(b"", valid=True).outcome == "accepted"
        assert hooks.stats().events.received == 1


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(knocker.UsageError, match="file"):
        knocker.open(":memory:")


def test_the_file_is_opened_to_keep_what_is_committed(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as hooks, hooks.database.connection() as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchall()[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_less_durable_is_an_option(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db", synchronous="normal") as hooks:
        assert hooks.database.rows("PRAGMA synchronous") == [(1,)]
    wrong: Any = "off"
    with pytest.raises(knocker.UsageError, match="synchronous"):
        knocker.open(tmp_path / "app.db", synchronous=wrong)
