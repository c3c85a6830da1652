"""The HTTP cases of ``extension/conformance/http``, as bytes over sockets to real servers."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance_counts import write_count
from matching import compare
from raw_http import PATIENCE_S, Sender
from servers import Server, free_port, serving
from test_conformance import CONFORMANCE, cases, name

APPS = Path(__file__).with_name("apps")
CASES = cases("http", "cases")
CASE_KEYS = {"name", "endpoints", "app", "database", "reads_body", "steps", "stored", "otherwise", "reported"}
FENCE = ["POST /webhooks/fence HTTP/1.1", "Host: fence", "X-Webhook-Token: test-token", "Content-Length: 2", "Connection: close", "", "{}"]
MODULE = "http_conformance_app"
RAN: dict[str, set[str]] = defaultdict(set)
Json = Any


def uvicorn(app: str) -> Callable[[int], tuple[list[str], str]]:
    return lambda port: (
        ["-m", "uvicorn", f"{MODULE}:{app}", "--port", str(port), "--no-access-log", "--lifespan", "off", "--no-proxy-headers"],
        "running on",
    )


def gunicorn(port: int) -> tuple[list[str], str]:
    where = ["--bind", f"127.0.0.1:{port}", "--threads", "8", "--keep-alive", "600", "--forwarded-allow-ips", "", "--no-control-socket"]
    return ["-m", "gunicorn", f"{MODULE}:wsgi", *where], "Booting worker"


SERVERS: dict[str, Callable[[int], tuple[list[str], str]]] = {
    "uvicorn": uvicorn("asgi"),
    "uvicorn+fastapi": uvicorn("mounted"),
    "gunicorn": gunicorn,
}


class Served:
    """A server, and the pipe to the app behind it."""

    def __init__(self, server: Server, commands: Any, replies: Any) -> None:
        self.server = server
        self._commands = commands
        self._replies = replies

    def tell(self, *command: Json) -> Json:
        self._commands.write(json.dumps([command[0], command[1] if len(command) > 1 else None]) + "\n")
        self._commands.flush()
        reply = json.loads(self._replies.readline())
        assert "error" not in reply, reply
        return reply

    def fence(self) -> None:
        """A request that is answered once everything before it has been seen."""
        sender = Sender(self.server.port)
        sender.play([{"send": FENCE}, {"answer": {"status": 200}}])
        sender.close()


@contextmanager
def served(kind: str) -> Iterator[Served]:
    (child_reads, commands), (replies, child_writes) = os.pipe(), os.pipe()
    port = free_port()
    command, ready = SERVERS[kind](port)
    pipes = (child_reads, child_writes)
    with (
        serving(command, port, ready, APPS, KNOCKER_TEST_PIPES=f"{child_reads},{child_writes}") as server,
        os.fdopen(commands, "w") as commanding,
        os.fdopen(replies) as replying,
    ):
        for descriptor in pipes:
            os.close(descriptor)
        yield Served(server, commanding, replying)


@pytest.fixture(scope="module", params=list(SERVERS))
def over(request: pytest.FixtureRequest) -> Iterator[tuple[str, Served]]:
    """A server, which after all cases has nothing more open or running than after its first requests."""
    with served(request.param) as running:
        # More than once: on a busy machine a server is still opening what it keeps when its first request is answered.
        for _ in range(3):
            running.tell("begin", {"endpoints": {}})
            running.fence()
            running.tell("end")
        before = running.tell("leftovers")
        yield request.param, running
        running.tell("begin", {"endpoints": {}})
        running.fence()
        until = time.monotonic() + PATIENCE_S
        while not no_more_than(before, after := running.tell("leftovers")):
            assert time.monotonic() < until, f"{request.param} has {after}, and had {before}"


def no_more_than(before: Json, after: Json) -> bool:
    return all(after[kind] <= before[kind] for kind in before)


@pytest.fixture(scope="module", autouse=True)
def count() -> Iterator[None]:
    """Every case ran on every server."""
    RAN.clear()
    yield
    on_all = set.intersection(*(RAN[kind] for kind in SERVERS))
    print(f"\nhttp: {len(on_all)} cases of {len(CASES)} on each of {', '.join(SERVERS)}")
    write_count("http", len(on_all))


@pytest.mark.parametrize(("file", "content", "case"), CASES, ids=name)
def test_http(file: Path, content: Json, case: Json, over: tuple[str, Served]) -> None:
    kind, running = over
    assert set(case) <= CASE_KEYS, case
    running.tell("begin", {**case, "endpoints": {**content["endpoints"], **case.get("endpoints", {})}})
    sender = Sender(running.server.port)
    try:
        try:
            other = sender.play(case["steps"])
        finally:
            # Servers wait a while for a sender that they have refused to go away.
            sender.close()
        if "database" not in case:
            running.fence()
    finally:
        found = running.tell("end")
    expected = case if other is None else case.get("otherwise", {}).get(other, {"stored": []})
    compare(expected["stored"], found["stored"], "stored")
    assert set(found["reported"]) == set(expected.get("reported", []))
    RAN[kind].add(f"{file.name}: {case['name']}")


def test_every_case_ran() -> None:
    assert CASES, f"there is no data in {CONFORMANCE / 'http'}"
    assert {kind: len(ran) for kind, ran in RAN.items()} == dict.fromkeys(SERVERS, len(CASES))
