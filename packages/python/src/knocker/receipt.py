"""What a receipt became, and a verdict without one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"]


@dataclass(frozen=True)
class WebhookResponse:
    """The HTTP response that the provider expects."""

    status: int
    # They may hold an answer to a challenge that is made with a secret.
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True)
class ReceivedEvent:
    """An event that a delivery created, or repeated."""

    id: int
    duplicate: bool


@dataclass(frozen=True)
class Receipt:
    """The stored receipt of one HTTP request: committed when you see it.

    ``delivery_id`` is None only where the limit on refused receipts left nothing but a count. ``event_id`` is the first of ``events``.
    ``reason`` and ``detail`` say why a request was refused. ``response`` is what to answer.
    """

    delivery_id: int | None
    outcome: Outcome
    event_id: int | None
    events: tuple[ReceivedEvent, ...]
    reason: str | None
    detail: str | None
    response: WebhookResponse = field(repr=False)

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Reads the result of ``knocker_receive`` and ``knocker_ingest``."""
        result = json.loads(text)
        return cls(
            delivery_id=result["delivery_id"],
            outcome=result["outcome"],
            event_id=result["event_id"],
            events=tuple(ReceivedEvent(**event) for event in result["events"]),
            reason=result["reason"],
            detail=result["detail"],
            response=WebhookResponse(**result["response"]),
        )


@dataclass(frozen=True)
class Item:
    """One event inside a verified request: its type, and the identity that dedupe uses."""

    type: str | None
    key: str | None


@dataclass(frozen=True)
class Verdict:
    """Whether a request is what it claims to be. ``kind`` is ``"delivery"``, ``"handshake"`` or, where it was refused, None."""

    valid: bool
    kind: Literal["delivery", "handshake"] | None
    reason: str | None
    detail: str | None
    items: tuple[Item, ...]
    response: WebhookResponse = field(repr=False)

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """Reads the result of ``knocker_verify``."""
        result: dict[str, Any] = json.loads(text)
        return cls(
            valid=result["valid"],
            kind=result["kind"],
            reason=result["reason"],
            detail=result["detail"],
            items=tuple(Item(**item) for item in result["items"]),
            response=WebhookResponse(**result["response"]),
        )
