"""Group commit: callers that arrive together share one transaction, and each is answered after its commit; receipts after the replica has
it, where they are to wait for one.

The price of a durable write is the fsync of its commit. One thread has the writing connection at a time: it takes what is queued, commits
it at once, and answers everybody. Where nobody else writes or waits it is the caller's own, which hands nothing over; as soon as callers
come together it is one that does nothing else, so that no caller works for others.
"""

from __future__ import annotations

import queue
import threading
from collections import deque

from knocker.commits import STORE, Commits, same
from knocker.connections import Connections
from knocker.errors import BusyError, ClosedError
from knocker.replica import Replica
from knocker.ticket import Ticket, answer


class Writer:
    """Who writes to one database file in one process. Thread-safe."""

    def __init__(self, database: Connections, replica: Replica | None = None) -> None:
        """Receipts are answered once the ``replica`` has them, where there is one."""
        self._database = database
        self._replica = replica
        self._commits = Commits(database)
        self._lock = threading.Lock()
        self._queued: deque[Ticket] = deque()
        # Somebody writes, or is on the way to.
        self._is_busy = False
        # Those of a group are not answered yet.
        self._is_committing = False
        # The ticket of a caller that does its own work.
        self._alone: Ticket | None = None
        self._were_alone = True
        self._checkpoint_is_due = False
        self._closed = False
        self._is_done = False
        self._turns: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="knocker-writer", daemon=True)
        self._thread.start()

    @property
    def is_awaited(self) -> bool:
        """Whether calls wait for a commit."""
        return self._is_committing or bool(self._queued)

    def put(self, ticket: Ticket) -> None:
        """Has the ticket's call run in the next commit that has room for it, and answered afterwards. Where the thread that is to wait for
        it is this one, it may find the call to be its own work then."""
        with self._lock:
            if self._closed:
                raise ClosedError("these hooks are closed")
            if self._alone is not None and self._alone.thread == ticket.thread:
                raise BusyError(
                    "a signal handler has interrupted a call of this thread that holds the write lock, and would wait for it in vain"
                )
            is_first = not self._queued
            self._queued.append(ticket)
            if self._is_busy:
                return
            if is_first and self._were_alone and self._replica is None and ticket.waits_here:
                ticket.work = self._work_alone
                return
            self._is_busy = True
            self._turns.put(None)

    def close(self) -> None:
        """Commits what is queued and ends the thread."""
        with self._lock:
            self._closed = True
            if not self._is_busy:
                self._is_busy = True
                self._turns.put(None)
            # In a signal handler, which a commit of this very thread waits for: the thread ends after that.
            interrupts_itself = self._alone is not None and self._alone.waits_here
        if not interrupts_itself:
            self._thread.join()

    def disconnect(self) -> None:
        """Closes the connection, which is opened again for the next group. To be called where nobody is inside the database's gate."""
        if self._replica is not None:
            self._replica.close()
        self._commits.disconnect()

    def _work_alone(self, ticket: Ticket) -> None:
        """Runs the ticket's call in this thread, unless somebody else has begun to write, who finds it in the queue. A signal may raise
        anything in here, so that nobody else's call is taken along."""
        try:
            with self._lock:
                if self._is_busy or len(self._queued) != 1 or self._queued[0] is not ticket:
                    return
                # First, as whatever a signal raises from here on is to end it.
                self._alone = ticket
                self._is_busy = True
                self._queued.clear()
            with self._database.gate:
                self._write(deque([ticket]))
        finally:
            if self._alone is ticket:
                try:
                    self._leave_to_thread()
                finally:
                    # Where the signal came just there.
                    if self._alone is ticket:
                        self._leave_to_thread()

    def _leave_to_thread(self) -> None:
        """The work of one alone is done; where there is more, it is the thread's."""
        with self._lock:
            self._alone = None
            if self._queued or self._closed or self._checkpoint_is_due:
                self._is_busy = True
                self._turns.put(None)
            else:
                self._is_busy = False

    def _run(self) -> None:
        while not self._is_done:
            self._turns.get()
            while self._has_work():
                with self._database.gate:
                    self._were_alone = len(self._write(self._queued)) < 2 and not self._queued
                    if self._checkpoint_is_due:
                        self._checkpoint_is_due = False
                        self._commits.checkpoint()
        with self._database.gate:
            self.disconnect()

    def _has_work(self) -> bool:
        """Whether there is something to do for the thread. If not, somebody else may be next, unless this is the end."""
        with self._lock:
            if self._queued or self._checkpoint_is_due:
                return True
            self._is_busy = self._is_done = self._closed
            return False

    def _write(self, waiting: deque[Ticket]) -> list[Ticket]:
        """Commits a group of those who wait, answers them, and returns them."""
        self._is_committing = True
        try:
            group = self._commits.commit(waiting) if waiting else []
        finally:
            # Before they are answered: who calls again at once, and alone, does not find this group.
            self._is_committing = False
        if group:
            self._answer(group)
            self._checkpoint_is_due |= self._database.checkpoints.note(len(group), sum([ticket.size for ticket in group]))
        return group

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
                    ticket.error = same(error)
            group = receipts
        answer(group)
