"""Two strangers beside genuine traffic: how long genuine receipts take, and how long another process waits for the write lock.

Each stranger sends the costliest body that is looked at, one after the other, as fast as it is refused: 1 MiB with the most Ed25519
signatures that are tried, or 1 MiB of JSON array where the signature stands in the body.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from knocker.request import pairs
from receives import request_of

HERE = Path(__file__).resolve().parent
BODY_BYTES = 1024 * 1024
SIGNATURES = 8
STRANGERS = 2
GENUINE = 4
# Between two requests of a genuine sender, and between two writes of the other process.
PAUSE_S = 0.02
BUSY_TIMEOUT_S = 20


@dataclass(frozen=True)
class Phase:
    """What was measured, in milliseconds."""

    genuine: list[float]
    waits: list[float]
    strangers: int


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def signatures() -> bytes:
    """Of Standard Webhooks, made for nothing. The last byte keeps them from being refused by their looks."""
    numbers = random.Random(1)
    made = " ".join("v1a," + base64.b64encode(numbers.randbytes(63) + b"\0").decode() for _ in range(SIGNATURES))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": made}
    return post("/svix", b"x" * BODY_BYTES, headers)


def array() -> bytes:
    """A JSON array that has to be read before anything can be checked."""
    body = b"[" + b"1," * (BODY_BYTES // 2 - 2) + b"1]"
    return post("/mailgun", body, {"content-type": "application/json"})


FLOODS: dict[str, Callable[[], bytes]] = {"signatures": signatures, "array": array}


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Reads one response and returns its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return head.split()[1]


async def genuine(port: int, seconds: float, first: int) -> None:
    """Sends signed requests with pauses, and prints the milliseconds of each."""
    requests = (post("/github", request.body, dict(pairs(request.headers))) for request in map(request_of, range(first, 1 << 40)))
    end = time.monotonic() + seconds

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            message = next(requests)
            started = time.perf_counter()
            writer.write(message)
            status = await answered(reader)
            if status != b"200":
                raise RuntimeError(f"a genuine request was answered {status.decode()}")
            print((time.perf_counter() - started) * 1000)
            await asyncio.sleep(PAUSE_S)
        writer.close()

    await asyncio.gather(*(sender() for _ in range(GENUINE)))


async def strangers(port: int, seconds: float, flood: str) -> None:
    """Sends what is costly as fast as it is answered, and prints how often."""
    message, end, sent = FLOODS[flood](), time.monotonic() + seconds, 0

    async def sender() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            writer.write(message)
            await answered(reader)
            sent += 1
        writer.close()

    await asyncio.gather(*(sender() for _ in range(STRANGERS)))
    print(sent)


def writes(path: str, seconds: float) -> None:
    """Writes a row again and again, as the rest of an app does, and prints for how many milliseconds each waited for the lock."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS others (at REAL)")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        print((time.perf_counter() - started) * 1000)
        connection.execute("INSERT INTO others VALUES (?)", [started])
        connection.execute("COMMIT")
        threading.Event().wait(PAUSE_S)
    connection.close()


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """uvicorn with the endpoints of the genuine senders and of the strangers; gives the path of its file."""
    path = str(folder / "soak.db")
    environment = {**os.environ, "BENCH_DB": path, "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "uvicorn", "http_app:app", "--port", str(port), "--no-access-log", "--log-level", "info"]
    with subprocess.Popen(command, cwd=HERE, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        reader = threading.Thread(target=lambda: None)
        try:
            for line in server.stderr:
                if "running on" in line:
                    break
            # A full pipe would stop the server.
            reader = threading.Thread(target=server.stderr.read)
            reader.start()
            yield path
        finally:
            server.terminate()
            reader.join()


def phase(path: str, port: int, seconds: float, flood: str | None, first: int) -> Phase:
    """Lets everybody work at once for so long, each in a process of its own."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "soak.py"), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    # The strangers are there first and leave last.
    attack = [start("strangers", port, seconds + 1, flood)] if flood else []
    calm = [start("genuine", port, seconds, first), start("writes", path, seconds)]
    texts = [process.communicate()[0] for process in [*calm, *attack]]
    if any(process.returncode for process in [*calm, *attack]):
        raise RuntimeError("a part of the soak failed")
    return Phase([float(one) for one in texts[0].split()], [float(one) for one in texts[1].split()], int(texts[2]) if flood else 0)


def soak(folder: Path, port: int, seconds: float = 2.0, rounds: int = 2) -> dict[str, Phase]:
    """The same genuine traffic in quiet and under each flood, by turns: what else the machine does meanwhile is then in all of them."""
    phases = {name: Phase([], [], 0) for name in ("quiet", *FLOODS)}
    with served(folder, port) as path:
        for number in range(rounds * len(phases)):
            name = list(phases)[number % len(phases)]
            one, before = phase(path, port, seconds, None if name == "quiet" else name, number * 1_000_000), phases[name]
            phases[name] = Phase(before.genuine + one.genuine, before.waits + one.waits, before.strangers + one.strangers)
    return phases


def print_soak(folder: Path, port: int) -> list[str]:
    """Prints the figures. Returns the goals that were missed."""
    phases = soak(folder, port)
    quiet = statistics.median(phases["quiet"].genuine)
    below: list[str] = []
    title = f"soak, {STRANGERS} strangers with 1 MiB bodies"
    print(f"\n{title:<38}{'genuine p50':>13}{'p95':>10}{'other waits p50':>17}{'p95':>10}{'refused':>10}")
    for name, one in phases.items():
        median, late = statistics.median(one.genuine), statistics.quantiles(one.genuine, n=20)[18]
        wait, long = statistics.median(one.waits), statistics.quantiles(one.waits, n=20)[18]
        print(f"{name:<38}{median:>10.2f} ms{late:>7.1f} ms{wait:>14.2f} ms{long:>7.1f} ms{one.strangers:>10}")
        if long >= 100:
            below.append(f"{name}: another process waits {long:.0f} ms at p95, goal 100")
        if median > 2 * quiet:
            below.append(f"{name}: genuine receipts take {median / quiet:.1f} times their quiet median, goal 2")
    return below


if __name__ == "__main__":
    kind, given = sys.argv[1], sys.argv[2:]
    if kind == "genuine":
        asyncio.run(genuine(int(given[0]), float(given[1]), int(given[2])))
    elif kind == "strangers":
        asyncio.run(strangers(int(given[0]), float(given[1]), given[2]))
    else:
        writes(given[0], float(given[1]))
