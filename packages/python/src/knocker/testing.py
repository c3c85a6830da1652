"""For the tests of your handlers: signed requests, a clock that stands still, and a queue that is drained at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from knocker.arguments import checked_ms, to_json
from knocker.connection import Connection, call, open_connection
from knocker.driver_errors import translated
from knocker.errors import UsageError
from knocker.event import Event, Moment
from knocker.hooks import Hooks
from knocker.isolation import on_file
from knocker.request import HeadersLike, WebhookRequest, pairs, raw_bytes

__all__ = ["START_MS", "Attempted", "FrozenClock", "drain", "on_file", "sign"]

START_MS = 1_767_225_600_000
"""Where a :class:`FrozenClock` starts: 2026-01-01 00:00:00 UTC."""


class FrozenClock:
    """A clock that moves only when told. Pass it to :func:`knocker.open`."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, by: float | timedelta) -> None:
        """Moves it forward by seconds, or by a timedelta."""
        self.now_ms += round((by.total_seconds() if isinstance(by, timedelta) else by) * 1000)

    def set(self, to: Moment) -> None:
        """Moves it to an aware datetime, or to Unix milliseconds."""
        self.now_ms = checked_ms("to", to)


@dataclass(frozen=True)
class Attempted:
    """One attempt of a drain. ``status`` is handled, failed, dead, ignored, lease_lost or unwritten; ``error`` is what the handlers raised,
    with its traceback, or what went wrong elsewhere."""

    event_id: int
    status: str
    attempt: int = field(default=1, compare=False)
    error: BaseException | None = field(default=None, compare=False)


def drain(hooks: Hooks, limit: int = 10_000, *, share_commits: bool = True) -> list[Attempted]:
    """Runs the handlers of all that is due now, in this thread, and returns the attempts in order.

    An event whose handler fails is not tried again until its backoff is over: advance the clock, then drain again.
    Raises :class:`~knocker.UsageError` where something is due even after ``limit`` attempts. ``share_commits`` is the worker's.
    """
    errors: dict[tuple[int, int], BaseException] = {}
    own = hooks.failure_hooks.on_error

    def on_error(error: BaseException, event: Event) -> None:
        errors[event.id, event.attempt] = error
        if own is not None:
            own(error, event)

    drained = hooks.worker(share_commits=share_commits, on_error=on_error).drain_events(limit)
    return [Attempted(event.id, status, event.attempt, errors.get((event.id, event.attempt))) for event, status in drained]


def sign(
    provider: str,
    body: bytes | str | Mapping[str, Any],
    secret: str,
    *,
    options: Mapping[str, Any] | None = None,
    headers: HeadersLike = (),
    method: str = "POST",
    url: str = "https://example.com/webhooks",
    now: int | None = None,
) -> WebhookRequest:
    """The request that the provider would send with this body, signed with this secret.

    A mapping becomes JSON. ``headers`` are those that are not the signature, such as ``X-GitHub-Event``; one of a signature is replaced.
    ``now`` is the time of the signature in Unix milliseconds, the system's clock by default: pass the frozen clock's.
    """
    if not isinstance(provider, str) or not isinstance(secret, str):
        raise UsageError("sign takes the name of a provider, a body and one secret, which is a text")
    raw = to_json("body", body).encode() if isinstance(body, Mapping) else body.encode() if isinstance(body, str) else raw_bytes(body)
    request = WebhookRequest(raw, list(pairs(headers)), method, url)
    arguments = (provider, to_json("options", options or {}), request.to_json(), raw, secret, now)
    connection, lock = _signing_connection()
    with lock, translated():
        signed = json.loads(call(connection, "knocker_sign", *arguments))
    signatures = {name.lower() for name in signed["headers"]}
    return WebhookRequest(
        raw if signed["body"] is None else signed["body"].encode(),
        [*((name, value) for name, value in pairs(request.headers) if name.lower() not in signatures), *signed["headers"].items()],
        method,
        signed["url"] or url,
    )


@lru_cache(maxsize=1)
def _signing_connection() -> tuple[Connection, threading.Lock]:
    return open_connection(":memory:", synchronous="full", busy_timeout_s=5.0), threading.Lock()
