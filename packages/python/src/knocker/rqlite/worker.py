"""The worker on a cluster. Waking is by asking: nobody tells it of what other machines store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from knocker.attempt_report import FailureHooks
from knocker.database import Database
from knocker.endpoint import Endpoint
from knocker.errors import LeaseLostError, UsageError
from knocker.event import Event
from knocker.lease_keeper import LeaseKeeper
from knocker.rqlite.database import ClusterDatabase
from knocker.rqlite.seat import Seat, Surroundings
from knocker.worker import _BEATEN_S, Worker

logger = logging.getLogger("knocker.worker")


class ClusterWorker(Worker):
    """As a worker on a file, but for shared commits."""

    def __init__(
        self,
        database: ClusterDatabase,
        endpoints: Mapping[str, Endpoint],
        *,
        concurrency: int,
        poll: float,
        lease_s: int,
        hooks: FailureHooks,
    ) -> None:
        super().__init__(cast(Database, database), endpoints, concurrency=concurrency, poll=poll, lease_s=lease_s, hooks=hooks)
        around = Surroundings(database, endpoints, lease_s, self._handler_loop, hooks, self._tell_lost, set())
        self._seats = [Seat(around, f"{self.name}:{number}") for number in range(concurrency)]
        self._kept = ClusterKeeper(database, self._seats, lease_s)

    def _start(self) -> None:
        # It is asked for the same things.
        self._keeper = cast(LeaseKeeper, self._kept)
        self._runners = [self._thread(f"handler-{n}", self._work, seat) for n, seat in enumerate(self._seats)]
        self._threads = [self._thread("leases", self._keep, self._kept), *self._runners]
        logger.info("worker started", extra={"record": "worker_started", "worker": self.name, "concurrency": self._concurrency})
        for thread in self._threads:
            thread.start()

    def _work(self, seat: Seat) -> None:
        changed = self._database.changed
        while self._goes_on():
            # Looked at before the cluster is: a receipt that comes in between is not slept through.
            seen = changed.changes
            job = seat.take()
            if job is not None:
                seat.run(job)
                continue
            due_s = self._poll_s if seat.due_ms is None else max(seat.due_ms / 1000, _BEATEN_S)
            if self._goes_on():
                changed.wait(seen, min(self._poll_s, due_s))

    def drain_events(self, limit: int) -> list[tuple[Event, str]]:
        """As :meth:`drain`, with the events as their handlers got them."""
        self._database.refuse_closed()
        done: list[tuple[Event, str]] = []
        seat = self._seats[0]
        try:
            while not self._stopping.is_set() and (job := seat.take()) is not None:
                if len(done) >= limit:
                    raise UsageError(f"more is due after {limit} attempts: do handlers keep making work for themselves?")
                done.append((job.event, seat.run(job)))
        finally:
            self._release(cast(LeaseKeeper, self._kept))
            self._background.close()
        return done


class ClusterKeeper:
    """Keeps the leases of the seats."""

    def __init__(self, database: ClusterDatabase, seats: list[Seat], lease_s: int) -> None:
        self._database = database
        self._seats = seats
        self._lease_s = lease_s
        self._lost: set[tuple[int, int]] = set()

    def extend(self) -> None:
        """Extends what is held, each lease alone: one that is lost takes no other with it."""
        for seat in self._seats:
            for job in seat.held:
                try:
                    self._database.call("knocker_extend", job.id, seat.worker, self._lease_s)
                except LeaseLostError:
                    if job not in seat.held or (job.id, job.event.attempt) in self._lost:
                        continue
                    self._lost.add((job.id, job.event.attempt))
                    fields: dict[str, Any] = {"record": "lease_lost", "worker": seat.worker, "job_id": job.id}
                    logger.warning("the lease of job %d is lost: another worker or an operator has taken it", job.id, extra=fields)

    def release(self) -> int:
        """Gives back what was not started and returns how many. Nothing may be running any more."""
        return sum(int(self._database.call("knocker_release", seat.worker)) for seat in self._seats)

    def disconnect(self) -> None:
        """There is nothing to close."""
