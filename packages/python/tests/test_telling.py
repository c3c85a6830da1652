"""Nothing fails silently: what the log and the hooks of the app are told of failed attempts, dead events and refused receipts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf
from inbox import ingest, statuses
from knocker.testing import FrozenClock, drain

Told = list[tuple[str | None, int, str | None]]


class Listener:
    """What the hooks of an app were told."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, int, int]] = []
        self.dead: list[tuple[int, int, str | None]] = []

    def on_error(self, error: BaseException, event: knocker.Event) -> None:
        self.errors.append((type(error).__name__, event.id, event.attempt))

    def on_dead(self, event: knocker.Event, reason: str | None) -> None:
        self.dead.append((event.id, event.attempt, reason))


@pytest.fixture
def listener() -> Listener:
    return Listener()


def drained(hooks: knocker.Hooks, listener: Listener) -> list[str]:
    return [status for _, status in hooks.worker(on_error=listener.on_error, on_dead=listener.on_dead).drain()]


def raising(error: BaseException) -> Any:
    def handler(event: knocker.Event, tx: Any) -> None:
        raise error

    return handler


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [(raising(knocker.Dead("no such customer")), "no such customer"), (raising(ValueError("broken")), "ValueError: broken")],
)
def test_an_event_that_is_dead_is_an_error_in_the_log_and_reaches_the_hook(
    hooks: knocker.Hooks, listener: Listener, caplog: pytest.LogCaptureFixture, handler: Any, reason: str
) -> None:
    inbox = hooks.endpoint("inbox", max_attempts=1)
    inbox.add_handler("order", handler)
    event_id = ingest(inbox)
    assert drained(hooks, listener) == ["dead"]
    assert [event_id for _, event_id, _ in listener.errors] == [event_id]
    assert listener.dead == [(event_id, 1, reason)]
    assert errors(caplog) == [f"event {event_id} of inbox (order), attempt 1: dead: {reason}"]
    assert caplog.records[-1].name == "knocker.worker"
    assert {"event_id": event_id, "endpoint": "inbox", "reason": reason}.items() <= vars(caplog.records[-1]).items()


def test_an_event_that_will_be_tried_again_is_a_warning_and_not_dead(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.add_handler("order", raising(ValueError("broken")))
    event_id = ingest(inbox)
    assert drained(hooks, listener) == ["failed"]
    assert (listener.errors, listener.dead) == ([("ValueError", event_id, 1)], [])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_an_event_that_nobody_wants_is_told_of_when_it_is_dead(hooks: knocker.Hooks, listener: Listener) -> None:
    inbox = hooks.endpoint("inbox", unhandled="dead")
    inbox.add_handler("wanted", lambda event, tx: None)
    event_id = ingest(inbox, "unwanted")
    assert drained(hooks, listener) == ["dead"]
    assert listener.dead == [(event_id, 1, "no_handler")]


def test_attempts_that_ended_with_their_worker_are_told_of_by_the_claim_that_finds_them(
    hooks: knocker.Hooks, listener: Listener, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = hooks.endpoint("inbox", max_attempts=2, backoff={"base_s": 5, "factor": 1, "cap_s": 5})
    bodies: list[bytes] = []
    inbox.add_handler("order", lambda event, tx: bodies.append(event.body))
    event_id = ingest(inbox)
    for attempt in (1, 2):
        hooks.leases(f"dies-{attempt}").claim(1, 60)
        clock.advance(61)
        assert drained(hooks, listener) == []
        assert listener.errors[attempt - 1] == ("LeaseLostError", event_id, attempt)
        clock.advance(60)
    assert bodies == []
    assert listener.dead == [(event_id, 2, "worker died in 2 of 2 attempts")]
    assert errors(caplog) == [f"event {event_id} of inbox (order), attempt 2: dead: worker died in 2 of 2 attempts"]
    # Once, not by every claim.
    assert drained(hooks, listener) == []
    assert (len(listener.errors), len(listener.dead)) == (2, 1)


def test_the_hooks_of_open_are_those_of_every_worker(tmp_path: Path, listener: Listener) -> None:
    other = Listener()
    with knocker.open(tmp_path / "app.db", on_error=listener.on_error, on_dead=listener.on_dead) as hooks:
        inbox = hooks.endpoint("inbox")
        inbox.add_handler("*", raising(knocker.Dead("no")))
        first = ingest(inbox)
        drain(hooks)
        assert (len(listener.errors), listener.dead) == (1, [(first, 1, "no")])
        ingest(inbox, key="2")
        hooks.worker(on_dead=other.on_dead).drain()
    assert (len(listener.errors), len(listener.dead), len(other.dead)) == (2, 1, 1)
    with pytest.raises(knocker.UsageError, match="on_dead"):
        knocker.open(tmp_path / "app.db", on_dead="log")  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", [RuntimeError("no"), SystemExit(2)])
def test_whatever_on_dead_raises_the_worker_goes_on(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, caplog: pytest.LogCaptureFixture, problem: BaseException
) -> None:
    def on_dead(event: knocker.Event, reason: str | None) -> None:
        raise problem

    inbox.add_handler("*", raising(knocker.Dead("no")))
    ingest(inbox)
    ingest(inbox, key="2")
    assert [status for _, status in hooks.worker(on_dead=on_dead).drain()] == ["dead", "dead"]
    assert "on_dead failed" in caplog.text


def refused(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "knocker.receive"]


def test_a_refused_receipt_is_a_warning_once_a_minute(
    hooks: knocker.Hooks, push: PushOf, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET])
    forged = knocker.WebhookRequest(push(1).body + b" ", push(1).headers)
    unsigned = knocker.WebhookRequest(b"{}", [("X-GitHub-Event", "push")])
    for _ in range(3):
        github.receive(forged)
        clock.advance(1)
    github.receive(unsigned)
    first, second = refused(caplog)
    assert (first["levelname"], first["endpoint"], first["reason"], first["untold"]) == ("WARNING", "github", "bad_signature", 0)
    assert first["detail"]
    assert first["detail"] in first["message"]
    assert second["reason"] == "missing_header"
    clock.advance(60)
    github.receive(forged)
    assert refused(caplog)[-1]["untold"] == 2
    assert "(2 more since the last warning)" in refused(caplog)[-1]["message"]
    assert SECRET not in caplog.text
    assert '"n"' not in caplog.text


def test_a_clock_that_is_put_back_silences_nothing(
    hooks: knocker.Hooks, push: PushOf, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET])
    for _ in range(2):
        github.receive(knocker.WebhookRequest(b"{}"))
        clock.advance(-86_400)
    assert len(refused(caplog)) == 2


def test_what_was_accepted_or_repeated_is_no_warning(hooks: knocker.Hooks, push: PushOf, caplog: pytest.LogCaptureFixture) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET])
    assert [github.receive(push(1)).outcome for _ in range(2)] == ["accepted", "duplicate"]
    assert caplog.records == []


@pytest.mark.parametrize("outcome", ["disabled", "invalid"])
def test_refusals_are_told_of_whoever_refused(hooks: knocker.Hooks, push: PushOf, caplog: pytest.LogCaptureFixture, outcome: str) -> None:
    if outcome == "disabled":
        endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET], enabled=False)
        assert endpoint.receive(push(1)).outcome == "disabled"
    else:
        endpoint = hooks.endpoint("github")
        endpoint.ingest(b"", valid=False, reason="bad_signature", detail="two\nlines")
        assert "'two\\nlines'" in caplog.text
    assert [one["endpoint"] for one in refused(caplog)] == ["github"]


def test_requests_that_are_only_counted_are_a_warning_of_their_own(hooks: knocker.Hooks, caplog: pytest.LogCaptureFixture) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET], max_refused=3)
    for _ in range(9):
        github.receive(knocker.WebhookRequest(b"{}", [("X-GitHub-Event", "push")]))
    assert [one["reason"] for one in refused(caplog)] == ["missing_header", "limited"]
    assert "max_refused" in refused(caplog)[-1]["message"]
    kept = hooks.stats().endpoints[0].refused
    assert (kept.kept, kept.full) == (len(list(hooks.deliveries())), True)


def test_a_body_that_is_too_large_is_a_warning_with_its_size(hooks: knocker.Hooks, caplog: pytest.LogCaptureFixture) -> None:
    github = hooks.endpoint("github", provider="github", secrets=[SECRET], max_body_bytes=64)
    large = knocker.WebhookRequest(b"x" * 100, [("Content-Length", "1000")], truncated=True)
    assert [github.receive(large).outcome for _ in range(3)] == ["too_large"] * 3
    (record,) = refused(caplog)
    assert {"endpoint": "github", "reason": "too_large", "size": 1000, "max_body_bytes": 64}.items() <= record.items()
    assert "max_body_bytes is 64" in record["message"]


def test_a_failing_file_is_a_line_a_time_without_a_traceback(
    live_hooks: knocker.Hooks, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knocker import worker as worker_module
    from knocker.lease_keeper import LeaseKeeper

    monkeypatch.setattr(worker_module, "_PAUSE_S", 0.01)
    taken, crashes = LeaseKeeper.take, iter([knocker.IoError("crash")])

    def take(keeper: LeaseKeeper, *arguments: Any) -> Any:
        for crash in crashes:
            raise crash
        return taken(keeper, *arguments)

    monkeypatch.setattr(LeaseKeeper, "take", take)
    inbox = live_hooks.endpoint("inbox")
    worker = live_hooks.worker()
    inbox.add_handler("order", lambda event, tx: worker.stop())
    ingest(inbox)
    worker.run()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "starting it again: io_error: crash" in record.getMessage()
    assert record.exc_info is None
    assert statuses(live_hooks) == []


def test_a_declaration_that_changes_what_another_process_declared_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with knocker.open(tmp_path / "app.db") as old:
        old.endpoint("inbox", max_attempts=5, provider="meta", secrets="test-secret", options={"verify_token": "test-token"})
    with knocker.open(tmp_path / "app.db") as same:
        same.endpoint("inbox", max_attempts=5, provider="meta", secrets="test-secret", options={"verify_token": "test-token"})
        assert caplog.records == []
    with knocker.open(tmp_path / "app.db") as new:
        new.endpoint("inbox", max_attempts=7, provider="meta", secrets="test-secret", options={"verify_token": "another-token"})
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert warning.getMessage().endswith(": options, max_attempts was 5 and is 7")
    assert "token" not in warning.getMessage()
