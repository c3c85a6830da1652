"""A server and a worker to be killed: each event writes one row, and nothing but the transaction keeps it from writing two."""

from __future__ import annotations

import os
from typing import Any

import knocker

# Patient with a slow disk: what is killed, and when, is the test's choice alone.
hooks = knocker.open(os.environ["APP_DB"], busy_timeout_s=300)
# What a killed worker held is tried again as soon as its lease has run out.
github = hooks.endpoint("github", provider="github", secrets=["test-secret"], max_attempts=1000, backoff={"base_s": 0})
hooks.database.rows("CREATE TABLE IF NOT EXISTS orders (event_id INTEGER, n INTEGER)")


@github.on("push")
def handler(event: knocker.Event, tx: Any) -> None:
    tx.execute("INSERT INTO orders VALUES (?, ?)", [event.id, event.json()["n"]])


app = hooks.asgi("/webhooks")
