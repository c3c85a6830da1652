"""A folder of files under one worker: what it costs at rest, how soon it starts on a receipt, and what several files give.

Alone: ``python bench/many_files.py FOLDER [FILES]``.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import knocker

HERE = Path(__file__).resolve().parent
FILES = 1000
WAKES = 200
EVENTS = 4000
SENDERS = 16

# It answers each line that it reads with what it costs so far, and tells of each event that its handler begins with.
WORKER = """
import os, resource, sys, threading, time, knocker
from many_files import declare
began = time.monotonic()
tenants = knocker.open_many(os.path.join(sys.argv[1], "*.db"), declare(lambda event, tx: print("event", time.monotonic_ns(), flush=True)))
worker = tenants.start_worker()
known = worker._tenants
while len(known) < int(sys.argv[2]) or not all(tenant.tour_at and tenant.phase == "rests" for tenant in list(known.values())):
    time.sleep(0.01)
print("started", time.monotonic() - began, flush=True)
for _ in sys.stdin:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    kilobytes = int(status["VmRSS"].split()[0])
    print("cost", usage.ru_utime + usage.ru_stime, kilobytes, threading.active_count(), len(os.listdir("/proc/self/fd")), flush=True)
"""

# It commits a receipt in the file of each name that it reads, and says when that was done.
SENDER = """
import os, sys, time, knocker
from many_files import declare
tenants = knocker.open_many(os.path.join(sys.argv[1], "*.db"), declare(None))
for n, name in enumerate(sys.stdin):
    with tenants.hooks(name.strip()) as hooks:
        hooks.endpoints["inbox"].ingest(b"{}", valid=True, type="order", key=str(n) + sys.argv[2])
        print(time.monotonic_ns(), flush=True)
"""


def declare(handler: Any) -> Any:
    """What sets a tenant up."""

    def set_up(hooks: knocker.Hooks, tenant: str) -> None:
        inbox = hooks.endpoint("inbox")
        if handler is not None:
            inbox.add_handler("*", handler)

    return set_up


def make(folder: Path, files: int) -> list[str]:
    """So many files that are alike, each of a tenant."""
    folder.mkdir()
    names = [f"tenant-{n}" for n in range(files)]
    first = folder / f"{names[0]}.db"
    with knocker.open(first) as hooks:
        declare(None)(hooks, names[0])
    for name in names[1:]:
        shutil.copyfile(first, folder / f"{name}.db")
    return names


class Told:
    """A process of this module, and what it prints."""

    def __init__(self, source: str, *arguments: str) -> None:
        command = [sys.executable, "-c", source, *arguments]
        self.process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[float]:
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert words, "it ended"
        return [float(word) for word in words if word[0].isdigit()]

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def wakes(worker: Told, sender: Told, names: list[str]) -> list[float]:
    """Milliseconds from a commit of one process to the first line of the handler in another, at rest in between."""
    found = []
    for name in names:
        sender.ask(name)
        (committed,) = sender.answer()
        (begun,) = worker.answer()
        found.append((begun - committed) / 1e6)
        threading.Event().wait(0.05)
    return found


def worker_of_many(folder: Path, files: int) -> list[str]:
    """Prints what one worker of so many files costs. Returns the goals that were missed."""
    names = make(folder, files)
    worker = Told(WORKER, str(folder), str(files))
    try:
        (started,) = worker.answer()
        worker.ask()
        before, kilobytes, threads, descriptors = worker.answer()
        seconds = 10
        threading.Event().wait(seconds)
        worker.ask()
        share = (worker.answer()[0] - before) / seconds
        print(f"\n{f'{files} files under one worker':<46}{'':>9}")
        print(f"{'start, every file looked at, s':<46}{started:>9.2f}")
        print(f"{'CPU at rest':<46}{share:>9.2%} of a core")
        print(f"{'memory, MiB; threads; descriptors, at rest':<46}{kilobytes / 1024:>9.0f}{threads:>9.0f}{descriptors:>9.0f}")
        sender = Told(SENDER, str(folder), "a")
        try:
            some = random.Random(1)
            worker.ask()
            before = worker.answer()[0]
            cold = wakes(worker, sender, [some.choice(names) for _ in range(WAKES)])
            worker.ask()
            spent_ms = (worker.answer()[0] - before) / WAKES * 1000
            warm = wakes(worker, sender, [names[0]] * WAKES)
        finally:
            sender.end()
        for what, found in (("any file", cold), ("the same file", warm)):
            parts = statistics.quantiles(found, n=100)
            print(f"{f'wake across processes, {what}, ms':<46}{parts[49]:>9.2f} p50{parts[89]:>9.2f} p90{parts[98]:>9.2f} p99")
        print(f"{'CPU of the worker for an event of any file, ms':<46}{spent_ms:>9.2f}")
        worker.ask()
        _, kilobytes, threads, descriptors = worker.answer()
        print(f"{'memory, MiB; threads; descriptors, after that':<46}{kilobytes / 1024:>9.0f}{threads:>9.0f}{descriptors:>9.0f}")
    finally:
        worker.end()
    below = [f"{files} files: wake {statistics.median(cold):.1f} ms, goal 20"] if statistics.median(cold) >= 20 else []
    return [*below, f"{files} files at rest: {share:.1%} of a core, goal 2"] if share >= 0.02 else below


def one_event_each(folder: Path, files: int) -> float:
    """Events a second where each of so many files has one."""
    names = make(folder, files)
    done = threading.Semaphore(0)
    for name in names:
        with knocker.open(folder / f"{name}.db", synchronous="normal") as hooks:
            hooks.existing_endpoint("inbox").ingest(b"{}", valid=True, type="order", key="1")
    with knocker.open_many(folder / "*.db", declare(lambda event, tx: done.release())) as tenants:
        began = time.monotonic()
        with tenants.start_worker():
            for _ in names:
                done.acquire()
            return files / (time.monotonic() - began)


def over_files(folder: Path, files: int) -> tuple[float, float]:
    """Receipts a second of some threads into so many files, and events handled a second of one worker that has all of them waiting."""
    names = make(folder, files)
    done = threading.Semaphore(0)
    with knocker.open_many(folder / "*.db", declare(lambda event, tx: done.release())) as tenants:

        def send(sender: int) -> None:
            for n in range(EVENTS // SENDERS):
                with tenants.hooks(names[(sender + n) % files]) as hooks:
                    hooks.endpoints["inbox"].ingest(b"{}", valid=True, type="order", key=f"{sender}-{n}")

        threads = [threading.Thread(target=send, args=(n,)) for n in range(SENDERS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        received = time.monotonic() - began
        began = time.monotonic()
        with tenants.start_worker():
            for _ in range(EVENTS):
                done.acquire()
            handled = time.monotonic() - began
    return EVENTS / received, EVENTS / handled


def print_many_files(folder: Path, files: int = FILES) -> list[str]:
    """Prints all of it. Returns the goals that were missed."""
    below = worker_of_many(folder / "many", files)
    print(f"{'events/s, one in each of 200 files':<46}{one_event_each(folder / 'each', 200):>9.0f}")
    print(f"\n{'one process, files':<46}{'receipts/s':>12}{'handled/s':>12}")
    for count in (1, 2, 4, 8):
        received, handled = over_files(folder / f"over-{count}", count)
        print(f"{count:<46}{received:>12.0f}{handled:>12.0f}")
    return below


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        for goal in print_many_files(Path(name), int(sys.argv[2]) if len(sys.argv) > 2 else FILES):
            print(f"below the goal: {goal}")
