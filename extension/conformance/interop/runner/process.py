"""A participant's process, and what it is asked: the line protocol of ../README.md."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

# How long something may take before that is a failure: no slow disk and no busy machine should make it one.
PATIENCE_S = 120.0
# How often the file is looked at while something is waited for.
LOOK_S = 0.01


class GoneError(Exception):
    """The process ended without an answer."""


class RefusedError(Exception):
    """An error of Knocker, by its code."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(f"{code}: {says}")
        self.code, self.says = code, says


def until(condition: Callable[[], Any], what: str | Callable[[], str]) -> Any:
    """Waits for a state, however long it takes within `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S:.0f} s for {what if isinstance(what, str) else what()}")
        threading.Event().wait(LOOK_S)
    return value


class Process:
    """One process, in a group of its own with whatever it starts."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.held: queue.Queue[str] = queue.Queue()
        self._numbers = itertools.count(1)
        self._asked: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._is_gone = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, op: str, **given: Any) -> Future[Any]:
        """Asks, and gives what the answer will be."""
        future: Future[Any] = Future()
        line = {"id": next(self._numbers), "op": op, **given}
        with self._lock:
            if self._is_gone:
                future.set_exception(GoneError(self.name))
                return future
            self._asked[line["id"]] = future
            assert self.popen.stdin
            # Its end is what the reader notices.
            with contextlib.suppress(BrokenPipeError):
                self.popen.stdin.write(json.dumps(line) + "\n")
                self.popen.stdin.flush()
        return future

    def ask(self, op: str, **given: Any) -> Any:
        return self.answer(self.send(op, **given), op)

    def answer(self, future: Future[Any], op: str) -> Any:
        try:
            return future.result(PATIENCE_S)
        except (GoneError, TimeoutError) as problem:
            raise AssertionError(f"{self.name} gave no answer to {op}: {self.log.read_text()[-2000:]}") from problem

    def _read(self) -> None:
        assert self.popen.stdout
        for text in self.popen.stdout:
            line = json.loads(text)
            if "held" in line:
                self.held.put(line["held"])
                continue
            with self._lock:
                future = self._asked.pop(line["id"])
            if "error" in line:
                future.set_exception(RefusedError(line["error"], line["says"]))
            else:
                future.set_result(line["gives"])
        with self._lock:
            self._is_gone = True
            left = list(self._asked.values())
        for future in left:
            future.set_exception(GoneError(self.name))

    def kill(self) -> None:
        """SIGKILL for the process and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self._reader.join()
        assert self.popen.stdin and self.popen.stdout
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()
        self.popen.stdout.close()
