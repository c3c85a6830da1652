"""Workers: how soon a worker of another process starts on a receipt, and what an idle one costs."""

from __future__ import annotations

import queue
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import knocker
from receives import SECRET

IDLE = """
import resource, sys, threading, knocker
hooks = knocker.open(sys.argv[1])
hooks.endpoint("internal").add_handler("*", lambda event, tx: None)
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
with hooks.start_worker(concurrency=2):
    # Past the start itself.
    threading.Event().wait(0.5)
    before = used()
    threading.Event().wait(float(sys.argv[2]))
    print(used() - before)
"""

SENDER = """
import sys, time, knocker
from receives import SECRET, request_of
endpoint = knocker.open(sys.argv[1]).endpoint("github", provider="github", secrets=[SECRET])
requests = [request_of(n) for n in range(int(sys.argv[2]))]
for _, request in zip(sys.stdin, requests):
    endpoint.receive(request)
    print(time.monotonic_ns(), flush=True)
"""


def wake(folder: Path, total: int) -> tuple[float, float]:
    """Milliseconds from the answer of a receive in one process to the first line of the handler in another: median and 99th percentile."""
    path = folder / "wake.db"
    seen: queue.Queue[int] = queue.Queue()
    with knocker.open(path) as hooks:
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
        endpoint.add_handler("push", lambda event, tx: seen.put(time.monotonic_ns()))
        command = [sys.executable, "-c", SENDER, str(path), str(total)]
        here = Path(__file__).resolve().parent
        with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender, hooks.start_worker():
            assert sender.stdin is not None
            assert sender.stdout is not None
            latencies = []
            for _ in range(total):
                sender.stdin.write("\n")
                sender.stdin.flush()
                answered = int(sender.stdout.readline())
                latencies.append((seen.get(timeout=20) - answered) / 1e6)
                # Let the worker come to rest, as between two webhooks.
                threading.Event().wait(0.02)
            sender.stdin.close()
    return statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]


def idle(folder: Path, seconds: float) -> float:
    """The share of a core that a process with an idle worker uses."""
    command = [sys.executable, "-c", IDLE, str(folder / "idle.db"), str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / seconds
