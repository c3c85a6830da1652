"""Operating: replay, requeue, ignore, prune, retention and stats."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from knocker.arguments import moment_ms, row_id, seconds, to_json, type_pattern
from knocker.event import Moment
from knocker.reads import Reads
from knocker.records import (
    BulkResult,
    EndpointStats,
    EventCounts,
    LastHour,
    PruneResult,
    RefusedKept,
    ReplayedDelivery,
    RetentionPass,
    RetentionPolicy,
    Stats,
    Transition,
)
from knocker.where import OneOrMore

Seconds = int | timedelta
"""A duration in whole seconds, or a timedelta."""


class Operations(Reads):
    """The operating half of :class:`~knocker.Hooks`. Thread-safe; each call is one transaction.

    Errors: :class:`~knocker.UnknownEventError`, :class:`~knocker.UnknownDeliveryError`, :class:`~knocker.BadStateError` where the event is
    in a state that the action does not leave, :class:`~knocker.InvalidArgumentError`, and those of a failing database.
    """

    def update_endpoint(self, name: str, **settings: Any) -> int:
        """Changes the named settings of an endpoint and no others, such as ``enabled=False``; None puts a default back. Returns its id.

        The settings are those of :meth:`~knocker.Hooks.endpoint`, which also creates endpoints: here one that is not there is an
        :class:`~knocker.UnknownEndpointError`.
        """
        self.require_endpoint(name)
        return int(self.database.call("knocker_endpoint", name, to_json("settings", settings)))

    def replay(self, event_id: int, *, force: bool = False) -> Transition:
        """Handles an event again: from handled, failed, dead or ignored. With ``force`` from received and processing too: a worker that
        has it finds its lease lost, and rolls back."""
        return self._transition("knocker_replay", event_id, _options(force))

    def requeue(self, event_id: int, *, force: bool = False) -> Transition:
        """Gives an event that was not handled a new life: from failed, dead or ignored. With ``force`` from received and processing too."""
        return self._transition("knocker_requeue", event_id, _options(force))

    def ignore(self, event_id: int, reason: str | None = None, *, force: bool = False) -> Transition:
        """Says that an event will not be handled: from received, failed or dead; no effect on an ignored one. With ``force`` from
        processing too."""
        return self._transition("knocker_ignore", event_id, reason, _options(force))

    def replay_delivery(self, delivery_id: int, *, force: bool = False) -> ReplayedDelivery:
        """Runs the handlers on that delivery's own body. With ``force`` also where its events are received or processing."""
        result = json.loads(self.database.call("knocker_replay_delivery", row_id("delivery_id", delivery_id), _options(force)))
        self.database.changed.notify()
        return ReplayedDelivery(result["delivery_id"], tuple(result["event_ids"]))

    def replay_where(
        self,
        *,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> BulkResult:
        """Replays every event that matches, oldest first, at most ``limit`` (1000). Give at least one condition. ``force`` is that of
        :meth:`replay`."""
        return self._bulk("knocker_replay_where", status, endpoint, type, since, until, limit, force, dry_run)

    def requeue_where(
        self,
        *,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> BulkResult:
        """Requeues every event that matches."""
        return self._bulk("knocker_requeue_where", status, endpoint, type, since, until, limit, force, dry_run)

    def ignore_where(
        self,
        *,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> BulkResult:
        """Ignores every event that matches."""
        return self._bulk("knocker_ignore_where", status, endpoint, type, since, until, limit, force, dry_run)

    def prune_events(
        self,
        *,
        older_than_s: Seconds | None = None,
        before: Moment | None = None,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        limit: int | None = None,
        audits: bool | None = None,
        dry_run: bool = False,
    ) -> PruneResult:
        """Deletes ended events by their last activity, oldest first, with their attempts and deliveries, and records that it did.

        Give ``older_than_s`` or ``before``. ``status`` is handled and ignored unless named; dead events go only by name.
        """
        filter = _filter(
            older_than_s=seconds("older_than_s", older_than_s),
            before=moment_ms("before", before),
            status=status,
            endpoint=endpoint,
            type=type,
            limit=limit,
            audits=audits,
            dry_run=dry_run or None,
        )
        return PruneResult(**json.loads(self.database.call("knocker_prune_events", filter)))

    def prune_deliveries(
        self,
        *,
        older_than_s: Seconds | None = None,
        before: Moment | None = None,
        outcome: OneOrMore | None = None,
        endpoint: str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> PruneResult:
        """Deletes deliveries that no event needs as its payload: refused ones, handshakes and duplicates."""
        filter = _filter(
            older_than_s=seconds("older_than_s", older_than_s),
            before=moment_ms("before", before),
            outcome=outcome,
            endpoint=endpoint,
            limit=limit,
            dry_run=dry_run or None,
        )
        return PruneResult(**json.loads(self.database.call("knocker_prune_deliveries", filter)))

    def retention(
        self,
        endpoint: str | None = None,
        *,
        handled_s: Seconds | None = None,
        ignored_s: Seconds | None = None,
        dead_s: Seconds | None = None,
        deliveries_s: Seconds | None = None,
        audits_s: Seconds | None = None,
        interval_s: Seconds | None = None,
        limit: int | None = None,
    ) -> RetentionPolicy:
        """Stores how long rows are kept, for one endpoint or for every one without its own policy. Workers run the passes.

        An age that is left out keeps for ever; with no age at all the policy is removed.
        """
        policy = _filter(
            endpoint=endpoint,
            handled_s=seconds("handled_s", handled_s),
            ignored_s=seconds("ignored_s", ignored_s),
            dead_s=seconds("dead_s", dead_s),
            deliveries_s=seconds("deliveries_s", deliveries_s),
            audits_s=seconds("audits_s", audits_s),
            interval_s=seconds("interval_s", interval_s),
            limit=limit,
        )
        return RetentionPolicy(**json.loads(self.database.call("knocker_retention", policy)))

    def retain(self) -> RetentionPass:
        """Runs the pass of the retention policies that is due, if any."""
        return RetentionPass(**json.loads(self.database.call("knocker_retain")))

    def stats(self) -> Stats:
        """Counts by endpoint and status, the age of what waits, the last hour, and the size of the file."""
        result: dict[str, Any] = json.loads(self.database.call("knocker_stats"))
        return Stats(
            endpoints=tuple(
                EndpointStats(
                    endpoint=one["endpoint"],
                    provider=one["provider"],
                    enabled=one["enabled"],
                    events=EventCounts(**one["events"]),
                    oldest_waiting_ms=one["oldest_waiting_ms"],
                    last_hour=LastHour(**one["last_hour"]),
                    refused=RefusedKept(**one["refused"]),
                )
                for one in result["endpoints"]
            ),
            events=EventCounts(**result["events"]),
            oldest_waiting_ms=result["oldest_waiting_ms"],
            last_hour=LastHour(**result["last_hour"]),
            database_bytes=result["database_bytes"],
        )

    def _transition(self, function: str, event_id: int, *arguments: str | None) -> Transition:
        result = json.loads(self.database.call(function, row_id("event_id", event_id), *arguments))
        self.database.changed.notify()
        return Transition(**result)

    def _bulk(
        self,
        function: str,
        status: OneOrMore | None,
        endpoint: str | None,
        type: str | None,
        since: Moment | None,
        until: Moment | None,
        limit: int | None,
        force: bool,
        dry_run: bool,
    ) -> BulkResult:
        if endpoint is not None:
            # Names the nearest one, which nobody looks for inside a write transaction.
            self.require_endpoint(endpoint)
        filter = _filter(
            status=status,
            endpoint=endpoint,
            type=type,
            since=moment_ms("since", since),
            until=moment_ms("until", until),
            limit=limit,
            force=force or None,
            dry_run=dry_run or None,
        )
        result = BulkResult(**json.loads(self.database.call(function, filter)))
        self.database.changed.notify()
        return result


def _options(force: bool) -> str | None:
    return to_json("options", {"force": force}) if force else None


def _filter(**given: Any) -> str:
    """The JSON argument, without what was not given."""
    if given.get("type") is not None:
        type_pattern("type", given["type"])
    return to_json("filter", {name: value for name, value in given.items() if value is not None})
