"""Hot reload: the edited handler runs, and what the module had started before does not."""

from __future__ import annotations

import importlib
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import knocker
from conftest import SECRET, PushOf
from servers import PATIENCE_S, Server, free_port, serving

SHOP = """
import knocker

def opened():
    return knocker.open("app.db", busy_timeout_s=60)

hooks = opened()
inspecting = opened()
github = hooks.endpoint("github", provider="github", secrets=["test-secret"])
with hooks.database.connection() as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS seen (by TEXT)")

@github.on("*")
def handler(event, tx):
    tx.execute("INSERT INTO seen VALUES ('old')")

worker = hooks.start_worker()
app = hooks.asgi("/webhooks")
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that opens hooks and starts a worker."""
    (tmp_path / "reloaded_shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("reloaded_shop")
    yield module
    module.hooks.close()
    module.inspecting.close()
    del sys.modules["reloaded_shop"]


def wait_for(hooks: knocker.Hooks, rows: list[tuple[str]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while hooks.database.rows("SELECT by FROM seen") != rows and time.monotonic() < deadline:
        hooks.database.changed.wait(hooks.database.changed.changes, 0.02)
    assert hooks.database.rows("SELECT by FROM seen") == rows


def test_a_module_that_is_run_again_ends_the_workers_of_its_former_run(shop: ModuleType, push: PushOf) -> None:
    before, inspecting, worker = shop.hooks, shop.inspecting, shop.worker
    assert worker.is_running
    before.endpoints["github"].receive(push(1))
    wait_for(before, [("old",)])
    Path("reloaded_shop.py").write_text(SHOP.replace("'old'", "'new'"))
    importlib.reload(shop)
    assert shop.hooks is not before
    assert not worker.is_running
    # Whoever still has the former ones receives, and the new handlers get it.
    before.endpoints["github"].receive(push(2))
    wait_for(shop.hooks, [("old",), ("new",)])
    before.close()
    inspecting.close()


def test_a_file_that_is_opened_twice_by_one_run_is_open_twice(shop: ModuleType) -> None:
    assert shop.hooks.database is not shop.inspecting.database
    assert shop.worker.is_running
    with knocker.open("app.db"):
        assert shop.worker.is_running


def send_when_up(server: Server, request: knocker.WebhookRequest) -> int:
    """The answer, as soon as the server is there: it says so a moment before it listens, and is gone for one while it reloads."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return server.send("/webhooks/github", request)[0]
        except OSError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.01)


def test_uvicorns_reload_runs_the_edited_handler(tmp_path: Path, push: PushOf) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    port = free_port()
    command = ["-m", "uvicorn", "shop:app", "--port", str(port), "--no-access-log", "--reload", "--reload-delay", "0.05"]
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    with serving(command, port, "startup complete", tmp_path, **environment) as server, knocker.open(tmp_path / "app.db") as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        assert send_when_up(server, push(1)) == 200
        wait_for(hooks, [("old",)])
        (tmp_path / "shop.py").write_text(SHOP.replace("'old'", "'new'"))
        deadline = time.monotonic() + PATIENCE_S
        for n in itertools.count(2):
            assert send_when_up(server, push(n)) == 200
            hooks.database.changed.wait(hooks.database.changed.changes, 0.05)
            if hooks.database.rows("SELECT by FROM seen")[-1] == ("new",):
                break
            assert time.monotonic() < deadline
