"""Endpoints: settings that the code declares, and handlers by type."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET
from knocker.handlers import Handlers


def settings(hooks: knocker.Hooks) -> knocker.EndpointRecord:
    return hooks.stored_endpoints()[0]


def test_settings_are_stored(hooks: knocker.Hooks) -> None:
    hooks.endpoint(
        "github",
        provider="github",
        secrets=SECRET,
        max_attempts=3,
        backoff={"base_s": 1, "factor": 2, "cap_s": 60},
        max_body_bytes=1000,
        unhandled="ignore",
        on_redelivery="requeue_dead",
        invalid_per_hour=5,
    )
    stored = settings(hooks)
    assert (stored.name, stored.provider, stored.enabled, stored.max_attempts) == ("github", "github", True, 3)
    assert stored.backoff == {"base_s": 1, "factor": 2, "cap_s": 60}
    assert (stored.max_body_bytes, stored.unhandled, stored.on_redelivery, stored.invalid_per_hour) == (1000, "ignore", "requeue_dead", 5)


def test_what_the_code_no_longer_says_goes_back_to_its_default(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as before:
        before.endpoint("github", provider="github", secrets=[SECRET], max_attempts=3)
    with knocker.open(tmp_path / "app.db") as after:
        after.endpoint("github", provider="github", secrets=[SECRET])
        assert settings(after).max_attempts == 10


def test_an_operators_switch_outlives_a_deploy(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as before:
        before.endpoint("github", provider="github", secrets=[SECRET]).configure(provider="github", enabled=False)
    with knocker.open(tmp_path / "app.db") as after:
        after.endpoint("github", provider="github", secrets=[SECRET])
        assert not settings(after).enabled


def test_a_name_is_given_once(hooks: knocker.Hooks) -> None:
    first = hooks.endpoint("github", provider="github", secrets=[SECRET])
    with pytest.raises(knocker.UsageError, match="already"):
        hooks.endpoint("github", provider="github", secrets=[SECRET])
    assert hooks.endpoints["github"] is first


def test_a_bad_name_is_refused(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.InvalidArgumentError):
        hooks.endpoint("git hub")
    assert dict(hooks.endpoints) == {}


@pytest.mark.parametrize(
    ("pattern", "event_type", "wanted"),
    [
        ("invoice.paid", "invoice.paid", True),
        ("invoice.paid", "invoice.paid.late", False),
        ("invoice.*", "invoice.paid", True),
        ("invoice.*", "invoice.paid.late", True),
        ("invoice.*", "invoice", False),
        ("invoice.*", "invoices.paid", False),
        ("*", "invoice.paid", True),
        ("*", None, True),
        ("invoice.*", None, False),
    ],
)
def test_a_pattern_wants_types(pattern: str, event_type: str | None, wanted: bool) -> None:
    handlers = Handlers()
    handlers.add(pattern, lambda event, tx: None)
    assert bool(handlers.matching(event_type)) is wanted


@pytest.mark.parametrize("pattern", ["", ".*", "*.paid", "invoice*", "in*voice", "a.*.b", "a.*.*"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(knocker.UsageError):
        Handlers().add(pattern, lambda event, tx: None)


class Generating:
    def __call__(self, event: knocker.Event, tx: Any) -> Iterator[None]:
        yield


def generator(event: knocker.Event, tx: Any) -> Iterator[None]:
    yield


async def async_generator(event: knocker.Event, tx: Any) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize("handler", [generator, async_generator, functools.partial(generator, tx=None), Generating(), None, 5, "handler"])
def test_what_would_never_run_is_no_handler(hooks: knocker.Hooks, handler: Any) -> None:
    endpoint = hooks.endpoint("internal")
    with pytest.raises(knocker.UsageError, match=r"yield|cannot be called"):
        endpoint.add_handler("*", handler)
    with pytest.raises(knocker.UsageError):
        endpoint.on("*")(handler)
    with pytest.raises(knocker.UsageError):
        endpoint.add_handler("" if isinstance(handler, str) else handler, lambda event, tx: None)
    assert len(endpoint.handlers) == 0


def test_the_decorator_returns_the_function_and_needs_a_type(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("internal")

    @endpoint.on("a", "b.*")
    def handler(event: knocker.Event, tx: Any) -> None: ...

    assert endpoint.handlers.matching("a") == endpoint.handlers.matching("b.c") == [handler]
    bare: Any = endpoint.on
    with pytest.raises(knocker.UsageError, match="name the types"):
        bare()
    with pytest.raises(knocker.UsageError, match="name the types"):
        bare(handler)
