"""The writing connection of one file in one process, and how a group of calls shares one transaction on it.

Each call is atomic through a savepoint of its own, so that one caller's error is its own. What is costly about a call is done before it
comes here.
"""

from __future__ import annotations

import logging
import time
from collections import deque

from knocker.connection import Connection, call, call_each
from knocker.connections import Connections
from knocker.decision import stored_text
from knocker.driver_errors import translate
from knocker.errors import KnockerError
from knocker.ticket import Ticket, answer

logger = logging.getLogger("knocker.database")

STORE = "knocker_store"
"""The call that stores a receipt."""
MOST_CALLS = 128
"""How many calls share a commit at most."""
MOST_BYTES = 8 * 1024 * 1024
"""How many bytes of arguments share a commit at most; a larger call has one of its own."""
# So many receipts that wait are stored by one statement: each statement gives the interpreter away, and has to wait for it afterwards. A
# statement is prepared once for each number.
_MOST_AT_ONCE = 16
# SQLite waits in pauses of 1, 2, 5 ms and so on up to a hundred, and begins with the shortest each time that it is asked. With the long
# ones processes that take turns at the lock leave it idle, or one of them has it again and again while another sleeps. With nothing but the
# shortest ones receipts would leave workers of other processes no turn.
_STEP_MS = 20
# Calls that came within this time of each other give up together.
_SLACK_S = 0.02


class Commits:
    """Of one thread at a time, which is inside the database's gate."""

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._generation = 0
        self._waits_in_steps = False

    def checkpoint(self) -> None:
        """Runs the checkpoint that is due, if one is; whoever waited for a commit has been answered."""
        if self._connection is None:
            return
        try:
            # Which leaves another time for locks.
            self._waits_in_steps = False
            self._database.checkpoints.run(self._connection)
        except Exception as error:
            # Whoever calls next must find a writer.
            logger.exception("a checkpoint went wrong", extra={"record": "disk_failed", "error": stored_text(error)})

    def disconnect(self) -> None:
        """Closes the connection, which is opened again for the next group."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def commit(self, waiting: deque[Ticket], reopened: bool = False, at_once: int = _MOST_AT_ONCE) -> list[Ticket]:
        """Commits a group of those who wait, and of those who are queued there meanwhile, and returns those who are to be answered."""
        group: list[Ticket] = []
        connection: Connection | None = None
        try:
            connection = self._begin(waiting)
            if connection is None:
                return group
            if not self._perform_group(connection, waiting, group, at_once):
                # Whose error it is, and what the others get, is seen one by one.
                _roll_back(connection)
                _put_back(group, waiting)
                return self.commit(waiting, reopened, at_once=1)
            connection.execute("COMMIT").fetchall()
            # In the file that is gone it is nowhere.
            self._database.refuse_former(self._generation)
        except BaseException as error:
            # Nothing could be begun, or COMMIT failed: nobody's write is there.
            if not group:
                # Opening waits for locks as well: who has waited meanwhile does not wait again.
                group.extend(_taken(waiting))
            if connection is not None:
                _roll_back(connection)
            if not group:
                # A signal has raised it where a lone caller's call was between two lists: it is the caller's all the same.
                raise
            known = error if isinstance(error, KnockerError) else translate(error)
            if known is not None and known.code == "read_only" and not reopened:
                # Perhaps only the connection is: it came up so, and the file has been put right since.
                self.disconnect()
                _put_back(group, waiting)
                return self.commit(waiting, True, at_once)
            for ticket in group:
                ticket.error = ticket.error or (same(known) if known is not None else error)
            if known is not None:
                self._failed(known, connection is not None)
            return group
        self._database.changed.notify()
        return group

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
            self._waits_in_steps = False
        # A signal may have raised something where it could not be taken back.
        _roll_back(self._connection)
        if database.checkpoints.trouble is not None:
            self._waits_in_steps = False
            database.checkpoints.require_sound(self._connection)
        if not self._waits_in_steps:
            self._connection.execute(f"PRAGMA busy_timeout = {min(_STEP_MS, int(database.busy_timeout_s * 1000))}").fetchall()
            self._waits_in_steps = True
        return self._connection

    def _begin(self, waiting: deque[Ticket]) -> Connection | None:
        """Begins a transaction for those who wait, and for who joins them on the way; None where everybody's time ran out first. Those
        whose time runs out are answered here, so that nobody waits longer because others have waited before."""
        timeout_s = self._database.busy_timeout_s
        connection = self._connected()
        while waiting:
            try:
                connection.execute("BEGIN IMMEDIATE").fetchall()
                return connection
            except Exception as error:
                known = translate(error)
                if known is None or known.code != "busy":
                    raise
            overdue_at = time.monotonic() - timeout_s
            if waiting[0].queued_at <= overdue_at:
                _give_up(waiting, known, overdue_at + _SLACK_S)
        return None

    def _perform_group(self, connection: Connection, waiting: deque[Ticket], group: list[Ticket], at_once: int) -> bool:
        """Runs those who wait, and who is queued meanwhile, until the group is full; so many by one statement. Returns false where that
        was one too many, as one of them has an error: the transaction is to be taken back."""
        size = 0
        while len(group) < MOST_CALLS:
            begun = len(group)
            while waiting and len(group) < min(begun + at_once, MOST_CALLS):
                if group and size + waiting[0].size > MOST_BYTES:
                    break
                size += waiting[0].size
                group.append(waiting.popleft())
            if len(group) == begun:
                break
            if len(group) == begun + 1:
                _perform(connection, group)
            elif not _perform_at_once(connection, group[begun:]):
                return False
        return True


def _perform_at_once(connection: Connection, calls: list[Ticket]) -> bool:
    """Runs the calls by one statement. Returns whether all of them were: else the transaction is to be taken back."""
    try:
        results = call_each(connection, [(ticket.function, ticket.arguments) for ticket in calls])
    except Exception as error:
        if _is_of_all(translate(error)):
            raise
        return False
    for ticket, result in zip(calls, results):  # noqa: B905
        ticket.result = result
    return True


def _perform(connection: Connection, group: list[Ticket]) -> None:
    """Runs the last call of the group."""
    ticket = group[-1]
    try:
        ticket.result = call(connection, ticket.function, *ticket.arguments)
    except Exception as error:
        known = translate(error)
        ticket.error = known or error
        if _is_of_all(known):
            raise
        if not connection.in_transaction:
            # A full disk ends the whole transaction: what was done before in it is gone as well.
            for earlier in group[:-1]:
                earlier.error = earlier.error or same(ticket.error)
            connection.execute("BEGIN IMMEDIATE").fetchall()


def _is_of_all(error: KnockerError | None) -> bool:
    """Whether it is not the call's own: what the disk has of this transaction is not known, or the connection never writes."""
    return error is not None and error.code in ("io_error", "read_only")


def _give_up(waiting: deque[Ticket], error: KnockerError, overdue_at: float) -> None:
    """Answers those who have waited since that time."""
    expired: list[Ticket] = []
    while waiting and waiting[0].queued_at <= overdue_at:
        expired.append(waiting.popleft())
    for ticket in expired:
        ticket.error = same(error)
    answer(expired)


def _taken(waiting: deque[Ticket]) -> list[Ticket]:
    # Others may queue meanwhile.
    return [waiting.popleft() for _ in range(len(waiting))]


def _put_back(group: list[Ticket], waiting: deque[Ticket]) -> None:
    for ticket in group:
        ticket.result = ticket.error = None
    waiting.extendleft(reversed(group))


def same(error: BaseException) -> BaseException:
    """An error of its own for each caller: tracebacks grow on the instance that is raised."""
    return type(error)(error.message) if isinstance(error, KnockerError) else error


def _roll_back(connection: Connection) -> None:
    if not connection.in_transaction:
        return
    # A rollback that fails leaves what SQLite has rolled back itself; the error that the callers get is the first one.
    try:
        connection.execute("ROLLBACK").fetchall()
    except Exception as error:
        if translate(error) is None:
            raise
