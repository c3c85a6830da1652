"""Arguments that no row can match, or that would match any, are refused where they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, cast

import pytest

import knocker
from knocker.testing import FrozenClock, drain

ACTIONS: dict[str, Callable[[knocker.Hooks, Any], Any]] = {
    "event": lambda hooks, id: hooks.event(id),
    "delivery": lambda hooks, id: hooks.delivery(id),
    "replay": lambda hooks, id: hooks.replay(id),
    "requeue": lambda hooks, id: hooks.requeue(id),
    "ignore": lambda hooks, id: hooks.ignore(id, "why"),
    "replay_delivery": lambda hooks, id: hooks.replay_delivery(id),
}


@pytest.fixture
def orders(hooks: knocker.Hooks) -> knocker.Endpoint:
    endpoint = hooks.endpoint("orders")
    endpoint.add_handler("*", lambda event, tx: None)
    endpoint.ingest(b"{}", valid=True, type="order.paid", key="1")
    return endpoint


@pytest.mark.parametrize("id", [None, "1", 1.0, True, 2**70])
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_no_id_is_no_row(hooks: knocker.Hooks, orders: knocker.Endpoint, action: str, id: Any) -> None:
    with pytest.raises(knocker.UsageError, match="whole number"):
        ACTIONS[action](hooks, id)
    assert hooks.event(1).status == "received"


@pytest.mark.parametrize("id", [0, -1, 2, 2**63 - 1])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_id_that_does_not_exist_is_not_found(hooks: knocker.Hooks, orders: knocker.Endpoint, action: str, id: int) -> None:
    with pytest.raises(knocker.NotFoundError):
        ACTIONS[action](hooks, id)


@pytest.mark.parametrize(
    ("read", "filter", "message"),
    [
        ("events", {"status": "ded"}, "did you mean 'dead'"),
        ("events", {"status": ["dead", "accepted"]}, "accepted"),
        ("events", {"status": 5}, "received, processing"),
        ("events", {"type": "a*"}, "invoice"),
        ("events", {"type": ""}, "invoice"),
        ("events", {"type": 5}, "invoice"),
        ("events", {"since": "2020-01-01"}, "aware datetime"),
        ("events", {"since": date(2026, 1, 1)}, "aware datetime"),
        ("events", {"until": 1.5}, "aware datetime"),
        ("events", {"limit": -1}, "limit"),
        ("events", {"limit": 2.5}, "limit"),
        ("events", {"after": "7"}, "after"),
        ("deliveries", {"outcome": "acepted"}, "did you mean 'accepted'"),
        ("deliveries", {"outcome": "limited"}, "limited"),
        ("deliveries", {"event_id": "1"}, "event_id"),
        ("attempts", {"result": "lease_lost"}, "result"),
        ("attempts", {"event_id": "1"}, "event_id"),
        ("attempts", {"since": "today"}, "since"),
        ("prunes", {"until": "today"}, "until"),
        ("event_deliveries", {"delivery_id": "1"}, "delivery_id"),
        ("replay_where", {"type": "order*"}, "invoice"),
        ("prune_events", {"type": "", "older_than_s": 1}, "invoice"),
    ],
)
def test_a_filter_that_can_match_nothing_is_refused_at_once(
    hooks: knocker.Hooks, orders: knocker.Endpoint, read: str, filter: dict[str, Any], message: str
) -> None:
    with pytest.raises(knocker.UsageError, match=message):
        getattr(hooks, read)(**filter)


@pytest.mark.parametrize("read", ["events", "deliveries", "attempts", "replay_where"])
def test_an_endpoint_that_does_not_exist_is_named(hooks: knocker.Hooks, orders: knocker.Endpoint, read: str) -> None:
    with pytest.raises(knocker.UnknownEndpointError, match=r"ordres.*did you mean .orders"):
        getattr(hooks, read)(endpoint="ordres")


def test_an_endpoint_that_does_not_exist_is_not_updated(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    with pytest.raises(knocker.UnknownEndpointError, match="orders"):
        hooks.update_endpoint("ordres", enabled=False)
    hooks.update_endpoint("orders", enabled=False, backoff=cast(Any, MappingProxyType({"base_s": 7})))
    assert [(stored.name, stored.enabled, stored.backoff.base_s) for stored in hooks.stored_endpoints()] == [("orders", False, 7)]
    with pytest.raises(knocker.UsageError, match="settings"):
        hooks.update_endpoint("orders", options={"tolerance_s": object()})


def test_several_names_are_any_collection(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    for names in ({"received", "dead"}, ("received",), ["received"], frozenset(["received"])):
        assert [event.id for event in hooks.events(status=names)] == [1]
        assert hooks.replay_where(status={"handled"}, dry_run=True).matched == 0


def test_less_than_a_second_is_not_at_once(hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock) -> None:
    drain(hooks)
    for fraction in (timedelta(milliseconds=900), timedelta(seconds=1, microseconds=1)):
        with pytest.raises(knocker.UsageError, match="whole seconds"):
            hooks.prune_events(older_than_s=fraction)
        with pytest.raises(knocker.UsageError, match="whole seconds"):
            hooks.retention(handled_s=fraction)
    assert hooks.policies() == []
    assert hooks.event(1).status == "handled"
    clock.advance(3)
    assert hooks.prune_events(older_than_s=timedelta(seconds=2)).events == 1


@pytest.mark.parametrize("given", [b"{}", "{}", {}, None])
def test_what_is_no_request_is_named(hooks: knocker.Hooks, given: Any) -> None:
    github = hooks.endpoint("github", provider="github", secrets="test-secret")
    words = f"WebhookRequest is needed, not {type(given).__name__}"
    for call in (github.receive, github.verify):
        with pytest.raises(knocker.UsageError, match=words):
            call(given)
    for coroutine in (github.areceive(given), github.averify(given)):
        with pytest.raises(knocker.UsageError, match=words):
            asyncio.run(coroutine)
