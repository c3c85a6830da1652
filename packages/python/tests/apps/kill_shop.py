"""A server and a worker to be killed: each event writes one row, and nothing but the transaction keeps it from writing two."""

from __future__ import annotations

import os
from typing import Any

import knocker

hooks = knocker.open(os.environ["APP_DB"])
github = hooks.endpoint("github", provider="github", secrets=["test-secret"])
hooks.database.rows("CREATE TABLE IF NOT EXISTS orders (event_id INTEGER, n INTEGER)")


@github.on("push")
def handler(event: knocker.Event, tx: Any) -> None:
    tx.execute("INSERT INTO orders VALUES (?, ?)", [event.id, event.json()["n"]])


app = hooks.asgi("/webhooks")
