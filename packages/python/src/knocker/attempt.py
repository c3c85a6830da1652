"""One attempt: the handlers of an event, and the verdict on what they did."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from knocker.endpoint import Endpoint
from knocker.error_codes import BusyError, LeaseLostError
from knocker.errors import KnockerError, UsageError, translated
from knocker.event import Event
from knocker.handlers import Handler
from knocker.leases import Job, Leases
from knocker.loop_gate import LoopBusyError, LoopGate, gate_of
from knocker.transaction import CURRENT, ENDED, AttemptTransaction, HandlerTransaction
from knocker.verdicts import Dead, HandlerVerdict, Ignore, Retry

logger = logging.getLogger("knocker.worker")

OnError = Callable[[BaseException, Event], Any]
"""Called with the error and the event of each failed attempt."""

UNWRITTEN = "unwritten"
"""What became of a job whose verdict the database did not take."""


class AttemptRunner:
    """Runs attempts on one connection, one after the other.

    ``loop`` is where coroutine handlers run; it must be another thread's. ``path`` is the database file. Each attempt ends in one verdict,
    in the transaction of the handlers' own writes. A verdict waits long for the write lock; where it fails even so, the lease runs out and
    counts as an attempt.
    """

    def __init__(
        self,
        transaction: HandlerTransaction,
        leases: Leases,
        endpoints: Mapping[str, Endpoint],
        loop: Callable[[], asyncio.AbstractEventLoop],
        path: str,
        on_error: OnError | None,
    ) -> None:
        self._transaction = transaction
        self._leases = leases
        self._endpoints = endpoints
        self._loop = loop
        self._path = path
        self._on_error = on_error

    def run(self, job: Job) -> str:
        """Handles the job and returns what became of it: handled, failed, dead, ignored, lease_lost or, where no verdict could be written,
        ``unwritten``."""
        event = job.event
        endpoint = self._endpoints.get(event.endpoint)
        handlers = endpoint.handlers.matching(event.type) if endpoint is not None else []
        started = time.monotonic()

        def duration_ms() -> int:
            return round((time.monotonic() - started) * 1000)

        try:
            if not handlers:
                status = self._fail(job, f"no handler for {event.type!r}", 0, no_handler=True)
            else:
                status = self._attempt(job, handlers, duration_ms)
        except LeaseLostError as error:
            self._transaction.roll_back()
            status = "lease_lost"
            logger.warning("lease lost, rolled back", extra=_about(job, error=str(error)))
        except KnockerError as error:
            status = UNWRITTEN
            logger.error("verdict not written, the lease runs out", exc_info=error, extra=_about(job, code=error.code))
        logger.info("attempt %s", status, extra=_about(job, status=status, duration_ms=duration_ms()))
        return status

    def _attempt(self, job: Job, handlers: Sequence[Handler], duration_ms: Callable[[], int]) -> str:
        try:
            self._run_handlers(job.event, handlers)
        except HandlerVerdict as verdict:
            self._transaction.roll_back()
            return self._apply(job, verdict, duration_ms())
        # SystemExit and the like end a handler, not the worker.
        except BaseException as error:
            self._transaction.roll_back()
            return self._failed(job, error, duration_ms())
        try:
            with translated():
                self._transaction.finish(lambda: self._leases.handled(job.id, duration_ms()))
        except (LeaseLostError, BusyError):
            raise
        except KnockerError as error:
            # The disk is full, say: the writes are gone, and a small verdict may still fit.
            return self._failed(job, error, duration_ms())
        return "handled"

    def _failed(self, job: Job, error: BaseException, duration_ms: int) -> str:
        self._report(job, error)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self._fail(job, text, duration_ms)

    def _run_handlers(self, event: Event, handlers: Sequence[Handler]) -> None:
        # With a coroutine function among them, what an earlier one begins must not be in the way of the loop's other handlers.
        gate = self._gate() if any(inspect.iscoroutinefunction(handler) for handler in handlers) else None
        while True:
            attempt = self._transaction.start(gate)
            before = CURRENT.set(attempt)
            try:
                for handler in handlers:
                    self._call(handler, event, attempt)
            except BaseException as error:
                # A handler may have made another error of it.
                if not attempt.conflicted and not isinstance(error, LoopBusyError):
                    raise
            finally:
                CURRENT.reset(before)
            if attempt.was_ended:
                raise UsageError(ENDED)
            if not attempt.conflicted:
                return
            self._transaction.roll_back()
            gate = self._gate()
            gate.wait_until_free()

    def _call(self, handler: Handler, event: Event, attempt: AttemptTransaction) -> None:
        result = handler(event, self._transaction.tx)
        if inspect.isawaitable(result):
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
        return gate_of(self._loop(), self._path)

    def _await(self, result: Any) -> None:
        async def waiting() -> Any:
            try:
                return await result
            except (SystemExit, KeyboardInterrupt) as error:
                # On a loop these end the whole loop, not only the handler.
                raise RuntimeError(f"the handler raised {error!r}") from error

        asyncio.run_coroutine_threadsafe(waiting(), self._loop()).result()

    def _apply(self, job: Job, verdict: HandlerVerdict, duration_ms: int) -> str:
        if isinstance(verdict, Ignore):
            with translated():
                self._transaction.finish(lambda: self._leases.skipped(job.id, verdict.reason, duration_ms))
            return "ignored"
        if isinstance(verdict, Retry):
            return self._fail(job, verdict.reason, duration_ms, retry_after_s=verdict.after_s)
        return self._fail(job, verdict.reason if isinstance(verdict, Dead) else str(verdict), duration_ms, dead=True)

    def _fail(self, job: Job, error: str, duration_ms: int, **options: Any) -> str:
        with translated():
            failure = self._transaction.finish(lambda: self._leases.failed(job.id, error, duration_ms, **options))
        return str(failure.status)

    def _report(self, job: Job, error: BaseException) -> None:
        logger.warning("handler failed", exc_info=error, extra=_about(job))
        if self._on_error is None:
            return
        try:
            self._on_error(error, job.event)
        except Exception:
            logger.exception("on_error failed", extra=_about(job))


def _about(job: Job, **more: Any) -> dict[str, Any]:
    event = job.event
    return {
        "endpoint": event.endpoint,
        "event_id": event.id,
        "event_type": event.type,
        "attempt": event.attempt,
        **more,
    }
