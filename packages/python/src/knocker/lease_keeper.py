"""The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from knocker.connection import call, rows
from knocker.database import Database
from knocker.endpoint import Endpoint
from knocker.error_codes import LeaseLostError
from knocker.errors import translated
from knocker.leases import Job, Leases

logger = logging.getLogger("knocker.worker")

# How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes.
_AHEAD_S = 0.05
_MOST_AHEAD = 32
# An extension that was on its way when a job was given up.
_MARGIN_S = 1.0


class LeaseKeeper:
    """Thread-safe. Its own connections commit without waiting for the disk: a lease that a power failure takes back is only claimed again,
    while every verdict is synced before it counts."""

    def __init__(self, database: Database, worker: str, lease_s: int, endpoints: Mapping[str, Endpoint]) -> None:
        # One connection to claim and one to extend, so that neither waits while the other waits for the write lock.
        self._claiming = _Side(database, worker)
        self._extending = _Side(database, worker)
        self._lease_s = lease_s
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._ready: deque[Job] = deque()
        self._held: set[int] = set()
        self._lost: set[int] = set()
        self._given_up: dict[int, tuple[int, float]] = {}
        self._usual_s = 1.0
        self.due_ms: int | None = None
        """Milliseconds until the next job, as of the last :meth:`take` that found none; None where nothing waits."""

    def take(self, idle: int, more_came: Callable[[], None]) -> Job | None:
        """The next job, or None where none is due. ``idle`` others wait too; ``more_came`` is called where there is work for them."""
        job = self._next()
        if job is None:
            with self._claiming.lock, translated():
                job = self._next()
                if job is None:
                    self._claim(1 + idle)
                    job = self._next()
        if idle and self._ready:
            more_came()
        return job

    def _next(self) -> Job | None:
        with self._lock:
            return self._ready.popleft() if self._ready else None

    def _claim(self, wanted: int) -> None:
        names = [name for name, endpoint in self._endpoints.items() if len(endpoint.handlers)]
        # A look takes no lock; a claim would wait for whoever writes, for nothing.
        self.due_ms = self._claiming.leases.next_due_ms(names) if names else None
        if self.due_ms != 0:
            return
        ahead = min(_MOST_AHEAD, int(_AHEAD_S / self._usual_s * wanted))
        if self._claiming.leases.claim(wanted + ahead, self._lease_s, names):
            with self._lock:
                held = set(self._held)
            jobs = self._claiming.leases.jobs(without=held)
            with self._lock:
                jobs = [job for job in jobs if not self._is_given_up(job)]
                self._ready.extend(jobs)
                self._held.update(job.id for job in jobs)

    def _is_given_up(self, job: Job) -> bool:
        """Whether this is the very attempt whose verdict could not be written, and not the one after its lease has run out."""
        attempt, until = self._given_up.get(job.id, (0, 0.0))
        if attempt == job.event.attempt and time.monotonic() < until:
            return True
        self._given_up.pop(job.id, None)
        return False

    def finished(self, job: Job, took_s: float, written: bool = True) -> None:
        """The handlers are through with the job, after that many seconds. Where its verdict could not be ``written``, it is not taken again
        before its lease has run out and counts as an attempt."""
        with self._lock:
            self._held.discard(job.id)
            self._lost.discard(job.id)
            if not written:
                self._given_up[job.id] = (job.event.attempt, time.monotonic() + self._lease_s + _MARGIN_S)
            self._usual_s = max(0.0005, 0.8 * self._usual_s + 0.2 * took_s)

    def extend(self) -> None:
        """Extends every lease held, in one transaction. A lease that is lost stays lost: its verdict will be refused."""
        with self._extending.lock, translated():
            with self._lock:
                held = sorted(self._held)
            if not held:
                return
            connection = self._extending.connection
            connection.execute("BEGIN IMMEDIATE").fetchall()
            try:
                for job_id in held:
                    if job_id in self._held:
                        self._extend(job_id)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT").fetchall()

    def _extend(self, job_id: int) -> None:
        try:
            with translated():
                self._extending.leases.extend(job_id, self._lease_s)
        except LeaseLostError as error:
            with self._lock:
                # One that was finished meanwhile is not lost.
                news = job_id in self._held and job_id not in self._lost
                if news:
                    self._lost.add(job_id)
            if news:
                logger.warning("lease cannot be extended", extra={"job_id": job_id, "error": str(error)})

    def release(self) -> int:
        """Gives back what was not started and returns how many. Nothing may be running any more."""
        with self._claiming.lock, translated():
            with self._lock:
                self._ready.clear()
                self._held.clear()
            return self._claiming.leases.release()

    def close(self) -> None:
        """Closes the connections."""
        for side in (self._claiming, self._extending):
            with side.lock:
                side.connection.close()


class _Side:
    """A connection, who may use it, and the queue seen through it."""

    def __init__(self, database: Database, worker: str) -> None:
        self.lock = threading.Lock()
        self.connection = database.connect(synchronous="normal")
        self.leases = Leases(
            worker,
            lambda function, *arguments: call(self.connection, function, *arguments, database.now()),
            lambda sql, parameters: rows(self.connection, sql, parameters),
        )
