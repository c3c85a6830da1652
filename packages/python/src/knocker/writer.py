"""Group commit: callers that arrive together share one transaction, and each is answered after its commit; receipts after the replica has
it, where they are to wait for one.

The price of a durable write is the fsync of its commit. One thread owns the writing connection: it takes what is queued, runs each call in
one transaction (each is atomic through a savepoint of its own, so one caller's error is its own), commits once, and answers everybody.
A call that finds nobody else is committed at once. What is costly about a call is done before it comes here.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from typing import Any

from knocker.connection import Connection, Value, call
from knocker.connections import Connections
from knocker.decision import stored_text
from knocker.driver_errors import translate
from knocker.errors import ClosedError, KnockerError
from knocker.replica import Replica
from knocker.ticket import Ticket, answer

logger = logging.getLogger("knocker.database")

STORE = "knocker_store"
"""The call that stores a receipt."""
MOST_CALLS = 128
"""How many calls share a commit at most."""
MOST_BYTES = 8 * 1024 * 1024
"""How many bytes of arguments share a commit at most; a larger call has one of its own."""
# SQLite waits in pauses of 1, 2, 5 ms and so on up to a hundred, and begins with the shortest each time that it is asked. With the long
# ones processes that take turns at the lock leave it idle, or one of them has it again and again while another sleeps. With nothing but the
# shortest ones receipts would leave workers of other processes no turn.
_STEP_MS = 20
# Calls that came within this time of each other give up together.
_SLACK_S = 0.02


class Writer:
    """The writing thread of one database file in one process. Thread-safe."""

    def __init__(self, database: Connections, replica: Replica | None = None) -> None:
        """Receipts are answered once the ``replica`` has them, where there is one."""
        self._database = database
        self._replica = replica
        self._connection: Connection | None = None
        self._generation = 0
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        # Taken from the queue, not yet in a group.
        self._waiting: deque[Ticket] = deque()
        self._closed = False
        self._saw_end = False
        self._enqueuing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="knocker-writer", daemon=True)
        self._thread.start()

    def call(self, function: str, *arguments: Value) -> Any:
        """Runs one SQL function and returns its result after the commit. Raises the error of this call alone."""
        ticket = Ticket(function, arguments)
        wait = ticket.block()
        self.put(ticket)
        return wait()

    def close(self) -> None:
        """Commits what is queued and ends the thread."""
        with self._enqueuing:
            already, self._closed = self._closed, True
            if not already:
                self._queue.put(None)
        self._thread.join()

    def disconnect(self) -> None:
        """Closes the connection, which is opened again for the next group. To be called where nobody is inside the database's gate."""
        if self._replica is not None:
            self._replica.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def put(self, ticket: Ticket) -> None:
        """Runs the ticket's call in the next commit that has room for it, and answers it afterwards."""
        with self._enqueuing:
            if self._closed:
                raise ClosedError("these hooks are closed")
            self._queue.put(ticket)

    def _run(self) -> None:
        while self._take_waiting():
            with self._database.gate:
                group = self._write()
                self._answer(group)
                self._checkpoint(group)
        with self._database.gate:
            self.disconnect()

    def _answer(self, group: list[Ticket]) -> None:
        """Answers everybody, and those with a receipt once the replica has it."""
        replica = self._replica
        receipts = [ticket for ticket in group if ticket.function == STORE and ticket.error is None] if replica is not None else []
        if replica is not None and receipts:
            answer([ticket for ticket in group if ticket not in receipts])
            try:
                replica.wait(receipts[-1].queued_at)
            except Exception as error:
                # They are stored all the same, and what is sent again is a duplicate.
                for ticket in receipts:
                    ticket.error = _same(error)
            group = receipts
        answer(group)

    def _checkpoint(self, group: list[Ticket]) -> None:
        if self._connection is None or not group:
            return
        try:
            self._database.checkpoints.committed(self._connection, len(group), sum(ticket.size for ticket in group))
        except Exception as error:
            # Whoever calls next must find a writer.
            logger.exception("a checkpoint went wrong", extra={"record": "disk_failed", "error": stored_text(error)})

    def _take_waiting(self) -> bool:
        """Waits until somebody is to be served; false at the end."""
        if not self._waiting and not self._saw_end:
            ticket = self._queue.get()
            if ticket is None:
                self._saw_end = True
            else:
                self._waiting.append(ticket)
        return bool(self._waiting)

    def _take_queued(self) -> None:
        while not self._saw_end:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                return
            if ticket is None:
                self._saw_end = True
            else:
                self._waiting.append(ticket)

    def _write(self, reopened: bool = False) -> list[Ticket]:
        """Commits a group of those who wait, and returns those who are to be answered."""
        group: list[Ticket] = []
        connection: Connection | None = None
        try:
            connection = self._begin()
            if connection is None:
                return group
            self._perform_group(connection, group)
            connection.execute("COMMIT").fetchall()
            # In the file that is gone it is nowhere.
            self._database.refuse_former(self._generation)
        except BaseException as error:
            # Nothing could be begun, or COMMIT failed: nobody's write is there.
            if not group:
                # Opening waits for locks as well: who has waited meanwhile does not wait again.
                self._take_queued()
                group.extend(self._waiting)
                self._waiting.clear()
            if connection is not None and connection.in_transaction:
                _roll_back(connection)
            known = error if isinstance(error, KnockerError) else translate(error)
            if known is not None and known.code == "read_only" and not reopened:
                # Perhaps only the connection is: it came up so, and the file has been put right since.
                self.disconnect()
                self._put_back(group)
                return self._write(reopened=True)
            for ticket in group:
                ticket.error = ticket.error or (_same(known) if known is not None else error)
            if known is not None:
                self._failed(known, connection is not None)
            return group
        self._database.changed.notify()
        return group

    def _put_back(self, group: list[Ticket]) -> None:
        for ticket in reversed(group):
            ticket.result = ticket.error = None
            self._waiting.appendleft(ticket)
        group.clear()

    def _failed(self, error: KnockerError, begun: bool) -> None:
        if begun:
            self._database.doubt(error)
        if error.code in ("read_only", "file_replaced"):
            self.disconnect()

    def _connected(self) -> Connection:
        """The writing connection, to the file that is at the path now, and in a state to be trusted."""
        database = self._database
        database.refuse_replaced()
        if self._generation != database.generation:
            self.disconnect()
        if self._connection is None:
            self._generation = database.generation
            self._connection = database.open()
        database.checkpoints.require_sound(self._connection)
        return self._connection

    def _begin(self) -> Connection | None:
        """Begins a transaction for those who wait, and for who joins them on the way; None where everybody's time ran out first. Those
        whose time runs out are answered here, so that nobody waits longer because others have waited before."""
        timeout_s = self._database.busy_timeout_s
        connection = self._connected()
        connection.execute(f"PRAGMA busy_timeout = {min(_STEP_MS, int(timeout_s * 1000))}").fetchall()
        try:
            while self._waiting:
                try:
                    connection.execute("BEGIN IMMEDIATE").fetchall()
                    return connection
                except Exception as error:
                    known = translate(error)
                    if known is None or known.code != "busy":
                        raise
                overdue_at = time.monotonic() - timeout_s
                if self._waiting[0].queued_at <= overdue_at:
                    self._give_up(known, overdue_at + _SLACK_S)
            return None
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(timeout_s * 1000)}").fetchall()

    def _give_up(self, error: KnockerError, overdue_at: float) -> None:
        """Answers those who have waited since that time."""
        self._take_queued()
        expired = [ticket for ticket in self._waiting if ticket.queued_at <= overdue_at]
        self._waiting = deque(ticket for ticket in self._waiting if ticket.queued_at > overdue_at)
        for ticket in expired:
            ticket.error = _same(error)
        answer(expired)

    def _perform_group(self, connection: Connection, group: list[Ticket]) -> None:
        """Runs those who wait, and who is queued meanwhile, until the group is full."""
        size = 0
        while len(group) < MOST_CALLS:
            if not self._waiting:
                self._take_queued()
            if not self._waiting or (group and size + self._waiting[0].size > MOST_BYTES):
                return
            ticket = self._waiting.popleft()
            size += ticket.size
            group.append(ticket)
            self._perform(connection, group)

    def _perform(self, connection: Connection, group: list[Ticket]) -> None:
        ticket = group[-1]
        try:
            ticket.result = call(connection, ticket.function, *ticket.arguments)
        except Exception as error:
            known = translate(error)
            ticket.error = known or error
            if known is not None and known.code in ("io_error", "read_only"):
                # It is not the call's own: what the disk has of this transaction is not known, or the connection never writes.
                raise
            if not connection.in_transaction:
                # A full disk ends the whole transaction: what was done before in it is gone as well.
                for earlier in group[:-1]:
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
