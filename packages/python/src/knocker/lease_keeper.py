"""The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from knocker.connection import Connection, call
from knocker.database import Database
from knocker.driver_errors import translate
from knocker.endpoint import Endpoint
from knocker.errors import LeaseLostError
from knocker.event import Event
from knocker.leases import Job
from knocker.lost_attempts import LostAttempt, event_of, last_attempt, lost_since
from knocker.worker_connection import WorkerConnection

logger = logging.getLogger("knocker.worker")

# How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes.
_AHEAD_S = 0.05
_MOST_AHEAD = 32
# An extension that was on its way when a job was given up.
_MARGIN_S = 1.0
LONGEST_LEASE_S = 86_400

TellLost = Callable[[Event, LostAttempt], None]
"""What is to happen with an attempt that nobody has ended."""


class LeaseKeeper:
    """Thread-safe. Its connections commit as receipts do: a commit that is not synced lies in front of synced ones, and they are lost with
    its pages."""

    def __init__(self, database: Database, worker: str, lease_s: int, endpoints: Mapping[str, Endpoint], tell_lost: TellLost) -> None:
        """``tell_lost`` is called with each attempt of a worker that died or let go of it, once its claim has recorded it."""
        # One connection to claim and one to extend, so that neither waits while the other waits for the write lock.
        self._database = database
        self._worker = worker
        self._claiming = WorkerConnection(database, worker)
        self._extending = WorkerConnection(database, worker)
        self._generation = database.generation
        self._lease_s = lease_s
        self._endpoints = endpoints
        self._tell_lost = tell_lost
        self._lock = threading.Lock()
        self._ready: deque[Job] = deque()
        self._held: set[int] = set()
        self._renewed_at_ms = database.current_ms()
        self._lost: set[int] = set()
        self._given_up: dict[int, tuple[int, float]] = {}
        self._usual_s = 1.0
        self.due_ms: int | None = None
        """Milliseconds until the next job, as of the last :meth:`take` that found none; None where nothing waits."""

    def take(self, idle: int, more_came: Callable[[], None]) -> Job | None:
        """The next job, or None where none is due. ``idle`` others wait too; ``more_came`` is called where there is work for them."""
        if self._generation != self._database.generation:
            self._forget()
        lost: list[tuple[Event, LostAttempt]] = []
        job = self._next()
        if job is None:
            with self._claiming.use() as connection:
                job = self._next()
                if job is None:
                    lost = self._claim(connection, 1 + idle)
                    job = self._next()
        if idle and self._ready:
            more_came()
        # Whoever is told may take his time, and use the file.
        for event, attempt in lost:
            self._tell_lost(event, attempt)
        return job

    def _next(self) -> Job | None:
        with self._lock:
            return self._ready.popleft() if self._ready else None

    def _forget(self) -> None:
        """The jobs were of a file that is gone, and so are their leases."""
        with self._lock:
            self._generation = self._database.generation
            self._ready.clear()
            self._held.clear()
            self._lost.clear()
            self._given_up.clear()

    def _claim(self, connection: Connection, wanted: int) -> list[tuple[Event, LostAttempt]]:
        """Claims what is due, and returns the attempts that turned out to be lost."""
        names = [name for name, endpoint in self._endpoints.items() if len(endpoint.handlers)]
        # A look takes no lock; a claim would wait for whoever writes, for nothing.
        self.due_ms = self._claiming.leases.next_due_ms(names) if names else None
        if self.due_ms != 0:
            return []
        self._database.checkpoints.require_sound(connection)
        ahead = min(_MOST_AHEAD, int(_AHEAD_S / self._usual_s * wanted))
        # One transaction, so that what another worker's claim records is not told here as well.
        with self._claiming.transaction():
            if self._held and self._database.current_ms() - self._renewed_at_ms > self._lease_s * 1000:
                # Nothing of this process ran for that long, on a machine that slept, say: these are no jobs of a dead worker.
                self.renew(connection)
            last = last_attempt(connection)
            claimed = self._claiming.leases.claim(wanted + ahead, self._lease_s, names)
            lost = lost_since(connection, last)
        if claimed:
            with self._lock:
                held = set(self._held)
            jobs = self._claiming.leases.jobs(without=held)
            with self._lock:
                jobs = [job for job in jobs if not self._is_given_up(job)]
                self._ready.extend(jobs)
                self._held.update(job.id for job in jobs)
        if claimed or lost:
            self._claiming.committed(claimed + len(lost))
        return [(event, attempt) for attempt in lost if (event := event_of(connection, attempt)) is not None]

    def _is_given_up(self, job: Job) -> bool:
        """Whether this is the very attempt whose result could not be written, and not the one after its lease has run out."""
        attempt, until = self._given_up.get(job.id, (0, 0.0))
        if attempt == job.event.attempt and time.monotonic() < until:
            return True
        self._given_up.pop(job.id, None)
        return False

    def finished(self, job: Job, took_s: float, written: bool = True) -> None:
        """The handlers are through with the job, after that many seconds. Where its result could not be ``written``, it is not taken again
        before its lease has run out and counts as an attempt."""
        with self._lock:
            self._held.discard(job.id)
            self._lost.discard(job.id)
            if not written:
                self._given_up[job.id] = (job.event.attempt, time.monotonic() + self._lease_s + _MARGIN_S)
            self._usual_s = max(0.0005, 0.8 * self._usual_s + 0.2 * took_s)

    def extend(self) -> None:
        """Extends every lease held, in one transaction."""
        if not self._held:
            return
        with self._extending.use() as connection:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            try:
                self.renew(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT").fetchall()
            self._extending.committed(1)

    def renew(self, connection: Connection) -> None:
        """Extends every lease held over a connection that has the write lock.

        One that has run out is extended too, as long as nobody has taken the job, and nobody can before the commit. So a handler that keeps
        the lock for longer than its lease loses none of the threads beside it theirs. What another worker or an operator has taken stays
        lost: its result will be refused.
        """
        with self._lock:
            held = sorted(self._held)
            self._renewed_at_ms = self._database.current_ms()
        lost = set()
        for job_id in held:
            try:
                call(connection, "knocker_extend", job_id, self._worker, self._lease_s, self._database.now())
            except Exception as error:
                if not isinstance(translate(error), LeaseLostError):
                    raise
                lost.add(job_id)
        self._note_lost(lost)

    def _note_lost(self, job_ids: set[int]) -> None:
        with self._lock:
            # One that was finished meanwhile is not lost.
            news = sorted((job_ids & self._held) - self._lost)
            self._lost.update(news)
        for job_id in news:
            logger.warning("the lease of job %d is lost: another worker or an operator has taken it", job_id, extra={"job_id": job_id})

    def release(self) -> int:
        """Gives back what was not started and returns how many. Nothing may be running any more."""
        with self._claiming.use():
            with self._lock:
                self._ready.clear()
                self._held.clear()
            return self._claiming.leases.release()

    def disconnect(self) -> None:
        """Closes the connections until they are needed again."""
        self._claiming.close()
        self._extending.close()
