"""Workers that run: threads, wake-ups, leases, and how they stop. Nothing here sleeps; events of the code under test are waited for."""

from __future__ import annotations

import asyncio
import logging
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf, github_request
from knocker.connection import call
from knocker.testing import FrozenClock

PATIENCE_S = 300


@pytest.fixture
def github(live_hooks: knocker.Hooks) -> knocker.Endpoint:
    live_hooks.database.rows("CREATE TABLE orders (id TEXT)")
    return live_hooks.endpoint("github", provider="github", secrets=[SECRET], backoff={"base_s": 0, "factor": 1, "cap_s": 0})


def test_a_worker_handles_what_was_there_and_what_comes(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    seen: queue.Queue[int] = queue.Queue()
    github.add_handler("push", lambda event, tx: seen.put(event.json()["n"]))
    github.receive(push(1))
    with live_hooks.start_worker():
        assert seen.get(timeout=PATIENCE_S) == 1
        github.receive(push(2))
        assert seen.get(timeout=PATIENCE_S) == 2
    assert {event.status for event in live_hooks.events()} == {"handled"}


def test_a_receipt_of_this_process_wakes_a_worker_that_would_poll_late(
    live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf
) -> None:
    seen: queue.Queue[int] = queue.Queue()
    github.add_handler("push", lambda event, tx: seen.put(event.id))
    with live_hooks.start_worker(poll=3600):
        for n in range(5):
            github.receive(push(n))
            seen.get(timeout=PATIENCE_S)


def test_a_receipt_of_another_process_wakes_it_too(live_hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    seen: queue.Queue[int] = queue.Queue()
    github.add_handler("push", lambda event, tx: seen.put(event.json()["n"]))
    script = """
import sys, knocker
from knocker.testing import sign
endpoint = knocker.open(sys.argv[1], busy_timeout_s=60).endpoint("github", provider="github", secrets=["test-secret"])
for line in sys.stdin:
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": line.strip()}
    print(endpoint.receive(sign("github", {"n": int(line)}, "test-secret", headers=headers)).outcome, flush=True)
"""
    sender = subprocess.Popen(
        [sys.executable, "-c", script, live_hooks.database.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sender.stdin is not None
    with live_hooks.start_worker(poll=3600):
        for n in range(5):
            sender.stdin.write(f"{n}\n")
            sender.stdin.flush()
            assert seen.get(timeout=PATIENCE_S) == n
    output, _ = sender.communicate()
    assert output.split() == ["accepted"] * 5


def test_a_commit_before_the_first_look_of_the_watch_is_not_missed(live_hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    seen: queue.Queue[int] = queue.Queue()
    github.add_handler("push", lambda event, tx: seen.put(event.id))
    database, connect = live_hooks.database, live_hooks.database.connect

    def late(*arguments: Any, **options: Any) -> Any:
        if threading.current_thread().name == "knocker-watch":
            assert database.changed.wait_for_waiting(PATIENCE_S)
            other = connect()
            call(other, "knocker_ingest", "github", '{"valid": true, "type": "push"}', "{}")
            other.close()
        return connect(*arguments, **options)

    database.connect = late  # type: ignore[method-assign]
    with live_hooks.start_worker(poll=3600):
        assert seen.get(timeout=PATIENCE_S) == 1


def test_a_retry_that_becomes_due_is_taken_without_a_commit(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    attempts: queue.Queue[int] = queue.Queue()

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        attempts.put(event.attempt)
        if event.attempt == 1:
            raise knocker.Retry(after=0.5)

    github.receive(push(1))
    with live_hooks.start_worker(poll=3600):
        assert [attempts.get(timeout=PATIENCE_S), attempts.get(timeout=PATIENCE_S)] == [1, 2]


def test_as_many_handlers_run_at_once_as_asked_for(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    together = threading.Barrier(3)
    done: queue.Queue[int] = queue.Queue()

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        together.wait(PATIENCE_S)
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
        done.put(event.id)

    for n in range(6):
        github.receive(push(n))
    with live_hooks.start_worker(concurrency=3):
        handled = {done.get(timeout=PATIENCE_S) for _ in range(6)}
    assert len(handled) == 6
    assert len(live_hooks.database.rows("SELECT id FROM orders")) == 6


def test_each_event_is_handled_once_by_several_workers(live_hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    github.add_handler("push", lambda event, tx: tx.execute("INSERT INTO orders VALUES (?)", [str(event.json()["n"])]))
    left = threading.Semaphore(0)
    github.add_handler("push", lambda event, tx: left.release())
    with live_hooks.start_worker(concurrency=2), live_hooks.start_worker(concurrency=2):
        for n in range(150):
            github.receive(github_request(n))
        for _ in range(150):
            assert left.acquire(timeout=PATIENCE_S)
    rows = live_hooks.database.rows("SELECT count(*), count(DISTINCT id) FROM orders")
    assert rows == [(150, 150)]
    assert live_hooks.stats().events.handled == 150


def test_stopping_finishes_what_runs_and_gives_back_the_rest(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    entered, go_on = threading.Event(), threading.Event()

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)

    for n in range(5):
        github.receive(push(n))
    worker = live_hooks.start_worker()
    assert entered.wait(PATIENCE_S)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    assert worker._stopping.wait(PATIENCE_S)
    go_on.set()
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()
    events = list(live_hooks.events())
    assert sorted(event.status for event in events) == ["handled"] + ["received"] * 4
    assert sum(event.attempts for event in events) == 1


def test_a_long_handler_keeps_its_lease(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    endpoint = hooks.endpoint("inbox")
    done: queue.Queue[int] = queue.Queue()
    wake = threading.Event()

    def expiry() -> int:
        return int(hooks.database.rows("SELECT lease_expires_at FROM knocker_jobs")[0][0])

    @endpoint.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        # Three leases by the worker's clock, which stands still until the lease has been extended.
        for _ in range(6):
            clock.advance(1)
            while expiry() < clock() + 2000 and time.monotonic() < deadline:
                wake.wait(0.01)
        done.put(expiry())

    endpoint.ingest(b"", valid=True)
    with hooks.start_worker(lease_s=2):
        assert done.get(timeout=2 * PATIENCE_S) == clock() + 2000
    event = next(hooks.events())
    assert (event.status, event.attempts) == ("handled", 1)


def test_a_worker_without_handlers_is_refused(live_hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    with pytest.raises(knocker.UsageError, match="no handlers"):
        live_hooks.start_worker()


def test_only_endpoints_with_handlers_are_claimed(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    seen: queue.Queue[str] = queue.Queue()
    other = live_hooks.endpoint("other")
    other.add_handler("*", lambda event, tx: seen.put(event.endpoint))
    github.receive(push(1))
    other.ingest(b"", valid=True)
    with live_hooks.start_worker():
        assert seen.get(timeout=PATIENCE_S) == "other"
    assert [event.status for event in live_hooks.events(endpoint="github")] == ["received"]


def test_a_thread_that_crashes_starts_again(
    live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from knocker import worker as worker_module
    from knocker.lease_keeper import LeaseKeeper

    monkeypatch.setattr(worker_module, "_PAUSE_S", 0.01)
    taken = LeaseKeeper.take
    crashes = iter([MemoryError("crash"), knocker.IoError("crash")])

    def take(keeper: LeaseKeeper, *arguments: Any) -> Any:
        for crash in crashes:
            raise crash
        return taken(keeper, *arguments)

    monkeypatch.setattr(LeaseKeeper, "take", take)
    seen: queue.Queue[int] = queue.Queue()
    github.add_handler("push", lambda event, tx: seen.put(event.id))
    github.receive(push(1))
    with caplog.at_level(logging.ERROR, "knocker"), live_hooks.start_worker():
        seen.get(timeout=PATIENCE_S)
    assert caplog.text.count("starting it again") == 2


def test_coroutine_handlers_run_on_the_apps_loop(live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    async def app() -> None:
        seen: asyncio.Queue[asyncio.AbstractEventLoop] = asyncio.Queue()

        @github.on("push")
        async def handler(event: knocker.Event, tx: Any) -> None:
            tx.execute("INSERT INTO orders VALUES ('a')")
            await seen.put(asyncio.get_running_loop())

        working = asyncio.create_task(live_hooks.arun_worker())
        await github.areceive(push(1))
        assert await asyncio.wait_for(seen.get(), PATIENCE_S) is asyncio.get_running_loop()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(app())
    assert [event.status for event in live_hooks.events()] == ["handled"]


def test_coroutine_handlers_that_await_inside_their_transaction_do_not_block_each_other(
    live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf
) -> None:
    async def app() -> None:
        done: asyncio.Queue[int] = asyncio.Queue()
        both = asyncio.Event()
        running = 0

        @github.on("push")
        async def handler(event: knocker.Event, tx: Any) -> None:
            nonlocal running
            running += 1
            if running == 2:
                both.set()
            await both.wait()
            tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
            # The other handler's turn, while this one has the write lock.
            await asyncio.sleep(0)
            await done.put(event.id)

        working = asyncio.create_task(live_hooks.arun_worker(concurrency=2))
        await github.areceive(push(1))
        await github.areceive(push(2))
        assert {await asyncio.wait_for(done.get(), PATIENCE_S) for _ in range(2)} == {1, 2}
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(app())
    # Blocked on each other they would have waited for busy_timeout, and one of them would have failed.
    assert [(event.status, event.attempts) for event in live_hooks.events()] == [("handled", 1)] * 2
    assert len(live_hooks.database.rows("SELECT id FROM orders")) == 2


def test_a_worker_runs_retention_passes(tmp_path: Path, push: PushOf, monkeypatch: pytest.MonkeyPatch) -> None:
    from knocker import worker as worker_module

    monkeypatch.setattr(worker_module, "_RETAIN_S", 0.01)
    clock = FrozenClock(time.time_ns() // 1_000_000)
    with knocker.open(tmp_path / "app.db", clock=clock) as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        endpoint.add_handler("push", lambda event, tx: None)
        endpoint.receive(push(1))
        hooks.retention(handled_s=60, interval_s=60)
        hooks.worker().drain()
        clock.advance(3600)
        passed = threading.Event()
        call = hooks.database.call

        def watched(function: str, *arguments: Any) -> Any:
            result = call(function, *arguments)
            if function == "knocker_retain":
                passed.set()
            return result

        hooks.database.call = watched  # type: ignore[method-assign]
        with hooks.start_worker(lease_s=1):
            assert passed.wait(PATIENCE_S)
        assert list(hooks.events()) == []


def test_sigterm_ends_the_command_cleanly(tmp_path: Path, push: PushOf) -> None:
    (tmp_path / "shop.py").write_text(
        "import knocker\n"
        "hooks = knocker.open('app.db')\n"
        "github = hooks.endpoint('github', provider='github', secrets=['test-secret'])\n"
        "@github.on('push')\n"
        "def handler(event, tx):\n"
        "    tx.execute('CREATE TABLE IF NOT EXISTS orders (id)')\n"
        "    tx.execute('INSERT INTO orders VALUES (1)')\n"
        "    print('handled', flush=True)\n"
    )
    with knocker.open(tmp_path / "app.db") as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET]).receive(push(1))
    for number in (signal.SIGTERM, signal.SIGINT):
        worker = subprocess.Popen(
            [sys.executable, "-m", "knocker", "worker", "shop:hooks"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "handled\n"
        worker.send_signal(number)
        _, errors = worker.communicate(timeout=PATIENCE_S)
        assert worker.returncode == 0, errors
        assert "worker stopped" in errors
        with knocker.open(tmp_path / "app.db") as hooks:
            assert [event.status for event in hooks.events()] == ["handled"]
            hooks.replay(1)
    connection = sqlite3.connect(tmp_path / "app.db")
    assert connection.execute("SELECT count(*) FROM orders").fetchall() == [(2,)]
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_very_start_ends_a_worker_cleanly(
    live_hooks: knocker.Hooks, github: knocker.Endpoint, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    from knocker import worker as worker_module
    from knocker.lease_keeper import LeaseKeeper

    def keeper_of(*arguments: Any) -> Any:
        signal.raise_signal(number)
        return LeaseKeeper(*arguments)

    def default(*_: Any) -> None:
        raise AssertionError("the signal did what it does without a worker")

    monkeypatch.setattr(worker_module, "LeaseKeeper", keeper_of)
    github.add_handler("push", lambda event, tx: None)
    former = signal.signal(number, default)
    try:
        live_hooks.run_worker()
        assert signal.getsignal(number) is default
    finally:
        signal.signal(number, former)


def test_a_signal_that_the_system_gives_to_another_thread_ends_a_worker_too(
    live_hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf
) -> None:
    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        # As it may after the process was stopped and continued. Nothing wakes the main thread then.
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    github.receive(push(1))
    live_hooks.run_worker()
    assert [event.status for event in live_hooks.events()] == ["handled"]


def test_hooks_opened_before_a_fork_work_after_it(tmp_path: Path) -> None:
    script = """
import os, sys, knocker
from knocker.testing import sign
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
endpoint = hooks.endpoint("github", provider="github", secrets=["test-secret"])
def receive(n):
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": str(n)}
    return endpoint.receive(sign("github", {"n": n}, "test-secret", headers=headers)).outcome
receive(0)
children = []
for child in range(1, 4):
    pid = os.fork()
    if pid == 0:
        ok = all(receive(child * 10 + i) == "accepted" for i in range(5)) and hooks.stats().events.received > 0
        os._exit(0 if ok else 1)
    children.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in children]
print(codes, receive(99), hooks.stats().events.received, hooks.database.rows("PRAGMA integrity_check"))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[0, 0, 0] accepted 17 [('ok',)]\n", done.stderr
