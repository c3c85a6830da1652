"""What the tests share: a library that was built, hooks on a file of the test, signed requests."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import knocker
from knocker import connection
from knocker.connection import Driver, DriverName, find_driver, open_connection
from knocker.testing import FrozenClock, sign

pytest_plugins = ["pytester"]

SECRET = "test-secret"
LOCK_PATIENCE_S = 60
"""How long a write waits for the others of its test. SQLite's wait is not fair, and a disk may take long for each of them."""

if DRIVER := os.environ.get("KNOCKER_TEST_DRIVER"):
    # The first load decides which SQLite library this process uses.
    open_connection(":memory:", synchronous="full", busy_timeout_s=1, driver=find_driver(cast(DriverName, DRIVER))).close()


if os.environ.get("KNOCKER_TEST_TRUSTED_SCHEMA") == "OFF":
    # As apps do that follow SQLite's advice: what views and triggers call has to be innocuous.
    opened_before = connection._opened

    def opened(driver: Driver, connection_class: type[Any], path: str, busy_timeout_s: float) -> Any:
        made = opened_before(driver, connection_class, path, busy_timeout_s)
        made.execute("PRAGMA trusted_schema = OFF").fetchall()
        return made

    connection._opened = opened


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def hooks(tmp_path: Path, clock: FrozenClock) -> Iterator[knocker.Hooks]:
    """Hooks whose clock stands still."""
    with knocker.open(tmp_path / "app.db", clock=clock, busy_timeout_s=LOCK_PATIENCE_S) as opened:
        yield opened


@pytest.fixture
def live_hooks(tmp_path: Path) -> Iterator[knocker.Hooks]:
    """Hooks on the system's clock, for workers that run."""
    with knocker.open(tmp_path / "app.db", busy_timeout_s=LOCK_PATIENCE_S) as opened:
        yield opened


class Log(logging.Handler):
    """The records of Knocker's log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[Log]:
    logger, handler = logging.getLogger("knocker"), Log()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


PushOf = Callable[..., knocker.WebhookRequest]


@pytest.fixture
def push() -> PushOf:
    """A signed GitHub request: ``push(7)``, ``push(7, "issues.opened")``."""
    return github_request


def github_request(n: int, type: str = "push", body: bytes | None = None) -> knocker.WebhookRequest:
    """The type stands in a header that GitHub does not sign, so any will do."""
    content = b'{"n": %d}' % n if body is None else body
    return sign("github", content, SECRET, headers={"X-GitHub-Event": type, "X-GitHub-Delivery": f"delivery-{n}"})


@pytest.fixture
def inbox(hooks: knocker.Hooks) -> knocker.Endpoint:
    hooks.database.rows("CREATE TABLE orders (id TEXT UNIQUE)")
    return hooks.endpoint("inbox")
