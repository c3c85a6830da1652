"""Judging requests, which is what a stranger can make costly: before the transaction, beside the writer, and never by all threads at once.

A judgement needs a read of the endpoint's settings and no lock. SQLite calls release the interpreter's lock, so several are made at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from knocker.connection import Connection, Value, call, call_each
from knocker.driver_errors import translate
from knocker.errors import BusyError, ClosedError
from knocker.ticket import Ticket, answer

# How many are judged at once: more than the cores only takes turns.
_SEATS = min(8, max(2, os.cpu_count() or 1))
HEAVY_BYTES = 64 * 1024
"""A larger request is heavy: of those at most half as many are judged at once, and they keep the others from nothing."""
# A smaller one costs its caller, an event loop among them, less than handing it to a thread does.
_AT_ONCE_BYTES = 16 * 1024

# So many light ones that wait are judged by one statement: each statement gives the interpreter away, and has to wait for it afterwards.
_MOST_AT_ONCE = 16

# Of threads that judge heavy requests: the event loop, the writer and the light ones go first.
_NICE = 10


class Judging(Protocol):
    """Where judges get their connections, which see the endpoints' settings."""

    @property
    def generation(self) -> int:
        """Counts what connections are of: one of another is opened again."""

    @property
    def refuse_closed(self) -> Callable[[], None]:
        """Raises ClosedError where nobody is to judge any more."""

    @property
    def is_writing(self) -> bool:
        """Whether what is judged now has to wait for a commit before its own."""

    def open(self) -> Connection:
        """A new connection, which the caller closes."""


class Seat:
    """A connection for judging, and the right to judge. For whoever holds its lock."""

    def __init__(self, database: Judging, waits: bool = True) -> None:
        """One that does not wait is for threads that must not: it raises BusyError at once."""
        self.lock = threading.Lock()
        self._waits = waits
        self._database = database
        self._connection: Connection | None = None
        self._generation = 0

    @property
    def is_ready(self) -> bool:
        """Whether its connection is open."""
        return self._connection is not None and self._generation == self._database.generation

    def prepare(self) -> None:
        """Opens its connection, which may take its time."""
        if not self.is_ready:
            self.close()
            self._generation = self._database.generation
            self._connection = self._database.open()
            if not self._waits:
                self._connection.execute("PRAGMA busy_timeout = 0").fetchall()

    def judge(self, function: str, arguments: tuple[Value, ...]) -> Any:
        """The result of an SQL function that only reads."""
        try:
            if not self.is_ready:
                self.prepare()
            assert self._connection is not None
            return call(self._connection, function, *arguments)
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            if known.code in ("io_error", "corrupt"):
                self.close()
            raise known from error

    def judge_each(self, tickets: list[Ticket]) -> Sequence[Any]:
        """The results for several, by one statement; the driver's error where one of them has one."""
        self.prepare()
        assert self._connection is not None
        return call_each(self._connection, [(ticket.function, ticket.arguments) for ticket in tickets])

    def close(self) -> None:
        """Closes the connection, which is opened again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Judges:
    """Of one database. Thread-safe."""

    def __init__(self, database: Judging) -> None:
        self._database = database
        self._at_once = Seat(database, waits=False)
        self._light = _Lane(database, "knocker-judge", _SEATS - 1, at_once=_MOST_AT_ONCE, after=self._prepare_at_once)
        self._heavy = _Lane(database, "knocker-judge-heavy", _SEATS // 2, nice=True)
        self._seats = [self._at_once, *self._light.seats, *self._heavy.seats]
        self._resting: list[Seat] = []
        # The thread that judges at once.
        self._judging: int | None = None
        self._closed = False

    def judge(self, ticket: Ticket) -> None:
        """Judges what the ticket asks for and sends it on: here if it is small and nobody else is at it, else in another thread."""
        self._database.refuse_closed()
        size = ticket.size
        if size > HEAVY_BYTES:
            self._heavy.put(ticket)
        elif size > _AT_ONCE_BYTES or self._database.is_writing or not self._judged_at_once(ticket):
            self._light.put(ticket)

    def _judged_at_once(self, ticket: Ticket) -> bool:
        seat = self._at_once
        if not seat.lock.acquire(blocking=False):
            return False
        try:
            self._judging = threading.get_ident()
            # The caller may be an event loop, which neither opens files nor waits for locks.
            return seat.is_ready and judge(seat, ticket, unless_busy=True)
        finally:
            self._judging = None
            if self._closed:
                seat.close()
            seat.lock.release()

    def _prepare_at_once(self) -> None:
        seat = self._at_once
        if not seat.is_ready and seat.lock.acquire(blocking=False):
            try:
                # Where it fails, the next request goes the same way and says why.
                with contextlib.suppress(Exception):
                    seat.prepare()
            finally:
                seat.lock.release()

    def rest(self, patience_s: float) -> bool:
        """Waits until nobody judges and closes the connections; returns whether that was in time. To be followed by :meth:`go_on`."""
        deadline = time.monotonic() + patience_s
        for seat in self._seats:
            if not seat.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return False
            self._resting.append(seat)
            seat.close()
        return True

    def go_on(self) -> None:
        """Lets judges judge again."""
        while self._resting:
            self._resting.pop().lock.release()

    def close(self) -> None:
        """Judges what is queued, ends the threads and closes the connections."""
        self._closed = True
        self._light.close()
        self._heavy.close()
        if self._judging == threading.get_ident():
            # In a signal handler that has interrupted it, and would wait for it in vain: it closes the connection when it is over.
            return
        with self._at_once.lock:
            self._at_once.close()


class _Lane:
    """Threads that judge one request after the other, or several ``at_once`` that wait; started when they are first needed."""

    def __init__(
        self,
        database: Judging,
        name: str,
        threads: int,
        at_once: int = 1,
        nice: bool = False,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """``nice`` threads give way to all others. ``after`` is called by them when some were judged."""
        self._at_once = at_once
        self._nice = nice
        self._after = after
        self.seats = [Seat(database) for _ in range(threads)]
        self._name = name
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def put(self, ticket: Ticket) -> None:
        with self._lock:
            if self._closed:
                raise ClosedError("these hooks are closed")
            if not self._threads:
                self._threads = [threading.Thread(target=self._run, args=(seat,), name=self._name, daemon=True) for seat in self.seats]
                for thread in self._threads:
                    thread.start()
            self._queue.put(ticket)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join()

    def _run(self, seat: Seat) -> None:
        if self._nice:
            give_way()
        while (ticket := self._queue.get()) is not None:
            tickets = [ticket, *self._waiting()]
            with seat.lock:
                judge_each(seat, tickets)
            self._after()
        with seat.lock:
            seat.close()

    def _waiting(self) -> Iterator[Ticket]:
        """Those that may be judged together with the one that was taken."""
        with contextlib.suppress(queue.Empty):
            for _ in range(self._at_once - 1):
                ticket = self._queue.get_nowait()
                if ticket is None:
                    # That the lane is closed is for whoever takes the next one.
                    self._queue.put(None)
                    return
                yield ticket


def give_way() -> None:
    """Lets the system prefer other threads to this one, where it can tell them apart."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def judge_each(seat: Seat, tickets: list[Ticket]) -> None:
    """Sends the tickets on with their judgements, or answers those that have none."""
    judgements: Sequence[Any] | None = None
    if len(tickets) > 1:
        # Whose error it is, and what the others get, is seen one by one.
        with contextlib.suppress(Exception):
            judgements = seat.judge_each(tickets)
    if judgements is None:
        for ticket in tickets:
            judge(seat, ticket)
        return
    for ticket, judgement in zip(tickets, judgements):  # noqa: B905
        try:
            ticket.judged(judgement)
        except BaseException as error:
            ticket.error = error
            answer([ticket])


def judge(seat: Seat, ticket: Ticket, unless_busy: bool = False) -> bool:
    """Sends the ticket on with its judgement, or answers it where there is none. ``unless_busy`` leaves it and returns false where the
    database is busy."""
    try:
        try:
            judgement = seat.judge(ticket.function, ticket.arguments)
        except BusyError:
            if unless_busy:
                return False
            raise
        ticket.judged(judgement)
    except BaseException as error:
        ticket.error = error
        answer([ticket])
    return True
