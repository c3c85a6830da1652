"""Receives per second with every commit synced, against a hand-written insert with one commit a request on the same disk."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import knocker
from disks import DELAYS_MS, ROUNDS, disk_of, printed
from goals import Goals
from knocker.connection import Connection, call, open_connection
from knocker.testing import sign

SECRET = "test-secret"
BODY = {"ref": "refs/heads/main", "pad": "x" * 1000}


def request_of(n: int) -> knocker.WebhookRequest:
    """A signed GitHub push of about a kilobyte."""
    return sign("github", {**BODY, "n": n}, SECRET, headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": str(n)})


def in_threads(callers: int, total: int, work: Callable[[int], Any]) -> float:
    """Calls per second of so many threads that call one after the other."""
    numbers: Iterator[int] = iter(range(total))
    lock = threading.Lock()

    def caller() -> None:
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                return
            work(n)

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total / (time.perf_counter() - started)


def by_hand(path: Path, connection_a_thread: bool = False) -> Callable[[knocker.WebhookRequest, int], None]:
    """What people write: a table with a unique key, one insert and one commit a request. On one connection behind a lock, which is the
    fastest way, or with a connection a thread, which is the usual one."""
    lock, of_thread = threading.Lock(), threading.local()

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE IF NOT EXISTS deliveries (id INTEGER PRIMARY KEY, key TEXT UNIQUE, received_at INTEGER, headers TEXT, body BLOB)",
        ):
            connection.execute(statement).fetchall()
        return connection

    shared = connect()
    insert = "INSERT OR IGNORE INTO deliveries (key, received_at, headers, body) VALUES (?, ?, ?, ?)"

    def store(request: knocker.WebhookRequest, n: int) -> None:
        row = (str(n), time.time_ns() // 1_000_000, json.dumps(request.headers), request.body)
        if not connection_a_thread:
            with lock:
                shared.execute(insert, row)
            return
        if not hasattr(of_thread, "connection"):
            of_thread.connection = connect()
        of_thread.connection.execute(insert, row)

    return store


def by_threads(folder: Path, callers: int, total: int) -> float:
    """Receives a second of so many threads."""
    requests = [request_of(n) for n in range(total)]
    with knocker.open(folder / "threads.db") as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        return in_threads(callers, total, lambda n: endpoint.receive(requests[n]))


def by_tasks(folder: Path, callers: int, total: int) -> float:
    """Receives a second of so many tasks of one loop."""
    requests = [request_of(n) for n in range(total)]
    with knocker.open(folder / "tasks.db") as hooks:
        return asyncio.run(_in_tasks(hooks, callers, requests))


async def _in_tasks(hooks: knocker.Hooks, callers: int, requests: list[knocker.WebhookRequest]) -> float:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    left = iter(requests)

    async def caller() -> None:
        for request in left:
            await endpoint.areceive(request)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(requests) / (time.perf_counter() - started)


def by_lock(folder: Path, callers: int, total: int) -> float:
    """Inserts a second by hand, on one connection behind a lock."""
    return _by_hand(by_hand(folder / "lock.db"), callers, total)


def by_apart(folder: Path, callers: int, total: int) -> float:
    """Inserts a second by hand, with a connection a thread."""
    return _by_hand(by_hand(folder / "apart.db", connection_a_thread=True), callers, total)


def _by_hand(store: Callable[[knocker.WebhookRequest, int], None], callers: int, total: int) -> float:
    requests = [request_of(n) for n in range(total)]
    return in_threads(callers, total, lambda n: store(requests[n], n))


def by_library(folder: Path, callers: int, total: int) -> float:
    """Receives a CPU second of the library alone, with no package around it and all in one transaction: the most that any package can do
    on one core."""
    connection = _prepared(folder / "library.db")
    made = [(request.to_json(), request.body) for request in map(request_of, range(total))]
    secrets = json.dumps([SECRET])
    started = time.process_time()
    connection.execute("BEGIN IMMEDIATE").fetchall()
    for head, body in made:
        judgement = call(connection, "knocker_judge", "github", head, body, secrets, None)
        call(connection, "knocker_store", "github", judgement, None)
    connection.execute("COMMIT").fetchall()
    seconds = time.process_time() - started
    connection.close()
    return total / seconds


def _prepared(path: Path) -> Connection:
    connection = open_connection(str(path), synchronous="normal", busy_timeout_s=5)
    call(connection, "knocker_bootstrap")
    call(connection, "knocker_endpoint", "github", '{"provider": "github"}')
    return connection


WAYS = {"threads": by_threads, "tasks": by_tasks, "lock": by_lock, "apart": by_apart, "library": by_library}
# Callers, and how many receive or insert on the bare disk and on a slow one.
RUNS = ((1, 1000, 200), (8, 4000, 800), (64, 12000, 5000))
FEW, FEW_SLOW = 1500, 200
GOALS = {"threads": 3.0 if getattr(sys, "_is_gil_enabled", lambda: True)() else 5.0, "tasks": 4.5}


def print_receives(folder: Path) -> tuple[float, list[str]]:
    """Receives a second at 1, 8 and 64 callers on each disk. Returns those of the library alone, and the goals that were missed."""
    goals = Goals()
    most = statistics.median(printed(folder, 0, __file__, "library", 1, 8000) for _ in range(ROUNDS))
    print(f"\n{'receives/s':<34}{'threads':>9}{'tasks':>9}{'by hand: lock':>15}{'apart':>9}{'threads/lock':>14}{'tasks/lock':>12}")
    for delay_ms, (callers, total, slow) in itertools.product(DELAYS_MS, RUNS):
        many, few = (slow, FEW_SLOW) if delay_ms else (total, min(total, FEW))
        rounds = [
            {way: printed(folder, delay_ms, __file__, way, callers, many if way in GOALS else few) for way in WAYS if way != "library"}
            for _ in range(ROUNDS)
        ]
        middle = {way: statistics.median(figures[way] for figures in rounds) for way in rounds[0]}
        times = {way: statistics.median(figures[way] / figures["lock"] for figures in rounds) for way in GOALS}
        name = f"{callers} concurrent, {disk_of(delay_ms)}"
        rates = f"{middle['threads']:>9.0f}{middle['tasks']:>9.0f}{middle['lock']:>15.0f}{middle['apart']:>9.0f}"
        print(f"{name:<34}{rates}{times['threads']:>13.1f}x{times['tasks']:>11.1f}x")
        if callers == 64:
            for way, goal in GOALS.items():
                goals.judge(f"64 {way}, {disk_of(delay_ms)}", times[way], goal, middle["lock"], None if delay_ms else most)
    print(f"\n{'the library alone, all in one transaction, receives a CPU second':<66}{most:>9.0f}")
    return most, goals.tell()


def overhead(folder: Path, total: int = 3000) -> tuple[float, float]:
    """Microseconds of the bare SQL call, and of ``endpoint.receive`` by a lone caller over it. Without syncing, so that the disk is not
    what is measured; each call is a transaction of its own in both."""
    connection = _prepared(folder / "bare.db")
    prepared = [(request.to_json(), request.body) for request in map(request_of, range(total))]
    secrets = json.dumps([SECRET])
    started = time.perf_counter()
    for head, body in prepared:
        call(connection, "knocker_receive", "github", head, body, secrets, None)
    bare = (time.perf_counter() - started) / total * 1e6
    connection.close()
    requests = [request_of(n) for n in range(total)]
    with knocker.open(folder / "receive.db", synchronous="normal") as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        endpoint.receive(request_of(total))
        started = time.perf_counter()
        for request in requests:
            endpoint.receive(request)
        whole = (time.perf_counter() - started) / total * 1e6
    return bare, whole - bare


if __name__ == "__main__":
    print(WAYS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
