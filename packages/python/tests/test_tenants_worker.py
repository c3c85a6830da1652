"""One worker for many files: each event is handled once, and none waits for the others' backlog."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import LOCK_PATIENCE_S, Log
from knocker.tenants.look import ClosedLook, OpenLook
from servers import PATIENCE_S, SOURCE
from tenants import handled, ingest, set_up, until


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[knocker.Tenants]:
    with knocker.open_many(tmp_path / "*.db", set_up, max_open=4, busy_timeout_s=LOCK_PATIENCE_S) as opened:
        yield opened


def write_elsewhere(path: Path, *keys: str) -> None:
    """As another process would, of which nobody here is told."""
    with knocker.open(path, busy_timeout_s=LOCK_PATIENCE_S) as hooks:
        inbox = hooks.endpoint("inbox")
        for key in keys:
            inbox.ingest(b"{}", valid=True, type="order", key=key)


def test_what_waited_and_what_comes_is_handled_once_in_every_file(tenants: knocker.Tenants, tmp_path: Path) -> None:
    names = [f"tenant-{n}" for n in range(25)]
    for name in names:
        tenants.create(name)
        ingest(tenants, name, "before")
    with tenants.start_worker():
        until(lambda: all(handled(tenants, name) == ["before"] for name in names))
        for name in names:
            ingest(tenants, name, "here")
            write_elsewhere(tmp_path / f"{name}.db", "elsewhere")
        until(lambda: all(sorted(handled(tenants, name)) == ["before", "elsewhere", "here"] for name in names))


def test_a_tenant_that_comes_while_it_runs_is_worked_for(tenants: knocker.Tenants, tmp_path: Path) -> None:
    with tenants.start_worker():
        write_elsewhere(tmp_path / "elsewhere.sqlite", "1")
        (tmp_path / "elsewhere.sqlite").rename(tmp_path / "moved.db")
        write_elsewhere(tmp_path / "made.db", "2")
        until(lambda: tenants.names() == ["made", "moved"] and handled_from_outside(tmp_path / "moved.db") == ["1"])
        until(lambda: handled_from_outside(tmp_path / "made.db") == ["2"])


def handled_from_outside(path: Path) -> list[str]:
    """The keys, as somebody sees them who opens none of the files that he is not to open."""
    connection = sqlite3.connect(path, timeout=LOCK_PATIENCE_S)
    try:
        return [key for (key,) in connection.execute("SELECT key FROM handled ORDER BY rowid")]
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def test_a_retry_comes_when_it_is_due(tmp_path: Path) -> None:
    calls: list[float] = []

    def failing_once(hooks: knocker.Hooks, tenant: str) -> None:
        @hooks.endpoint("inbox").on("*")
        def note(event: knocker.Event, tx: Any) -> None:
            calls.append(time.monotonic())
            if event.attempt == 1:
                raise knocker.Retry(after=2)

    with knocker.open_many(tmp_path / "*.db", failing_once, max_open=1) as tenants:
        tenants.create("acme")
        ingest(tenants, "acme", "1")
        with tenants.start_worker():
            until(lambda: len(calls) == 2)
    # Its file was at rest meanwhile.
    assert calls[1] - calls[0] >= 2


def test_a_long_backlog_keeps_the_others_waiting_for_its_turn_alone(tmp_path: Path) -> None:
    order: list[str] = []

    def slow(hooks: knocker.Hooks, tenant: str) -> None:
        @hooks.endpoint("inbox").on("*")
        def note(event: knocker.Event, tx: Any) -> None:
            if tenant.startswith("backlog"):
                time.sleep(0.02)
            order.append(tenant)

    others = [f"tenant-{n}" for n in range(50)]
    long = [f"backlog-{n}" for n in range(4)]
    with knocker.open_many(tmp_path / "*.db", slow, max_open=4, busy_timeout_s=LOCK_PATIENCE_S) as tenants:
        for name in [*long, *others]:
            tenants.create(name)
        for name in long:
            with tenants.hooks(name) as hooks:
                for n in range(150):
                    hooks.endpoints["inbox"].ingest(b"{}", valid=True, type="order", key=str(n))
        with tenants.start_worker():
            # Every place has a backlog that lasts for longer than a turn.
            until(lambda: len(set(order)) == len(long))
            for name in others:
                ingest(tenants, name, "1")
            until(lambda: set(others) <= set(order))
            done = len(order)
            until(lambda: len(order) == len(long) * 150 + len(others))
    assert done < len(long) * 150, "all that was there before was handled first"


def test_a_handler_that_runs_is_not_cut_off_by_the_end_of_its_turn_or_of_the_worker(tmp_path: Path) -> None:
    begun, ends, ended = threading.Event(), threading.Event(), []

    def slow(hooks: knocker.Hooks, tenant: str) -> None:
        @hooks.endpoint("inbox").on("*")
        def note(event: knocker.Event, tx: Any) -> None:
            if tenant == "acme":
                begun.set()
                assert ends.wait(PATIENCE_S)
            ended.append(tenant)

    with knocker.open_many(tmp_path / "*.db", slow, max_open=1) as tenants:
        tenants.create("acme")
        tenants.create("zoe")
        ingest(tenants, "acme", "1")
        worker = tenants.start_worker()
        assert begun.wait(PATIENCE_S)
        ingest(tenants, "zoe", "1")
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        stopping.join(0.2)
        assert stopping.is_alive()
        assert worker.is_running is False
        ends.set()
        stopping.join(PATIENCE_S)
        assert ended == ["acme"]
        with tenants.start_worker():
            until(lambda: ended == ["acme", "zoe"])


def test_the_others_go_on_beside_a_damaged_file_and_beside_one_whose_set_up_fails(tmp_path: Path, log: Log) -> None:
    broken = True

    def picky(hooks: knocker.Hooks, tenant: str) -> None:
        if tenant == "picky" and broken:
            raise RuntimeError("not yet")
        set_up(hooks, tenant)

    with knocker.open_many(tmp_path / "*.db", set_up, busy_timeout_s=LOCK_PATIENCE_S) as tenants:
        for name in ("acme", "picky", "zoe"):
            tenants.create(name)
            ingest(tenants, name, "1")
    (tmp_path / "damaged.db").write_bytes(b"this is no database, and was never one. " * 100)
    with knocker.open_many(tmp_path / "*.db", picky, busy_timeout_s=LOCK_PATIENCE_S) as tenants, tenants.start_worker():
        until(lambda: handled(tenants, "acme") == ["1"] and handled(tenants, "zoe") == ["1"])
        until(lambda: {"damaged", "picky"} <= {getattr(record, "tenant", "") for record in log.records})
        told: dict[str, Any] = {
            vars(record)["tenant"]: record for record in log.records if getattr(record, "record", "") == "tenant_failed"
        }
        assert (told["damaged"].code, told["damaged"].path) == ("corrupt", str(tmp_path / "damaged.db"))
        assert (told["picky"].code, told["picky"].error) == (None, "RuntimeError")
        broken = False
        until(lambda: handled_from_outside(tmp_path / "picky.db") == ["1"])
        ingest(tenants, "acme", "2")
        until(lambda: handled(tenants, "acme") == ["1", "2"])


def test_a_file_that_is_removed_is_forgotten_and_one_in_its_place_worked_on(tenants: knocker.Tenants, tmp_path: Path, log: Log) -> None:
    tenants.create("acme")
    with tenants.start_worker():
        ingest(tenants, "acme", "1")
        until(lambda: handled(tenants, "acme") == ["1"])
        for file in tmp_path.glob("acme.db*"):
            file.unlink()
        until(lambda: tenants.names() == [])
        write_elsewhere(tmp_path / "other.sqlite", "2")
        (tmp_path / "other.sqlite").rename(tmp_path / "acme.db")
        until(lambda: handled_from_outside(tmp_path / "acme.db") == ["2"])
    assert "tenant_failed" not in {getattr(record, "record", "") for record in log.records}


def test_the_retention_of_a_file_runs_where_nothing_comes(tmp_path: Path) -> None:
    path = tmp_path / "acme.db"
    write_elsewhere(path, "1")
    with knocker.open(path) as hooks:
        (event,) = hooks.events()
        hooks.ignore(event.id)
        hooks.retention(ignored_s=1)
        until(lambda: time.time() > event.received_at.timestamp() + 2)
    with knocker.open_many(tmp_path / "*.db", set_up) as tenants, tenants.start_worker():
        until(lambda: number(path, "SELECT count(*) FROM knocker_events") == 0)


def number(path: Path, sql: str) -> int:
    connection = sqlite3.connect(path, timeout=LOCK_PATIENCE_S)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


WORKER = """
import os, sys
sys.path[:0] = [sys.argv[2], sys.argv[3]]
import knocker
from tenants import set_up

tenants = knocker.open_many(os.path.join(sys.argv[1], "*.db"), set_up, max_open=4, busy_timeout_s=60)
print("works", flush=True)
tenants.run_worker(lease_s=1)
"""


def worker_process(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(folder), SOURCE, str(Path(__file__).parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_where_a_process_is_killed_another_goes_on_and_each_event_is_handled_once(tenants: knocker.Tenants, tmp_path: Path) -> None:
    names = [f"tenant-{n}" for n in range(12)]
    for name in names:
        tenants.create(name)
        ingest(tenants, name, *(str(n) for n in range(40)))

    def done() -> int:
        return sum(len(handled_from_outside(tmp_path / f"{name}.db")) for name in names)

    killed = 0
    while done() < 12 * 40:
        process = worker_process(tmp_path)
        try:
            until(partial(lambda before: done() > before, done()))
            if killed < 3:
                process.send_signal(signal.SIGKILL)
                killed += 1
            else:
                until(lambda: done() == 12 * 40)
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.communicate()
    for name in names:
        assert sorted(map(int, handled(tenants, name))) == list(range(40))
        with tenants.hooks(name) as hooks:
            assert hooks.stats().events.handled == 40


def test_two_processes_and_this_one_share_the_files(tenants: knocker.Tenants, tmp_path: Path) -> None:
    names = [f"tenant-{n}" for n in range(8)]
    for name in names:
        tenants.create(name)
    processes = [worker_process(tmp_path) for _ in range(2)]
    try:
        with tenants.start_worker(lease_s=5):
            for n in range(10):
                for name in names:
                    ingest(tenants, name, str(n))
            until(lambda: all(len(handled(tenants, name)) == 10 for name in names))
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.communicate()
    assert [process.returncode for process in processes] == [0, 0]


def test_coroutine_handlers_run_on_the_loop_of_the_worker(tmp_path: Path) -> None:
    loops: list[Any] = []
    all_there = asyncio.Event()

    def declare(hooks: knocker.Hooks, tenant: str) -> None:
        @hooks.endpoint("inbox").on("*")
        async def note(event: knocker.Event, tx: Any) -> None:
            await asyncio.sleep(0)
            loops.append(asyncio.get_running_loop())
            if len(loops) == 3:
                all_there.set()

    async def story(tenants: knocker.Tenants) -> None:
        working = asyncio.ensure_future(tenants.arun_worker())
        await all_there.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert set(loops) == {asyncio.get_running_loop()}

    with knocker.open_many(tmp_path / "*.db", declare, max_open=2) as tenants:
        for name in ("acme", "max", "zoe"):
            tenants.create(name)
            ingest(tenants, name, "1")
        asyncio.run(story(tenants))


def test_a_handler_may_stop_the_worker(tmp_path: Path) -> None:
    stopped = threading.Event()

    def declare(hooks: knocker.Hooks, tenant: str) -> None:
        @hooks.endpoint("inbox").on("*")
        def note(event: knocker.Event, tx: Any) -> None:
            worker.stop()
            stopped.set()

    with knocker.open_many(tmp_path / "*.db", declare) as tenants:
        tenants.create("acme")
        ingest(tenants, "acme", "1")
        worker = tenants.worker()
        worker.start()
        assert stopped.wait(PATIENCE_S)
        worker.stop()
        assert not worker.is_running
        with pytest.raises(knocker.UsageError):
            worker.start()
        with tenants.hooks("acme") as hooks:
            assert hooks.stats().events.handled == 1


def test_files_at_rest_are_not_looked_at_again_and_again(tenants: knocker.Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def counted(of: Any, due_ms: Any) -> Any:
        looks.append(time.monotonic())
        return due_ms(of)

    for look in (ClosedLook, OpenLook):
        monkeypatch.setattr(look, "due_ms", partialmethod(counted, look.due_ms))
    for name in ("acme", "zoe"):
        tenants.create(name)
    with tenants.start_worker():
        ingest(tenants, "acme", "1")
        until(lambda: handled(tenants, "acme") == ["1"])
        # The last look after a report comes after half a second.
        until(lambda: time.monotonic() - looks[-1] > 2)
    assert len(looks) < 40


def test_a_file_that_is_written_to_for_other_purposes_is_not_looked_at_after_each_commit(
    tenants: knocker.Tenants, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def counted(of: Any, due_ms: Any) -> Any:
        looks.append(time.monotonic())
        return due_ms(of)

    for look in (ClosedLook, OpenLook):
        monkeypatch.setattr(look, "due_ms", partialmethod(counted, look.due_ms))
    tenants.create("acme")
    other = sqlite3.connect(tmp_path / "acme.db", timeout=LOCK_PATIENCE_S, isolation_level=None)
    other.execute("CREATE TABLE notes (text)")
    with tenants.start_worker():
        commits, since = 0, 0.0
        while not since or time.monotonic() < since + 2:
            other.execute("INSERT INTO notes VALUES ('mine')")
            commits += 1
            # Only then it is known to be written to again and again.
            since = since or (time.monotonic() if len(looks) > 60 else 0.0)
        later = [at for at in looks if at > since]
        assert len(later) <= 2 / 0.1 + 1 < commits
        ingest(tenants, "acme", "1")
        until(lambda: handled(tenants, "acme") == ["1"])
    other.close()


def test_the_command_works_for_all_tenants(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"import knocker\nfrom tenants import set_up\ntenants = knocker.open_many({str(tmp_path / '*.db')!r}, set_up)\n"
    )
    write_elsewhere(tmp_path / "acme.db", "1")
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-m", "knocker", "worker", "shop:tenants"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: handled_from_outside(tmp_path / "acme.db") == ["1"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.communicate()
