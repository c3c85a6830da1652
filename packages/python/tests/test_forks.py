"""A fork while hooks are open: the child works on the file as any other process does, or is told why it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGINNING + script, str(path)], capture_output=True, text=True, check=False
    )
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


def test_a_child_of_a_process_with_a_running_worker_is_told_what_to_do(tmp_path: Path) -> None:
    script = """
hooks = knocker.open(sys.argv[1], busy_timeout_s=60)
inbox = hooks.endpoint("inbox")
handled = threading.Event()
inbox.add_handler("*", lambda event, tx: handled.set())
def work():
    for use in (lambda: inbox.ingest(b"", valid=True), hooks.stats, hooks.start_worker, hooks.database.connect):
        try:
            use()
        except knocker.KnockerError as error:
            print(error.code, error.hint.partition(",")[0], flush=True)
    hooks.close()
with hooks.start_worker():
    print(ended(in_child(work)), flush=True)
    inbox.ingest(b"", valid=True)
    print(handled.wait(60))
# Without the worker it can.
print(ended(in_child(lambda: inbox.ingest(b"", valid=True) and None)))
print(hooks.stats().events.received)
"""
    assert run(script, tmp_path / "app.db") == ["forked Fork before workers start"] * 4 + ["0", "True", "0", "1"]


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
