"""An app's own hooks in its tests: on a file of the test, closed and started again, with failures that can be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import knocker
from conftest import SECRET, PushOf
from inbox import statuses
from knocker.testing import FrozenClock, drain, on_file
from test_http import over_asgi


@contextmanager
def sqlite_of(hooks: knocker.Hooks, path: Path) -> Iterator[Any]:
    """The file without Knocker."""
    connection = hooks.database.driver.connect(hooks.database.driver.connection_class, str(path), 5)
    try:
        yield connection
    finally:
        connection.close()


def rows(hooks: knocker.Hooks) -> list[Any]:
    return hooks.database.rows("SELECT id FROM orders")


@pytest.fixture
def app(hooks: knocker.Hooks) -> knocker.Hooks:
    """Hooks as a module of an app would have them, with a handler that needs a table of its own."""
    hooks.database.rows("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    hooks.database.rows("CREATE VIRTUAL TABLE words USING fts5 (word)")
    hooks.database.rows("CREATE INDEX orders_by_id ON orders (id)")
    hooks.database.rows("INSERT INTO orders VALUES (1000)")
    github = hooks.endpoint("github", provider="github", secrets=[SECRET], max_attempts=2)

    @github.on("push")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [event.json()["n"]])
        tx.execute("INSERT INTO words VALUES ('push')")

    return hooks


def test_the_apps_own_handlers_run_on_a_file_of_the_test(app: knocker.Hooks, push: PushOf, tmp_path: Path) -> None:
    github, served, clock = app.endpoints["github"], app.asgi(), FrozenClock()
    real = app.database.path
    with on_file(app, tmp_path / "test.db", clock) as hooks:
        assert hooks is app
        assert rows(app) == []
        assert over_asgi(served, "/github", push(1))[0] == 200
        assert github.receive(push(1)).outcome == "duplicate"
        assert app.stored_endpoints()[0].max_attempts == 2
        assert statuses(app) == ["handled"]
        assert rows(app) == [(1,)]
        clock.advance(60)
        assert app.delivery(github.receive(push(2)).delivery_id or 0).received_at.minute == 1
    assert app.database.path == real
    assert rows(app) == [(1000,)]
    assert list(app.events()) == []
    assert github.receive(push(1)).outcome == "accepted"


def test_the_next_test_has_a_file_of_its_own(app: knocker.Hooks, push: PushOf, tmp_path: Path) -> None:
    for n in (1, 2):
        with on_file(app, tmp_path / f"{n}.db"):
            app.endpoints["github"].receive(push(1))
            assert statuses(app) == ["handled"]


def test_a_file_that_is_lent_is_given_back_as_it_was(app: knocker.Hooks, push: PushOf, tmp_path: Path) -> None:
    # As Django makes one for its tests, with the app's tables in it.
    with knocker.open(tmp_path / "lent.db") as first:
        first.database.rows("CREATE TABLE mine (id)")
    for name in ("lent.db", "empty.db"):
        with sqlite_of(app, tmp_path / name) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)").fetchall()
        for n in (1, 2):
            with on_file(app, tmp_path / name):
                app.endpoints["github"].receive(push(n))
                assert statuses(app) == ["handled"]
        with sqlite_of(app, tmp_path / name) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema").fetchall()]
        # What was there before is not taken away.
        assert any("knocker" in name for name in names) == (name == "lent.db")
        assert {"orders", "words"} <= set(names)
    with pytest.raises(knocker.UsageError, match="own file"), on_file(app, app.database.path):
        raise AssertionError


def test_an_endpoint_whose_settings_are_kept_elsewhere_has_them_in_the_test(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db") as operator, knocker.open(tmp_path / "app.db") as app:
        operator.endpoint("github", provider="github", secrets=[SECRET], max_attempts=7, backoff={"base_s": 1})
        github = app.existing_endpoint("github", secrets=[SECRET])
        with on_file(app, tmp_path / "test.db"):
            assert github.receive(push(1)).outcome == "accepted"
            (settings,) = app.stored_endpoints()
            assert (settings.max_attempts, settings.backoff.base_s, settings.enabled) == (7, 1, True)


def test_what_goes_wrong_in_the_test_leaves_the_app_as_it_was(app: knocker.Hooks, tmp_path: Path) -> None:
    real = app.database
    with pytest.raises(ZeroDivisionError), on_file(app, tmp_path / "test.db"):
        raise ZeroDivisionError
    with pytest.raises(knocker.KnockerError), on_file(app, tmp_path / "no folder" / "test.db"):
        raise AssertionError
    assert app.database is real
    assert rows(app) == [(1000,)]


def test_a_failing_handler_shows_its_error(app: knocker.Hooks, push: PushOf) -> None:
    app.endpoints["github"].add_handler("push", lambda event, tx: 1 / 0)
    app.endpoints["github"].receive(push(1))
    (attempt,) = drain(app)
    assert (attempt.status, attempt.attempt) == ("failed", 1)
    assert isinstance(attempt.error, ZeroDivisionError)
    assert attempt.error.__traceback__ is not None
    assert "ZeroDivisionError" in repr(attempt)


def test_the_hooks_of_the_app_are_told_while_it_drains(tmp_path: Path) -> None:
    told: list[BaseException] = []
    with knocker.open(tmp_path / "app.db", on_error=lambda error, event: told.append(error)) as hooks:
        inbox = hooks.endpoint("inbox")
        inbox.add_handler("*", lambda event, tx: 1 / 0)
        inbox.ingest(b"", valid=True)
        assert [attempt.error for attempt in drain(hooks)] == told


SHOP = """
import knocker

hooks = knocker.open("app.db")
inbox = hooks.endpoint("inbox")
with hooks.database.connection() as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id)")


@inbox.on("order")
def store(event, tx):
    tx.execute("INSERT INTO orders VALUES (?)", [event.json()["id"]])
"""
TESTS = """
import pytest
from knocker.testing import drain
from tiny_shop import hooks, inbox

@pytest.fixture(autouse=True)
def isolated(knocker_on_file):
    knocker_on_file(hooks)

@pytest.mark.parametrize("run", [1, 2])
def test_an_order_is_stored(run, knocker_clock):
    receipt = inbox.ingest(b'{"id": 1}', valid=True, type="order", key="1")
    assert receipt.outcome == "accepted"
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    assert hooks.database.rows("SELECT id FROM orders") == [(1,)]

def test_that_fails():
    inbox.ingest(b'{}', valid=True, type="order", key="1")
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
"""


def test_pytest_runs_the_handlers_of_a_module_and_shows_what_they_raise(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(tiny_shop=SHOP, test_shop=TESTS)
    result = pytester.runpytest_subprocess("-p", "knocker.pytest_plugin")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*KeyError: 'id'*"])
    with knocker.open(pytester.path / "app.db") as hooks:
        assert list(hooks.events()) == []


Lifespan = Callable[[FastAPI], Any]


def served_twice(hooks: knocker.Hooks, push: PushOf, lifespan: Lifespan) -> list[int]:
    """The answers of one app that is started, asked and stopped twice."""
    fastapi = FastAPI(lifespan=lifespan)
    fastapi.mount("/webhooks", hooks.asgi())

    async def once(n: int) -> int:
        async with fastapi.router.lifespan_context(fastapi):
            return await asyncio.to_thread(lambda: over_asgi(fastapi, "/webhooks/github", push(n, "ping"))[0])

    return [asyncio.run(once(n)) for n in (1, 2)]


def test_a_second_start_opens_what_the_first_end_has_closed(live_hooks: knocker.Hooks, push: PushOf) -> None:
    seen: list[int] = []
    github = live_hooks.endpoint("github", provider="github", secrets=[SECRET])
    github.add_handler("*", lambda event, tx: seen.append(event.id))

    @asynccontextmanager
    async def entered(_: FastAPI) -> AsyncIterator[None]:
        with live_hooks:
            yield

    @asynccontextmanager
    async def with_a_worker(_: FastAPI) -> AsyncIterator[None]:
        worker = live_hooks.start_worker()
        try:
            yield
        finally:
            await asyncio.to_thread(worker.stop)
            live_hooks.close()

    assert served_twice(live_hooks, push, entered) == [200, 200]
    with pytest.raises(knocker.ClosedError, match="opens them again"):
        github.receive(push(3))
    assert served_twice(live_hooks, push, with_a_worker) == [200, 200]


def test_an_asgi_app_of_its_own_opens_closed_hooks_at_its_start(hooks: knocker.Hooks, push: PushOf) -> None:
    hooks.endpoint("github", provider="github", secrets=[SECRET])
    served = hooks.asgi()
    hooks.close()
    assert over_asgi(served, "/github", push(1))[0] == 503

    async def start() -> None:
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(_: Any) -> None: ...

        await served({"type": "lifespan"}, receive, send)

    asyncio.run(start())
    assert over_asgi(served, "/github", push(1))[0] == 200
