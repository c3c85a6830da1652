"""Receipts wait until the replica has them, where they are to; what does not answer like Litestream is 503, and the retry a duplicate."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import LOCK_PATIENCE_S, SECRET, Log, PushOf
from inbox import queued_calls
from knocker.event import Event, EventDelivery, to_datetime
from knocker.request import Headers, pairs
from litestream_socket import Litestream, endless, litestream, short_folder

CONFORMANCE = Path(__file__).parents[3] / "extension/conformance"
PATIENCE_S = 60
# Enough for what answers at once, on a machine that is busy with other things.
TIMEOUT_S = 30.0
# For what never answers.
SHORT_S = 0.05

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


@pytest.fixture
def replica(folder: Path) -> Iterator[Litestream]:
    with litestream(folder / "socket") as running:
        yield running


OpenOf = Callable[..., knocker.Hooks]


@pytest.fixture
def opened(folder: Path) -> Iterator[OpenOf]:
    made: list[knocker.Hooks] = []

    def opens(timeout_s: float = TIMEOUT_S, path: Path | None = None) -> knocker.Hooks:
        hooks = knocker.open(
            path or folder / "app.db", busy_timeout_s=LOCK_PATIENCE_S, replicated=folder / "socket", replicated_timeout_s=timeout_s
        )
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        made.append(hooks)
        return hooks

    yield opens
    for hooks in made:
        hooks.close()


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except knocker.KnockerError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_receipt_is_answered_once_the_replica_has_it(replica: Litestream, opened: OpenOf, push: PushOf, folder: Path) -> None:
    hooks = opened()
    replica.may_answer.clear()
    thread, results = in_thread(lambda: hooks.endpoints["github"].receive(push(1)))
    assert replica.being_asked.acquire(timeout=PATIENCE_S)
    # It is committed, and nobody has been told.
    assert ([event.key for event in hooks.events()], results) == (["delivery-1"], [])
    replica.may_answer.set()
    thread.join(PATIENCE_S)
    assert results[0].outcome == "accepted"
    assert replica.asked == [{"path": str(folder / "app.db"), "wait": True, "timeout": math.ceil(TIMEOUT_S)}]


def test_those_who_come_together_wait_together(replica: Litestream, opened: OpenOf, push: PushOf) -> None:
    hooks = opened()
    replica.may_answer.clear()
    first = in_thread(lambda: hooks.endpoints["github"].receive(push(0)))
    assert replica.being_asked.acquire(timeout=PATIENCE_S)
    queued = queued_calls(hooks)
    others = [in_thread(lambda n=n: hooks.endpoints["github"].receive(push(n))) for n in range(1, 21)]  # type: ignore[misc]
    for _ in others:
        assert queued.acquire(timeout=PATIENCE_S)
    replica.may_answer.set()
    for thread, _ in [first, *others]:
        thread.join(PATIENCE_S)
    assert [results[0].outcome for _, results in [first, *others]] == ["accepted"] * 21
    assert len(replica.asked) == 2
    assert len(replica.connections) == 1


def test_coroutines_wait_as_threads_do(replica: Litestream, opened: OpenOf, push: PushOf) -> None:
    hooks = opened()

    async def receive() -> list[knocker.Receipt]:
        return await asyncio.gather(*(hooks.endpoints["github"].areceive(push(n)) for n in range(5)))

    assert [receipt.outcome for receipt in asyncio.run(receive())] == ["accepted"] * 5
    assert 1 <= len(replica.asked) <= 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, {"error": "sync database: no space left"}), "500: sync database: no space left"),
        ((409, {"error": "database not open"}), "409: database not open"),
        ((404, {"error": "database not found"}), "404: database not found"),
        ((200, {"status": "synced_local", "txid": 9, "replicated_txid": 8}), "200: synced_local"),
        ((200, {"status": "no_change", "txid": 0, "replicated_txid": 0}), "200: no_change"),
        ((200, ["synced"]), "200: no reason"),
        ((200, {"status": "synced", "txid": 7, "replicated_txid": True}), "200: synced"),
        ((200, {"status": "synced", "txid": 7, "replicated_txid": "7"}), "200: synced"),
        ((200, b"<html>synced</html>"), "cannot be asked"),
        ((200, b"[" * 60_000), "cannot be asked"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, tuple) else "",
)
def test_what_is_not_replicated_is_stored_and_the_retry_is_a_duplicate(
    replica: Litestream, opened: OpenOf, push: PushOf, answer: tuple[int, Any], message: str
) -> None:
    hooks = opened()
    replica.answer = answer
    with pytest.raises(knocker.NotReplicatedError) as caught:
        hooks.endpoints["github"].receive(push(1))
    assert message in caught.value.message
    assert (caught.value.code, caught.value.retryable) == ("not_replicated", True)
    replica.answer = Litestream().answer
    assert hooks.endpoints["github"].receive(push(1)).outcome == "duplicate"
    assert [event.deliveries for event in hooks.events()] == [2]


def test_a_replica_that_does_not_answer_in_time(replica: Litestream, opened: OpenOf, push: PushOf) -> None:
    hooks = opened(SHORT_S)
    replica.may_answer.clear()
    with pytest.raises(knocker.NotReplicatedError, match=r"did not sync in 0\.05 s"):
        hooks.endpoints["github"].receive(push(1))


def test_many_do_not_wait_one_group_after_the_other(replica: Litestream, opened: OpenOf, push: PushOf) -> None:
    """Each group has 128 at most, and whoever came before the question that nobody answers has waited as long as its askers."""
    hooks = opened(0.3)
    replica.may_answer.clear()

    async def receive() -> list[object]:
        return await asyncio.gather(*(hooks.endpoints["github"].areceive(push(n)) for n in range(800)), return_exceptions=True)

    assert {type(result) for result in asyncio.run(receive())} == {knocker.NotReplicatedError}
    assert len(replica.asked) <= 3


@pytest.mark.parametrize(
    ("first", "again", "pause_s", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.01, "did not sync"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{", b" ", 0.01, "did not sync"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01, "did not sync"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, 0, "none of Litestream's"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1_000, 0, "none of Litestream's"),
    ],
    ids=["line", "body", "interim answers", "many interim answers", "trailers"],
)
def test_an_answer_without_an_end_is_given_up(
    folder: Path, opened: OpenOf, push: PushOf, first: bytes, again: bytes, pause_s: float, message: str
) -> None:
    hooks = opened(SHORT_S if pause_s else TIMEOUT_S)
    with endless(folder / "socket", first, again, pause_s):
        thread, results = in_thread(lambda: hooks.endpoints["github"].receive(push(1)))
        thread.join(PATIENCE_S)
    assert isinstance(results[0], knocker.NotReplicatedError)
    assert message in results[0].message


def test_litestream_may_go_and_come_back(folder: Path, opened: OpenOf, push: PushOf) -> None:
    hooks = opened()
    with pytest.raises(knocker.NotReplicatedError, match="No such file"):
        hooks.endpoints["github"].receive(push(1))
    for _ in range(2):
        with litestream(folder / "socket"):
            assert hooks.endpoints["github"].receive(push(1)).outcome == "duplicate"


def test_one_that_began_anew_is_asked_at_once(folder: Path, opened: OpenOf, push: PushOf) -> None:
    """The connection that was kept is of the one that is gone."""
    hooks = opened()
    for number in range(2):
        with litestream(folder / "socket") as running:
            assert hooks.endpoints["github"].receive(push(number)).outcome == "accepted"
            assert len(running.asked) == 1


def test_the_sender_is_told_to_try_again(folder: Path, opened: OpenOf, push: PushOf, log: Log) -> None:
    hooks, answered = opened(), []
    request = push(1)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/github",
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_HOST": "shop.example",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in pairs(request.headers)},
    }

    def post() -> bytes:
        body = hooks.wsgi()({**environ, "wsgi.input": BytesIO(request.body)}, lambda *head: answered.append(head))
        return b"".join(body)

    assert post() == b"try again later"
    status, headers = answered.pop()
    assert (status, dict(headers)["retry-after"]) == ("503 Service Unavailable", "5")
    assert [record.__dict__["code"] for record in log.records if "code" in record.__dict__] == ["not_replicated"]
    assert "receipt not replicated, answered 503" in log.records[-1].getMessage()
    with litestream(folder / "socket"):
        post()
    assert answered.pop()[0] == "200 OK"


def test_what_is_no_receipt_waits_for_no_replica(opened: OpenOf, push: PushOf) -> None:
    hooks = opened()
    hooks.endpoint("other")
    with pytest.raises(knocker.NotReplicatedError):
        hooks.endpoints["other"].ingest(b"{}", valid=True, key="1")
    assert hooks.ignore(1, "by hand").status == "ignored"


def test_the_file_may_have_another_name_there(replica: Litestream, opened: OpenOf, push: PushOf, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to(folder / "real")
    replica.names = []
    hooks = opened(path=folder / "link/app.db")
    with pytest.raises(knocker.NotReplicatedError):
        hooks.endpoints["github"].receive(push(0))
    # One that is known is asked for first from then on.
    for name in ("real", "link"):
        replica.names = [str(folder.resolve() / name / "app.db")]
        for number in range(2):
            assert hooks.endpoints["github"].receive(push(number)).outcome in ("accepted", "duplicate")
    asked = [question["path"].split("/")[-2] for question in replica.asked]
    assert asked == ["link", "real", "link", "real", "real", "real", "link", "link"]


@pytest.mark.parametrize("options", [{"replicated": ""}, {"replicated": 5}, {"replicated": "socket", "replicated_timeout_s": 0}])
def test_options_that_cannot_be_meant(tmp_path: Path, options: Any) -> None:
    with pytest.raises(knocker.UsageError, match="replicated"):
        knocker.open(tmp_path / "app.db", **options)
    assert not (tmp_path / "app.db").exists()


@pytest.mark.parametrize("case", json.loads((CONFORMANCE / "idempotency_keys.json").read_text())["cases"], ids=lambda case: case["is"])
def test_the_idempotency_key_of_an_event(case: Any) -> None:
    delivery = EventDelivery(1, "POST", "/", Headers())
    event = Event(
        id=case.get("id", 1),
        endpoint=case["endpoint"],
        type=None,
        key=case["key"],
        body=case.get("body", "").encode(),
        attempt=1,
        max_attempts=10,
        received_at=to_datetime(case.get("received_at", 0)),
        delivery=delivery,
    )
    assert event.idempotency_key == case["is"]
