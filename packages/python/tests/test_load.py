"""Under load, and without any: slow handlers do not slow receipts down, and an idle worker costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import knocker
from conftest import SECRET, github_request

SLOW_S = 5
REQUESTS = 200


def test_a_handler_that_sleeps_before_its_first_write_holds_no_receipt_up(tmp_path: Path) -> None:
    durations: list[float] = []
    failures: list[BaseException] = []
    entered, written = threading.Event(), threading.Event()
    with knocker.open(tmp_path / "app.db") as hooks:
        hooks.database.rows("CREATE TABLE orders (id)")
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])

        @endpoint.on("slow")
        def slow(event: knocker.Event, tx: Any) -> None:
            entered.set()
            # Stands for an API that takes its time.
            threading.Event().wait(SLOW_S)
            assert len(durations) == REQUESTS, "the requests were to come while this handler sleeps"
            tx.execute("INSERT INTO orders VALUES (?)", [event.id])
            written.set()

        def send(first: int) -> None:
            for n in range(first, REQUESTS, 4):
                request = github_request(n, "quick")
                started = time.perf_counter()
                try:
                    receipt = endpoint.receive(request)
                    assert receipt.outcome == "accepted"
                except BaseException as failure:
                    failures.append(failure)
                durations.append(time.perf_counter() - started)

        endpoint.receive(github_request(1000, "slow"))
        with hooks.start_worker():
            assert entered.wait(20)
            threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert written.wait(20)
        assert hooks.database.rows("SELECT count(*) FROM orders") == [(1,)]
    slowest = max(durations) * 1000
    print(f"{REQUESTS} receipts while a handler slept {SLOW_S} s: slowest {slowest:.1f} ms, failed {len(failures)}")
    assert failures == []
    assert slowest < 250


def test_an_idle_worker_uses_less_than_a_percent_of_a_core(tmp_path: Path) -> None:
    script = """
import resource, sys, threading, knocker
hooks = knocker.open(sys.argv[1])
hooks.endpoint("internal").add_handler("*", lambda event, tx: None)
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
with hooks.start_worker(concurrency=2):
    # Past the start itself.
    threading.Event().wait(0.5)
    before = used()
    threading.Event().wait(5)
    print(used() - before)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=True)
    share = float(done.stdout) / 5
    print(f"an idle worker uses {share:.2%} of a core")
    assert share < 0.01
