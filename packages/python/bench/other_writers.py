"""How long small write transactions of another process wait beside a worker with a backlog.

What is measured, and what the worker's process is to do, says extension/bench/other-writers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import knocker

TABLE = Path(__file__).resolve().parents[3] / "extension" / "bench" / "other-writers"
EVENTS = 16_000
SLOW_S = 0.05
ONE_IN = 20


def work(way: str, path: str) -> None:
    """What the worker's process does."""
    with knocker.open(path) as hooks:
        hooks.database.rows("CREATE TABLE notes (text TEXT)")
        hooks.database.rows("CREATE TABLE handled (id INTEGER)")
        inbox = hooks.endpoint("inbox")
        with hooks.database.connection() as connection:
            connection.execute("BEGIN").fetchall()
            for n in range(EVENTS):
                kind = "slow" if n % ONE_IN == 0 and way.startswith("slow") else "quick"
                fields = json.dumps({"valid": True, "type": kind})
                connection.execute("SELECT knocker_ingest('inbox', ?, ?)", [fields, b"x" * 1000]).fetchall()
            connection.execute("COMMIT").fetchall()

        def handler(event: knocker.Event, tx: Any) -> None:
            if event.type == "slow":
                threading.Event().wait(SLOW_S)
            tx.execute("INSERT INTO handled VALUES (?)", [event.id])

        inbox.add_handler("*", handler)
        print("ready", flush=True)
        if sys.stdin.readline():
            with hooks.start_worker(share_commits=way.endswith("shared")):
                sys.stdin.read()


def print_other_writers(folder: Path) -> None:
    """The waits of each way, and which goals were missed."""
    sys.stdout.flush()
    subprocess.run([TABLE, folder, sys.executable, __file__], check=True)


if __name__ == "__main__":
    work(*sys.argv[1:])
