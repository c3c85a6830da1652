"""Prints what the Python package costs on this machine, each figure beside what it is compared with."""

from __future__ import annotations

import platform
import socket
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path

import drains
import http_load
import many_files
import other_writers
import receives
import soak
import workers
from disks import DELAYS_MS, ROUNDS, disk_of
from goals import Goals


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def print_http(folder: Path, library: float) -> list[str]:
    """Requests a second through uvicorn on each disk. Returns the goals that were missed."""
    goals = Goals()
    names = {"app": "hooks.asgi()", "hand_written": "by hand: verify, insert, commit", "reads_only": "uvicorn alone, nothing stored"}
    print(f"\n{'HTTP with uvicorn, 64 connections':<48}{'req/s':>9}{'server CPU':>13}{'times by hand':>16}")
    for delay_ms in DELAYS_MS:
        rounds = [
            {
                app: http_load.measure(folder, app, free_port(), 64, 2000 if delay_ms and app == "hand_written" else 8000, delay_ms)
                for app in names
            }
            for _ in range(ROUNDS)
        ]
        middle = {app: statistics.median(figures[app][0] for figures in rounds) for app in names}
        times = statistics.median(figures["app"][0] / figures["hand_written"][0] for figures in rounds)
        for app, name in names.items():
            share = statistics.median(figures[app][1] for figures in rounds)
            ratio = f"{times:.1f}x" if app == "app" else ""
            print(f"{f'{name}, {disk_of(delay_ms)}':<48}{middle[app]:>9.0f}{share:>13.0%}{ratio:>16}".rstrip())
        # On one core it reads the requests and has the library judge and store them.
        most = 1 / (1 / middle["reads_only"] + 1 / library)
        goals.judge(f"HTTP, {disk_of(delay_ms)}", times, 1.5, middle["hand_written"], None if delay_ms else most)
    return goals.tell()


def print_workers(folder: Path) -> list[str]:
    """Events handled a second, wake-up times, and the CPU of an idle worker. Returns the goals that were missed."""
    print()
    for concurrency in (1, 4):
        print(f"{f'events handled/s, concurrency {concurrency}':<34}{drains.by_worker(folder, 3000, concurrency):>9.0f}")
    median, slow = workers.wake(folder, 200)
    print(f"{'wake across processes, ms':<34}{median:>9.2f} p50{slow:>9.2f} p99")
    share = workers.idle(folder, 5)
    print(f"{'CPU of an idle worker':<34}{share:>9.2%} of a core")
    below = [f"wake: {median:.1f} ms, goal 3"] if median >= 3 else []
    return [*below, f"an idle worker: {share:.1%} of a core, goal 1"] if share >= 0.01 else below


def main(folder: Path) -> int:
    """Measures in files of this folder."""
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, synchronous=FULL, signed GitHub requests of 1 kB")
    print("by hand: one insert and one commit a request, on one connection behind a lock, or apart: with a connection a thread")
    library, below = receives.print_receives(folder)
    below += print_http(folder, library)
    bare, more = receives.overhead(folder)
    print(f"\n{'one bare SQL call, µs':<34}{bare:>9.0f}\n{'endpoint.receive over it, µs':<34}{more:>9.0f}")
    below += print_workers(folder)
    below += drains.print_drains(folder)
    other_writers.print_other_writers(folder)
    below += many_files.print_many_files(folder)
    below += soak.print_soak(folder, free_port())
    for goal in below:
        print(f"below the goal: {goal}")
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        raise SystemExit(main(Path(name)))
