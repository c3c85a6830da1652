"""What a worker is given, and how it ends: by close, by a handler, in a forked child."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker.__main__ import main
from knocker.testing import drain

PATIENCE_S = 300


async def coroutine(error: BaseException, event: knocker.Event) -> None: ...


@pytest.mark.parametrize(
    "settings",
    [
        *({"lease_s": lease_s} for lease_s in (0, -5, 1.5, "60", 86_401, True, None)),
        *({"concurrency": concurrency} for concurrency in (0, -1, 1.5, "4", True)),
        *({"poll": poll} for poll in (0, -1, float("nan"), float("inf"), "1")),
        *({"on_error": on_error} for on_error in (5, "log", coroutine)),
        *({"on_dead": on_dead} for on_dead in (5, "log", coroutine)),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_before_anything_starts(hooks: knocker.Hooks, settings: dict[str, Any]) -> None:
    hooks.endpoint("inbox").add_handler("*", lambda event, tx: None)
    for start in (hooks.worker, hooks.start_worker, hooks.run_worker):
        with pytest.raises(knocker.UsageError, match=next(iter(settings))):
            start(**settings)
    with pytest.raises(knocker.UsageError):
        asyncio.run(hooks.arun_worker(**settings))


@pytest.mark.parametrize(
    ("option", "name"), [("--lease=0", "lease_s"), ("--poll=nan", "poll"), ("--poll=0", "poll"), ("--concurrency=0", "concurrency")]
)
def test_the_command_refuses_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    (tmp_path / "tiny_shop.py").write_text(
        "import knocker\nhooks = knocker.open('app.db')\nhooks.endpoint('inbox').add_handler('*', lambda event, tx: None)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tiny_shop", raising=False)
    assert main(["worker", "tiny_shop:hooks", option]) == 1
    assert name in capsys.readouterr().err


def test_close_stops_the_workers(live_hooks: knocker.Hooks) -> None:
    entered, go_on = threading.Event(), threading.Event()
    inbox = live_hooks.endpoint("inbox")

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        entered.set()
        assert go_on.wait(PATIENCE_S)
        tx.execute("CREATE TABLE IF NOT EXISTS orders (id)")

    for _ in range(3):
        inbox.ingest(b"", valid=True)
    worker = live_hooks.start_worker()
    assert entered.wait(PATIENCE_S)
    closing = threading.Thread(target=live_hooks.close)
    closing.start()
    assert worker._stopping.wait(PATIENCE_S)
    go_on.set()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert not any(thread.is_alive() for thread in worker._threads)
    with knocker.open(live_hooks.database.path) as after:
        assert [event.status for event in after.events()] == ["handled", "received", "received"]
        assert after.leases("another").claim(10, 60) == 2


def test_closed_hooks_take_nothing_until_a_worker_is_made(hooks: knocker.Hooks) -> None:
    inbox = hooks.endpoint("inbox")
    inbox.add_handler("*", lambda event, tx: None)
    inbox.ingest(b"", valid=True)
    worker = hooks.worker()
    hooks.close()
    for use in (worker.start, lambda: inbox.ingest(b"", valid=True), lambda: list(hooks.events()), hooks.stats):
        with pytest.raises(knocker.ClosedError):
            use()
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    assert inbox.ingest(b"", valid=True).outcome == "accepted"


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_handler_can_end_its_worker(live_hooks: knocker.Hooks, kind: str, end: str) -> None:
    inbox = live_hooks.endpoint("inbox")

    def ends() -> None:
        worker.stop() if end == "stop" else live_hooks.close()

    def function(event: knocker.Event, tx: Any) -> None:
        ends()

    async def coroutine(event: knocker.Event, tx: Any) -> None:
        ends()

    inbox.add_handler("*", function if kind == "function" else coroutine)
    inbox.ingest(b"", valid=True)
    worker = live_hooks.worker()
    worker.run()
    with knocker.open(live_hooks.database.path) as after:
        assert [(event.status, event.attempts) for event in after.events()] == [("handled", 1)]


def test_a_worker_that_was_never_idle_ends_at_once(live_hooks: knocker.Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that watches the file waits for one that has nothing to do."""
    monkeypatch.setattr("knocker.worker._WATCH_S", 10 * PATIENCE_S)
    inbox = live_hooks.endpoint("inbox")
    inbox.add_handler("*", lambda event, tx: worker.stop())
    inbox.ingest(b"{}", valid=True, type="order")
    worker = live_hooks.worker()
    ended = threading.Thread(target=worker.run, daemon=True)
    ended.start()
    ended.join(PATIENCE_S)
    assert not ended.is_alive()
    assert live_hooks.stats().events.handled == 1


def test_a_worker_on_a_loop_ends_when_it_is_stopped(live_hooks: knocker.Hooks) -> None:
    inbox = live_hooks.endpoint("inbox")

    @inbox.on("*")
    async def handler(event: knocker.Event, tx: Any) -> None:
        live_hooks.close()

    inbox.ingest(b"", valid=True)
    asyncio.run(asyncio.wait_for(live_hooks.arun_worker(), PATIENCE_S))
    with knocker.open(live_hooks.database.path) as after:
        assert [event.status for event in after.events()] == ["handled"]


def test_a_forked_child_leaves_its_parents_worker_alone(tmp_path: Path) -> None:
    script = """
import os, queue, sys, knocker
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
inbox = hooks.endpoint("inbox")
seen = queue.Queue()
inbox.add_handler("*", lambda event, tx: seen.put(event.id))
with hooks.start_worker():
    child = os.fork()
    if child == 0:
        hooks.close()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    inbox.ingest(b"", valid=True)
    print(status, seen.get(timeout=300))
print([event.status for event in hooks.events()], hooks.database.rows("PRAGMA integrity_check"))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False
    )
    assert done.stdout == "0 1\n['handled'] [('ok',)]\n", done.stderr
