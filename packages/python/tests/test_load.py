"""Under load: slow handlers do not hold receipts up. What an idle worker costs is measured by ``run-bench``."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import knocker
from conftest import SECRET, github_request

SLOW_S = 5
REQUESTS = 200
PATIENCE_S = 300


def test_a_handler_that_sleeps_before_its_first_write_holds_no_receipt_up(tmp_path: Path) -> None:
    durations: list[float] = []
    failures: list[BaseException] = []
    entered, answered, written = threading.Event(), threading.Event(), threading.Event()
    with knocker.open(tmp_path / "app.db", busy_timeout_s=60) as hooks:
        hooks.database.rows("CREATE TABLE orders (id)")
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])

        @endpoint.on("slow")
        def slow(event: knocker.Event, tx: Any) -> None:
            entered.set()
            # Stands for an API that takes its time: until every request is answered, and on a fast disk longer than that.
            threading.Event().wait(SLOW_S)
            assert answered.wait(PATIENCE_S), "the requests were to be answered while this handler sleeps"
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
            assert entered.wait(PATIENCE_S)
            threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not written.is_set()
            answered.set()
            assert written.wait(PATIENCE_S)
        assert hooks.database.rows("SELECT count(*) FROM orders") == [(1,)]
    # The figure is a report: how long a commit takes is the disk's choice.
    slowest = max(durations) * 1000
    print(f"{REQUESTS} receipts while a handler slept {SLOW_S} s: slowest {slowest:.1f} ms, failed {len(failures)}")
    assert failures == []
    assert len(durations) == REQUESTS
