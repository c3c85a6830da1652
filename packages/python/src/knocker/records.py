"""Stored rows, and what operator actions return, as typed objects. Times are aware datetimes in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EventStatus = Literal["received", "processing", "failed", "handled", "dead", "ignored"]
DeliveryOutcome = Literal["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled"]
AttemptOutcome = Literal["handled", "failed", "dead", "ignored", "lease_expired"]


@dataclass(frozen=True)
class EventRecord:
    """An event. ``status`` is received, processing, failed (it will be tried again), handled, dead or ignored.

    ``body`` is None in lists that were not asked for bodies.
    """

    id: int
    endpoint: str
    type: str | None
    key: str | None
    status: EventStatus
    attempts: int
    max_attempts: int
    reason: str | None
    delivery_id: int
    deliveries: int
    received_at: datetime
    last_delivery_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DeliveryRecord:
    """One HTTP receipt. ``headers`` have lower-case names, a repeated one as a list. ``body`` is None where none was kept or asked for."""

    id: int
    endpoint: str
    outcome: DeliveryOutcome
    event_id: int | None
    reason: str | None
    detail: str | None
    provider_event_id: str | None
    provider_delivery_id: str | None
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, Any] = field(repr=False)
    body_size: int
    body_sha256: str | None
    received_at: datetime
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt at an event. ``outcome`` is handled, failed, dead, ignored or lease_expired."""

    id: int
    event_id: int
    endpoint: str
    delivery_id: int
    attempt: int
    outcome: AttemptOutcome
    error: str | None
    worker: str
    duration_ms: int | None
    finished_at: datetime


@dataclass(frozen=True)
class EndpointRecord:
    """The stored settings of an endpoint."""

    id: int
    name: str
    provider: str | None
    options: Mapping[str, Any]
    enabled: bool
    max_attempts: int
    backoff: Mapping[str, Any]
    max_body_bytes: int
    unhandled: Literal["dead", "ignore"]
    on_redelivery: Literal["keep", "requeue_dead"]
    invalid_per_hour: int
    max_refused: int
    max_refused_bytes: int
    max_batch_events: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class PruneRecord:
    """The audit of one prune: what was asked for, and how many rows it deleted."""

    id: int
    kind: Literal["events", "deliveries", "retention"]
    filter: Mapping[str, Any]
    events: int
    deliveries: int
    attempts: int
    audits: int
    pruned_at: datetime


@dataclass(frozen=True)
class PolicyRecord:
    """A stored retention policy, and when its next pass is due. ``endpoint`` None is for every endpoint without its own."""

    id: int
    endpoint: str | None
    policy: Mapping[str, Any]
    next_run_at: datetime


@dataclass(frozen=True)
class EventDeliveryRecord:
    """That a delivery brought an event: created it, or as a ``duplicate`` repeated it."""

    event_id: int
    delivery_id: int
    duplicate: bool


@dataclass(frozen=True)
class Transition:
    """Where an operator action left an event, and whether it changed anything."""

    event_id: int
    status: EventStatus
    changed: bool


@dataclass(frozen=True)
class ReplayedDelivery:
    """The events that a replayed delivery put back in the queue."""

    delivery_id: int
    event_ids: tuple[int, ...]


@dataclass(frozen=True)
class BulkResult:
    """What a bulk action matched and changed; ``more`` says that its limit left some."""

    matched: int
    changed: int
    more: bool
    dry_run: bool


@dataclass(frozen=True)
class PruneResult:
    """What a prune deleted. ``prune_id`` names its audit, None for a dry run."""

    prune_id: int | None
    events: int
    deliveries: int
    attempts: int
    audits: int
    more: bool
    dry_run: bool


@dataclass(frozen=True)
class RetentionPolicy:
    """How long rows are kept, in seconds; None keeps for ever. ``endpoint`` None is for every endpoint without its own."""

    endpoint: str | None
    handled_s: int | None
    ignored_s: int | None
    dead_s: int | None
    deliveries_s: int | None
    audits_s: int | None
    interval_s: int
    limit: int


@dataclass(frozen=True)
class RetentionPass:
    """What a pass of the retention policies deleted; ``ran`` is false where none was due."""

    ran: bool
    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    audits: int = 0
    more: bool = False


@dataclass(frozen=True)
class EventCounts:
    """Events by status."""

    received: int
    processing: int
    failed: int
    handled: int
    dead: int
    ignored: int


@dataclass(frozen=True)
class LastHour:
    """Receipts, refused receipts and failed attempts of the last hour."""

    receipts: int
    refused: int
    failures: int


@dataclass(frozen=True)
class RefusedKept:
    """What is kept of refused deliveries, of which strangers can send as many as they like. ``full`` says that a bound of the endpoint is
    reached (``max_refused``, ``max_refused_bytes``): further ones are only counted until a prune or a retention policy makes room."""

    kept: int
    bytes: int
    full: bool


@dataclass(frozen=True)
class EndpointStats:
    """The figures of one endpoint. ``oldest_waiting_ms`` is how long the longest-waiting due job has been due."""

    endpoint: str
    provider: str | None
    enabled: bool
    events: EventCounts
    oldest_waiting_ms: int | None
    last_hour: LastHour
    refused: RefusedKept


@dataclass(frozen=True)
class Stats:
    """The figures of the whole file."""

    endpoints: tuple[EndpointStats, ...]
    events: EventCounts
    oldest_waiting_ms: int | None
    last_hour: LastHour
    database_bytes: int
