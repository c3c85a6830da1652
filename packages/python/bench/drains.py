"""A backlog worked off, with shared commits and without, beside a table worked off by hand with one commit a job, on slow disks too."""

from __future__ import annotations

import itertools
import json
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import knocker
from disks import DELAYS_MS, ROUNDS, disk_of, printed
from goals import Goals
from knocker.connection import call, rows
from knocker.leases import JOB_COLUMNS
from knocker.request import pairs
from knocker.shared_commit import MOST_EVENTS
from receives import SECRET, request_of

RECEIVERS = 32
# A worker's start and stop are in its figure, some 50 ms, and none are in that of by hand.
LONG = 12_000


def by_hand(folder: Path, total: int) -> float:
    """Events a second: the oldest waiting row, the handler's row and the row's new state in one commit, and the next one."""
    connection = sqlite3.connect(folder / "hand.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = FULL").fetchall()
    connection.execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, headers TEXT, body BLOB, state TEXT NOT NULL)")
    connection.execute("CREATE INDEX waiting ON inbox (id) WHERE state = 'waiting'")
    connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.execute("BEGIN")
    for n in range(total):
        request = request_of(n)
        connection.execute(
            "INSERT INTO inbox (headers, body, state) VALUES (?, ?, 'waiting')", [json.dumps(list(pairs(request.headers))), request.body]
        )
    connection.execute("COMMIT")
    started = time.perf_counter()
    done = 0
    while (
        row := connection.execute("SELECT id, headers, body FROM inbox WHERE state = 'waiting' ORDER BY id LIMIT 1").fetchone()
    ) is not None:
        json.loads(row[1])
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO orders VALUES (?)", [row[0]])
        connection.execute("UPDATE inbox SET state = 'handled' WHERE id = ?", [row[0]])
        connection.execute("COMMIT")
        done += 1
    seconds = time.perf_counter() - started
    connection.close()
    if done != total:
        raise RuntimeError(f"{done} handled of {total}")
    return total / seconds


def by_worker(folder: Path, total: int, concurrency: int = 1, **settings: Any) -> float:
    """Events a second of a worker, each handler writing one row through ``tx``."""
    with knocker.open(folder / f"worker-{concurrency}.db") as hooks:
        endpoint = _received(hooks, total)
        begun, ended = itertools.count(1), threading.Event()

        @endpoint.on("push")
        def handler(event: knocker.Event, tx: Any) -> None:
            tx.execute("INSERT INTO orders VALUES (?)", [event.id])
            if next(begun) == total:
                ended.set()

        started = time.perf_counter()
        with hooks.start_worker(concurrency=concurrency, **settings):
            ended.wait()
        # Stopping waits for the last commit.
        seconds = time.perf_counter() - started
        if hooks.stats().events.handled != total:
            raise RuntimeError("not everything was handled")
    return total / seconds


def _received(hooks: knocker.Hooks, total: int) -> knocker.Endpoint:
    hooks.database.rows("CREATE TABLE orders (id INTEGER)")
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    requests = [request_of(n) for n in range(total)]
    threads = [
        threading.Thread(target=lambda part: [endpoint.receive(r) for r in part], args=(requests[n::RECEIVERS],)) for n in range(RECEIVERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return endpoint


def by_library(folder: Path, total: int) -> float:
    """Events a CPU second of the library alone, with no package around it and no sync, as many in a transaction as a worker shares: each in
    a savepoint, and the next ones claimed and read at its end. It is the most that a worker could do in Python on one core."""
    with knocker.open(folder / "library.db", synchronous="normal") as hooks:
        _received(hooks, total)
        with hooks.database.connection() as connection:
            done, jobs = 0, list[Any]()
            started = time.process_time()
            while done < total:
                connection.execute("BEGIN IMMEDIATE").fetchall()
                for job_id, _, event_id, *_ in jobs:
                    connection.execute("SAVEPOINT attempt").fetchall()
                    connection.execute("INSERT INTO orders VALUES (?)", [event_id]).fetchall()
                    call(connection, "knocker_handled", job_id, "bench", 0, None)
                    connection.execute("RELEASE attempt").fetchall()
                done += len(jobs)
                call(connection, "knocker_claim", "bench", MOST_EVENTS, 60, '{"endpoints": ["github"]}', None)
                jobs = rows(connection, f"SELECT {JOB_COLUMNS} FROM knocker_jobs WHERE worker = 'bench' ORDER BY job_id")
                connection.execute("COMMIT").fetchall()
            return total / (time.process_time() - started)


WAYS: dict[str, Callable[[Path, int], float]] = {
    "hand": by_hand,
    "apart": lambda folder, total: by_worker(folder, total, share_commits=False),
    "shared": by_worker,
    "shared-4": lambda folder, total: by_worker(folder, total, concurrency=4),
}
LIBRARY = "library"


def print_drains(folder: Path) -> list[str]:
    """Events handled a second for each delay of a sync, the ways in turn. Returns the goals that were missed."""
    goals = Goals()
    most = statistics.median(printed(folder, 0, __file__, LIBRARY, LONG) for _ in range(ROUNDS))
    print(f"\n{'events handled/s, syncs delayed by':<36}{'by hand':>10}{'apart':>10}{'shared':>10}{'4 threads':>11}{'shared/hand':>13}")
    for delay_ms in DELAYS_MS:
        total = 600 if delay_ms else 4000
        rounds = [{way: printed(folder, delay_ms, __file__, way, total if way[0] != "s" else LONG) for way in WAYS} for _ in range(ROUNDS)]
        middle = {way: statistics.median(figures[way] for figures in rounds) for way in WAYS}
        ratio = statistics.median(figures["shared"] / figures["hand"] for figures in rounds)
        figures = f"{middle['hand']:>10.0f}{middle['apart']:>10.0f}{middle['shared']:>10.0f}{middle['shared-4']:>11.0f}{ratio:>12.1f}x"
        print(f"{f'{delay_ms} ms':<36}{figures}")
        goals.judge(f"a backlog, {disk_of(delay_ms)}", ratio, 10 if delay_ms else 1.5, middle["hand"], None if delay_ms else most)
    print(f"\n{'the library alone, as many a transaction, events a CPU second':<66}{most:>9.0f}")
    return goals.tell()


if __name__ == "__main__":
    print((by_library if sys.argv[1] == LIBRARY else WAYS[sys.argv[1]])(Path(sys.argv[2]), int(sys.argv[3])))
