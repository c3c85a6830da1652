"""Receipts in a cluster of rqlite against three plain inserts through the same nodes, in turns, so that both meet the same machine.

``extension/conformance/rqlite/cluster.py`` starts the nodes; ``figures`` beside it runs this there.
"""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from collections.abc import Callable

import knocker
from knocker.rqlite.cluster import Cluster, Statement, function
from knocker.rqlite.url import parse
from knocker.testing import sign

SECRET = "bench-secret"
BODY = b'{"text": "' + b"x" * 1000 + b'"}'
ROUNDS = 7
URL = os.environ["KNOCKER_RQLITE_URL"]
TABLES = (
    "CREATE TABLE plain_deliveries (id INTEGER PRIMARY KEY, received_at, headers, body)",
    "CREATE TABLE plain_events (id INTEGER PRIMARY KEY, delivery_id, type, key)",
    "CREATE UNIQUE INDEX plain_events_key ON plain_events (key)",
    "CREATE TABLE plain_jobs (id INTEGER PRIMARY KEY, event_id, run_at)",
)


class Numbers:
    """Each receipt and each plain event has one of its own."""

    def __init__(self) -> None:
        self._next = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next."""
        with self._lock:
            self._next += 1
            return self._next


def request(n: int) -> knocker.WebhookRequest:
    """A signed one."""
    return sign("github", BODY, SECRET, headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": f"delivery-{n}"})


def inserts(n: int) -> list[Statement]:
    """What an app would write by itself."""
    now = time.time_ns() // 1_000_000
    return [
        Statement("INSERT INTO plain_deliveries (received_at, headers, body) VALUES (?, ?, ?)", [now, '{"x-github-event": "push"}', BODY]),
        Statement("INSERT INTO plain_events (delivery_id, type, key) VALUES (last_insert_rowid(), 'push', ?)", [f"delivery-{n}"]),
        Statement("INSERT INTO plain_jobs (event_id, run_at) VALUES (last_insert_rowid(), ?)", [now]),
    ]


def at_once(callers: int, times: int, call: Callable[[], None]) -> None:
    """Every caller in a thread of its own."""

    def calls() -> None:
        for _ in range(times):
            call()

    threads = [threading.Thread(target=calls) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def per_second(count: int, run: Callable[[], None]) -> float:
    """How many of them a second."""
    started = time.perf_counter()
    run()
    return count / (time.perf_counter() - started)


def compare(
    name: str, count: int, sign_some: Callable[[int], None], receive: Callable[[], None], plain: Callable[[], None], plain_count: int = 0
) -> None:
    """In turns, and the median of the ratios."""
    receives, others = [], []
    for round in range(ROUNDS + 1):
        sign_some(count)
        pair = (per_second(count, receive), per_second(plain_count or count, plain))
        # The first one opens connections.
        if round:
            receives.append(pair[0])
            others.append(pair[1])
    ratios = [one / other for one, other in zip(receives, others)]  # noqa: B905
    print(
        f"{name}: {statistics.median(receives):.0f} receipts/s, three inserts {statistics.median(others):.0f}/s, "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    cluster, numbers = Cluster(parse(URL), 30.0), Numbers()
    with knocker.open(URL, busy_timeout_s=30.0) as hooks:
        cluster.write([Statement(sql) for sql in TABLES]).rows()
        inbox = hooks.endpoint("inbox", provider="github", secrets=SECRET)

        signed: list[knocker.WebhookRequest] = []

        def receive() -> None:
            assert inbox.receive(signed.pop()).outcome == "accepted"

        def plain() -> None:
            cluster.write(inserts(numbers.next())).rows()

        def plain_groups() -> None:
            for _ in range(10):
                cluster.write([one for _ in range(32) for one in inserts(numbers.next())]).rows()

        def sign_some(count: int) -> None:
            signed.extend(request(numbers.next()) for _ in range(count))

        compare("a lone caller", 150, sign_some, lambda: at_once(1, 150, receive), lambda: at_once(1, 150, plain))
        compare("8 callers", 400, sign_some, lambda: at_once(8, 50, receive), lambda: at_once(8, 50, plain))
        compare("32 callers, and 96 inserts a request", 640, sign_some, lambda: at_once(32, 20, receive), plain_groups, 320)

        judged: list[Statement] = []

        def judge_some(count: int) -> None:
            for _ in range(count):
                given = request(numbers.next())
                judgement = hooks.database.call("knocker_judge", "inbox", given.to_json(), given.body, json.dumps([SECRET]))
                judged.append(function("knocker_store", ["inbox", judgement, hooks.database.now()]))

        def store_groups() -> None:
            for _ in range(10):
                cluster.write([judged.pop() for _ in range(32)]).rows()

        compare("32 judged receipts a request, and 96 inserts", 320, judge_some, store_groups, plain_groups)


if __name__ == "__main__":
    main()
