"""What is in a file, and what of it is the same whoever wrote it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]

# The application's table. Nothing in it forbids that an event is written twice.
WRITTEN = """
CREATE TABLE written (
  endpoint TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, customer TEXT NOT NULL, total INTEGER NOT NULL, attempt INTEGER NOT NULL,
  participant TEXT NOT NULL, sqlite TEXT NOT NULL
)
"""
# Who worked, when and how long, and the numbers of the queue's jobs.
VARIES = {"worker", "worker_id", "duration_ms", "job_id", "attempt_id", "participant", "sqlite", "slot", "minute"}
# Handlers fail in the words of their language.
FAILURES = ("no stock yet", "the till is closed", "a test order", "no such customer")
# Columns and members that hold JSON.
JSON = {"options", "backoff", "headers", "filter", "policy", "config"}
UNSETTLED = "SELECT count(*) FROM knocker_events WHERE status IN ('received', 'processing', 'failed')"


def create(file: Path) -> None:
    """The application's own file, before anybody has opened it for webhooks."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(WRITTEN)
        connection.commit()


def read(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        return connection.execute(sql).fetchall()


def is_settled(file: Path) -> bool:
    return read(file, UNSETTLED) == [(0,)]


def dump(file: Path) -> dict[str, Rows]:
    """Every row of every table but SQLite's own."""
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


def normalised(file: Path) -> dict[str, Rows]:
    """The same without what may vary from run to run: times, workers, the numbers of attempts and jobs, and the order of those."""
    tables = dump(file)
    uncounted = _uncounted(tables)
    for name, rows in tables.items():
        has_numbers = name in ("_knocker_attempts",) or name.startswith("_honker_")
        kept = [{column: _kept(column, value) for column, value in row.items() if not _varies(column, has_numbers)} for row in rows]
        tables[name] = sorted(kept, key=repr)
    # What was counted is in the minutes until they are over, and in the totals from then on.
    figures: dict[int, Counter[str]] = {}
    for row in tables["_knocker_minutes"]:
        figures.setdefault(row.pop("endpoint_id"), Counter()).update(row)
    for total in tables.pop("_knocker_totals"):
        figures.setdefault(total["endpoint_id"], Counter())[total["name"]] += total["n"]
    tables["_knocker_minutes"] = [{"endpoint_id": endpoint, **counts} for endpoint, counts in sorted(figures.items())]
    # Of attempts, by how long they took.
    counted: Counter[tuple[int, str]] = Counter()
    for row in tables["_knocker_counts"]:
        if row["endpoint_id"] > 0:
            counted[row["endpoint_id"], row["status"].partition(":")[0]] += row["n"]
    counted.update(uncounted)
    tables["_knocker_counts"] = [{"endpoint_id": endpoint, "status": name, "n": n} for (endpoint, name), n in sorted(counted.items())]
    return tables


def _uncounted(tables: dict[str, Rows]) -> Counter[tuple[int, str]]:
    """What is still to be added to the counts: attempts, and the events that they handled."""
    last = max((row["n"] for row in tables["_knocker_counts"] if row["endpoint_id"] == 0), default=0)
    endpoints = {row["id"]: row["endpoint_id"] for row in tables["_knocker_events"]}
    added: Counter[tuple[int, str]] = Counter()
    for attempt in tables["_knocker_attempts"]:
        if attempt["id"] > last:
            endpoint = endpoints[attempt["event_id"]]
            added[endpoint, attempt["result"]] += 1
            if attempt["result"] == "handled":
                added[endpoint, "handled"] += 1
                added[endpoint, "failed" if attempt["attempt"] > 1 else "received"] -= 1
    return added


def _varies(column: str, has_numbers: bool) -> bool:
    return column in VARIES or column.endswith("_at") or (has_numbers and column == "id")


def _kept(column: str, value: Any) -> Any:
    if isinstance(value, str) and column in ("error", "reason", "last_error"):
        return next((failure for failure in FAILURES if failure in value), value)
    return json.loads(value) if isinstance(value, str) and column in JSON else value


def plain(value: Any, name: str = "") -> Any:
    """What a participant gives, in one form: languages differ in what an absent text or id, a flag, or a header that came once is."""
    if isinstance(value, str) and name in JSON:
        value = json.loads(value)
    if isinstance(value, dict):
        made = {key.lower() if name == "headers" else key: plain(one, key) for key, one in value.items() if key != "body"}
        return {key: one[0] if name == "headers" and isinstance(one, list) and len(one) == 1 else one for key, one in made.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if value == "" or value is None or (value == 0 and name.endswith("_id")):
        return None
    return float(value) if isinstance(value, (bool, int)) else value


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    """Where two values differ, at most a few places."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [*one, *(key for key in other if key not in one)]
        found = [differences(one.get(key, "nothing"), other.get(key, "nothing"), f"{at}.{key}") for key in keys]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = [differences(a, b, f"{at}[{index}]") for index, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return [] if one == other else [f"{at}: {one!r:.300} here, {other!r:.300} there"]
    return [place for places in found for place in places][:8]


def same(one: Any, other: Any, what: str) -> None:
    found = differences(one, other)
    assert not found, f"{what}:\n  " + "\n  ".join(found)
