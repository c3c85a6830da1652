"""A library that is newer than the package serves it; an older one is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

import knocker
from knocker.contract import VERSION
from knocker.library import require_version


@pytest.fixture
def orders(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("orders")


def with_more(value: Any) -> Any:
    """The same JSON with a field of tomorrow in each object."""
    if isinstance(value, dict):
        return {**{name: with_more(member) for name, member in value.items()}, "of_tomorrow": {"x": 1}}
    return [with_more(member) for member in value] if isinstance(value, list) else value


def test_a_receipt_with_fields_and_words_of_tomorrow_is_a_receipt(orders: knocker.Endpoint) -> None:
    stored = orders.ingest(b"{}", valid=True, key="o-1")
    result = {
        "delivery_id": stored.delivery_id,
        "outcome": "of_tomorrow",
        "event_id": stored.event_id,
        "events": [{"id": stored.event_id, "duplicate": False}],
        "reason": "of_tomorrow",
        "detail": None,
        "response": {"status": 200, "headers": {}, "body": ""},
    }
    receipt = knocker.Receipt.read(with_more(result))
    assert (receipt.outcome, receipt.reason, receipt.events) == ("of_tomorrow", "of_tomorrow", stored.events)
    assert receipt.response.status == 200


def test_every_result_may_have_more_fields(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    stats = json.loads(hooks.database.call("knocker_stats"))
    assert knocker.Stats.read(with_more(stats)) == hooks.stats()


def test_a_policy_that_an_older_version_stored_lacks_what_may_be_left_out() -> None:
    policy = knocker.RetentionPolicy.read({"endpoint": None, "handled_s": 60, "interval_s": 3600, "limit": 1000})
    assert (policy.handled_s, policy.dead_s) == (60, None)


MAJOR, MINOR, PATCH = map(int, VERSION.split("."))


@pytest.mark.parametrize("version", [VERSION, f"{MAJOR}.{MINOR}.{PATCH + 1}", f"{MAJOR}.{MINOR}0.0", f"{MAJOR + 1}.0.0-rc.1"])
def test_a_newer_library_is_taken(version: str) -> None:
    with of_version(version) as connection:
        require_version(connection, "/lib/libknocker.so")


def test_an_older_library_is_refused_with_both_versions_and_its_path() -> None:
    with of_version("0.0.9") as connection, pytest.raises(knocker.LibraryTooOldError) as caught:
        require_version(connection, "/lib/libknocker.so")
    assert caught.value.message == f"/lib/libknocker.so has the version 0.0.9, and this package needs {VERSION} or a newer one"
    assert isinstance(caught.value, knocker.SetupError)


@contextmanager
def of_version(version: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_function("knocker_version", 0, lambda: version)
        yield connection
