"""One attempt: the handlers of an event, and the verdict on what they did."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from knocker.endpoint import Endpoint
from knocker.error_codes import LeaseLostError
from knocker.errors import translated
from knocker.event import Event
from knocker.handlers import Handler
from knocker.leases import Job, Leases
from knocker.transaction import HandlerTransaction, LoopBusyError, LoopGate
from knocker.verdicts import Dead, HandlerVerdict, Ignore, Retry

logger = logging.getLogger("knocker.worker")

OnError = Callable[[BaseException, Event], Any]
"""Called with the error and the event of each failed attempt."""


class AttemptRunner:
    """Runs attempts on one connection, one after the other.

    ``loop`` is where coroutine handlers run; it must be another thread's. Each attempt ends in exactly one verdict, in the transaction of
    the handlers' own writes; where even that fails, the lease runs out and the event is tried again.
    """

    def __init__(
        self,
        transaction: HandlerTransaction,
        leases: Leases,
        endpoints: Mapping[str, Endpoint],
        loop: Callable[[], asyncio.AbstractEventLoop],
        gate: LoopGate,
        on_error: OnError | None,
    ) -> None:
        self._transaction = transaction
        self._leases = leases
        self._endpoints = endpoints
        self._loop = loop
        self._gate = gate
        self._on_error = on_error

    def run(self, job: Job) -> str:
        """Handles the job and returns what became of it: handled, failed, dead, ignored or lease_lost."""
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
        logger.info("attempt %s", status, extra=_about(job, status=status, duration_ms=duration_ms()))
        return status

    def _attempt(self, job: Job, handlers: Sequence[Handler], duration_ms: Callable[[], int]) -> str:
        try:
            self._run_handlers(job.event, handlers)
            if self._transaction.was_ended():
                # Its writes are there for good; a retry would only repeat them.
                logger.error(
                    "a handler ended its transaction itself: its writes and the event are two commits",
                    extra=_about(job),
                )
            with translated():
                self._transaction.finish(lambda: self._leases.handled(job.id, duration_ms()))
            return "handled"
        except LeaseLostError:
            raise
        except HandlerVerdict as verdict:
            self._transaction.roll_back()
            return self._apply(job, verdict, duration_ms())
        # SystemExit and the like end a handler, not the worker.
        except BaseException as error:
            self._transaction.roll_back()
            self._report(job, error)
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return self._fail(job, text, duration_ms())

    def _run_handlers(self, event: Event, handlers: Sequence[Handler]) -> None:
        while True:
            try:
                for handler in handlers:
                    self._call(handler, event)
                return
            except LoopBusyError:
                self._transaction.roll_back()
                self._gate.wait_until_free()

    def _call(self, handler: Handler, event: Event) -> None:
        if not self._transaction.tx.in_transaction:
            self._transaction.arm(on_loop=inspect.iscoroutinefunction(handler))
        result = handler(event, self._transaction.tx)
        if inspect.isawaitable(result):
            self._await(result)

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
