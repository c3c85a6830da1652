"""One thread of a worker on a cluster: it claims a job, runs its handlers, and writes what became of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knocker.attempt import UNWRITTEN, is_awaitable, write_verdict
from knocker.attempt_report import AttemptReport, FailureHooks
from knocker.decision import Ignore, stored_text
from knocker.endpoint import Endpoint
from knocker.errors import ClusterUnavailableError, KnockerError, LeaseLostError, NoHandlerError
from knocker.event import Event
from knocker.handlers import Handler
from knocker.leases import Job
from knocker.lost_attempts import EVENT, LAST, LOST, LostAttempt, event_with, lost_of
from knocker.rqlite.cluster import Statement, function
from knocker.rqlite.database import ClusterDatabase
from knocker.rqlite.queue import JOBS, read_job
from knocker.rqlite.tx import ClusterTransaction
from knocker.rqlite.verdicts import Verdicts


@dataclass(frozen=True)
class Surroundings:
    """What the seats of a worker share."""

    database: ClusterDatabase
    endpoints: Mapping[str, Endpoint]
    lease_s: int
    loop: Callable[[], asyncio.AbstractEventLoop]
    hooks: FailureHooks
    tell_lost: Callable[[Event, LostAttempt], None]
    checked: set[str]
    """The SQL that the cluster is known to understand."""

    @property
    def names(self) -> list[str]:
        """The endpoints that have handlers."""
        return [name for name, endpoint in self.endpoints.items() if len(endpoint.handlers)]


class Seat:
    """For one thread, but for :attr:`running`."""

    def __init__(self, around: Surroundings, worker: str) -> None:
        """``worker`` is a name that no other seat has: what is leased to it is this one's."""
        self.worker = worker
        self.due_ms: int | None = None
        """Milliseconds until the next job, as of the last :meth:`take` that found none; None where nothing waits."""
        self._around = around
        self._lock = threading.Lock()
        self._running: Job | None = None
        self._ready: deque[Job] = deque()
        # Those whose result could not be written: their lease runs out and counts as an attempt.
        self._given_up: dict[int, int] = {}

    @property
    def held(self) -> list[Job]:
        """The jobs whose leases are to be extended."""
        with self._lock:
            return [*([self._running] if self._running is not None else []), *self._ready]

    def take(self) -> Job | None:
        """The next job, or None where none is due."""
        if not self._ready:
            self._claim()
        with self._lock:
            self._running = self._ready.popleft() if self._ready else None
            return self._running

    def _claim(self) -> None:
        database, names = self._around.database, self._around.names
        self.due_ms = None
        if not names:
            return
        now = database.now()
        due = function("knocker_next_due", [json.dumps({"worker": self.worker, "endpoints": names}), now])
        # A look writes nothing to the log of the cluster.
        [(self.due_ms,)], last = database.cluster.read([due, Statement(LAST)])
        if self.due_ms != 0:
            return
        claim = function("knocker_claim", [self.worker, 1, self._around.lease_s, json.dumps({"endpoints": names}), now])
        # What this claim records has its time; what others have recorded since the look mostly has another.
        of_this = Statement(f"{LOST} AND finished_at = ? ORDER BY id", [last[0][0] if last else 0, now])
        # In one request, so that a repeated claim brings what the first one has claimed.
        _, claimed, lost = database.write([claim, Statement(JOBS, [self.worker]), of_this]).rows()
        jobs = [read_job(row) for row in claimed]
        with self._lock:
            self._ready.extend(job for job in jobs if self._given_up.get(job.id) != job.event.attempt)
        for row in lost:
            self._tell(lost_of(row))

    def _tell(self, lost: LostAttempt) -> None:
        database = self._around.database
        events = database.select(EVENT, "FROM knocker_events WHERE id = ?", [lost.event_id])
        event = event_with(
            lost, events, database.rows("SELECT method, url, headers FROM knocker_deliveries WHERE id = ?", [lost.delivery_id])
        )
        if event is not None:
            self._around.tell_lost(event, lost)

    def run(self, job: Job) -> str:
        """Handles the job and returns what became of it: handled, failed, dead, ignored, lease_lost or, where no result could be written,
        ``unwritten``."""
        report = AttemptReport(job.event, self._around.hooks)
        report.span.start()
        try:
            status = self._attempt(job, report)
        except LeaseLostError as error:
            status = "lease_lost"
            report.failed(error, "lease lost, nothing was written", status)
        except Exception as error:
            status = UNWRITTEN
            self._given_up[job.id] = job.event.attempt
            report.failed(error, "result not written, the lease runs out", status)
        finally:
            with self._lock:
                self._running = None
        if status == "dead":
            report.dead(self._reason(job))
        else:
            report.ended(status)
        return status

    def _attempt(self, job: Job, report: AttemptReport) -> str:
        event, verdicts = job.event, Verdicts(self._around.database, job)
        endpoint = self._around.endpoints.get(event.endpoint)
        handlers = endpoint.handlers.matching(event.type) if endpoint is not None else []
        if not handlers:
            problem = NoHandlerError(f"no handler for {event.type!r}")
            status = verdicts.leases.failed(job.id, stored_text(problem.message), 0, no_handler=True).status
            if status != "ignored":
                report.failed(problem)
            return status
        tx = ClusterTransaction(self._around.database.cluster, self._around.checked)
        try:
            with report.span.current():
                for handler in handlers:
                    self._call(handler, event, tx)
        # SystemExit and the like end a handler, not the worker.
        except BaseException as error:
            tx.end()
            return self._failed(verdicts, job, error, report)
        tx.end()
        try:
            verdicts.handled(tx.statements, report.duration_ms())
        except (LeaseLostError, ClusterUnavailableError):
            raise
        except KnockerError as error:
            # A constraint, say: all of it is rolled back, and a result without the writes is not.
            return self._failed(verdicts, job, error, report)
        return "handled"

    def _failed(self, verdicts: Verdicts, job: Job, error: BaseException, report: AttemptReport) -> str:
        if not isinstance(error, Ignore):
            report.failed(error)
        return write_verdict(verdicts.leases, job, error, report.duration_ms())

    def _call(self, handler: Handler, event: Event, tx: ClusterTransaction) -> None:
        result: Any = handler(event, tx)
        if is_awaitable(result):

            async def waiting() -> None:
                try:
                    await result
                except (SystemExit, KeyboardInterrupt) as error:
                    # On a loop these end the whole loop, not only the handler.
                    raise RuntimeError(f"the handler raised {error!r}") from error

            asyncio.run_coroutine_threadsafe(waiting(), self._around.loop()).result()

    def _reason(self, job: Job) -> str | None:
        """What is stored with the event."""
        try:
            rows = self._around.database.rows("SELECT reason FROM knocker_events WHERE id = ?", [job.event.id])
        except KnockerError:
            # The event is dead whether it can be read now or not.
            return None
        return str(rows[0][0]) if rows else None
