"""The Python package as a participant: the line protocol of ../README.md over its public API."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import knocker

WRITTEN = "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, 'python', sqlite_version())"
speaking = threading.Lock()


def say(line: dict[str, Any]) -> None:
    with speaking:
        print(json.dumps(line), flush=True)


def plain(value: Any) -> Any:
    """Records as SQL has them: times as Unix milliseconds, and no bodies."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.name != "body"}
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


class Participant:
    def __init__(self) -> None:
        self.hooks: Any = None
        self.worker: Any = None
        self.gate = threading.Event()

    def handle(self, event: knocker.Event, tx: Any) -> None:
        content = event.json()
        plan, order = content["plan"], content["order"]
        if plan == "hold" and event.attempt == 1:
            say({"held": event.key})
            self.gate.wait()
        tx.execute(WRITTEN, (event.endpoint, event.key, event.type, order["customer"], order["total"], event.attempt))
        if plan == "fail" and event.attempt == 1:
            raise RuntimeError("no stock yet")
        if plan == "retry" and event.attempt == 1:
            raise knocker.Retry(after=0, reason="the till is closed")
        if plan == "ignore":
            raise knocker.Ignore("a test order")
        if plan == "dead":
            raise knocker.Dead("no such customer")

    def open(self, file: str, endpoints: list[dict[str, Any]]) -> None:
        self.hooks = knocker.open(file, busy_timeout_s=60)
        for endpoint in endpoints:
            self.hooks.endpoint(endpoint["name"], secrets=endpoint["secret"], **endpoint["settings"]).on("*")(self.handle)

    def receive(self, endpoint: str, request: dict[str, Any], body: str) -> knocker.Receipt:
        return self.hooks.endpoints[endpoint].receive(knocker.WebhookRequest(body.encode(), **request))

    def work(self, lease_s: int) -> None:
        self.gate.clear()
        self.worker = self.hooks.start_worker(concurrency=2, lease_s=lease_s)

    def rest(self) -> None:
        self.worker.stop()

    def go(self) -> None:
        self.gate.set()

    def list(self, view: str) -> list[Any]:
        return list(getattr(self.hooks, "stored_endpoints" if view == "endpoints" else view)())

    def close(self) -> None:
        self.hooks.close()

    def answer(self, line: str) -> None:
        asked = json.loads(line)
        number, op = asked.pop("id"), asked.pop("op")
        try:
            if op.endswith("_where"):
                gives = getattr(self.hooks, op)(**asked["filter"])
            else:
                gives = getattr(self, op, None) or getattr(self.hooks, op)
                gives = gives(**asked)
            say({"id": number, "gives": plain(gives)})
        except knocker.KnockerError as error:
            say({"id": number, "error": error.code, "says": str(error)})
        except Exception:
            # A fault that nobody waits for: whoever asked finds this process gone, and why in its log.
            traceback.print_exc()
            os._exit(1)


def main() -> None:
    logging.disable(logging.CRITICAL)
    participant = Participant()
    with ThreadPoolExecutor(16) as pool:
        for line in sys.stdin:
            pool.submit(participant.answer, line)


main()
