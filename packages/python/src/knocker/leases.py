"""Leases on jobs: what a worker does between a receipt and a result, call by call.

:class:`~knocker.Worker` does all of this for you. It is public for those who write a worker of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from knocker.event import Event, EventDelivery, StoredHeaders, made, to_datetime
from knocker.records import Failure

JOB_COLUMNS = (
    "job_id, worker, event_id, delivery_id, endpoint, type, key, attempt, max_attempts, lease_expires_at, received_at, "
    "method, url, headers, body"
)
"""What :func:`job_of` reads."""


@dataclass(frozen=True)
class Job:
    """A job leased to a worker, with the event that its handlers get."""

    id: int
    worker: str
    lease_expires_at: datetime
    event: Event


class Leases:
    """The queue as one worker sees it. ``worker`` must be a name that no other worker uses.

    ``call`` runs one SQL function with the clock added, ``rows`` a query. A result is to be written in the transaction of the handler's
    own writes; each raises :class:`~knocker.LeaseLostError` where the lease is not this worker's any more: roll back then.
    """

    def __init__(self, worker: str, call: Callable[..., Any], rows: Callable[..., list[tuple[Any, ...]]]) -> None:
        self.worker = worker
        self._call = call
        self._rows = rows

    def claim(self, limit: int, lease_s: int, endpoints: Collection[str] | None = None) -> int:
        """Leases up to ``limit`` due jobs, oldest first over the endpoints (default: all), and returns how many."""
        return int(self._call("knocker_claim", self.worker, limit, lease_s, _filter(endpoints)))

    def jobs(self, without: Collection[int] = ()) -> list[Job]:
        """The jobs leased to this worker, but those of the given ids."""
        sql = f"SELECT {JOB_COLUMNS} FROM knocker_jobs WHERE worker = ?"
        if without:
            sql += " AND job_id NOT IN (SELECT value FROM json_each(?))"
        rows = self._rows(sql + " ORDER BY job_id", [self.worker, *([json.dumps(list(without))] if without else [])])
        return [job_of(row) for row in rows]

    def handled(self, job_id: int, duration_ms: int) -> None:
        """The event is handled and the job gone."""
        self._call("knocker_handled", job_id, self.worker, duration_ms)

    def failed(
        self,
        job_id: int,
        error: str,
        duration_ms: int,
        *,
        retry_after_s: float | None = None,
        dead: bool = False,
        no_handler: bool = False,
    ) -> Failure:
        """The attempt failed: another one follows unless ``dead``, ``no_handler`` or the number of attempts say otherwise."""
        given = {"retry_after_s": retry_after_s, "dead": dead or None, "no_handler": no_handler or None}
        options = json.dumps({name: value for name, value in given.items() if value is not None})
        return Failure.read(json.loads(self._call("knocker_failed", job_id, self.worker, error, duration_ms, options)))

    def skipped(self, job_id: int, reason: str, duration_ms: int) -> None:
        """The event is ignored."""
        self._call("knocker_skipped", job_id, self.worker, reason, duration_ms)

    def extend(self, job_id: int, lease_s: int) -> datetime:
        """Extends a lease to ``lease_s`` seconds from now and returns when it runs out."""
        return to_datetime(self._call("knocker_extend", job_id, self.worker, lease_s))

    def release(self) -> int:
        """Gives back every lease of this worker, the attempts uncounted, and returns how many."""
        return int(self._call("knocker_release", self.worker))

    def next_due_ms(self, endpoints: Collection[str] | None = None) -> int | None:
        """Milliseconds until the next claim of this worker has something to do: 0 for now, None where nothing waits."""
        filter = {"worker": self.worker, "endpoints": None if endpoints is None else list(endpoints)}
        due: int | None = self._call("knocker_next_due", json.dumps(filter))
        return due


def _filter(endpoints: Collection[str] | None) -> str | None:
    return None if endpoints is None else json.dumps({"endpoints": list(endpoints)})


def job_of(row: tuple[Any, ...]) -> Job:
    """From a row of the view."""
    (
        job_id,
        worker,
        event_id,
        delivery_id,
        endpoint,
        kind,
        key,
        attempt,
        most,
        expires_at,
        received_at,
        method,
        url,
        headers,
        body,
    ) = row
    delivery = made(EventDelivery, id=delivery_id, method=method, url=url, headers=StoredHeaders(headers))
    event = made(
        Event,
        id=event_id,
        endpoint=endpoint,
        type=kind,
        key=key,
        body=body or b"",
        attempt=attempt,
        max_attempts=most,
        received_at=to_datetime(received_at),
        delivery=delivery,
    )
    return made(Job, id=job_id, worker=worker, lease_expires_at=to_datetime(expires_at), event=event)
