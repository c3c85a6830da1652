"""One attempt: the handlers of an event, and the result of it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from knocker.attempt_report import AttemptReport, FailureHooks
from knocker.connection import rows
from knocker.database import Database
from knocker.decision import Decision, Ignore, Retry, stored_text
from knocker.driver_errors import translate, translated
from knocker.endpoint import Endpoint
from knocker.errors import BusyError, KnockerError, LeaseLostError, NoHandlerError, UsageError
from knocker.event import Event
from knocker.handlers import Handler
from knocker.leases import Job, Leases
from knocker.loop_gate import LoopBusyError, LoopGate, gate_of
from knocker.own_lock import explained
from knocker.pace import Run
from knocker.transaction import CURRENT, ENDED, AttemptTransaction, HandlerTransaction

T = TypeVar("T")

UNWRITTEN = "unwritten"
"""What became of a job whose result the database did not take."""


class AttemptRunner:
    """Runs attempts on one connection, one after the other.

    ``loop`` is where coroutine handlers run; it must be another thread's. Each attempt on the ``database`` ends in one result,
    in the transaction of the handlers' own writes. A result waits long for the write lock; where it fails even so, the lease runs out and
    counts as an attempt. ``renew`` extends the worker's leases inside that transaction, where it has kept the write lock for more than
    ``renew_after_ms``: meanwhile nobody else could.
    """

    def __init__(
        self,
        transaction: HandlerTransaction,
        leases: Leases,
        endpoints: Mapping[str, Endpoint],
        loop: Callable[[], asyncio.AbstractEventLoop],
        database: Database,
        hooks: FailureHooks,
        renew: Callable[[], None],
        renew_after_ms: float,
    ) -> None:
        self._transaction = transaction
        self._leases = leases
        self._endpoints = endpoints
        self._loop = loop
        self._database = database
        self._hooks = hooks
        self._renew = renew
        self._renew_after_ms = renew_after_ms
        self.last_run: Run | None = None
        """How the handlers of the last attempt ran, None where there were none."""

    @property
    def needs_another_connection(self) -> bool:
        """Whether handlers have left something on this one."""
        return self._transaction.is_altered

    def run(self, job: Job) -> str:
        """Handles the job and returns what became of it: handled, failed, dead, ignored, lease_lost or, where no result could be written,
        ``unwritten``."""
        report = self.report(job.event)
        return self.concluded(job, report, lambda: self._attempt(job, report))

    def report(self, event: Event) -> AttemptReport:
        """The account of an attempt that begins."""
        report = AttemptReport(event, self._hooks)
        report.span.start()
        return report

    def concluded(self, job: Job, report: AttemptReport, attempt: Callable[[], str]) -> str:
        """Does the attempt, or what is left of it, and tells what became of it."""
        try:
            status = attempt()
        except LeaseLostError as error:
            self._transaction.roll_back()
            status = "lease_lost"
            report.failed(error, "lease lost, rolled back", status)
        except Exception as error:
            status = UNWRITTEN
            report.failed(error, "result not written, the lease runs out", status)
        self.end(job, report, status)
        return status

    def end(self, job: Job, report: AttemptReport, status: str) -> None:
        """Tells that it has ended so."""
        if status == "dead":
            report.dead(self._reason(job))
        else:
            report.ended(status)

    def _reason(self, job: Job) -> str | None:
        """What is stored with the event."""
        try:
            found = rows(self._transaction.connection, "SELECT reason FROM knocker_events WHERE id = ?", [job.event.id])
        except Exception as error:
            # The event is dead whether it can be read now or not.
            if translate(error) is None:
                raise
            return None
        return str(found[0][0]) if found else None

    def handlers_of(self, event: Event) -> list[Handler]:
        """Those that want it."""
        endpoint = self._endpoints.get(event.endpoint)
        return endpoint.handlers.matching(event.type) if endpoint is not None else []

    def _attempt(self, job: Job, report: AttemptReport) -> str:
        event = job.event
        self.last_run = None
        handlers = self.handlers_of(event)
        if not handlers:
            return self._unwanted(job, report)
        raised: BaseException | None = None
        after_commit: list[Callable[[], None]] = []
        try:
            with report.span.current():
                after_commit = self._run_handlers(event, handlers)
        # SystemExit and the like end a handler, not the worker.
        except BaseException as error:
            raised = error
            self._transaction.roll_back()
            if not isinstance(error, Ignore):
                report.failed(error)
        status = self.recorded(job, raised, report)
        if status == "handled":
            for action in after_commit:
                report.follow(action)
        return status

    def recorded(self, job: Job, raised: BaseException | None, report: AttemptReport) -> str:
        """Writes the result: that of the handlers' exception, or handled."""
        try:
            if raised is None:
                self._commit(lambda: self._leases.handled(job.id, report.duration_ms()))
                return "handled"
            return self._apart(lambda leases: write_verdict(leases, job, raised, report.duration_ms()))
        except (LeaseLostError, BusyError):
            raise
        except Exception as error:
            # The disk is full, say: the writes are gone, and a small result may still fit.
            report.failed(error)
            text = stored_text(error)
            return self._apart(lambda leases: leases.failed(job.id, text, report.duration_ms()).status)

    def _apart(self, write: Callable[[Leases], str]) -> str:
        """Writes a result that has nothing of the handlers' in it, past a connection that they have altered: it may refuse writes."""
        if not self._transaction.is_altered:
            return self._commit(lambda: write(self._leases))
        with self._transaction.commits.own:
            return write(Leases(self._leases.worker, self._database.call, self._database.rows))

    def _unwanted(self, job: Job, report: AttemptReport) -> str:
        problem = NoHandlerError(f"no handler for {job.event.type!r}")
        status = self.commit_verdict(lambda leases: leases.failed(job.id, stored_text(problem.message), 0, no_handler=True).status)
        if status != "ignored":
            report.failed(problem)
        return status

    def commit_verdict(self, write: Callable[[Leases], str]) -> str:
        """Writes one in a transaction of its own."""
        return self._commit(lambda: write(self._leases))

    def _commit(self, write: Callable[[], T]) -> T:
        """Writes a result in the handlers' transaction, or in one of its own, with the leases that nobody could extend meanwhile."""

        def kept() -> T:
            if self._transaction.held_ms > self._renew_after_ms:
                self._renew()
            return write()

        try:
            with translated():
                status = self._transaction.finish(kept)
        except KnockerError as error:
            self._database.doubt(error)
            raise
        self._database.checkpoints.committed(self._transaction.connection, 1)
        return status

    def _run_handlers(self, event: Event, handlers: Sequence[Handler]) -> list[Callable[[], None]]:
        """Runs them in order, and returns what is to be done after the commit."""
        # With a coroutine function among them, what an earlier one begins must not be in the way of the loop's other handlers.
        gate = self._gate() if any(inspect.iscoroutinefunction(handler) for handler in handlers) else None
        while True:
            attempt = self._transaction.start(gate)
            before = CURRENT.set(attempt)
            started = _Started(self._database.paces.now_ms(), self._database.current_ms())
            returned = False
            try:
                for handler in handlers:
                    self._call(handler, event, attempt)
                for action in attempt.at_return:
                    action()
                returned = True
            except BaseException as error:
                # A handler may have made another error of it.
                if not attempt.conflicted and not isinstance(error, LoopBusyError):
                    raise explained(error, attempt)  # noqa: B904 - mostly the error itself, else with its cause
            finally:
                CURRENT.reset(before)
                self._note_run(event, attempt, started, returned)
            if attempt.was_ended:
                raise UsageError(ENDED)
            if not attempt.conflicted:
                return attempt.after_commit
            self._transaction.roll_back()
            gate = self._gate()
            gate.wait_until_free()

    def _note_run(self, event: Event, attempt: AttemptTransaction, started: _Started, returned: bool) -> None:
        begun_after_ms = attempt.begun_at_ms - started.at if attempt.begun else None
        # What awaits, or leaves something on the connection, has a transaction of its own.
        apart = attempt.gate is not None or attempt.sets_pragma or self._transaction.tx.knocker_altered
        took_ms = self._database.paces.now_ms() - started.on_stopwatch
        self.last_run = Run(took_ms, begun_after_ms, not returned, apart)
        self._database.paces.note(event, self.last_run)

    def _call(self, handler: Handler, event: Event, attempt: AttemptTransaction) -> None:
        result: Any = handler(event, self._transaction.tx)
        if is_awaitable(result):
            try:
                attempt.share_loop(self._gate())
            except LoopBusyError:
                if inspect.iscoroutine(result):
                    result.close()
                raise
            try:
                self._await(result)
            finally:
                attempt.on_loop = False

    def _gate(self) -> LoopGate:
        return gate_of(self._loop(), self._database.path)

    def _await(self, result: Any) -> None:
        async def waiting() -> Any:
            try:
                return await result
            except (SystemExit, KeyboardInterrupt) as error:
                # On a loop these end the whole loop, not only the handler.
                raise RuntimeError(f"the handler raised {error!r}") from error

        asyncio.run_coroutine_threadsafe(waiting(), self._loop()).result()


def write_verdict(leases: Leases, job: Job, error: BaseException, duration_ms: int) -> str:
    """Writes what the handlers' exception says."""
    if not isinstance(error, Decision):
        return leases.failed(job.id, stored_text(error), duration_ms).status
    reason = stored_text(getattr(error, "reason", error))
    if isinstance(error, Ignore):
        leases.skipped(job.id, reason, duration_ms)
        return "ignored"
    if isinstance(error, Retry):
        return leases.failed(job.id, reason, duration_ms, retry_after_s=error.after_s).status
    return leases.failed(job.id, reason, duration_ms, dead=True).status


@dataclass(frozen=True)
class _Started:
    """When the handlers began, on the stopwatch and by the clock."""

    on_stopwatch: float
    at: int


def is_awaitable(result: Any) -> bool:
    """Whether what a handler has returned is to be awaited."""
    if result is None:
        return False
    if inspect.isasyncgen(result) or (inspect.isgenerator(result) and not inspect.isawaitable(result)):
        raise UsageError("the handler returned a generator, of which nothing has run: return a value or an awaitable")
    return inspect.isawaitable(result)
