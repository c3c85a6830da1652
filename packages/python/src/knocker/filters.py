# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""What actions, filters and policies may say."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Literal, TypedDict

from knocker.event import Moment
from knocker.records import EventStatus, Reason
from knocker.request import HeadersLike

__all__ = [
    "ActionOptions",
    "BulkFilter",
    "ClaimFilter",
    "DueFilter",
    "FailedOptions",
    "IngestFields",
    "LooseOutcome",
    "PrunableStatus",
    "PruneDeliveriesFilter",
    "PruneEventsFilter",
    "RetentionSettings",
]

PrunableStatus = Literal["handled", "ignored", "dead"]
"""What a filter's ``status`` may be."""

LooseOutcome = Literal["invalid", "handshake", "too_large", "disabled", "duplicate"]
"""What a filter's ``outcome`` may be."""


class IngestFields(TypedDict, total=False):
    """What a caller that has verified a request itself says of it."""

    valid: bool
    """Only True creates an event."""
    type: str | None
    """The event's type."""
    key: str | None
    """The identity that dedupe uses; it wins over the provider's ids."""
    reason: Reason | None
    """Why it is not valid."""
    detail: str | None
    """The same in one sentence."""
    provider_event_id: str | None
    """The provider's id of the occurrence."""
    provider_delivery_id: str | None
    """The provider's id of the delivery."""
    method: str | None
    """The method of the request. Default "POST"."""
    url: str | None
    """Its URL. Default "/"."""
    headers: HeadersLike | None
    """Its headers."""


class ClaimFilter(TypedDict, total=False):
    """Which jobs a worker takes."""

    endpoints: str | Collection[str] | None
    """Those of these endpoints; left out: of all."""


class DueFilter(TypedDict, total=False):
    """Whose next claim is asked about."""

    endpoints: str | Collection[str] | None
    """Those of these endpoints; left out: of all."""
    worker: str | None
    """The name of the worker; left out: of one that holds nothing."""


class FailedOptions(TypedDict, total=False):
    """How a failed attempt goes on."""

    retry_after_s: float | timedelta | None
    """Seconds until the next attempt, instead of the endpoint's backoff. 0 to 2,592,000 seconds."""
    dead: bool | None
    """No further attempt."""
    no_handler: bool | None
    """No handler wants the event: the endpoint's ``unhandled`` decides."""


class ActionOptions(TypedDict, total=False):
    """How an operator's action on one event is done."""

    force: bool | None
    """Also take an event that waits, or that a worker is working on: the worker finds its lease lost."""


class BulkFilter(TypedDict, total=False):
    """Which events a bulk action takes, oldest first: at least one of ``status``, ``endpoint``, ``type``, ``since`` and ``until``."""

    status: EventStatus | Collection[EventStatus] | None
    """One status or several, of those that the action leaves; with ``force`` those of waiting and running events too."""
    endpoint: str | None
    """The endpoint."""
    type: str | None
    """The type: exact, or ``prefix.*``."""
    since: Moment | None
    """Received at or after this time."""
    until: Moment | None
    """Received before this time."""
    limit: int | None
    """Events that one call takes at most. 1 to 100,000. Default 1,000."""
    force: bool | None
    """Lets ``status`` name events that wait, or that a worker is working on: the worker finds its lease lost."""
    dry_run: bool | None
    """Only tell what would happen."""


class PruneEventsFilter(TypedDict, total=False):
    """Which ended events to delete, oldest first. One of ``older_than_s`` and ``before`` is required."""

    older_than_s: float | timedelta | None
    """The last activity (ended at, or last delivery) was longer ago than this. 0 to 100,000,000,000 seconds."""
    before: Moment | None
    """The last activity was before this time."""
    status: PrunableStatus | Collection[PrunableStatus] | None
    """One status or several; dead events go only by name. Default ["handled", "ignored"]."""
    endpoint: str | None
    """The endpoint."""
    type: str | None
    """The type: exact, or ``prefix.*``."""
    limit: int | None
    """Events that one call deletes at most. 1 to 100,000. Default 1,000."""
    audits: bool | None
    """Old prune records too."""
    dry_run: bool | None
    """Only tell what would happen."""


class PruneDeliveriesFilter(TypedDict, total=False):
    """Which deliveries to delete, oldest first, of those that no event needs as its payload. One of ``older_than_s`` and ``before`` is
    required."""

    older_than_s: float | timedelta | None
    """Received longer ago than this. 0 to 100,000,000,000 seconds."""
    before: Moment | None
    """Received before this time."""
    outcome: LooseOutcome | Collection[LooseOutcome] | None
    """One outcome or several."""
    endpoint: str | None
    """The endpoint."""
    limit: int | None
    """Deliveries that one call deletes at most. 1 to 100,000. Default 1,000."""
    dry_run: bool | None
    """Only tell what would happen."""


class RetentionSettings(TypedDict, total=False):
    """How long rows are kept. An age that is left out or None keeps them for ever; with no age at all the policy is removed."""

    endpoint: str | None
    """The endpoint; left out or None: every one without its own policy."""
    handled_s: int | timedelta | None
    """Age of handled events, since their last activity. 0 to 100,000,000,000 seconds."""
    ignored_s: int | timedelta | None
    """Age of ignored events. 0 to 100,000,000,000 seconds."""
    dead_s: int | timedelta | None
    """Age of dead events. 0 to 100,000,000,000 seconds."""
    deliveries_s: int | timedelta | None
    """Age of deliveries that no event needs. 0 to 100,000,000,000 seconds."""
    audits_s: int | timedelta | None
    """Age of prune records, which belong to no endpoint: it goes without ``endpoint``. 0 to 100,000,000,000 seconds."""
    interval_s: int | timedelta | None
    """Time between passes. 1 to 31,536,000 seconds. Default 3,600."""
    limit: int | None
    """Rows of a kind that one pass deletes at most, over all endpoints. 1 to 100,000. Default 1,000."""
