"""Judging: outside of the transaction, again where the settings have changed, and never by all threads for the sake of a few."""

from __future__ import annotations

import asyncio
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
