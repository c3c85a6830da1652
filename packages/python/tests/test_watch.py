"""Noticing commits of others, with the kernel's help and without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import knocker
from knocker import watch as watch_module
from knocker.watch import FileWatch

PATIENCE_S = 300


@pytest.fixture(params=["kernel", "polling"])
def watch(request: pytest.FixtureRequest, hooks: knocker.Hooks, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileWatch]:
    if request.param == "polling":
        monkeypatch.setattr(watch_module, "_inotify", lambda path: None)
    elif not sys.platform.startswith("linux"):
        pytest.fail("only Linux has inotify; run with -k polling")
    watching = FileWatch(hooks.database.connect(), hooks.database.wal_path())
    assert (watching._kernel is None) == (request.param == "polling")
    yield watching
    watching.close()


def test_a_commit_of_another_connection_is_seen(watch: FileWatch, hooks: knocker.Hooks) -> None:
    hooks.endpoint("internal")
    assert watch.wait(PATIENCE_S)
    assert not watch.wait(0.01)


def test_a_commit_of_another_process_is_seen_while_waiting(watch: FileWatch, hooks: knocker.Hooks) -> None:
    seen: list[bool] = []
    waiting = threading.Thread(target=lambda: seen.append(watch.wait(PATIENCE_S)))
    waiting.start()
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('CREATE TABLE t (x)'); c.close()"
    subprocess.run([sys.executable, "-c", script, hooks.database.path], check=True)
    waiting.join(PATIENCE_S)
    assert seen == [True]


def test_a_process_with_many_descriptors_can_watch(hooks: knocker.Hooks) -> None:
    # select() takes none above 1023.
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed[0], 2048), allowed[1]))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]
    try:
        watching = FileWatch(hooks.database.connect(), hooks.database.wal_path())
        hooks.endpoint("internal")
        assert watching.wait(PATIENCE_S)
        assert not watching.wait(0.01)
        watching.close()
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


def test_a_write_that_is_rolled_back_is_no_commit(watch: FileWatch, hooks: knocker.Hooks) -> None:
    other = hooks.database.connect()
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE t (x)")
    other.execute("ROLLBACK")
    other.close()
    assert not watch.wait(0.02)


def test_a_log_that_is_removed_is_polled_from_then_on(hooks: knocker.Hooks, tmp_path: Path) -> None:
    log = tmp_path / "removed-wal"
    log.touch()
    watching = FileWatch(hooks.database.connect(), log)
    log.unlink()
    deadline = time.monotonic() + PATIENCE_S
    while watching._kernel is not None and time.monotonic() < deadline:
        assert not watching.wait(0.3)
    assert watching._kernel is None
    hooks.endpoint("internal")
    assert watching.wait(PATIENCE_S)
    watching.close()


def test_a_file_that_is_not_there_is_polled(hooks: knocker.Hooks, tmp_path: Path) -> None:
    watching = FileWatch(hooks.database.connect(), tmp_path / "nowhere-wal")
    assert watching._kernel is None
    hooks.endpoint("internal")
    assert watching.wait(PATIENCE_S)
    watching.close()
