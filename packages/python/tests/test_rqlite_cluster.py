"""Hooks on three real nodes of rqlite: ``make test-rqlite`` starts them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET, github_request
from knocker.request import pairs
from knocker.rqlite.cluster import Statement
from knocker.testing import FrozenClock, drain
from matching import Json
from rqlite_nodes import NOT_RUN, URL, ask, column, do, files_with, losing
from scenario import Scenario

if not URL:
    print(NOT_RUN)
    pytest.skip(NOT_RUN, allow_module_level=True)

LIFECYCLE = Path(__file__).resolve().parents[3] / "extension" / "conformance" / "lifecycle"
CASES = [
    (file.name, content, case)
    for file in sorted(LIFECYCLE.glob("*.json"))
    for content in [json.loads(file.read_text())]
    for case in content["scenarios"]
]
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def empty() -> None:
    do("restart")
    do("wipe")


@pytest.fixture
def hooks(clock: FrozenClock) -> Iterator[knocker.Hooks]:
    with knocker.open(URL, clock=clock, busy_timeout_s=PATIENCE_S) as opened:
        yield opened


@pytest.fixture
def live() -> Iterator[knocker.Hooks]:
    """On the system's clock."""
    with knocker.open(URL, busy_timeout_s=PATIENCE_S) as opened:
        yield opened


def run_sql(hooks: Any, *statements: str) -> None:
    hooks.database.write([Statement(sql) for sql in statements]).rows()


@pytest.mark.parametrize(
    ("file", "content", "case"),
    CASES,
    ids=lambda value: value["name"].replace(" ", "_") if isinstance(value, dict) and "name" in value else "",
)
def test_lifecycle(file: str, content: Json, case: Json, hooks: knocker.Hooks, clock: FrozenClock) -> None:
    run = Scenario(hooks, dict(content.get("values", {})))
    for number, step in enumerate(case["steps"], 1):
        clock.now_ms = step.get("now", clock.now_ms)
        try:
            run.step(step)
        except AssertionError as problem:
            raise AssertionError(f"step {number} ({step['op']}): {problem}") from problem
    assert ask("/tables")["differing"] == []


def test_a_handlers_writes_and_the_verdict_are_one(hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE orders (id TEXT UNIQUE, body BLOB)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?, ?)", [event.type, event.body])
        if event.attempt == 1 and event.type == "b":
            raise RuntimeError("not now")

    for type in "ab":
        inbox.ingest(b"\xff\x00", valid=True, type=type, key=type)
    assert [one.status for one in drain(hooks)] == ["handled", "failed"]
    assert hooks.database.rows("SELECT id, body FROM orders") == [("a", b"\xff\x00")]
    # The same id again: the constraint takes back the verdict too.
    inbox.ingest(b"", valid=True, type="a", key="again")
    [attempted] = drain(hooks)
    assert attempted.status == "failed"
    assert "UNIQUE constraint failed" in str(attempted.error)
    assert [event.status for event in hooks.events(key="again")] == ["failed"]
    assert len(hooks.database.rows("SELECT id FROM orders")) == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda tx: tx.execute("SELECT 1"),
        lambda tx: tx.execute("PRAGMA user_version = 1"),
        lambda tx: tx.execute("COMMIT"),
        lambda tx: tx.execute("INSERT INTO written VALUES ('a') RETURNING text").fetchone(),
        lambda tx: list(tx.execute("INSERT INTO written VALUES ('a')")),
        lambda tx: tx.execute("INSERT INTO written VALUES (?)", ["x'00'"]),
        lambda tx: tx.execute("INSERT INTO written VALUES (?)", [object()]),
        lambda tx: tx.commit(),
        lambda tx: tx.execute("SELECT knocker_release('w')"),
        lambda tx: tx.execute("INSERT INTO written VALUES (random())"),
        lambda tx: tx.execute("WITH a AS (SELECT RANDOMBLOB /* */ (8)) INSERT INTO written SELECT * FROM a"),
        lambda tx: tx.execute("INSERT INTO written VALUES (CURRENT_TIMESTAMP)"),
        lambda tx: tx.execute("INSERT INTO written VALUES (datetime('now', '+1 day'))"),
        lambda tx: tx.execute("INSERT INTO written VALUES (datetime(?))", ["now"]),
        lambda tx: tx.execute("INSERT INTO written VALUES (unixepoch( ))"),
        lambda tx: tx.execute("WITH a AS (SELECT 1) SELECT * FROM a"),
        lambda tx: tx.execute("INSERT INTO written VALUES ('a'); COMMIT"),
        lambda tx: tx.execute("INSERT INTO written VALUES ('a') -- ;\n;/* */ COMMIT"),
    ],
)
def test_what_tx_cannot_do_is_refused(use: Any, hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    inbox = hooks.endpoint("inbox")
    inbox.add_handler("*", lambda _, tx: use(tx))
    inbox.ingest(b"", valid=True)
    [attempted] = drain(hooks)
    assert attempted.status == "failed"
    assert isinstance(attempted.error, knocker.UsageError)
    assert hooks.database.rows("SELECT * FROM written") == []


def test_what_tx_takes_is_the_same_on_each_node(hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES ('a;''b' /* ; */), (?) ; -- the end", [";"])
        tx.execute("WITH one AS (SELECT datetime(?, 'unixepoch') AS at) INSERT INTO written SELECT 'random()' || at FROM one", [event.id])
        tx.executemany("UPDATE written SET text = text || ? WHERE text = ?", [("c", ";"), ("d", "nothing")])

    inbox.ingest(b"", valid=True)
    assert [one.status for one in drain(hooks)] == ["handled"]
    assert [text for (text,) in hooks.database.rows("SELECT text FROM written")][:2] == ["a;'b", ";c"]
    assert ask("/tables")["differing"] == []


def test_sql_that_is_not_understood_is_told_before_anything_is_sent(hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES ('a')")
        tx.execute("INSERT INTO nowhere VALUES ('a')")

    inbox.ingest(b"", valid=True)
    [attempted] = drain(hooks)
    assert attempted.status == "failed"
    assert "no such table: nowhere" in str(attempted.error)
    # rqlite would have committed it beside the other.
    assert hooks.database.rows("SELECT * FROM written") == []


def test_tx_is_over_after_its_attempt(hooks: knocker.Hooks) -> None:
    inbox, kept = hooks.endpoint("inbox"), []
    inbox.add_handler("*", lambda _, tx: kept.append(tx))
    inbox.ingest(b"", valid=True)
    drain(hooks)
    with pytest.raises(knocker.ClosedError):
        kept[0].execute("INSERT INTO written VALUES ('a')")


def test_coroutine_handlers_are_awaited(hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    async def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES (?)", [event.type])

    inbox.ingest(b"", valid=True, type="a")
    assert [one.status for one in drain(hooks)] == ["handled"]
    assert hooks.database.rows("SELECT text FROM written") == [("a",)]


@pytest.mark.parametrize("word", ["knocker_handled", "knocker_claim", "knocker_store"])
def test_an_answer_that_is_lost_changes_nothing(word: str, hooks: knocker.Hooks, clock: FrozenClock) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    with losing(word) as (url, way), knocker.open(url, clock=clock, busy_timeout_s=PATIENCE_S) as app:
        inbox = app.endpoint("inbox", provider="github", secrets=SECRET)
        inbox.add_handler("*", lambda event, tx: tx.execute("INSERT INTO written VALUES (?)", [event.key]))
        receipt = inbox.receive(github_request(1))
        assert receipt.outcome == ("duplicate" if word == "knocker_store" else "accepted")
        assert [one.status for one in drain(app)] == ["handled"]
        assert way.lost == 1
    assert hooks.database.rows("SELECT text FROM written") == [("delivery-1",)]
    assert [event.status for event in hooks.events()] == ["handled"]
    assert [attempt.result for attempt in hooks.attempts()] == ["handled"]


@pytest.mark.parametrize(
    ("raised", "status"), [(RuntimeError("no"), "failed"), (knocker.Dead("no"), "dead"), (knocker.Ignore("no"), "ignored")]
)
def test_a_failure_whose_answer_is_lost_is_one(raised: Exception, status: str, hooks: knocker.Hooks, clock: FrozenClock) -> None:
    word = "knocker_skipped" if status == "ignored" else "knocker_failed"

    def handle(event: knocker.Event, tx: Any) -> None:
        raise raised

    with losing(word) as (url, way), knocker.open(url, clock=clock, busy_timeout_s=PATIENCE_S) as app:
        inbox = app.endpoint("inbox")
        inbox.add_handler("*", handle)
        inbox.ingest(b"", valid=True)
        assert [one.status for one in drain(app)] == [status]
        assert way.lost == 1
    assert [(event.status, event.attempts) for event in hooks.events()] == [(status, 1)]


def test_a_receipt_that_nobody_answers_is_503_and_its_retry_a_duplicate(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    request = github_request(1)
    environ: Json = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/inbox",
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.url_scheme": "http",
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in pairs(request.headers)},
    }
    statuses: list[str] = []

    def send(to: knocker.Hooks) -> None:
        list(to.wsgi()({**environ, "wsgi.input": io.BytesIO(request.body)}, lambda status, *_: statuses.append(status)))

    hooks.endpoint("inbox", provider="github", secrets=SECRET)
    with losing("knocker_store", times=1000, others=False) as (url, way), knocker.open(url, clock=clock, busy_timeout_s=0.5) as app:
        app.existing_endpoint("inbox", secrets=SECRET)
        send(app)
        assert way.lost > 1
    send(hooks)
    assert [status[:3] for status in statuses] == ["503", "200"]
    assert len(list(hooks.events())) == 1
    assert {delivery.outcome for delivery in hooks.deliveries()} == {"accepted", "duplicate"}


def test_an_attempt_whose_worker_died_is_told_of_once(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    errors: list[Any] = []
    dead: list[Any] = []
    with knocker.open(
        URL,
        clock=clock,
        busy_timeout_s=PATIENCE_S,
        on_error=lambda error, event: errors.append((type(error), event.key, event.attempt, event.body)),
        on_dead=lambda event, reason: dead.append(event.key),
    ) as app:
        inbox = app.endpoint("inbox", max_attempts=1)
        inbox.add_handler("*", lambda event, tx: None)
        inbox.ingest(b"\xff", valid=True, key="a")
        assert app.leases("who dies").claim(1, 60) == 1
        assert [job.event.body for job in app.leases("who dies").jobs()] == [b"\xff"]
        clock.advance(61)
        assert drain(app) == []
        assert drain(app) == []
    assert errors == [(knocker.LeaseLostError, "a", 1, b"\xff")]
    assert dead == ["a"]


def test_a_lease_that_is_lost_takes_the_writes_with_it(hooks: knocker.Hooks) -> None:
    run_sql(hooks, "CREATE TABLE written (text TEXT)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES ('a')")
        hooks.ignore(event.id, force=True)

    inbox.ingest(b"", valid=True)
    assert [one.status for one in drain(hooks)] == ["lease_lost"]
    assert hooks.database.rows("SELECT * FROM written") == []
    assert [event.status for event in hooks.events()] == ["ignored"]


def test_settings_that_change_elsewhere_are_noticed(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    inbox = hooks.endpoint("inbox", provider="github", secrets=SECRET)
    assert inbox.receive(github_request(1)).outcome == "accepted"
    with knocker.open(URL, clock=clock, busy_timeout_s=PATIENCE_S) as other:
        other.update_endpoint("inbox", max_attempts=3)
    assert inbox.receive(github_request(2)).outcome == "accepted"
    assert inbox.verify(github_request(3)).valid


def test_receipts_that_come_together_are_each_answered_for_themselves(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    settled = hooks.endpoint("settled", provider="github", secrets=SECRET)
    changing = hooks.endpoint("changing", provider="github", secrets=SECRET)
    with knocker.open(URL, clock=clock, busy_timeout_s=PATIENCE_S) as other:
        # What is judged before this is noticed is stale, and rolls back what came with it.
        other.update_endpoint("changing", max_attempts=3)

    async def together() -> list[knocker.Receipt]:
        requests = [(settled if n % 2 else changing, github_request(n)) for n in range(20)]
        return await asyncio.gather(*(endpoint.areceive(request) for endpoint, request in requests))

    assert [receipt.outcome for receipt in asyncio.run(together())] == ["accepted"] * 20
    assert len(list(hooks.events())) == 20
    assert len(list(hooks.deliveries())) == 20


def test_a_refused_request_is_kept_and_a_secret_is_in_no_call(hooks: knocker.Hooks) -> None:
    inbox = hooks.endpoint("inbox", provider="github", secrets="another-secret")
    assert inbox.receive(github_request(1)).outcome == "invalid"
    with pytest.raises(knocker.UsageError, match="secrets"):
        hooks.database.call("knocker_receive", "inbox", "{}", b"", '["another-secret"]')
    assert not files_with("another-secret")


def test_what_needs_a_file_is_refused(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.UsageError, match=r"hooks\.database\.rows"):
        hooks.database.connect()
    hooks.close()
    with pytest.raises(knocker.ClosedError):
        hooks.stats()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_child_is_refused_and_leaves_the_parent_alone(hooks: knocker.Hooks) -> None:
    inbox = hooks.endpoint("inbox")
    inbox.ingest(b"", valid=True)
    child = os.fork()
    if child == 0:
        try:
            inbox.ingest(b"", valid=True)
        except knocker.ForkedError:
            hooks.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert inbox.ingest(b"", valid=True).outcome == "accepted"
    assert len(list(hooks.events())) == 2


def test_a_running_worker_wakes_and_keeps_its_leases(live: knocker.Hooks) -> None:
    run_sql(live, "CREATE TABLE written (text TEXT)")
    inbox, begun, go_on = live.endpoint("inbox"), threading.Event(), threading.Event()

    @inbox.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES (?)", [event.key])
        if event.key == "0":
            begun.set()
            assert go_on.wait(PATIENCE_S)

    with live.start_worker(concurrency=2, poll=30, lease_s=1):
        inbox.ingest(b"", valid=True, key="0")
        assert begun.wait(PATIENCE_S)
        [before] = live.database.rows("SELECT lease_expires_at FROM knocker_jobs")
        for n in range(1, 10):
            inbox.ingest(b"", valid=True, key=str(n))
        until(lambda: live.database.rows("SELECT count(*) FROM written") == [(9,)])
        until(lambda: live.database.rows("SELECT lease_expires_at FROM knocker_jobs") > [before])
        go_on.set()
        until(lambda: live.stats().events.handled == 10)
    assert live.database.rows("SELECT count(*), count(DISTINCT text) FROM written") == [(10, 10)]
    assert {attempt.result for attempt in live.attempts()} == {"handled"}


@pytest.mark.parametrize("action", ["kill", "pause"])
def test_two_thousand_receipts_while_the_leader_goes_away_twice(
    action: str, live: knocker.Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    callers, each, secret = 8, 250, "the-secret-of-the-scenario"
    run_sql(live, "CREATE TABLE written (text TEXT)")
    inbox = live.endpoint("inbox", provider="token", options={"header": "X-Token"}, secrets=secret)
    inbox.add_handler("*", lambda event, tx: tx.execute("INSERT INTO written VALUES (?)", [event.body.decode()]))
    acknowledged: list[tuple[int, str]] = []
    failed: list[BaseException] = []
    came = threading.Condition()

    def call(caller: int) -> None:
        for n in range(each):
            body = f"body-{caller}-{n}"
            try:
                receipt = inbox.receive(knocker.WebhookRequest(body.encode(), {"X-Token": secret}))
            except knocker.ClusterUnavailableError as error:
                failed.append(error)
                continue
            with came:
                acknowledged.append((receipt.delivery_id or 0, body))
                came.notify_all()

    started = time.monotonic()
    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    with live.start_worker(concurrency=2):
        for thread in threads:
            thread.start()
        for at in (500, 1300):
            with came:
                assert came.wait_for(lambda at=at: len(acknowledged) >= at, PATIENCE_S)  # type: ignore[misc]
            [led] = do(f"{action}-leader").values()
            with came:
                assert came.wait_for(lambda at=at: len(acknowledged) >= at + 200, PATIENCE_S)  # type: ignore[misc]
            do("restart")
            with capsys.disabled():
                print(f"\n{led} led, {action} after {at} receipts")
        for thread in threads:
            thread.join()
        took_s = time.monotonic() - started
        until(lambda: (counts := live.stats().events).received + counts.processing + counts.failed == 0)
    tables = ask("/tables")
    assert tables["differing"] == []
    for node in tables["names"]:
        ids, bodies = (column(node, f"SELECT {name} FROM knocker_deliveries ORDER BY id") for name in ("id", "CAST(body AS TEXT)"))
        stored = dict(zip(ids, bodies, strict=True))
        assert [stored.get(delivery) for delivery, _ in acknowledged] == [body for _, body in acknowledged]
        # Each event is handled once, and what its handler wrote is there once.
        handled = column(node, "SELECT body FROM knocker_events WHERE status = 'handled'")
        assert Counter(column(node, "SELECT text FROM written")) == Counter(handled)
    assert not files_with(secret)
    # The look finds what is there.
    assert files_with("body-7-249")
    with capsys.disabled():
        print(f"{len(acknowledged)} acknowledged and {len(failed)} not, in {took_s:.1f} s")
        print(f"{tables['rows']} rows of {len(tables['tables'])} tables are equal on {tables['nodes']} nodes")
    assert len(acknowledged) + len(failed) == callers * each


def until(look: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "this does not come to be"
        time.sleep(0.02)
