"""The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from knocker.connection import Connection, call
from knocker.database import Database
from knocker.driver_errors import translate
from knocker.endpoint import Endpoint
from knocker.errors import LeaseLostError
from knocker.event import Event
from knocker.giving_way import OwnCommits
from knocker.leases import Job, Leases
from knocker.lost_attempts import LostAttempt, event_of, last_attempt, lost_since
from knocker.shared_commit import MOST_EVENTS
from knocker.worker_connection import WorkerConnection

logger = logging.getLogger("knocker.worker")

# How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes. Never more
# than share a commit, whose end claims again.
_AHEAD_S = 0.05
# A claim takes so many times what the last one has found: a worker that has just begun knows little of how long its handlers take.
_GROWTH = 2
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
        self.commits = OwnCommits()
        """The worker's."""
        self._claiming = WorkerConnection(database, worker)
        self._extending = WorkerConnection(database, worker, is_rarely_used=True)
        self._generation = database.generation
        self._lease_s = lease_s
        self._endpoints = endpoints
        self._tell_lost = tell_lost
        self._lock = threading.Lock()
        self._ready: deque[Job] = deque()
        # The attempt of each job: the commit of its verdict may claim the next one, which is due at once.
        self._held: dict[int, int] = {}
        self._settled: set[int] = set()
        self._renewed_at_ms = database.current_ms()
        self._lost: set[int] = set()
        self._given_up: dict[int, tuple[int, float]] = {}
        self._usual_s: float | None = None
        self._last_claimed = 0
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
        try:
            return self._ready.popleft()
        except IndexError:
            return None

    def next_ready(self, idle: int, more_came: Callable[[], None]) -> Job | None:
        """As :meth:`take`, of what is claimed already."""
        job = self._next()
        if idle and self._ready:
            more_came()
        return job

    @property
    def has_ready(self) -> bool:
        """Whether there is more that is claimed already."""
        return bool(self._ready)

    def _forget(self) -> None:
        """The jobs were of a file that is gone, and so are their leases."""
        with self._lock:
            self._generation = self._database.generation
            self._ready.clear()
            self._held.clear()
            self._settled.clear()
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
        # One transaction, so that what another worker's claim records is not told here as well.
        with self.commits, self._claiming.transaction():
            if self._held and self._database.current_ms() - self._renewed_at_ms > self._lease_s * 1000:
                # Nothing of this process ran for that long, on a machine that slept, say: these are no jobs of a dead worker.
                self.renew(connection)
            claimed, lost = self._claim_on(connection, self._claiming.leases, names, self._wanted(wanted))
        if claimed:
            self._add(self._claiming.leases)
        if claimed or lost:
            self._claiming.committed(claimed + len(lost))
        return self._events_of(connection, lost)

    def _wanted(self, needed: int) -> int:
        """How many to claim where so many are needed at once."""
        if self._usual_s is None:
            return needed
        ahead = int(_AHEAD_S / self._usual_s * needed)
        return max(needed, min(needed + ahead, _GROWTH * self._last_claimed, MOST_EVENTS))

    def _claim_on(self, connection: Connection, leases: Leases, names: list[str], wanted: int) -> tuple[int, list[LostAttempt]]:
        """To be called in a transaction."""
        last = last_attempt(connection)
        claimed = self._last_claimed = leases.claim(wanted, self._lease_s, names)
        return claimed, lost_since(connection, last)

    def _add(self, leases: Leases) -> None:
        """What has been claimed is ready."""
        with self._lock:
            # As it was before it is read: whoever commits a verdict beside it may be through with that before it is handed out.
            before = dict(self._held)
            settled = set(self._settled)
        jobs = leases.jobs(without=before.keys() - settled)
        with self._lock:
            jobs = [job for job in jobs if before.get(job.id) != job.event.attempt and not self._is_given_up(job)]
            for job in jobs:
                self._held[job.id] = job.event.attempt
                self._settled.discard(job.id)
                self._lost.discard(job.id)
            # At the end: they are taken without the lock.
            self._ready.extend(jobs)

    def _events_of(self, connection: Connection, lost: list[LostAttempt]) -> list[tuple[Event, LostAttempt]]:
        return [(event, attempt) for attempt in lost if (event := event_of(connection, attempt)) is not None]

    def claim_next(self, connection: Connection, leases: Leases) -> Callable[[bool], None]:
        """Claims what comes next in a transaction of the connection that is about to be committed, and saves a commit of its own. To be
        called back with whether it was committed. Nothing is claimed where jobs are ready, or where somebody else is claiming."""
        names = [name for name, endpoint in self._endpoints.items() if len(endpoint.handlers)]
        if self._ready or not names or self._database.checkpoints.trouble is not None or not self._claiming.try_lock():
            return lambda _: None
        try:
            due = leases.next_due_ms(names) == 0
            claimed, lost = self._claim_on(connection, leases, names, self._wanted(1)) if due else (0, [])
        except BaseException:
            self._claiming.unlock()
            raise

        def ended(committed: bool) -> None:
            try:
                if committed and claimed:
                    self._add(leases)
                told = self._events_of(connection, lost) if committed else []
            finally:
                self._claiming.unlock()
            for event, attempt in told:
                self._tell_lost(event, attempt)

        return ended

    def _is_given_up(self, job: Job) -> bool:
        """Whether this is the very attempt whose result could not be written, and not the one after its lease has run out."""
        attempt, until = self._given_up.get(job.id, (0, 0.0))
        if attempt == job.event.attempt and time.monotonic() < until:
            return True
        self._given_up.pop(job.id, None)
        return False

    @contextmanager
    def settling(self, job_ids: Collection[int]) -> Iterator[None]:
        """Around the commit of verdicts: nobody extends those leases from then on, unless it fails. Until they are :meth:`finished` nobody
        hands them out again either: whoever claims beside the commit still sees them leased."""
        with self._lock:
            self._settled.update(job_ids)
        try:
            yield
        except BaseException:
            with self._lock:
                self._settled.difference_update(job_ids)
            raise

    def finished(self, job: Job, took_s: float, written: bool = True) -> None:
        """The handlers are through with the job, after that many seconds. Where its result could not be ``written``, it is not taken again
        before its lease has run out and counts as an attempt."""
        with self._lock:
            if self._held.get(job.id) == job.event.attempt:
                del self._held[job.id]
                self._settled.discard(job.id)
                self._lost.discard(job.id)
            if not written:
                self._given_up[job.id] = (job.event.attempt, time.monotonic() + self._lease_s + _MARGIN_S)
            usual_s = took_s if self._usual_s is None else 0.8 * self._usual_s + 0.2 * took_s
            self._usual_s = max(0.0005, usual_s)

    def extend(self) -> None:
        """Extends every lease held, in one transaction."""
        if not self._held:
            return
        with self.commits, self._extending.use() as connection:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            try:
                self.renew(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT").fetchall()
            self._extending.committed(1)

    def renew(self, connection: Connection, without: Collection[int] = ()) -> None:
        """Extends every lease held over a connection that has the write lock, but those of the jobs ``without``: they have a verdict in its
        transaction.

        One that has run out is extended too, as long as nobody has taken the job, and nobody can before the commit. So a handler that keeps
        the lock for longer than its lease loses none of the threads beside it theirs. What another worker or an operator has taken stays
        lost: its result will be refused.
        """
        with self._lock:
            held = sorted(self._held.keys() - set(without) - self._settled)
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
            news = sorted((job_ids & self._held.keys()) - self._settled - self._lost)
            self._lost.update(news)
        for job_id in news:
            fields = {"record": "lease_lost", "worker": self._worker, "job_id": job_id}
            logger.warning("the lease of job %d is lost: another worker or an operator has taken it", job_id, extra=fields)

    def release(self) -> int:
        """Gives back what was not started and returns how many. Nothing may be running any more."""
        with self._claiming.use():
            with self._lock:
                self._ready.clear()
                self._held.clear()
                self._settled.clear()
            return self._claiming.leases.release()

    def disconnect(self) -> None:
        """Closes the connections until they are needed again."""
        self._claiming.close()
        self._extending.close()
