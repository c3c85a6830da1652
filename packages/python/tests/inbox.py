"""An endpoint of trusted ingress whose handlers write orders, and how its tests put events in and look at what came out."""

from __future__ import annotations

import threading
from typing import Any

import knocker
from knocker.testing import drain


def queued_calls(hooks: knocker.Hooks) -> threading.Semaphore:
    """Counts the calls that are on their way into a commit, from here on."""
    queued, put = threading.Semaphore(0), hooks.database.writer.put

    def counting(ticket: Any) -> None:
        put(ticket)
        queued.release()

    hooks.database.writer.put = counting  # type: ignore[method-assign]
    return queued


def ingest(inbox: knocker.Endpoint, type: str = "order", key: str = "1") -> int:
    event_id = inbox.ingest(b"{}", valid=True, type=type, key=key).event_id
    assert event_id is not None
    return event_id


def orders(hooks: knocker.Hooks) -> list[str]:
    return [row[0] for row in hooks.database.rows("SELECT id FROM orders ORDER BY rowid")]


def statuses(hooks: knocker.Hooks) -> list[str]:
    return [attempt.status for attempt in drain(hooks)]
