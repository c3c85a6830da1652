"""A standby by Litestream: a receiver at work, a Litestream that replicates its file into a folder, and SIGKILL to both at once. What is restored
from the folder is what is left of that machine.

    python3 standby.py [PACKAGE…]        KNOCKER_STANDBY_SECONDS=10 for longer runs; KNOCKER_LITESTREAM names the program

Where receipts wait for the replica, what was acknowledged must be in the restored file; what is lost without that is printed.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
LITESTREAM = os.environ["KNOCKER_LITESTREAM"]
SECONDS = float(os.environ.get("KNOCKER_STANDBY_SECONDS", "3"))
CALLERS = 64
# How long something may take before that is a failure.
PATIENCE_S = 120.0


def commands() -> dict[str, tuple[list[str], dict[str, str]]]:
    """How a driver of each package is started: `run-tests` has built them and says where they are."""
    built = os.environ
    python = (["python3", str(HERE / "driver.py")], {"PYTHONPATH": str(ROOT / "packages/python/src")})
    node, bun = (
        ([built[f"STANDBY_{name.upper()}"], str(HERE / "driver.mjs")], {"KNOCKER_STANDBY_PACKAGE": str(ROOT / "packages/js" / name)})
        for name in ("node", "bun")
    )
    ruby = (["ruby", "-I", str(ROOT / "packages/ruby/lib"), str(HERE / "driver.rb")], {})
    elixir = (["elixir", "-pa", built["STANDBY_ELIXIR"], str(HERE / "driver.exs")], {"ELIXIR_ERL_OPTIONS": "+fnu"})
    return {"python": python, "node": node, "bun": bun, "go": ([built["STANDBY_GO"]], {}), "ruby": ruby, "elixir": elixir}


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def is_synced(path: Path, database: Path) -> bool:
    """Whether Litestream has begun with the file."""
    connection = SocketConnection(path)
    try:
        connection.request("POST", "/sync", json.dumps({"path": str(database), "wait": True, "timeout": 30}))
        response = connection.getresponse()
        answer = json.loads(response.read())
        return response.status == 200 and answer["replicated_txid"] > 0
    except OSError:
        return False
    finally:
        connection.close()


def start_litestream(folder: Path, database: Path) -> subprocess.Popen[bytes]:
    own = {"LITESTREAM_SOCKET": str(folder / "socket"), "APP_DB": str(database), "REPLICA_URL": f"file://{folder / 'replica'}"}
    with (folder / "litestream.log").open("wb") as log:
        command = [LITESTREAM, "replicate", "-config", str(HERE / "litestream.yml")]
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + PATIENCE_S
    while not is_synced(folder / "socket", database):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"Litestream does not replicate:\n{(folder / 'litestream.log').read_text()}")
        time.sleep(0.05)
    return process


def run(name: str, waiting: bool, callers: int) -> tuple[set[str], set[str]]:
    """The keys that were acknowledged, and those that are in the restored file."""
    command, environment = commands()[name]
    with tempfile.TemporaryDirectory(prefix="knocker-") as temporary:
        folder = Path(temporary)
        database, restored = folder / "app.db", folder / "restored.db"
        driver = subprocess.Popen(
            [*command, str(database), str(folder / "socket") if waiting else "", str(callers)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert driver.stdin is not None and driver.stdout is not None
        processes = [driver]
        acknowledged: list[str] = []
        try:
            assert driver.stdout.readline() == "ready\n", f"{name} did not start"
            litestream: Any = start_litestream(folder, database)
            processes.append(litestream)
            driver.stdin.write("go\n")
            driver.stdin.flush()
            # The pipe holds what was written before the kill.
            reader = threading.Thread(target=lambda: acknowledged.extend(driver.stdout or ()))
            reader.start()
            time.sleep(SECONDS)
            if driver.poll() is not None:
                raise SystemExit(f"{name} ended by itself with {driver.returncode}")
        finally:
            for process in processes:
                os.kill(process.pid, signal.SIGKILL)
            for process in processes:
                process.wait()
        reader.join()
        subprocess.run([LITESTREAM, "restore", "-o", str(restored), f"file://{folder / 'replica'}"], check=True, capture_output=True)
        opened = sqlite3.connect(restored)
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = {key for (key,) in opened.execute("SELECT key FROM _knocker_events")}
        opened.close()
    # One that was cut in the middle was not acknowledged.
    return {line.rstrip("\n") for line in acknowledged if line.endswith("\n")}, keys


def main() -> int:
    failed = False
    print(f"{'package':8} {'waits':5} {'callers':>7} {'acknowledged':>12} {'restored':>8} {'lost':>5} {'a second':>8}")
    for name in sys.argv[1:] or list(commands()):
        for waiting, callers in ((True, CALLERS), (False, CALLERS), (True, 1)):
            acknowledged, restored = run(name, waiting, callers)
            lost = len(acknowledged - restored)
            print(
                f"{name:8} {'yes' if waiting else 'no':5} {callers:7} {len(acknowledged):12} {len(restored):8} {lost:5} {len(acknowledged) / SECONDS:8.0f}",
                flush=True,
            )
            failed |= not acknowledged or (waiting and lost > 0)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
