"""Prints what the Python package costs on this machine, each figure beside what it is compared with."""

from __future__ import annotations

import platform
import socket
import sqlite3
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


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def print_receives(folder: Path) -> list[str]:
    """Receives a second at 1, 8 and 64 callers. Returns the goals that were missed."""
    below: list[str] = []
    print(f"\n{'receives/s':<32}{'threads':>9}{'tasks':>9}{'by hand: lock':>15}{'apart':>9}{'threads/lock':>14}{'tasks/lock':>12}")
    for callers, total in ((1, 1000), (8, 4000), (64, 12000)):
        threads, tasks, locked, apart = receives.compare(folder, callers, total)
        rates = f"{threads:>9.0f}{tasks:>9.0f}{locked:>15.0f}{apart:>9.0f}{threads / locked:>13.1f}x{tasks / locked:>11.1f}x"
        print(f"{f'{callers} concurrent callers':<32}{rates}")
        if callers == 64:
            kinds = {"threads": threads, "tasks": tasks}
            below += [f"64 {kind}: {rate / locked:.1f} times by hand, goal 3" for kind, rate in kinds.items() if rate < 3 * locked]
    return below


def print_http(folder: Path) -> list[str]:
    """Requests a second through uvicorn. Returns the goal if it was missed."""
    print(f"\n{'HTTP with uvicorn, 64 connections':<34}{'req/s':>9}{'server CPU':>13}")
    figures = {app: http_load.measure(folder, app, free_port(), 64, 8000) for app in ("app", "hand_written", "reads_only")}
    for app, name in (
        ("app", "hooks.asgi()"),
        ("hand_written", "by hand: verify, insert, commit"),
        ("reads_only", "uvicorn alone, nothing stored"),
    ):
        print(f"{name:<34}{figures[app][0]:>9.0f}{figures[app][1]:>13.0%}")
    ratio = figures["app"][0] / figures["hand_written"][0]
    print(f"{'ratio':<34}{ratio:>8.1f}x   bound by the one core of the server where its CPU is near 100 %, else by the disk")
    return [f"HTTP: {ratio:.1f} times by hand, goal 1.5"] if ratio < 1.5 else []


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
    below = print_receives(folder) + print_http(folder)
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
