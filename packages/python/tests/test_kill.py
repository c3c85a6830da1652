"""SIGKILL of servers and workers under load: what was answered is in the file, each event is handled, its writes are there once."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import knocker
from conftest import github_request
from servers import PATIENCE_S, Server, serving, uvicorn

APPS = Path(__file__).with_name("apps")
REQUESTS = 1500
KILLS = 24
SENDERS = 6


class Load:
    """Senders that, like a provider, send each request until it is answered with a 2xx."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.refused: Counter[int] = Counter()
        self.server: Server | None = None
        self._numbers = iter(range(REQUESTS))
        self._progress = threading.Condition()
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def serve(self, server: Server | None) -> None:
        with self._progress:
            self.server = server
            self._progress.notify_all()

    def wait_for(self, answered: int) -> None:
        with self._progress:
            assert self._progress.wait_for(lambda: len(self.answered) >= answered, PATIENCE_S)

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def _send(self) -> None:
        while True:
            with self._progress:
                n = next(self._numbers, None)
            if n is None:
                return
            request = github_request(n)
            while not self._sent(n, request):
                pass

    def _sent(self, n: int, request: knocker.WebhookRequest) -> bool:
        with self._progress:
            assert self._progress.wait_for(lambda: self.server is not None, PATIENCE_S)
            server = self.server
        try:
            status = server.send("/webhooks/github", request)[0] if server is not None else 0
        except (OSError, http.client.HTTPException):
            # The server is gone, or answered nothing: nothing is known of this request.
            with self._progress:
                if self.server is server:
                    self.server = None
            return False
        with self._progress:
            if status != 200:
                self.refused[status] += 1
                return False
            self.answered.append(n)
            self._progress.notify_all()
        return True


def test_nothing_answered_is_lost_and_nothing_is_handled_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("KNOCKER_TEST_SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    database = str(tmp_path / "app.db")
    kills = sorted(chance.sample(range(20, REQUESTS - 40), KILLS))
    load = Load()
    killed = Counter[str]()
    with ExitStack() as running:

        def start_server() -> Server:
            return running.enter_context(uvicorn("kill_shop:app", APPS, APP_DB=database))

        def start_worker() -> Server:
            command = ["-m", "knocker", "worker", "kill_shop:hooks", "--concurrency", "2", "--lease", "1"]
            return running.enter_context(serving(command, 0, "worker started", APPS, APP_DB=database))

        server, worker = start_server(), start_worker()
        load.serve(server)
        load.start()
        for number, answered in enumerate(kills):
            load.wait_for(answered)
            if number % 2:
                server.kill()
                killed["server"] += 1
                server = start_server()
                load.serve(server)
            else:
                worker.kill()
                killed["worker"] += 1
                worker = start_worker()
        load.finish()
        with knocker.open(database, busy_timeout_s=300) as hooks:
            deadline = time.monotonic() + PATIENCE_S
            while hooks.stats().events.handled < REQUESTS and time.monotonic() < deadline:
                # The last lease of a killed worker runs out; the worker that is still there takes the job then.
                hooks.database.changed.wait(hooks.database.changed.changes, 0.1)
            keys = {event.key for event in hooks.events()}
            statuses = Counter(event.status for event in hooks.events())
            rows = hooks.database.rows("SELECT n, count(*), count(DISTINCT event_id) FROM orders GROUP BY n ORDER BY n")
            handled = Counter(attempt.event_id for attempt in hooks.attempts(result="handled"))
            integrity = hooks.database.rows("PRAGMA integrity_check")
    print(f"seed {seed}: killed {dict(killed)}, answered {len(load.answered)}, refused {dict(load.refused)}, statuses {dict(statuses)}")
    assert killed == {"worker": KILLS // 2, "server": KILLS // 2}
    assert sorted(load.answered) == list(range(REQUESTS))
    assert keys == {f"delivery-{n}" for n in range(REQUESTS)}
    assert statuses == {"handled": REQUESTS}
    assert rows == [(n, 1, 1) for n in range(REQUESTS)]
    assert set(handled.values()) == {1}
    assert load.refused == {}
    assert integrity == [("ok",)]
