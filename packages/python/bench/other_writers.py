"""How long small write transactions of another process wait beside a worker with a backlog, on slow disks too.

Each figure is of processes of their own, because the delay of a sync is preloaded into them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import knocker
from drains import slowed_down

DELAYS_MS = (0, 2)
ROUNDS = 2
SECONDS = 3.0
BACKLOG = 16_000
SLOW_S = 0.05
ONE_IN = 20
LATE_MS = 100

# As the sqlite3 shell does, or an app of another language: a transaction now and then, and SQLite's own wait for the lock.
WRITER = """
import json, sqlite3, sys, threading, time
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
print("ready", flush=True)
sys.stdin.readline()
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
waits = []
while not ended.wait(0.003):
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    waits.append((time.perf_counter() - started) * 1000)
    connection.execute("INSERT INTO notes VALUES ('a line of another program')")
    connection.execute("COMMIT")
print(json.dumps(waits))
"""

WAYS = {
    "no worker": "",
    "a backlog, commits shared": "shared",
    "a backlog, each event alone": "apart",
    "slow handlers amid quick ones, shared": "slow shared",
    "slow handlers amid quick ones, alone": "slow apart",
}


class Waits(NamedTuple):
    """Milliseconds that each transaction waited for the lock, and what the worker handled in a second."""

    ms: list[float]
    handled: float


def measure(folder: Path, way: str) -> Waits:
    """Waits beside a worker that works in this ``way``, or beside none."""
    path = folder / "app.db"
    with knocker.open(path) as hooks:
        hooks.database.rows("CREATE TABLE notes (text TEXT)")
        inbox = hooks.endpoint("inbox")
        with hooks.database.connection() as connection:
            connection.execute("BEGIN").fetchall()
            for n in range(BACKLOG):
                kind = "slow" if n % ONE_IN == 0 and "slow" in way else "quick"
                fields = json.dumps({"valid": True, "type": kind})
                connection.execute("SELECT knocker_ingest('inbox', ?, ?)", [fields, b"x" * 1000]).fetchall()
            connection.execute("COMMIT").fetchall()

        def handler(event: knocker.Event, tx: Any) -> None:
            if event.type == "slow":
                # As one that calls an API, and writes then.
                threading.Event().wait(SLOW_S)
            tx.execute("INSERT INTO notes VALUES ('handled')")

        inbox.add_handler("*", handler)
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdout.readline()
            worker = hooks.start_worker(share_commits="shared" in way) if way else None
            started = time.perf_counter()
            writer.stdin.write("\n")
            while time.perf_counter() < started + SECONDS and (worker is None or hooks.stats().events.handled < BACKLOG):
                threading.Event().wait(0.1)
            writer.stdin.write("\n")
            seconds = time.perf_counter() - started
            handled = hooks.stats().events.handled
            waits = json.loads(writer.stdout.readline())
            if worker is not None:
                worker.stop()
    return Waits(waits, handled / seconds)


def _measured(way: str, folder: Path, delay_ms: int) -> Waits:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        command = [*slowed_down(delay_ms), sys.executable, __file__, way, own]
        return Waits(*json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def print_other_writers(folder: Path) -> list[str]:
    """The waits of each way, of all rounds together. Returns the goals that were missed."""
    below: list[str] = []
    for delay_ms in DELAYS_MS if sys.platform.startswith("linux") else (0,):
        rounds = [{name: _measured(way, folder, delay_ms) for name, way in WAYS.items()} for _ in range(ROUNDS)]
        print(f"\n{f'another writer waits, ms, syncs {delay_ms} ms':<40}{'median':>9}{'95 %':>9}{'worst':>9}{'writes':>9}{'handled/s':>11}")
        for name in WAYS:
            waits = sorted(ms for one in rounds for ms in one[name].ms)
            late = waits[int(len(waits) * 0.95)]
            if late > LATE_MS:
                below.append(f"another writer beside {name} at syncs of {delay_ms} ms: {late:.0f} ms in 95 %, goal {LATE_MS}")
            handled = statistics.median(one[name].handled for one in rounds)
            print(f"{name:<40}{statistics.median(waits):>9.1f}{late:>9.1f}{waits[-1]:>9.1f}{len(waits):>9}{handled:>11.0f}")
    return below


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[2]), sys.argv[1])))
