"""The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end."""

from __future__ import annotations

import logging
import threading
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


class LeaseKeeper:
    """Thread-safe. Its own connection commits without waiting for the disk: a lease that a power failure takes back is only claimed again,
    while every verdict is synced before it counts."""

    def __init__(self, database: Database, worker: str, lease_s: int, endpoints: Mapping[str, Endpoint]) -> None:
        self._connection = database.connect(synchronous="normal")
        self._lease_s = lease_s
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._ready: deque[Job] = deque()
        self._held: set[int] = set()
        self._lost: set[int] = set()
        self._usual_s = 1.0
        self._leases = Leases(
            worker,
            lambda function, *arguments: call(self._connection, function, *arguments, database.now()),
            lambda sql, parameters: rows(self._connection, sql, parameters),
        )
        self.due_ms: int | None = None
        """Milliseconds until the next job, as of the last :meth:`take` that found none; None where nothing waits."""

    def take(self, idle: int, more_came: Callable[[], None]) -> Job | None:
        """The next job, or None where none is due. ``idle`` others wait too; ``more_came`` is called where there is work for them."""
        with self._lock, translated():
            if not self._ready:
                self._claim(1 + idle)
            job = self._ready.popleft() if self._ready else None
            more = bool(self._ready)
        if more and idle:
            more_came()
        return job

    def _claim(self, wanted: int) -> None:
        names = [name for name, endpoint in self._endpoints.items() if len(endpoint.handlers)]
        # A look takes no lock; a claim would wait for whoever writes, for nothing.
        self.due_ms = self._leases.next_due_ms(names) if names else None
        if self.due_ms != 0:
            return
        ahead = min(_MOST_AHEAD, int(_AHEAD_S / self._usual_s * wanted))
        if self._leases.claim(wanted + ahead, self._lease_s, names):
            jobs = self._leases.jobs(without=self._held)
            self._ready.extend(jobs)
            self._held.update(job.id for job in jobs)

    def finished(self, job: Job, took_s: float) -> None:
        """The job has its verdict, after that many seconds."""
        with self._lock:
            self._held.discard(job.id)
            self._lost.discard(job.id)
            self._usual_s = max(0.0005, 0.8 * self._usual_s + 0.2 * took_s)

    def extend(self) -> None:
        """Extends every lease held, in one transaction. A lease that is lost stays lost: its verdict will be refused."""
        with self._lock:
            held = sorted(self._held)
            if not held:
                return
            with translated():
                self._connection.execute("BEGIN IMMEDIATE").fetchall()
                try:
                    for job_id in held:
                        self._extend(job_id)
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("COMMIT").fetchall()

    def _extend(self, job_id: int) -> None:
        try:
            with translated():
                self._leases.extend(job_id, self._lease_s)
        except LeaseLostError as error:
            if job_id not in self._lost:
                self._lost.add(job_id)
                logger.warning("lease cannot be extended", extra={"job_id": job_id, "error": str(error)})

    def release(self) -> int:
        """Gives back what was not started and returns how many. Nothing may be running any more."""
        with self._lock, translated():
            self._ready.clear()
            self._held.clear()
            return self._leases.release()

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._connection.close()
