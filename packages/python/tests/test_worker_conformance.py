"""The worker's cases of ``extension/conformance``: each with functions and coroutines, through drains and through a running worker."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import knocker
from conformance_counts import write_count
from conftest import Log
from knocker import worker as worker_module
from knocker.testing import FrozenClock, drain
from matching import Json, compare
from scenario import Scenario
from scripted import BODY, App
from test_conformance import cases, name

FOLDERS = ("worker", "shared_commits")
CASES = [case for folder in FOLDERS for case in cases(folder, "cases")]
# A drain with shared commits, one without, and a worker with them.
WAYS = ("drain", "apart", "worker")
KINDS_OF_HANDLERS = ("function", "coroutine")
RAN: Counter[str] = Counter()
PATIENCE_S = 60
LEVELS = {logging.WARNING: "warning", logging.ERROR: "error"}
SCHEMA = "CREATE TABLE written (text TEXT NOT NULL UNIQUE)"


@pytest.fixture(scope="module", autouse=True)
def list_of_cases() -> Iterator[None]:
    """What ran in each way is counted, and printed."""
    RAN.clear()
    yield
    ran = [case for case, times in RAN.items() if times == len(WAYS) * len(KINDS_OF_HANDLERS)]
    for folder in FOLDERS:
        write_count(folder, len([case for case in ran if case.startswith(f"{folder}/")]))
    print("\n" + "\n".join(ran) + f"\n{len(ran)} worker cases of {len(CASES)}")


class Story:
    """The apps of a case on one file, and an observer that looks at it between the steps."""

    def __init__(self, path: Path, case: Json, way: str, coroutines: bool, log: Log) -> None:
        assert set(case) <= {"name", "schema", "endpoint", "handlers", "apps", "hooks_fail", "only_shared", "steps"}, case
        self._path = path
        self._way = way
        self._coroutines = coroutines
        self._hooks_fail = case.get("hooks_fail", False)
        self._log = log
        self._given = dict(case.get("apps", {}))
        if "handlers" in case:
            self._given["main"] = {key: case[key] for key in ("endpoint", "handlers") if key in case}
        self._apps: dict[str, App] = {}
        self.clock = FrozenClock()
        self._observer = knocker.open(path, synchronous="normal", clock=self.clock)
        self._scenario = Scenario(self._observer, {})
        for sql in (SCHEMA, *case.get("schema", [])):
            self._observer.database.rows(sql)

    def step(self, step: Json) -> None:
        assert set(step) <= {"now", "app", "event", "run", "dies", "use_kept_tx", "op", "args", "expect", "expect_error"}, step
        self.clock.now_ms = step.get("now", self.clock.now_ms)
        app = step.get("app", "main")
        if "event" in step:
            self._app(app).endpoint.ingest(BODY, valid=True, type=step["event"])
        elif "run" in step:
            self._run(self._app(app), step["run"])
        elif "dies" in step:
            self._dies(app)
        elif "use_kept_tx" in step:
            with pytest.raises(knocker.KnockerError) as caught:
                self._app(app).kept.execute(step["use_kept_tx"])
            assert caught.value.code == step["expect_error"]
        else:
            self._scenario.step(step)

    def close(self) -> None:
        for app in self._apps.values():
            app.hooks.close()
        self._observer.close()

    def _app(self, name: str) -> App:
        if name not in self._apps:
            self._apps[name] = App(self._path, self.clock, self._given[name], hooks_fail=self._hooks_fail, coroutines=self._coroutines)
        return self._apps[name]

    def _run(self, app: App, expected: Json) -> None:
        known = {"results", "errors", "dead", "log", "written", "events", "attempts", "ended_before"}
        assert set(expected) <= known, expected
        app.errors.clear()
        app.ended_before.clear()
        app.dead.clear()
        self._log.records.clear()
        if self._way != "worker":
            before = self._observer.database.rows("SELECT count(*) FROM knocker_attempts")[0][0]
            results = [attempt.status for attempt in drain(app.hooks, share_commits=self._way == "drain")]
            assert results == expected["results"], app.errors
            self._check_commits(app, before, expected)
        else:
            self._work(app)
        compare(expected.get("errors", []), app.errors, "errors")
        compare(expected.get("dead", []), app.dead, "dead")
        self._check_log(app, expected.get("log", []))
        written = [text for (text,) in self._observer.database.rows("SELECT text FROM written ORDER BY rowid")]
        compare(expected.get("written", []), written, "written")
        for view in ("events", "attempts"):
            if view in expected:
                compare(expected[view], self._scenario.perform({"op": "select", "args": {"view": view}}), view)

    def _check_commits(self, app: App, before: int, expected: Json) -> None:
        """Coroutines share none, and neither does a worker that is told not to."""
        if "ended_before" in expected:
            shares = self._way == "drain" and not self._coroutines
            wanted = expected["ended_before"] if shares else [before + number for number in range(len(expected["results"]))]
            assert app.ended_before == wanted, f"handlers began after {app.ended_before} attempts had ended, not {wanted}"

    def _work(self, app: App) -> None:
        """A worker at its work, until nothing is due; what it has claimed and not begun is given back when it stops."""
        while self._is_due(app):
            with app.hooks.start_worker():
                deadline = time.monotonic() + PATIENCE_S
                while self._is_due(app) and time.monotonic() < deadline:
                    time.sleep(0.001)

    def _is_due(self, app: App) -> bool:
        return not app.is_closed and self._observer.leases("nobody").next_due_ms([app.name]) == 0

    def _check_log(self, app: App, beside: list[str]) -> None:
        """Each failed attempt is a warning, each dead event an error, and there is nothing else but what the case names."""
        lines = [record for record in self._log.records if record.levelno >= logging.WARNING]
        said = [(LEVELS[line.levelno], line.__dict__.get("event_id")) for line in lines]
        wanted = [*(("warning", told["event_id"]) for told in app.errors), *(("error", told["event_id"]) for told in app.dead)]
        missing = Counter(wanted) - Counter(said)
        assert not missing, f"the log does not say {missing}, but {said}"
        surplus = Counter(said) - Counter(wanted)
        assert Counter(level for level, _ in surplus.elements()) == Counter(beside), [line.getMessage() for line in lines]
        for line in self._log.records:
            message = line.getMessage()
            assert "never-to-be-logged" not in f"{message} {line.__dict__}"
            assert "\n" not in message, message

    def _dies(self, app: str) -> None:
        given = {"path": str(self._path), "now": self.clock.now_ms, "app": self._given[app]}
        how = {"worker": self._way == "worker", "share_commits": self._way != "apart", "coroutines": self._coroutines}
        script = Path(__file__).with_name("scripted.py")
        ended = subprocess.run([sys.executable, script, json.dumps({**given, **how})], capture_output=True, timeout=PATIENCE_S)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("kind", KINDS_OF_HANDLERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("file", "content", "case"), CASES, ids=name)
def test_worker(
    file: Path, content: Json, case: Json, way: str, kind: str, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.get("only_shared") and (way != "drain" or kind == "coroutine"):
        RAN[f"{file.parent.name}/{file.name}: {case['name']}"] += 1
        return
    # A worker is started and stopped for each look at what is due.
    monkeypatch.setattr(worker_module, "_WATCH_S", 0.005)
    story = Story(tmp_path / "app.db", case, way, kind == "coroutine", log)
    try:
        for number, step in enumerate(case["steps"], 1):
            try:
                story.step(step)
            except AssertionError as problem:
                raise AssertionError(f"step {number} ({step}): {problem}") from problem
    finally:
        story.close()
    RAN[f"{file.parent.name}/{file.name}: {case['name']}"] += 1


def test_every_case_ran() -> None:
    assert CASES, "there is no worker data"
    assert len(RAN) == len(CASES)
    assert set(RAN.values()) == {len(WAYS) * len(KINDS_OF_HANDLERS)}
