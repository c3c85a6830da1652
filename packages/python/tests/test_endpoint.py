"""Endpoints: settings that the code declares, and handlers by type."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import MappingProxyType
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
        max_refused=6,
        max_refused_bytes=7_000_000,
        max_batch_events=8,
    )
    stored = settings(hooks)
    assert (stored.name, stored.provider, stored.enabled, stored.max_attempts) == ("github", "github", True, 3)
    assert stored.backoff == knocker.Backoff(base_s=1, factor=2, cap_s=60)
    assert (stored.max_body_bytes, stored.unhandled, stored.on_redelivery, stored.invalid_per_hour) == (1000, "ignore", "requeue_dead", 5)
    assert (stored.max_refused, stored.max_refused_bytes, stored.max_batch_events) == (6, 7_000_000, 8)


def test_what_the_code_no_longer_says_goes_back_to_its_default(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as before:
        before.endpoint("github", provider="github", secrets=[SECRET], max_attempts=3)
    with knocker.open(tmp_path / "app.db") as after:
        after.endpoint("github", provider="github", secrets=[SECRET])
        assert settings(after).max_attempts == 10


def test_a_part_of_the_backoff_that_is_left_out_has_its_default_too(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("github", provider="github", secrets=SECRET, backoff={"base_s": 1, "factor": 2, "cap_s": 60})
    endpoint.configure(provider="github", backoff={"base_s": 7})
    assert settings(hooks).backoff == knocker.Backoff(base_s=7, factor=4, cap_s=21600)
    endpoint.configure(provider="github")
    assert settings(hooks).backoff == knocker.Backoff(base_s=5, factor=4, cap_s=21600)
    # An operator's change is of the named part alone.
    hooks.update_endpoint("github", backoff={"factor": 2})
    assert settings(hooks).backoff == knocker.Backoff(base_s=5, factor=2, cap_s=21600)


def test_settings_may_be_any_mapping_and_must_have_a_form_in_json(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("shop", provider="token", secrets=SECRET, options=MappingProxyType({"header": "X-Shop"}))
    assert settings(hooks).options == {"header": "X-Shop"}
    for options in ({"header": object()}, {"header": float("nan")}):
        with pytest.raises(knocker.UsageError, match="settings"):
            endpoint.configure(provider="token", options=options)


def test_an_endpoint_whose_settings_are_kept_elsewhere_is_taken_as_it_is(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as first, knocker.open(tmp_path / "app.db") as second:
        first.endpoint("github", provider="github", secrets=[SECRET], max_attempts=3)
        assert second.existing_endpoint("github", secrets=[SECRET]).name == "github"
        assert settings(second).max_attempts == 3
        with pytest.raises(knocker.UnknownEndpointError, match="gitlab"):
            second.existing_endpoint("gitlab")


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


@pytest.mark.parametrize("handler", [lambda: None, lambda event: None, lambda event, tx, more: None, lambda *, event, tx: None])
def test_a_handler_takes_the_event_and_tx(hooks: knocker.Hooks, handler: Any) -> None:
    with pytest.raises(knocker.UsageError, match="two arguments"):
        hooks.endpoint("internal").add_handler("*", handler)


def test_whatever_can_be_called_with_both_is_a_handler(hooks: knocker.Hooks) -> None:
    seen: list[Any] = []

    class Shop:
        def fulfil(self, event: knocker.Event, tx: Any, dry_run: bool = False) -> None:
            seen.append(event.id)

        def __call__(self, event: knocker.Event, tx: Any) -> None:
            seen.append(event.id)

    endpoint = hooks.endpoint("internal")
    handlers: list[Any] = [Shop(), Shop().fulfil, functools.partial(Shop().fulfil, dry_run=True), lambda *arguments: seen.append(1), max]
    for handler in handlers[:4]:
        endpoint.add_handler("*", handler)
    endpoint.add_handler("other", handlers[4])
    endpoint.ingest(b"", valid=True)
    assert hooks.worker().drain() == [(1, "handled")]
    assert seen == [1] * 4


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
    with pytest.raises(knocker.UsageError, match=r"yield|cannot be called|two"):
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


def test_a_handler_of_a_type_that_never_comes_is_a_warning(hooks: knocker.Hooks, caplog: pytest.LogCaptureFixture) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET])
    for pattern in ("push", "*", "pull_request"):
        github.add_handler(pattern, print)
    assert not caplog.records
    github.on("pull_request.opened", "Issues", "issue.*")(print)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    near = [message.rpartition("; ")[2] for message in told]
    assert near == ["did you mean 'pull_request'?", "did you mean 'issues'?", "did you mean 'issues'?"]
    caplog.clear()
    hooks.endpoint("stripe", provider="stripe", secrets=["whsec_test"]).add_handler("my.own", print)
    assert not caplog.records
    hooks.endpoint("box", provider="dropbox", secrets=[SECRET]).add_handler("file", print)
    assert 'on("*")' in caplog.text
