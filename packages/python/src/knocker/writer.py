"""Group commit: callers that arrive together share one transaction, and each is answered after its commit.

The price of a durable write is the fsync of its commit. One thread owns the writing connection: it takes what is queued, runs each call in
one transaction (each is atomic through a savepoint of its own, so one caller's error is its own), commits once, and answers everybody.
A call that finds nobody else is committed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from knocker.connection import Connection, Value, call
from knocker.errors import ClosedError, KnockerError, translate

_LARGEST_BATCH = 256
# Calls that came within this time of each other give up together.
_SLACK_S = 0.02


class _Ticket:
    """One call on its way through the writer: what to run, and whom to answer."""

    __slots__ = ("arguments", "error", "function", "future", "lock", "loop", "queued_at", "result")

    def __init__(self, function: str, arguments: tuple[Value, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.queued_at = time.monotonic()
        self.result: Any = None
        self.error: BaseException | None = None
        self.lock: threading.Lock | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None


class Writer:
    """The writing thread of one database file in one process. Thread-safe."""

    def __init__(self, connect: Callable[[], Connection], committed: Callable[[], None], busy_timeout_s: float) -> None:
        """``connect`` opens the writing connection, ``committed`` is called after each commit. ``busy_timeout_s``, the connection's own, is
        how long a call waits for the write lock, however many wait with it."""
        self._connect = connect
        self._committed = committed
        self._busy_timeout_s = busy_timeout_s
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._closed = False
        self._saw_end = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="knocker-writer", daemon=True)
        self._thread.start()

    def call(self, function: str, *arguments: Value) -> Any:
        """Runs one SQL function and returns its result after the commit. Raises the error of this call alone."""
        ticket = _Ticket(function, arguments)
        lock = ticket.lock = threading.Lock()
        lock.acquire()
        self._enqueue(ticket)
        lock.acquire()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    async def acall(self, function: str, *arguments: Value) -> Any:
        """As :meth:`call`, without blocking the event loop. A cancelled caller's write may still be committed."""
        ticket = _Ticket(function, arguments)
        ticket.loop = asyncio.get_running_loop()
        ticket.future = ticket.loop.create_future()
        self._enqueue(ticket)
        return await ticket.future

    def close(self) -> None:
        """Commits what is queued and ends the thread."""
        with self._gate:
            already, self._closed = self._closed, True
            if not already:
                self._queue.put(None)
        self._thread.join()

    def _enqueue(self, ticket: _Ticket) -> None:
        with self._gate:
            if self._closed:
                raise ClosedError("these hooks are closed")
            self._queue.put(ticket)

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._saw_end and (ticket := self._queue.get()) is not None:
            batch = [ticket]
            try:
                if connection is None:
                    connection = self._connect()
                if self._begin(connection, batch):
                    self._commit_batch(connection, batch)
                    self._committed()
            except BaseException as error:
                # The connection could not be opened, or COMMIT failed: nobody's write is there.
                if connection is None:
                    # Opening waits for locks as well: who has waited meanwhile does not wait again.
                    self._take_queued(batch)
                elif connection.in_transaction:
                    _roll_back(connection)
                for one in batch:
                    one.error = one.error or translate(error) or _same(error)
            _answer(batch)
        if connection is not None:
            connection.close()

    def _begin(self, connection: Connection, batch: list[_Ticket]) -> bool:
        """Begins a transaction for ``batch``, and for who joins it on the way; false where everybody's time ran out first. Those whose time
        runs out are answered here, so that nobody waits longer because others have waited before."""
        shortened = False
        try:
            while True:
                try:
                    connection.execute("BEGIN IMMEDIATE").fetchall()
                    return True
                except Exception as error:
                    known = translate(error)
                    if known is None or known.code != "busy":
                        raise
                    self._take_queued(batch)
                    overdue_at = time.monotonic() - self._busy_timeout_s + _SLACK_S
                    expired = [ticket for ticket in batch if ticket.queued_at <= overdue_at]
                    batch[:] = [ticket for ticket in batch if ticket.queued_at > overdue_at]
                    for ticket in expired:
                        ticket.error = _same(known)
                    _answer(expired)
                if not batch:
                    return False
                shortened = True
                left_s = batch[0].queued_at + self._busy_timeout_s - time.monotonic()
                connection.execute(f"PRAGMA busy_timeout = {max(1, int(left_s * 1000))}").fetchall()
        finally:
            if shortened:
                connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout_s * 1000)}").fetchall()

    def _take_queued(self, batch: list[_Ticket]) -> None:
        while not self._saw_end:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                return
            if ticket is None:
                self._saw_end = True
            else:
                batch.append(ticket)

    def _commit_batch(self, connection: Connection, batch: list[_Ticket]) -> None:
        """Runs ``batch`` and all that is queued meanwhile, and commits; ``batch`` gets every ticket that is to be answered."""
        done = 0
        while done < len(batch):
            self._perform(connection, batch, done)
            done += 1
            if done == len(batch) < _LARGEST_BATCH:
                self._take_queued(batch)
        connection.execute("COMMIT").fetchall()

    def _perform(self, connection: Connection, batch: list[_Ticket], number: int) -> None:
        ticket = batch[number]
        try:
            ticket.result = call(connection, ticket.function, *ticket.arguments)
        except Exception as error:
            ticket.error = translate(error) or error
            if not connection.in_transaction:
                # A full or failing disk ends the whole transaction: what was done before in it is gone as well.
                for earlier in batch[:number]:
                    earlier.error = earlier.error or _same(ticket.error)
                connection.execute("BEGIN IMMEDIATE").fetchall()


def _same(error: BaseException) -> BaseException:
    """An error of its own for each caller: tracebacks grow on the instance that is raised."""
    return type(error)(error.message) if isinstance(error, KnockerError) else error


def _roll_back(connection: Connection) -> None:
    # A rollback that fails leaves what SQLite has rolled back itself; the error that the callers get is the first one.
    try:
        connection.execute("ROLLBACK").fetchall()
    except Exception as error:
        if translate(error) is None:
            raise


def _answer(batch: list[_Ticket]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
    for ticket in batch:
        if ticket.lock is not None:
            ticket.lock.release()
        elif ticket.loop is not None:
            loops.setdefault(ticket.loop, []).append(ticket)
    for loop, tickets in loops.items():
        # One wake-up a commit and loop, not one a caller. A loop that has been closed has no caller left to answer.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, tickets)


def _resolve(tickets: list[_Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():
            continue
        if ticket.error is not None:
            future.set_exception(ticket.error)
        else:
            future.set_result(ticket.result)
