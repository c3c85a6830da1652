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
from collections.abc import Callable
from typing import Any

from knocker.connection import Connection, Value, call
from knocker.errors import KnockerError, UsageError, translate

_LARGEST_BATCH = 256


class _Ticket:
    """One call on its way through the writer: what to run, and whom to answer."""

    __slots__ = ("arguments", "error", "function", "future", "lock", "loop", "result")

    def __init__(self, function: str, arguments: tuple[Value, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self.lock: threading.Lock | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None


class Writer:
    """The writing thread of one database file in one process. Thread-safe."""

    def __init__(self, connect: Callable[[], Connection], committed: Callable[[], None]) -> None:
        """``connect`` opens the writing connection, ``committed`` is called after each commit."""
        self._connect = connect
        self._committed = committed
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
                raise UsageError("these hooks are closed")
            self._queue.put(ticket)

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._saw_end and (ticket := self._queue.get()) is not None:
            batch: list[_Ticket] = []
            try:
                if connection is None:
                    connection = self._connect()
                self._commit_batch(connection, ticket, batch)
            except BaseException as error:
                # The connection could not be opened, or COMMIT failed: nobody's write is there.
                if not batch:
                    batch.append(ticket)
                if connection is not None and connection.in_transaction:
                    _roll_back(connection)
                for one in batch:
                    one.error = one.error or translate(error) or error
            else:
                self._committed()
            _answer(batch)
        if connection is not None:
            connection.close()

    def _commit_batch(self, connection: Connection, first: _Ticket, batch: list[_Ticket]) -> None:
        """One transaction over ``first`` and all that is queued meanwhile; ``batch`` gets every ticket that is to be answered."""
        batch.append(first)
        connection.execute("BEGIN IMMEDIATE").fetchall()
        ticket: _Ticket | None = first
        while ticket is not None:
            self._perform(connection, ticket, batch)
            if len(batch) >= _LARGEST_BATCH:
                break
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._saw_end = True
            else:
                batch.append(ticket)
        connection.execute("COMMIT").fetchall()

    def _perform(self, connection: Connection, ticket: _Ticket, batch: list[_Ticket]) -> None:
        try:
            ticket.result = call(connection, ticket.function, *ticket.arguments)
        except Exception as error:
            ticket.error = translate(error) or error
            if not connection.in_transaction:
                # A full or failing disk ends the whole transaction: what was done before in it is gone as well.
                for earlier in batch:
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
