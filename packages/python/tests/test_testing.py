"""The testing helper and the pytest fixture."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import knocker
from conftest import SECRET
from knocker.request import pairs
from knocker.testing import START_MS, FrozenClock, drain, sign


def test_the_clock_moves_only_when_told() -> None:
    clock = FrozenClock()
    assert (clock(), clock()) == (START_MS, START_MS)
    clock.advance(1.5)
    assert clock() == START_MS + 1500
    clock.advance(timedelta(minutes=1))
    assert clock() == START_MS + 61_500
    clock.set(datetime(2026, 1, 2, tzinfo=timezone.utc))
    assert clock() == START_MS + 86_400_000
    with pytest.raises(knocker.UsageError, match="time zone"):
        clock.set(datetime(2026, 1, 2))


def test_a_signature_that_is_there_is_replaced(hooks: knocker.Hooks) -> None:
    request = sign("github", b"{}", SECRET, headers=iter([("x-hub-signature-256", "sha256=00"), ("X-GitHub-Event", "push")]))
    assert [name.lower() for name, _ in pairs(request.headers)].count("x-hub-signature-256") == 1
    assert hooks.endpoint("github", provider="github", secrets=SECRET).receive(request).outcome == "accepted"


@pytest.mark.parametrize(
    "arguments", [("stripe", [1], "x"), ("stripe", b"{}", ["x"]), ("stripe", {"a": object()}, "x"), (None, b"{}", "x")]
)
def test_what_cannot_be_signed_is_a_mistake_of_the_call(arguments: Any) -> None:
    with pytest.raises(knocker.UsageError):
        sign(*arguments)


@pytest.mark.parametrize("body", [{"n": 1}, '{"n": 1}', b'{"n": 1}'])
def test_a_body_is_signed_as_it_is(body: bytes | str | dict[str, int], hooks: knocker.Hooks) -> None:
    request = sign("github", body, SECRET, headers={"X-GitHub-Event": "push"})
    assert request.body == b'{"n": 1}'
    assert hooks.endpoint("github", provider="github", secrets=SECRET).receive(request).outcome == "accepted"


def test_a_timestamp_is_the_clocks(hooks: knocker.Hooks, clock: FrozenClock) -> None:
    endpoint = hooks.endpoint("stripe", provider="stripe", secrets="whsec_test")
    request = sign("stripe", {"id": "evt_1", "type": "charge.succeeded"}, "whsec_test", now=clock())
    clock.advance(3600)
    assert endpoint.receive(request).reason == "timestamp_out_of_tolerance"
    fresh = sign("stripe", {"id": "evt_1", "type": "charge.succeeded"}, "whsec_test", now=clock())
    assert endpoint.receive(fresh).outcome == "accepted"


def test_options_of_the_provider_are_those_of_the_endpoint(hooks: knocker.Hooks) -> None:
    options = {"header": "X-Shop-Token"}
    request = sign("token", b"{}", SECRET, options=options)
    assert request.header("x-shop-token") == SECRET
    assert hooks.endpoint("shop", provider="token", options=options, secrets=SECRET).receive(request).outcome == "accepted"


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(knocker.UnknownProviderError):
        sign("githubb", b"{}", SECRET)


def test_drain_runs_what_is_due_and_what_becomes_due_on_the_way(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("chain")
    endpoint.add_handler("first", lambda event, tx: None)

    @endpoint.on("first")
    def enqueue(event: knocker.Event, tx: object) -> None:
        endpoint.ingest(b"", valid=True, type="second")

    endpoint.add_handler("second", lambda event, tx: None)
    endpoint.ingest(b"", valid=True, type="first")
    assert [attempt.status for attempt in drain(hooks)] == ["handled", "handled"]
    assert drain(hooks) == []


def test_drain_ends_where_handlers_make_work_for_ever(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("echo")
    endpoint.add_handler("*", lambda event, tx: endpoint.ingest(b"", valid=True, type="again"))
    endpoint.ingest(b"", valid=True, type="again")
    with pytest.raises(knocker.UsageError, match="20 attempts"):
        drain(hooks, limit=20)
    # What was not handled is not left leased.
    assert [event.status for event in hooks.events(newest_first=True, limit=1)] == ["received"]


def test_the_fixture_comes_with_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import knocker
        from knocker.testing import drain, sign

        def test_handler(knocker_hooks, knocker_clock):
            seen = []
            endpoint = knocker_hooks.endpoint("github", provider="github", secrets=["test-secret"])
            endpoint.add_handler("push", lambda event, tx: seen.append(event.json()))
            endpoint.receive(sign("github", {"n": 1}, "test-secret", headers={"X-GitHub-Event": "push"}))
            assert [attempt.status for attempt in drain(knocker_hooks)] == ["handled"]
            assert seen == [{"n": 1}]
            knocker_clock.advance(60)
            assert knocker_hooks.database.now() == knocker_clock()
        """
    )
    pytester.runpytest_subprocess("-p", "knocker.pytest_plugin").assert_outcomes(passed=1)
