"""Receives per second with every commit synced, against a hand-written insert with one commit a request, in the same run."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import knocker
from knocker.connection import call, open_connection
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


def compare(folder: Path, callers: int, total: int) -> tuple[float, float, float, float]:
    """Receives a second in threads and in tasks, and inserts a second by hand: behind a lock, and with a connection a thread."""
    requests = [request_of(n) for n in range(total)]
    with knocker.open(folder / f"threads-{callers}.db") as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        threads = in_threads(callers, total, lambda n: endpoint.receive(requests[n]))
    few = min(total, 1500)
    store = by_hand(folder / f"by-hand-{callers}.db")
    locked = in_threads(callers, few, lambda n: store(requests[n], n))
    store_apart = by_hand(folder / f"apart-{callers}.db", connection_a_thread=True)
    apart = in_threads(callers, few, lambda n: store_apart(requests[n], n))
    with knocker.open(folder / f"tasks-{callers}.db") as hooks:
        tasks = asyncio.run(_in_tasks(hooks, callers, requests))
    return threads, tasks, locked, apart


async def _in_tasks(hooks: knocker.Hooks, callers: int, requests: list[knocker.WebhookRequest]) -> float:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    left = iter(requests)

    async def caller() -> None:
        for request in left:
            await endpoint.areceive(request)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(requests) / (time.perf_counter() - started)


def overhead(folder: Path, total: int = 3000) -> tuple[float, float]:
    """Microseconds of the bare SQL call, and of ``endpoint.receive`` by a lone caller over it. Without syncing, so that the disk is not
    what is measured; each call is a transaction of its own in both."""
    connection = open_connection(str(folder / "bare.db"), synchronous="normal", busy_timeout_s=5)
    call(connection, "knocker_bootstrap")
    call(connection, "knocker_endpoint", "github", '{"provider": "github"}')
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
