"""Operating: replay, requeue, ignore, prune, retention and stats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from knocker.arguments import row_id, to_argument, type_pattern
from knocker.filters import BulkFilter, PruneDeliveriesFilter, PruneEventsFilter, RetentionSettings
from knocker.metrics import ReceiveDurations
from knocker.reads import Reads
from knocker.records import BulkResult, PruneResult, ReplayedDelivery, RetentionPass, RetentionPolicy, Stats, Transition
from knocker.settings import EndpointSettings

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Operations(Reads):
    """The operating half of :class:`~knocker.Hooks`. Thread-safe; each call is one transaction.

    Errors: :class:`~knocker.UnknownEventError`, :class:`~knocker.UnknownDeliveryError`, :class:`~knocker.BadStateError` where the event is
    in a state that the action does not leave, :class:`~knocker.InvalidArgumentError`, and those of a failing database.
    """

    receive_durations: ReceiveDurations
    """How long the receipts of this process took, for its metrics."""

    def update_endpoint(self, name: str, **settings: Unpack[EndpointSettings]) -> int:
        """Changes the named settings of an endpoint and no others, such as ``enabled=False``; None puts a default back. Returns its id.

        The settings are those of :meth:`~knocker.Hooks.endpoint`, which also creates endpoints: here one that is not there is an
        :class:`~knocker.UnknownEndpointError`.
        """
        self.require_endpoint(name)
        return int(self.database.call("knocker_endpoint", name, to_argument("settings", settings)))

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
        return ReplayedDelivery.read(result)

    def replay_where(self, **filter: Unpack[BulkFilter]) -> BulkResult:
        """Replays every event that matches, oldest first: ``replay_where(status="dead", type="invoice.*")``. Give at least one of
        ``status``, ``endpoint``, ``type``, ``since`` and ``until``; ``limit`` is 1000; ``force`` is that of :meth:`replay`; ``dry_run``
        only tells what would happen."""
        return self._bulk("knocker_replay_where", filter)

    def requeue_where(self, **filter: Unpack[BulkFilter]) -> BulkResult:
        """Requeues every event that matches, as :meth:`replay_where`."""
        return self._bulk("knocker_requeue_where", filter)

    def ignore_where(self, **filter: Unpack[BulkFilter]) -> BulkResult:
        """Ignores every event that matches, as :meth:`replay_where`."""
        return self._bulk("knocker_ignore_where", filter)

    def prune_events(self, **filter: Unpack[PruneEventsFilter]) -> PruneResult:
        """Deletes ended events by their last activity, oldest first, with their attempts and deliveries, and records that it did.

        Give ``older_than_s`` or ``before``. ``status`` is handled and ignored unless named; dead events go only by name.
        """
        return PruneResult.read(json.loads(self.database.call("knocker_prune_events", _filter(filter))))

    def prune_deliveries(self, **filter: Unpack[PruneDeliveriesFilter]) -> PruneResult:
        """Deletes deliveries that no event needs as its payload: refused ones, handshakes and duplicates. Give ``older_than_s`` or
        ``before``."""
        return PruneResult.read(json.loads(self.database.call("knocker_prune_deliveries", _filter(filter))))

    def retention(self, endpoint: str | None = None, /, **policy: Unpack[RetentionSettings]) -> RetentionPolicy:
        """Stores how long rows are kept, for one endpoint or for every one without its own policy. Workers run the passes.

        An age that is left out keeps for ever; with no age at all the policy is removed.
        """
        given = to_argument("policy", {"endpoint": endpoint, **policy})
        return RetentionPolicy.read(json.loads(self.database.call("knocker_retention", given)))

    def retain(self) -> RetentionPass:
        """Runs the pass of the retention policies that is due, if any."""
        return RetentionPass.read(json.loads(self.database.call("knocker_retain")))

    def stats(self) -> Stats:
        """Counts by endpoint and status, the age of what waits, the last hour, and the size of the file."""
        return Stats.read(json.loads(self.database.call("knocker_stats")))

    def metrics(self, *, openmetrics: bool = False) -> str:
        """Every metric as the text that Prometheus reads, or as OpenMetrics: see ``docs/metrics.md``.

        :meth:`~knocker.Hooks.metrics_asgi` and :meth:`~knocker.Hooks.metrics_wsgi` serve it.
        """
        metrics_format = "openmetrics" if openmetrics else "prometheus"
        return str(self.database.call("knocker_metrics", metrics_format, self.receive_durations.to_json()))

    def _transition(self, function: str, event_id: int, *arguments: str | None) -> Transition:
        result = json.loads(self.database.call(function, row_id("event_id", event_id), *arguments))
        self.database.changed.notify()
        return Transition.read(result)

    def _bulk(self, function: str, filter: BulkFilter) -> BulkResult:
        endpoint = filter.get("endpoint")
        if endpoint is not None:
            # Names the nearest one, which nobody looks for inside a write transaction.
            self.require_endpoint(endpoint)
        result = BulkResult.read(json.loads(self.database.call(function, _filter(filter))))
        self.database.changed.notify()
        return result


def _options(force: bool) -> str | None:
    return to_argument("options", {"force": force}) if force else None


def _filter(filter: Mapping[str, Any]) -> str:
    if filter.get("type") is not None:
        type_pattern("type", filter["type"])
    return to_argument("filter", filter)
