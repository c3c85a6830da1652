"""A folder of tenants whose handlers write down what they handled, each in the tenant's own file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import knocker
from servers import PATIENCE_S

CONFORMANCE = Path(__file__).parents[3] / "extension" / "conformance" / "tenants"


def data(name: str) -> Any:
    """One of the files that every package reads."""
    return json.loads((CONFORMANCE / name).read_text())


def set_up(hooks: knocker.Hooks, tenant: str) -> None:
    """An inbox whose handler writes the event's key, and the tenant that it is for."""
    hooks.database.rows("CREATE TABLE IF NOT EXISTS handled (key TEXT UNIQUE, tenant TEXT)")
    inbox = hooks.endpoint("inbox")

    @inbox.on("*")
    def note(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO handled VALUES (?, ?)", [event.key, tenant])


def ingest(tenants: knocker.Tenants, tenant: str, *keys: str) -> None:
    with tenants.hooks(tenant) as hooks:
        for key in keys:
            hooks.endpoints["inbox"].ingest(b"{}", valid=True, type="order", key=key)


def handled(tenants: knocker.Tenants, tenant: str) -> list[str]:
    """The keys, each of which has to be of this tenant."""
    with tenants.hooks(tenant) as hooks:
        rows = hooks.database.rows("SELECT key, tenant FROM handled ORDER BY rowid")
    assert {of for _, of in rows} <= {tenant}
    return [key for key, _ in rows]


def until(condition: Callable[[], bool], pause_s: float = 0.01) -> None:
    """Waits for something that other threads or processes bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        threading.Event().wait(pause_s)


def as_long(name: Any) -> str:
    """A name of the data, which may say how long it is."""
    return name["repeated"] * name["times"] if isinstance(name, dict) else str(name)
