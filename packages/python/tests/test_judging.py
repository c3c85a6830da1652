"""Judging: outside of the transaction, again where the settings have changed, and never by all threads for the sake of a few."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf, github_request
from inbox import queued_calls
from knocker.judging import HEAVY_BYTES, Seat
from knocker.ticket import Ticket


@pytest.fixture
def github(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("github", provider="github", secrets=[SECRET], max_body_bytes=4 * 1024 * 1024)


Receive = Callable[[knocker.Endpoint, knocker.WebhookRequest], knocker.Receipt]


def in_thread(endpoint: knocker.Endpoint, request: knocker.WebhookRequest) -> knocker.Receipt:
    return endpoint.receive(request)


def in_task(endpoint: knocker.Endpoint, request: knocker.WebhookRequest) -> knocker.Receipt:
    return asyncio.run(endpoint.areceive(request))


def large(n: int, size: int = 1024 * 1024) -> knocker.WebhookRequest:
    return github_request(n, body=b'{"pad": "%s"}' % (b"x" * size))


def test_only_what_is_judged_reaches_the_transaction(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    functions: list[str] = []
    put = hooks.database.writer.put

    def noting(ticket: Ticket) -> None:
        functions.append(ticket.function)
        put(ticket)

    hooks.database.writer.put = noting  # type: ignore[method-assign]
    github.receive(push(1))
    hooks.endpoint("inbox").ingest(b"{}", valid=True)
    assert functions == ["knocker_store", "knocker_store"]


def test_a_request_is_judged_while_somebody_else_writes(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0) as hooks:
        github = hooks.endpoint("github", provider="github", secrets=[SECRET])
        ingest_only = hooks.endpoint("inbox")
        blocker = hooks.database.connect()
        blocker.execute("BEGIN IMMEDIATE")
        # What is refused for its own sake is not refused for the lock.
        with pytest.raises(knocker.InvalidArgumentError):
            ingest_only.receive(push(1))
        with pytest.raises(knocker.BusyError):
            github.receive(push(1))
        blocker.close()


@pytest.mark.parametrize("receive", [in_thread, in_task])
def test_a_judgement_under_other_settings_is_made_again(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    judge = Seat.judge

    def changing(seat: Seat, function: str, arguments: Any) -> Any:
        judgement = judge(seat, function, arguments)
        judged.append(function)
        if len(judged) == 1:
            hooks.update_endpoint("github", max_attempts=3)
        return judgement

    monkeypatch.setattr(Seat, "judge", changing)
    receipt = receive(github, push(1))
    assert (receipt.outcome, judged) == ("accepted", ["knocker_judge"] * 2)
    assert receipt.event_id is not None
    assert hooks.event(receipt.event_id).max_attempts == 3


@pytest.mark.parametrize("receive", [in_thread, in_task])
def test_settings_that_never_rest_are_an_error_that_passes(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    judge = Seat.judge

    def changing(seat: Seat, function: str, arguments: Any) -> Any:
        judgement = judge(seat, function, arguments)
        judged.append(function)
        hooks.update_endpoint("github", max_attempts=len(judged))
        return judgement

    monkeypatch.setattr(Seat, "judge", changing)
    with pytest.raises(knocker.StaleJudgementError) as caught:
        receive(github, push(1))
    assert (caught.value.retryable, len(judged)) == (True, 4)
    assert list(hooks.deliveries()) == []


def test_large_requests_are_no_burden_to_small_ones(github: knocker.Endpoint, push: PushOf, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Seat.judge
    released, heavy = threading.Event(), list[str]()

    def slow(seat: Seat, function: str, arguments: Any) -> Any:
        if sum(len(one) for one in arguments if isinstance(one, bytes)) > HEAVY_BYTES:
            heavy.append(threading.current_thread().name)
            assert released.wait(60)
        return judge(seat, function, arguments)

    monkeypatch.setattr(Seat, "judge", slow)

    async def together() -> tuple[set[str], set[str]]:
        large_ones = [asyncio.create_task(github.areceive(large(n))) for n in range(20)]
        bodies = [b'{"pad": "%s"}' % (b"x" * size) for size in (10, 30_000)]
        small: set[str] = {(await github.areceive(push(100 + n, body=body))).outcome for n, body in enumerate(bodies)}
        released.set()
        return small, {(await task).outcome for task in large_ones}

    assert asyncio.run(together()) == ({"accepted"}, {"accepted"})
    # None of them on the loop.
    assert set(heavy) == {"knocker-judge-heavy"}


def test_a_commit_takes_no_more_than_its_bytes(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    commits = hooks.database.changed.changes
    blocker = hooks.database.connect()
    blocker.execute("BEGIN IMMEDIATE")
    queued = queued_calls(hooks)

    async def all_at_once() -> list[knocker.Receipt]:
        calls = [asyncio.create_task(github.areceive(large(n, 2 * 1024 * 1024))) for n in range(9)]
        await asyncio.to_thread(lambda: [queued.acquire() for _ in calls])
        blocker.close()
        return await asyncio.gather(*calls)

    assert {receipt.outcome for receipt in asyncio.run(all_at_once())} == {"accepted"}
    # Three of them are less than 8 MiB, four are more.
    assert hooks.database.changed.changes - commits == 3


def judges_of(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> queue.SimpleQueue[str]:
    """The names of the threads that judge from here on, where this one could."""
    names: queue.SimpleQueue[str] = queue.SimpleQueue()
    put = hooks.database.writer.put

    def noting(ticket: Ticket) -> None:
        put(ticket)
        names.put(threading.current_thread().name)

    hooks.database.writer.put = noting  # type: ignore[method-assign]
    # The connection that callers judge on is opened by another thread.
    for n in itertools.count(1000):
        github.receive(push(n))
        if names.get() == threading.current_thread().name:
            return names
    raise AssertionError


def test_a_lone_task_judges_itself(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    judges = judges_of(hooks, github, push)

    async def one_after_the_other() -> list[str]:
        names = []
        for n in range(20):
            await github.areceive(push(n))
            names.append(judges.get())
        return names

    assert set(asyncio.run(one_after_the_other())) == {threading.current_thread().name}


def test_what_is_judged_beside_a_commit_is_not_judged_on_the_loop(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    judges = judges_of(hooks, github, push)
    blocker = hooks.database.connect()
    blocker.execute("BEGIN IMMEDIATE")

    async def together() -> list[str]:
        first = asyncio.create_task(github.areceive(push(1)))
        names = [await asyncio.to_thread(judges.get)]
        second = asyncio.create_task(github.areceive(push(2)))
        names.append(await asyncio.to_thread(judges.get))
        blocker.close()
        await asyncio.gather(first, second)
        return names

    assert asyncio.run(together()) == [threading.current_thread().name, "knocker-judge"]


def test_of_those_that_are_judged_together_an_error_is_of_one(tmp_path: Path, push: PushOf, monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    entered, released = threading.Event(), threading.Event()
    judge, judge_each = Seat.judge, Seat.judge_each

    def slow(seat: Seat, function: str, arguments: Any) -> Any:
        entered.set()
        assert released.wait(60)
        return judge(seat, function, arguments)

    def noting(seat: Seat, tickets: list[Ticket]) -> Any:
        together.append(len(tickets))
        return judge_each(seat, tickets)

    monkeypatch.setattr(Seat, "judge", slow)
    monkeypatch.setattr(Seat, "judge_each", noting)
    # One thread that judges, whatever the machine has.
    monkeypatch.setattr("knocker.judging._SEATS", 2)
    with knocker.open(tmp_path / "app.db") as hooks:
        github = hooks.endpoint("github", provider="github", secrets=[SECRET])
        ingest_only = hooks.endpoint("inbox")

        async def all_of_them() -> list[knocker.Receipt | BaseException]:
            first = asyncio.create_task(github.areceive(push(1)))
            await asyncio.to_thread(entered.wait)
            others = [asyncio.create_task((ingest_only if n == 3 else github).areceive(push(n))) for n in (2, 3, 4)]
            # Each is queued at its first step.
            await asyncio.sleep(0)
            released.set()
            return await asyncio.gather(first, *others, return_exceptions=True)

        results = asyncio.run(all_of_them())
    assert [getattr(result, "outcome", type(result).__name__) for result in results] == [
        "accepted",
        "accepted",
        "InvalidArgumentError",
        "accepted",
    ]
    assert together == [3]
