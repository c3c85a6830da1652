# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""Results of calls and rows of the views. Times are aware datetimes in UTC; what a newer library adds is passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from knocker.event import made, to_datetime

__all__ = [
    "AttemptRecord",
    "AttemptResult",
    "Backoff",
    "BulkResult",
    "DeliveryOutcome",
    "DeliveryRecord",
    "EndpointRecord",
    "EndpointStats",
    "EventCounts",
    "EventDeliveryRecord",
    "EventRecord",
    "EventStatus",
    "Failure",
    "Item",
    "LastHour",
    "OnRedelivery",
    "PolicyRecord",
    "PruneKind",
    "PruneRecord",
    "PruneResult",
    "Reason",
    "Receipt",
    "ReceiptOutcome",
    "ReceivedEvent",
    "RefusedKept",
    "ReplayedDelivery",
    "RetentionPass",
    "RetentionPolicy",
    "Stats",
    "Transition",
    "Unhandled",
    "Verdict",
    "VerdictKind",
    "WebhookResponse",
]

AttemptResult = Literal["handled", "failed", "dead", "ignored", "lease_expired"]
"""How an attempt ended."""

DeliveryOutcome = Literal["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled"]
"""What became of a stored receipt."""

EventStatus = Literal["received", "processing", "failed", "handled", "dead", "ignored"]
"""Where an event stands."""

OnRedelivery = Literal["keep", "requeue_dead"]
"""What a duplicate does to its event."""

PruneKind = Literal["events", "deliveries", "retention"]
"""What a prune was."""

Reason = Literal[
    "missing_header",
    "malformed_header",
    "bad_signature",
    "timestamp_out_of_tolerance",
    "malformed_body",
    "no_secret",
    "not_allowed",
]
"""Why a request was refused: a closed list, stored with the delivery."""

ReceiptOutcome = Literal["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"]
"""What became of a receipt."""

Unhandled = Literal["retry", "dead", "ignore"]
"""What becomes of an event that no handler wants."""

VerdictKind = Literal["delivery", "handshake"]
"""What a verified request is."""


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt at an event."""

    id: int
    """Grows, and is never used again."""
    event_id: int
    """The event."""
    endpoint: str
    """The name of its endpoint."""
    delivery_id: int
    """The delivery whose body the handlers got."""
    attempt: int
    """Its number, from 1."""
    result: AttemptResult
    """How it ended."""
    error: str | None
    """What went wrong, or why the event was ignored."""
    worker: str
    """The name of the worker."""
    duration_ms: int | None
    """How long it took; None where the worker did not say."""
    finished_at: datetime
    """When it ended."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> AttemptRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            event_id=values["event_id"],
            endpoint=values["endpoint"],
            delivery_id=values["delivery_id"],
            attempt=values["attempt"],
            result=values["result"],
            error=values.get("error"),
            worker=values["worker"],
            duration_ms=values.get("duration_ms"),
            finished_at=to_datetime(values["finished_at"]),
        )


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff: ``base_s`` × ``factor``ⁿ⁻¹ after attempt n, at most ``cap_s``, and then ±10 % of jitter."""

    base_s: float
    """Delay after the first attempt, in seconds."""
    factor: float
    """What each further attempt multiplies it by."""
    cap_s: float
    """The longest delay, in seconds."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Backoff:
        """From a result."""
        return made(
            cls,
            base_s=values["base_s"],
            factor=values["factor"],
            cap_s=values["cap_s"],
        )


@dataclass(frozen=True)
class BulkResult:
    """How many events a bulk action found and changed."""

    matched: int
    """Events that met the filter, within its limit."""
    changed: int
    """Events that the action changed."""
    more: bool
    """Whether more events meet the filter than its limit let through."""
    dry_run: bool
    """Whether this only told what would happen."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> BulkResult:
        """From a result."""
        return made(
            cls,
            matched=values["matched"],
            changed=values["changed"],
            more=values["more"],
            dry_run=values["dry_run"],
        )


@dataclass(frozen=True)
class DeliveryRecord:
    """One HTTP receipt, valid or not."""

    id: int
    """Grows, and is never used again."""
    endpoint: str
    """The name of its endpoint."""
    outcome: DeliveryOutcome
    """What became of it."""
    event_id: int | None
    """The first of its events that still exists."""
    reason: Reason | None
    """Why it was refused."""
    detail: str | None
    """The same in one sentence."""
    provider_event_id: str | None
    """The provider's id of the occurrence, where the caller of trusted ingress said it."""
    provider_delivery_id: str | None
    """The provider's id of the delivery, where the caller of trusted ingress said it."""
    method: str
    """The method, in capitals as sent."""
    url: str = field(repr=False)
    """The URL, credentials replaced."""
    headers: Mapping[str, Any] = field(repr=False)
    """The headers, credentials replaced."""
    body_size: int
    """The size of the body."""
    body_sha256: str | None
    """The digest of a body that is not stored."""
    received_at: datetime
    """When it came."""
    body: bytes | None = field(default=None, repr=False)
    """The raw bytes, where they are kept."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> DeliveryRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            endpoint=values["endpoint"],
            outcome=values["outcome"],
            event_id=values.get("event_id"),
            reason=values.get("reason"),
            detail=values.get("detail"),
            provider_event_id=values.get("provider_event_id"),
            provider_delivery_id=values.get("provider_delivery_id"),
            method=values["method"],
            url=values["url"],
            headers=json.loads(values["headers"]),
            body_size=values["body_size"],
            body_sha256=values.get("body_sha256"),
            received_at=to_datetime(values["received_at"]),
            body=values.get("body"),
        )


@dataclass(frozen=True)
class EndpointRecord:
    """The stored settings of an endpoint."""

    id: int
    """Its id."""
    name: str
    """Its name."""
    provider: str | None
    """The name of its provider; None where it takes trusted ingress only."""
    options: Mapping[str, Any]
    """Options of the provider."""
    enabled: bool
    """Whether receipts are taken."""
    max_attempts: int
    """Attempts before an event is dead."""
    backoff: Backoff
    """The delay between attempts."""
    max_body_bytes: int
    """Larger bodies are refused before verification."""
    unhandled: Unhandled
    """What becomes of an event that no handler wants."""
    on_redelivery: OnRedelivery
    """What a duplicate does to its event."""
    invalid_per_hour: int
    """Refused receipts that are stored in any hour."""
    max_refused: int
    """Refused deliveries that are kept in all."""
    max_refused_bytes: int
    """Bytes that they take at most."""
    max_batch_events: int
    """Events that one delivery creates at most."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When its settings were changed last."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EndpointRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            name=values["name"],
            provider=values.get("provider"),
            options=json.loads(values["options"]),
            enabled=bool(values["enabled"]),
            max_attempts=values["max_attempts"],
            backoff=Backoff.read(json.loads(values["backoff"])),
            max_body_bytes=values["max_body_bytes"],
            unhandled=values["unhandled"],
            on_redelivery=values["on_redelivery"],
            invalid_per_hour=values["invalid_per_hour"],
            max_refused=values["max_refused"],
            max_refused_bytes=values["max_refused_bytes"],
            max_batch_events=values["max_batch_events"],
            created_at=to_datetime(values["created_at"]),
            updated_at=to_datetime(values["updated_at"]),
        )


@dataclass(frozen=True)
class EventCounts:
    """Events by status."""

    received: int
    """Waiting for their first attempt."""
    processing: int
    """Being worked on."""
    failed: int
    """Waiting for another attempt."""
    handled: int
    """Done with."""
    dead: int
    """Without further attempts."""
    ignored: int
    """Not to be handled."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EventCounts:
        """From a result."""
        return made(
            cls,
            received=values["received"],
            processing=values["processing"],
            failed=values["failed"],
            handled=values["handled"],
            dead=values["dead"],
            ignored=values["ignored"],
        )


@dataclass(frozen=True)
class LastHour:
    """What happened in the last hour, or in one minute of it."""

    receipts: int
    """HTTP receipts, refused ones included."""
    refused: int
    """Receipts without an event: invalid, too large, disabled, limited, and handshakes."""
    failures: int
    """Failed attempts."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> LastHour:
        """From a result."""
        return made(
            cls,
            receipts=values["receipts"],
            refused=values["refused"],
            failures=values["failures"],
        )


@dataclass(frozen=True)
class RefusedKept:
    """What an endpoint keeps of refused deliveries, of which strangers can send as many as they like."""

    kept: int
    """Rows."""
    bytes: int
    """Bytes of their columns."""
    full: bool
    """Whether a bound is reached, so that further ones are only counted: prune, or set a retention policy."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RefusedKept:
        """From a result."""
        return made(
            cls,
            kept=values["kept"],
            bytes=values["bytes"],
            full=values["full"],
        )


@dataclass(frozen=True)
class EndpointStats:
    """The figures of one endpoint."""

    endpoint: str
    """Its name."""
    provider: str | None
    """Its provider."""
    enabled: bool
    """Whether it takes receipts."""
    events: EventCounts
    """Events by status."""
    oldest_waiting_ms: int | None
    """How long the longest-waiting due job has been due, in milliseconds."""
    last_hour: LastHour
    """What happened in the last hour."""
    refused: RefusedKept
    """What is kept of refused deliveries."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EndpointStats:
        """From a result."""
        return made(
            cls,
            endpoint=values["endpoint"],
            provider=values.get("provider"),
            enabled=values["enabled"],
            events=EventCounts.read(values["events"]),
            oldest_waiting_ms=values.get("oldest_waiting_ms"),
            last_hour=LastHour.read(values["last_hour"]),
            refused=RefusedKept.read(values["refused"]),
        )


@dataclass(frozen=True)
class EventDeliveryRecord:
    """That a delivery brought an event."""

    event_id: int
    """The event."""
    delivery_id: int
    """The delivery."""
    duplicate: bool
    """False for the delivery that created the event, True for a repeat."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EventDeliveryRecord:
        """From a row of the view."""
        return made(
            cls,
            event_id=values["event_id"],
            delivery_id=values["delivery_id"],
            duplicate=bool(values["duplicate"]),
        )


@dataclass(frozen=True)
class EventRecord:
    """An event: what the business logic handles once."""

    id: int
    """Grows, and is never used again."""
    endpoint: str
    """The name of its endpoint."""
    type: str | None
    """The type in the provider's own spelling."""
    key: str | None
    """The identity that dedupe uses; None where the event is always new."""
    status: EventStatus
    """Where it stands."""
    attempts: int
    """Attempts that count, since it was received or put back."""
    max_attempts: int
    """Attempts before it is dead."""
    reason: str | None
    """Why it is failed, dead or ignored."""
    delivery_id: int
    """The delivery whose body it has."""
    deliveries: int
    """How often it was delivered."""
    received_at: datetime
    """When its first delivery came."""
    last_delivery_at: datetime
    """When its last one came."""
    next_attempt_at: datetime | None
    """When the next attempt is due; None where none waits."""
    ended_at: datetime | None
    """When it was handled or ignored, or died."""
    body: bytes | None = field(default=None, repr=False)
    """Its payload: the whole body, or its own item of a batch."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EventRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            endpoint=values["endpoint"],
            type=values.get("type"),
            key=values.get("key"),
            status=values["status"],
            attempts=values["attempts"],
            max_attempts=values["max_attempts"],
            reason=values.get("reason"),
            delivery_id=values["delivery_id"],
            deliveries=values["deliveries"],
            received_at=to_datetime(values["received_at"]),
            last_delivery_at=to_datetime(values["last_delivery_at"]),
            next_attempt_at=None if values.get("next_attempt_at") is None else to_datetime(values["next_attempt_at"]),
            ended_at=None if values.get("ended_at") is None else to_datetime(values["ended_at"]),
            body=values.get("body"),
        )


@dataclass(frozen=True)
class Failure:
    """What a failed attempt left behind."""

    status: EventStatus
    """``failed``, ``dead`` or ``ignored``."""
    next_attempt_at: datetime | None
    """When the next attempt is due, in Unix milliseconds."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Failure:
        """From a result."""
        return made(
            cls,
            status=values["status"],
            next_attempt_at=None if values.get("next_attempt_at") is None else to_datetime(values["next_attempt_at"]),
        )


@dataclass(frozen=True)
class Item:
    """One occurrence in a request: the whole of it, or one item of a batch."""

    type: str | None
    """The type in the provider's own spelling."""
    key: str | None
    """The identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences. Null where the event
    is always new."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Item:
        """From a result."""
        return made(
            cls,
            type=values.get("type"),
            key=values.get("key"),
        )


@dataclass(frozen=True)
class RetentionPolicy:
    """How long rows are kept. An age of None keeps them for ever."""

    endpoint: str | None
    """The endpoint; None for every one without its own policy."""
    handled_s: int | None
    """Age of handled events, in seconds since their last activity."""
    ignored_s: int | None
    """Age of ignored events."""
    dead_s: int | None
    """Age of dead events."""
    deliveries_s: int | None
    """Age of deliveries that no event needs."""
    audits_s: int | None
    """Age of prune records."""
    interval_s: int
    """Seconds between passes."""
    limit: int
    """Rows of a kind that one pass deletes at most."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RetentionPolicy:
        """From a result."""
        return made(
            cls,
            endpoint=values.get("endpoint"),
            handled_s=values.get("handled_s"),
            ignored_s=values.get("ignored_s"),
            dead_s=values.get("dead_s"),
            deliveries_s=values.get("deliveries_s"),
            audits_s=values.get("audits_s"),
            interval_s=values["interval_s"],
            limit=values["limit"],
        )


@dataclass(frozen=True)
class PolicyRecord:
    """A stored retention policy."""

    id: int
    """The id of the endpoint, 0 for the policy of every other one."""
    endpoint: str | None
    """The name of the endpoint; None for the policy of every endpoint without its own."""
    policy: RetentionPolicy
    """What it says."""
    next_run_at: datetime
    """When its next pass is due."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> PolicyRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            endpoint=values.get("endpoint"),
            policy=RetentionPolicy.read(json.loads(values["policy"])),
            next_run_at=to_datetime(values["next_run_at"]),
        )


@dataclass(frozen=True)
class PruneRecord:
    """The record of one prune: what was asked for, and how many rows it deleted."""

    id: int
    """Its id."""
    kind: PruneKind
    """What was pruned."""
    filter: Mapping[str, Any]
    """What was asked for."""
    events: int
    """Events that went."""
    deliveries: int
    """Deliveries that went."""
    attempts: int
    """Attempts that went."""
    audits: int
    """Records of earlier prunes that went."""
    pruned_at: datetime
    """When."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> PruneRecord:
        """From a row of the view."""
        return made(
            cls,
            id=values["id"],
            kind=values["kind"],
            filter=json.loads(values["filter"]),
            events=values["events"],
            deliveries=values["deliveries"],
            attempts=values["attempts"],
            audits=values["audits"],
            pruned_at=to_datetime(values["pruned_at"]),
        )


@dataclass(frozen=True)
class PruneResult:
    """The result of one prune."""

    prune_id: int | None
    """The id of its record; None for a dry run."""
    events: int
    """Events that went, or would go."""
    deliveries: int
    """Deliveries that went, or would go."""
    attempts: int
    """Attempts that went, or would go."""
    audits: int
    """Records of earlier prunes that went, or would go."""
    more: bool
    """Whether the limit left more to prune."""
    dry_run: bool
    """Whether this only told what would happen."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> PruneResult:
        """From a result."""
        return made(
            cls,
            prune_id=values.get("prune_id"),
            events=values["events"],
            deliveries=values["deliveries"],
            attempts=values["attempts"],
            audits=values["audits"],
            more=values["more"],
            dry_run=values["dry_run"],
        )


@dataclass(frozen=True)
class ReceivedEvent:
    """An event of a receipt."""

    id: int
    """Its id."""
    duplicate: bool
    """Whether it was there before."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ReceivedEvent:
        """From a result."""
        return made(
            cls,
            id=values["id"],
            duplicate=values["duplicate"],
        )


@dataclass(frozen=True)
class WebhookResponse:
    """An HTTP response that an adapter sends as it is."""

    status: int
    """The status code."""
    headers: Mapping[str, str] = field(repr=False)
    """Header names in lower case, with their values."""
    body: str = field(repr=False)
    """The body."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> WebhookResponse:
        """From a result."""
        return made(
            cls,
            status=values["status"],
            headers=values["headers"],
            body=values["body"],
        )


@dataclass(frozen=True)
class Receipt:
    """What became of one HTTP request: committed when you see it."""

    delivery_id: int | None
    """The stored delivery; None where the limit on refused receipts left only a count, or the provider never sends with the request's
    method."""
    outcome: ReceiptOutcome
    """What became of it."""
    event_id: int | None
    """The first of ``events``."""
    events: tuple[ReceivedEvent, ...]
    """The events that this delivery created or repeated, in the order of the body."""
    reason: Reason | None
    """Why it was refused."""
    detail: str | None
    """The same in one sentence."""
    response: WebhookResponse = field(repr=False)
    """What to answer."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Receipt:
        """From a result."""
        return made(
            cls,
            delivery_id=values.get("delivery_id"),
            outcome=values["outcome"],
            event_id=values.get("event_id"),
            events=tuple([ReceivedEvent.read(one) for one in values["events"]]),
            reason=values.get("reason"),
            detail=values.get("detail"),
            response=WebhookResponse.read(values["response"]),
        )


@dataclass(frozen=True)
class ReplayedDelivery:
    """What ``replay_delivery`` put back."""

    delivery_id: int
    """The delivery."""
    event_ids: tuple[int, ...]
    """Its events, each queued again with this delivery's body."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ReplayedDelivery:
        """From a result."""
        return made(
            cls,
            delivery_id=values["delivery_id"],
            event_ids=tuple(values["event_ids"]),
        )


@dataclass(frozen=True)
class RetentionPass:
    """What a pass did."""

    ran: bool
    """Whether a pass was due."""
    events: int
    """Events that went, or would go."""
    deliveries: int
    """Deliveries that went, or would go."""
    attempts: int
    """Attempts that went, or would go."""
    audits: int
    """Records of earlier prunes that went, or would go."""
    more: bool
    """Whether the limit left more, so that another pass is due at once."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RetentionPass:
        """From a result."""
        return made(
            cls,
            ran=values["ran"],
            events=values["events"],
            deliveries=values["deliveries"],
            attempts=values["attempts"],
            audits=values["audits"],
            more=values["more"],
        )


@dataclass(frozen=True)
class Stats:
    """The figures of a database."""

    endpoints: tuple[EndpointStats, ...]
    """By endpoint, in the order of creation."""
    events: EventCounts
    """Events by status over all endpoints."""
    oldest_waiting_ms: int | None
    """The longest over all endpoints."""
    last_hour: LastHour
    """The sum over all endpoints."""
    database_bytes: int
    """Size of the database file, in bytes."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Stats:
        """From a result."""
        return made(
            cls,
            endpoints=tuple([EndpointStats.read(one) for one in values["endpoints"]]),
            events=EventCounts.read(values["events"]),
            oldest_waiting_ms=values.get("oldest_waiting_ms"),
            last_hour=LastHour.read(values["last_hour"]),
            database_bytes=values["database_bytes"],
        )


@dataclass(frozen=True)
class Transition:
    """What became of the event."""

    event_id: int
    """The event."""
    status: EventStatus
    """Its status now."""
    changed: bool
    """Whether anything changed."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Transition:
        """From a result."""
        return made(
            cls,
            event_id=values["event_id"],
            status=values["status"],
            changed=values["changed"],
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a request is what it claims to be."""

    valid: bool
    """Whether it proved itself."""
    kind: VerdictKind | None
    """What it is; None where it was refused."""
    reason: Reason | None
    """Why it was refused."""
    detail: str | None
    """The same in one sentence."""
    items: tuple[Item, ...]
    """One for a single event, several for a batch, none for a handshake or a refusal."""
    response: WebhookResponse = field(repr=False)
    """What the provider expects as the answer."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Verdict:
        """From a result."""
        return made(
            cls,
            valid=values["valid"],
            kind=values.get("kind"),
            reason=values.get("reason"),
            detail=values.get("detail"),
            items=tuple([Item.read(one) for one in values["items"]]),
            response=WebhookResponse.read(values["response"]),
        )
