"""A fork while hooks are open: the child works on the file as any other process does, or is told why it cannot."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import knocker
from conftest import github_request
from knocker.watch import FileWatch
from servers import PATIENCE_S, gunicorn

pytestmark = pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="needs fork")

BEGINNING = """
import os, sys, threading, knocker
def in_child(work):
    child = os.fork()
    if child == 0:
        # A child that waits for a lock that nobody holds would wait for ever.
        import signal
        signal.alarm(120)
        try:
            os._exit(work() or 0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(9)
    return child
def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(script: str, path: Path) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", BEGINNING + script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_fork_while_the_parent_writes_does_not_lock_the_child_out(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
inbox = hooks.endpoint("inbox")
stop = threading.Event()
written = [0] * 4
def write(n):
    while not stop.is_set():
        inbox.ingest(b"x" * 2000, valid=True)
        written[n] += 1
writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
for writer in writers:
    writer.start()
def work():
    for _ in range(5):
        inbox.ingest(b"", valid=True, type="of-child")
    hooks.close()
print([ended(in_child(work)) for _ in range(20)])
stop.set()
for writer in writers:
    writer.join()
print(hooks.stats().events.received == sum(written) + 100, hooks.database.rows("PRAGMA integrity_check"))
"""
    assert run(script, tmp_path / "app.db") == [str([0] * 20), "True [('ok',)]"]


def test_what_a_child_commits_stays_when_the_parent_closes(tmp_path: Path) -> None:
    # A child that shared the parent's connections would hold none of their locks: the last one to close would remove the log it writes to.
    script = """
hooks = knocker.open(sys.argv[1])
inbox = hooks.endpoint("inbox")
inbox.ingest(b"", valid=True)
readable, writable = os.pipe()
again, go_on = os.pipe()
def work():
    inbox.ingest(b"", valid=True)
    os.write(writable, b".")
    os.read(again, 1)
    inbox.ingest(b"", valid=True)
    os.write(writable, b".")
    os.read(again, 1)
child = in_child(work)
os.read(readable, 1)
hooks.close()
os.write(go_on, b".")
os.read(readable, 1)
with knocker.open(sys.argv[1]) as others:
    print(others.stats().events.received, others.database.rows("PRAGMA integrity_check"))
os.write(go_on, b".")
print(ended(child))
"""
    assert run(script, tmp_path / "app.db") == ["3 [('ok',)]", "0"]


def test_a_child_of_a_process_with_a_running_worker_goes_on_without_it(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
inbox = hooks.endpoint("inbox")
mine = [0]
handled = threading.Semaphore(0)
@inbox.on("*")
def handler(event, tx):
    tx.execute("CREATE TABLE IF NOT EXISTS seen (event, pid)")
    tx.execute("INSERT INTO seen VALUES (?, ?)", [event.id, os.getpid()])
    handled.release()
def work():
    for _ in range(5):
        inbox.ingest(b"", valid=True)
    hooks.stats()
    hooks.close()
with hooks.start_worker(concurrency=2) as worker:
    inbox.ingest(b"", valid=True)
    print([ended(in_child(work)) for _ in range(8)], worker.is_running, flush=True)
    # Those of the children and one that came before the first of them.
    for _ in range(41):
        assert handled.acquire(timeout=300)
# One worker of the child's own, when the parent's is through.
def child():
    handled = threading.Event()
    inbox.add_handler("second", lambda event, tx: handled.set())
    with hooks.start_worker():
        inbox.ingest(b"", valid=True, type="second")
        return 0 if handled.wait(300) else 1
print(ended(in_child(child)))
print(hooks.database.rows("SELECT count(*), count(DISTINCT event) FROM seen WHERE pid = ?", [os.getpid()]))
print(hooks.database.rows("PRAGMA integrity_check"))
"""
    assert run(script, tmp_path / "app.db") == [f"{[0] * 8} True", "0", "[(41, 41)]", "[('ok',)]"]


def test_a_child_of_a_process_whose_handler_does_not_end_is_told_what_to_do(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=0.1)
inbox = hooks.endpoint("inbox")
entered, leave, handled = threading.Event(), threading.Event(), threading.Event()
@inbox.on("*")
def handler(event, tx):
    entered.set()
    leave.wait(300)
    handled.set()
def work():
    for use in (lambda: inbox.ingest(b"", valid=True), hooks.stats, hooks.start_worker, hooks.database.connect):
        try:
            use()
        except knocker.KnockerError as error:
            print(error.code, error.hint.partition(",")[0], flush=True)
    hooks.close()
inbox.ingest(b"", valid=True)
with hooks.start_worker():
    assert entered.wait(60)
    print(ended(in_child(work)), flush=True)
    leave.set()
    print(handled.wait(60))
print(ended(in_child(lambda: inbox.ingest(b"", valid=True) and None)))
print(hooks.stats().events.received, hooks.stats().events.handled)
"""
    hint = "forked Fork before workers start"
    assert run(script, tmp_path / "app.db") == [hint] * 4 + ["0", "True", "0", "1 1"]


def test_a_child_of_a_fork_that_python_did_not_hear_of_is_told_what_to_do(tmp_path: Path) -> None:
    """As uWSGI makes its workers, of an app that it has loaded before."""
    script = """
import ctypes, signal
hooks = knocker.open(sys.argv[1])
inbox = hooks.endpoint("inbox")
inbox.add_handler("*", lambda event, tx: None)
worker = hooks.start_worker()
inbox.ingest(b"before", valid=True)
# Another thread that asks for the interpreter's lock is not there in the child, where the main thread would wait for it to take its turn.
sys.setswitchinterval(10_000)
threading.Event().wait(0.02)
child = ctypes.PyDLL(None).fork()
if child == 0:
    signal.alarm(120)
    for use in (lambda: inbox.ingest(b"child", valid=True), hooks.stats, hooks.start_worker, lambda: hooks.database.connect()):
        try:
            use()
        except knocker.ForkedError as error:
            print("refused", "lazy-apps" in str(error), flush=True)
    hooks.close()
    os._exit(0)
print(ended(child), flush=True)
inbox.ingest(b"after", valid=True)
worker.stop()
hooks.close()
"""
    assert run(script, tmp_path / "app.db") == ["refused True"] * 4 + ["0"]


def test_a_handler_that_forks_does_not_wait_for_itself(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=300)
inbox = hooks.endpoint("inbox")
ends = []
def work():
    try:
        hooks.stats()
    except knocker.ForkedError:
        return 7
handled = threading.Event()
@inbox.on("*")
def handler(event, tx):
    ends.append(ended(in_child(work)))
    handled.set()
inbox.ingest(b"", valid=True)
with hooks.start_worker():
    assert handled.wait(60)
print(ends, hooks.stats().events.handled)
"""
    assert run(script, tmp_path / "app.db") == ["[7] 1"]


def test_a_fork_inside_a_transaction_of_ones_own_waits_for_nobody(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
inbox = hooks.endpoint("inbox")
with hooks.database.connection():
    def work():
        try:
            hooks.stats()
        except knocker.ForkedError as error:
            print(error.code, flush=True)
    print(ended(in_child(work)))
print(inbox.ingest(b"", valid=True).outcome)
"""
    assert run(script, tmp_path / "app.db") == ["forked", "0", "accepted"]


def test_gunicorn_may_load_an_app_whose_worker_runs_and_fork_again_and_again(tmp_path: Path) -> None:
    requests, statuses = 160, list[int]()
    options = ["--preload", "--workers", "2", "--max-requests", "20"]
    apps, database = Path(__file__).with_name("apps"), tmp_path / "app.db"
    with gunicorn("preloaded_app:app", apps, *options, APP_DB=str(database)) as server:

        def send(first: int) -> None:
            for n in range(first, requests, 4):
                try:
                    statuses.append(server.send("/webhooks/github", github_request(n))[0])
                except OSError:
                    # A child that has had its requests may close what it has not taken: as a provider does, once more.
                    statuses.append(server.send("/webhooks/github", github_request(n))[0])

        threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert Counter(statuses) == {200: requests}
        # The parent's worker handles what the children have received.
        with knocker.open(database) as hooks:
            watch = FileWatch(hooks.database.connect(), hooks.database.wal_path())
            try:
                while hooks.stats().events.handled < requests:
                    watch.wait(PATIENCE_S)
            finally:
                watch.close()
            assert hooks.database.rows("SELECT count(*), count(DISTINCT event) FROM seen") == [(requests, requests)]
