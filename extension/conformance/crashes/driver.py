"""The Python package at work, for the crash tests to record: ``driver.py <file> <name> <seed> <steps>``.

It does what ``src/crash/workload.rs`` does, through the package's public interface, and writes the same marks.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import knocker
from knocker import checkpoints

SECRET = "test-secret"
SETTINGS = {
    "provider": "token",
    "options": {"header": "x-shop-token", "id_path": "id", "type_path": "kind"},
    "max_attempts": 1000,
    "invalid_per_hour": 1_000_000_000,
    "secrets": [SECRET],
}
OPENINGS = 20
# A little more than the package waits before it tries a failed disk again.
PAUSE_S = 0.3

path, name, seed, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
choose = random.Random(seed)
numbers = itertools.count(1)
# The events of `orders` in the running drain: what is scrap may be pruned at once by another process.
attempted: set[int] = set()
marks = os.open(os.environ["KNOCKER_RECORDER_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
# So that there are many in a short life.
checkpoints.LOG_PAGES = 60
logging.disable(logging.CRITICAL)


def say(line: str) -> None:
    os.write(marks, f"{line}\n".encode())


def prepare() -> tuple[knocker.Hooks, knocker.Endpoint, knocker.Endpoint]:
    hooks = knocker.open(path, busy_timeout_s=60)
    connection = hooks.database.connect()
    try:
        connection.execute("BEGIN IMMEDIATE").fetchall()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS orders (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL)"
        ).fetchall()
        connection.execute("COMMIT").fetchall()
    finally:
        connection.close()
    orders, scrap = hooks.endpoint("orders", **SETTINGS), hooks.endpoint("scrap", **SETTINGS)

    @orders.on("*")
    def handle(event: knocker.Event, tx: object) -> None:
        attempted.add(event.id)
        if (event.id + event.attempt) % 7 == 0:
            raise knocker.Retry(after=0)
        if event.id % 11 == 0:
            raise knocker.Ignore("a test order")
        tx.execute("INSERT INTO orders VALUES (?, ?, ?)", (event.id, event.attempt, name))

    scrap.on("*")(lambda event, tx: None)
    return hooks, orders, scrap


def request(key: str, token: str, length: int) -> knocker.WebhookRequest:
    body = json.dumps({"id": key, "kind": "order.paid", "note": "x" * length}).encode()
    return knocker.WebhookRequest(
        method="POST", url="/webhooks", headers={"X-Shop-Token": token, "Content-Type": "application/json"}, body=body
    )


def answered(endpoint: knocker.Endpoint, key: str, receipt: knocker.Receipt) -> None:
    word = "scrap" if endpoint.name == "scrap" and receipt.event_id is not None else receipt.outcome
    say(f"{word} {receipt.delivery_id} {receipt.event_id} {key}")


def a_sender(orders: knocker.Endpoint, scrap: knocker.Endpoint) -> tuple[knocker.Endpoint, str, knocker.WebhookRequest]:
    key = f"{name}-{next(numbers)}"
    token = "forged" if choose.random() < 0.1 else SECRET
    length = choose.randrange(9_000 if choose.random() < 0.1 else 600)
    return (scrap if choose.random() < 0.25 else orders), key, request(key, token, length)


def receive(sender: tuple[knocker.Endpoint, str, knocker.WebhookRequest]) -> None:
    endpoint, key, sent = sender
    try:
        answered(endpoint, key, endpoint.receive(sent))
    except knocker.DatabaseError:
        say("refused")


async def receive_all(senders: list[tuple[knocker.Endpoint, str, knocker.WebhookRequest]]) -> None:
    async def one(endpoint: knocker.Endpoint, key: str, sent: knocker.WebhookRequest) -> None:
        try:
            answered(endpoint, key, await endpoint.areceive(sent))
        except knocker.DatabaseError:
            say("refused")

    await asyncio.gather(*(one(*sender) for sender in senders))


def work(hooks: knocker.Hooks) -> None:
    words = {"handled": "handled", "failed": "failed", "ignored": "skipped"}
    attempted.clear()
    for event, status in hooks.worker().drain():
        if status in words and event in attempted:
            say(f"{words[status]} {event}")


def prune(hooks: knocker.Hooks) -> None:
    say("pruning")
    soon = datetime.now(timezone.utc) + timedelta(days=1)
    say(f"pruned {hooks.prune_events(endpoint='scrap', before=soon, status='handled', limit=choose.randrange(1, 20)).events}")


def step(hooks: knocker.Hooks, orders: knocker.Endpoint, scrap: knocker.Endpoint, pool: ThreadPoolExecutor, drains: bool) -> None:
    what = choose.randrange(100)
    if what < 35:
        receive(a_sender(orders, scrap))
    elif what < 60:
        senders = [a_sender(orders, scrap) for _ in range(choose.randrange(2, 9))]
        if choose.random() < 0.5:
            list(pool.map(receive, senders))
        else:
            asyncio.run(receive_all(senders))
    elif what < 90 and drains:
        work(hooks)
    else:
        prune(hooks)


def main() -> None:
    for _ in range(OPENINGS):
        try:
            hooks, orders, scrap = prepare()
            break
        except Exception:
            time.sleep(PAUSE_S)
    else:
        return
    say("prepared")
    say("armed")
    # In every second life a worker of two threads beside the senders: what it has handled is not said, but checked all the same.
    drains = seed % 2 == 0
    worker = None if drains else hooks.start_worker(concurrency=2, poll=0.05)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(steps):
            try:
                step(hooks, orders, scrap, pool, drains)
            except knocker.DatabaseError:
                say("refused")
            if hooks.database.checkpoints.trouble is not None:
                time.sleep(PAUSE_S)
    if worker is not None:
        worker.stop()
    hooks.close()


main()
