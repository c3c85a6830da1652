"""The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from knocker.connection import Connection, call, rows
from knocker.database import Database
from knocker.endpoint import Endpoint
from knocker.errors import translated
from knocker.leases import Job, Leases

logger = logging.getLogger("knocker.worker")

# How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes.
_AHEAD_S = 0.05
_MOST_AHEAD = 32
# An extension that was on its way when a job was given up.
_MARGIN_S = 1.0
LONGEST_LEASE_S = 86_400


class LeaseKeeper:
    """Thread-safe. Its own connections commit without waiting for the disk: a lease that a power failure takes back is only claimed again,
    while every verdict is synced before it counts."""

    def __init__(self, database: Database, worker: str, lease_s: int, endpoints: Mapping[str, Endpoint]) -> None:
        # One connection to claim and one to extend, so that neither waits while the other waits for the write lock.
        self._database = database
        self._worker = worker
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
        """Extends every lease held, in one transaction."""
        with self._extending.lock, translated():
            if not self._held:
                return
            connection = self._extending.connection
            connection.execute("BEGIN IMMEDIATE").fetchall()
            try:
                self.renew(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT").fetchall()

    def renew(self, connection: Connection) -> None:
        """Extends every lease held over a connection that has the write lock.

        One that has run out is extended too while its row names this worker: nobody has taken it, and nobody can before the commit. So a
        handler that keeps the lock for longer than its lease loses neither its own job nor those of the threads beside it. What another
        worker or an operator has taken stays lost: its verdict will be refused.
        """
        with self._lock:
            held = sorted(self._held)
        now_ms = self._database.current_ms()
        sql = "SELECT job_id, lease_expires_at FROM knocker_jobs WHERE worker = ? AND job_id IN (SELECT value FROM json_each(?))"
        leased = dict(rows(connection, sql, [self._worker, json.dumps(held)]))
        for job_id, expires_at in leased.items():
            # As of the moment at which it was valid last.
            as_of = min(now_ms, expires_at)
            lease_s = min(LONGEST_LEASE_S, self._lease_s + (now_ms - as_of + 999) // 1000)
            call(connection, "knocker_extend", job_id, self._worker, lease_s, as_of)
        self._note_lost(set(held) - leased.keys())

    def _note_lost(self, job_ids: set[int]) -> None:
        with self._lock:
            # One that was finished meanwhile is not lost.
            news = sorted((job_ids & self._held) - self._lost)
            self._lost.update(news)
        for job_id in news:
            logger.warning("the lease of job %d is lost: another worker or an operator has taken it", job_id, extra={"job_id": job_id})

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
