"""The extension, the frozen clock, and the record of what ran."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import freezegun
import pytest

from case import NOW_MS
from knocker import Knocker
from oracle import DOCUMENTED, Oracle, load_all

ORACLES = load_all()
RAN: dict[str, list[str]] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `oracle` runs for each of them."""
    if "oracle" in metafunc.fixturenames:
        metafunc.parametrize("oracle", ORACLES, ids=str)


@pytest.fixture(scope="session")
def knocker() -> Knocker:
    """The extension under test."""
    return Knocker(os.environ["KNOCKER_EXTENSION"])


@pytest.fixture(scope="session")
def frozen() -> Iterator[Any]:
    """The clock of the libraries. One freeze for the whole run: starting it walks through every loaded module.

    Square's has no clock, and loads itself piece by piece as one walks through it.
    """
    with freezegun.freeze_time(_moment(NOW_MS), ignore=["square"]) as factory:
        yield factory


@pytest.fixture
def clock(frozen: Any) -> Iterator[Callable[[int], None]]:
    """Sets the clock of the libraries to a moment in Unix milliseconds; it stands at `NOW_MS` otherwise."""
    frozen.move_to(_moment(NOW_MS))
    yield lambda now_ms: frozen.move_to(_moment(now_ms))
    frozen.move_to(_moment(NOW_MS))


@pytest.fixture
def ran() -> Callable[[Oracle, str], None]:
    """Says that a check of an oracle ran to its end."""

    return lambda oracle, check: RAN.setdefault(str(oracle), []).append(check)


def pytest_sessionfinish() -> None:
    """Writes the record where the report reads it."""
    path = os.environ.get("KNOCKER_ORACLES_RECORD")
    if path:
        Path(path).write_text(json.dumps([_line(oracle) for oracle in ORACLES]))


def _line(oracle: Oracle) -> dict[str, Any]:
    return {
        "case": oracle.case,
        "library": oracle.library if oracle.library == DOCUMENTED else f"pypi:{oracle.library}",
        "version": oracle.version,
        "differs": dict(oracle.differs),
        "ran": sorted(set(RAN.get(str(oracle), []))),
    }


def _moment(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, timezone.utc)
