"""What handlers raise and return: every reason is stored, every failed attempt is told, and every line of the log names its event."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import knocker
from knocker.testing import FrozenClock, drain


class Unprintable(Exception):  # noqa: N818 - its name stands in the expectation
    def __str__(self) -> str:
        return str(1 / 0)


class Silent:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def inbox(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("inbox", max_attempts=2)


@pytest.mark.parametrize(
    ("raised", "status", "reason"),
    [
        (knocker.Dead(ZeroDivisionError("division by zero")), "dead", "ZeroDivisionError: division by zero"),
        (knocker.Dead(), "dead", "the handler gave up"),
        (knocker.Dead(404), "dead", "404"),
        (knocker.Dead("lone \udcff half"), "dead", "lone \\udcff half"),
        (knocker.Dead(Silent()), "dead", "Silent"),
        (knocker.Ignore(None), "ignored", "the handler ignored it"),
        (knocker.Ignore(KeyError("id")), "ignored", "KeyError: 'id'"),
        (knocker.Retry(reason=None), "failed", "the handler asked for another attempt"),
        (knocker.Retry(after=5, reason=TimeoutError()), "failed", "TimeoutError"),
        (knocker.Decision("of its own"), "dead", "of its own"),
        (ValueError("\udcff"), "failed", "ValueError: \\udcff"),
        (Unprintable(), "failed", "Unprintable"),
    ],
)
def test_whatever_the_reason_is_it_is_stored_as_text(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, raised: Exception, status: str, reason: str
) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        raise raised

    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == [status]
    event = hooks.event(event_id)
    assert (event.status, event.reason) == (status, reason)
    assert [attempt.attempt for attempt in hooks.attempts()] == [1]


@pytest.mark.parametrize("after", [True, "60", float("nan"), float("inf")])
def test_a_retry_after_no_number_is_an_ordinary_failure(hooks: knocker.Hooks, inbox: knocker.Endpoint, after: Any) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        raise knocker.Retry(after=after)

    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == ["failed"]
    assert "after" in str(hooks.event(event_id).reason)


def test_a_decision_that_the_core_refuses_is_a_failed_attempt(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        decision = knocker.Retry(after=1)
        decision.after_s = -5
        raise decision

    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == ["failed"]
    assert "retry_after_s" in str(hooks.event(event_id).reason)


@pytest.mark.parametrize(
    "decision", [knocker.Retry(after=60, reason="later"), knocker.Retry(timedelta(minutes=1)), knocker.Dead("why"), knocker.Ignore("why")]
)
def test_decisions_come_back_from_another_process(decision: knocker.Decision) -> None:
    again = pickle.loads(pickle.dumps(decision))
    assert (type(again), vars(again)) == (type(decision), vars(decision))


def test_a_generator_that_is_returned_has_not_run(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    def steps() -> Iterator[None]:
        yield

    inbox.add_handler("*", lambda event, tx: steps())
    event_id = inbox.ingest(b"", valid=True).event_id or 0
    assert [attempt.status for attempt in drain(hooks)] == ["failed"]
    assert "generator" in str(hooks.event(event_id).reason)


def test_on_error_is_told_of_each_failed_attempt(hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock) -> None:
    told: list[tuple[str, str | None]] = []

    def lost(event: knocker.Event, tx: Any) -> None:
        # Its lease has run out, and what failed before is due again.
        clock.advance(61)
        hooks.leases("another").claim(10, 60)

    def raises(error: BaseException) -> Any:
        def handler(event: knocker.Event, tx: Any) -> None:
            raise error

        return handler

    handlers: dict[str, Any] = {
        "error": raises(ValueError("no")),
        "exit": raises(SystemExit(1)),
        "dead": raises(knocker.Dead("no")),
        "retry": raises(knocker.Retry(after=60)),
        "ignore": raises(knocker.Ignore("no")),
        "fine": lambda event, tx: None,
        "lost": lost,
    }
    for type, handler in handlers.items():
        inbox.add_handler(type, handler)
    for type in ("error", "exit", "dead", "retry", "ignore", "fine", "unwanted", "lost"):
        inbox.ingest(b"", valid=True, type=type)
    hooks.worker(on_error=lambda error, event: told.append((error.__class__.__name__, event.type))).drain()
    assert told == [
        ("ValueError", "error"),
        ("SystemExit", "exit"),
        ("Dead", "dead"),
        ("Retry", "retry"),
        ("NoHandlerError", "unwanted"),
        ("LeaseLostError", "lost"),
    ]


def test_an_ignored_event_that_nobody_wants_is_no_failure(hooks: knocker.Hooks) -> None:
    told: list[BaseException] = []
    endpoint = hooks.endpoint("quiet", unhandled="ignore")
    endpoint.add_handler("wanted", lambda event, tx: None)
    endpoint.ingest(b"", valid=True, type="unwanted")
    assert [status for _, status in hooks.worker(on_error=lambda error, event: told.append(error)).drain()] == ["ignored"]
    assert told == []


@pytest.mark.parametrize("problem", [RuntimeError("no"), SystemExit(2), KeyboardInterrupt(), asyncio.CancelledError()])
def test_whatever_on_error_raises_the_attempt_is_recorded(hooks: knocker.Hooks, inbox: knocker.Endpoint, problem: BaseException) -> None:
    def on_error(error: BaseException, event: knocker.Event) -> None:
        raise problem

    inbox.add_handler("*", lambda event, tx: 1 / 0)
    inbox.ingest(b"", valid=True)
    assert [status for _, status in hooks.worker(on_error=on_error).drain()] == ["failed"]


def test_each_line_of_the_log_names_its_event(hooks: knocker.Hooks, inbox: knocker.Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    inbox.add_handler("order.placed", lambda event, tx: None)
    inbox.add_handler("order.lost", lambda event, tx: 1 / 0)
    inbox.configure(unhandled="dead")
    caplog.clear()
    for type in ("order.placed", "order.lost", None, "two\nlines"):
        inbox.ingest(b"", valid=True, type=type)
    with caplog.at_level(logging.DEBUG, "knocker.worker"):
        drain(hooks)
    assert [record.getMessage() for record in caplog.records] == [
        "event 1 of inbox (order.placed), attempt 1: handled",
        "event 2 of inbox (order.lost), attempt 1: failed",
        "event 3 of inbox (no type), attempt 1: failed",
        "event 3 of inbox (no type), attempt 1: dead: no_handler",
        "event 4 of inbox ('two\\nlines'), attempt 1: failed",
        "event 4 of inbox ('two\\nlines'), attempt 1: dead: no_handler",
    ]
