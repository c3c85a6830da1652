"""One transaction for the attempts of several events: each in a savepoint, with its verdict, and one commit for all.

What one handler raises takes back its own writes alone. Nobody sees an event's writes or its verdict before the commit, and nothing is
told of it. Where the whole transaction is lost, by a failing commit or by a handler that ends it, none of them counts as run.

The transaction is begun by the first handler that uses ``tx``. Attempts that ended before that wait with their verdicts; they hold no lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from knocker.attempt_report import AttemptReport
from knocker.connection import rows
from knocker.database import Database
from knocker.driver_errors import translate, translated
from knocker.errors import KnockerError, LeaseLostError
from knocker.handler_sql import SAVEPOINT
from knocker.leases import Job, Leases
from knocker.pace import Pace
from knocker.transaction import AttemptTransaction, HandlerTransaction, begin_patiently

logger = logging.getLogger("knocker.worker")

MOST_EVENTS = 64
"""So many events share a commit at most."""
MOST_MS = 20.0
"""For so long the transaction stays open, and no handler is begun in it that lately took longer than what is left of that."""

State = Literal["waiting", "written", "committed", "undone"]
ClaimNext = Callable[[], Callable[[bool], None]]
"""Claims what comes next, in the transaction that is about to be committed; what it returns is called with whether it was."""


@dataclass
class Member:
    """An attempt whose handlers have ended, and which waits for the commit."""

    job: Job
    report: AttemptReport
    write: Callable[[Leases], str]
    """Writes the verdict."""
    has_writes: bool
    """Whether what its handlers wrote is to be committed: without it only the verdict is to be written again where that is lost."""
    told: Callable[[str], None]
    """Tells what is particular about that status, after the commit."""
    took_ms: float
    ended_at: int
    """When its handlers had ended, which is when the verdict is of."""
    state: State = "waiting"
    status: str = ""
    problem: BaseException | None = None
    """Why the lease was lost, or why it is undone."""


@dataclass
class Moment:
    """The time of what is written: that of the injected clock, unless it is of an earlier moment."""

    now: Callable[[], int | None]
    fixed: int | None = field(default=None)

    def __call__(self) -> int | None:
        return self.now() if self.fixed is None else self.fixed


class MemberTransaction(AttemptTransaction):
    """What an attempt that shares its transaction may do with the connection."""

    def __init__(self, connection: Any, path: str, now_ms: Callable[[], int], shared: SharedCommit) -> None:
        super().__init__(connection, path, None, now_ms)
        self._shared = shared

    def let_go(self) -> None:
        """The others are committed, unless this one holds the lock too."""
        if not self.begun:
            self._shared.commit_early()

    def _begin(self) -> None:
        # This attempt's lock first, as around its statements.
        with self._lock, self._shared.lock:
            self._check()
            if not self.begun:
                self._shared.begin()
                self.begun = True
                self.begun_at_ms = self._now_ms()


class SharedCommit:
    """The shared transaction of one connection. Its thread runs the handlers; another one may commit early, see :meth:`commit_overdue`."""

    def __init__(
        self,
        transaction: HandlerTransaction,
        leases: Leases,
        moment: Moment,
        database: Database,
        require_current: Callable[[], None],
        settling: Callable[[Collection[int]], AbstractContextManager[None]],
        renew: Callable[[Collection[int]], None],
        renew_after_ms: float,
    ) -> None:
        """``leases`` write by the time of ``moment``; ``require_current`` raises where the file has been replaced;
        ``settling`` is around the commit of the verdicts of these jobs. ``renew`` extends
        the worker's leases, but those of the given jobs, in a transaction that has held the write lock for more than ``renew_after_ms``."""
        self.lock = threading.RLock()
        self.wanted = threading.Event()
        """Set where something waits for a commit."""
        self._transaction = transaction
        self._connection = transaction.connection
        self._leases = leases
        self._moment = moment
        self._database = database
        self._paces = database.paces
        self._require_current = require_current
        self._settling = settling
        self._renew = renew
        self._renew_after_ms = renew_after_ms
        self.members: list[Member] = []
        """The attempts that wait for the commit, or to be told of it. A commit leaves the list as it is and begins another one."""
        self.holds_lock = False
        """Whether the transaction is open."""
        self._current: MemberTransaction | None = None
        self._begun_at_ms = 0
        self._held_since = 0.0
        self._since_ms = 0.0

    @property
    def worker(self) -> str:
        """Whose it is."""
        return self._leases.worker

    def has_room_for(self, pace: Pace) -> bool:
        """Whether a handler of that pace may be begun in it: nobody is to wait for the lock because of one that is slow, or that does
        something else first."""
        if not self.members:
            return True
        if len(self.members) >= MOST_EVENTS or (self.holds_lock and not pace.uses_tx):
            return False
        return self._age_ms() + pace.expected_ms <= MOST_MS

    @property
    def is_full(self) -> bool:
        """Whether it is to be committed, whatever comes next."""
        return len(self.members) >= MOST_EVENTS or bool(self.members and self._age_ms() >= MOST_MS)

    def _age_ms(self) -> float:
        return self._paces.now_ms() - self._since_ms

    def start(self) -> MemberTransaction:
        """Arms ``tx`` for the handlers of one more attempt."""
        self._current = MemberTransaction(self._connection, self._transaction.path, self._transaction.now_ms, self)
        return self._transaction.arm(self._current)

    def begin(self) -> None:
        """To be called with the lock, at the first use of ``tx``: begins the transaction if need be, and a savepoint in it."""
        if not self.holds_lock:
            self._connection.execute("BEGIN IMMEDIATE").fetchall()
            self._opened()
            try:
                self._write_waiting()
            except Exception as error:
                # It is not this handler's error.
                self._roll_back()
                self._undo(error)
                self._connection.execute("BEGIN IMMEDIATE").fetchall()
                self._opened()
        self._connection.execute(f"SAVEPOINT {SAVEPOINT}").fetchall()

    def _opened(self) -> None:
        self.holds_lock = True
        self._held_since = time.monotonic()
        self._begun_at_ms = self._database.current_ms()
        self._note_since()

    def _note_since(self) -> None:
        if not self.members or not self.wanted.is_set():
            self._since_ms = self._paces.now_ms()
            self.wanted.set()

    def add(self, member: Member, attempt: MemberTransaction) -> None:
        """The handlers of the attempt that was started have ended, and nothing of it uses the connection any more.

        Raises what keeps its verdict from being written, with its writes taken back; then the attempt is none of this transaction.
        """
        with self.lock:
            self._current = None
            if attempt.begun:
                if not member.has_writes:
                    self._take_back()
                # With writes it is written inside the savepoint: a lease that is lost takes back this event's alone.
                self._write(member)
                if member.has_writes and member.status == "lease_lost":
                    self._take_back()
                elif member.has_writes:
                    self._connection.execute(f"RELEASE {SAVEPOINT}").fetchall()
            elif self.holds_lock:
                self._write(member)
            self.members.append(member)
            self._note_since()

    def drop(self, attempt: MemberTransaction) -> None:
        """As :meth:`add`, for an attempt that is none of this transaction: what it wrote is taken back."""
        with self.lock:
            self._current = None
            if attempt.begun:
                self._take_back()

    def _take_back(self) -> None:
        """Takes back what was written since the savepoint, or everything where that is not possible."""
        if not self._connection.in_transaction:
            self._find_out()
            return
        try:
            self._connection.execute(f"ROLLBACK TO {SAVEPOINT}").fetchall()
            self._connection.execute(f"RELEASE {SAVEPOINT}").fetchall()
        except Exception as error:
            fields = {"record": "commit_undone", "error": str(error)}
            logger.warning(
                "a handler has ended its savepoint, and the events that shared its transaction run again: %s", error, extra=fields
            )
            self._roll_back()
            self._find_out()

    def _write(self, member: Member) -> None:
        self._moment.fixed = member.ended_at
        try:
            with translated():
                member.status = member.write(self._leases)
        except LeaseLostError as error:
            member.status, member.problem = "lease_lost", error
        except KnockerError as error:
            self._database.doubt(error)
            raise
        finally:
            self._moment.fixed = None
        member.state = "written"

    def _write_waiting(self) -> None:
        for member in self.members:
            if member.state == "waiting":
                self._write(member)

    def commit(self, claim_next: ClaimNext | None = None) -> list[Member]:
        """Commits, and returns every attempt since the last call: committed, or undone."""
        with self.lock:
            self._commit(claim_next)
            members, self.members = self.members, []
            self.wanted.clear()
            return members

    def commit_early(self) -> None:
        """Commits what is there while a handler runs that has not used ``tx``. They are told of when it has ended."""
        with self.lock:
            if self._current is None or not self._current.begun:
                self._commit(None)

    def commit_overdue(self) -> float:
        """As :meth:`commit_early` where it is time for that; for another thread. Returns after how many milliseconds to look again."""
        with self.lock:
            left_ms = MOST_MS - self._age_ms()
            if left_ms > 0:
                return left_ms
            if self._current is not None:
                self.commit_early()
            return MOST_MS

    def _commit(self, claim_next: ClaimNext | None) -> None:
        if self.holds_lock and not self._connection.in_transaction:
            self._find_out()
        uncommitted = [member for member in self.members if member.state in ("waiting", "written")]
        if not uncommitted and not self.holds_lock:
            return
        claimed: Callable[[bool], None] | None = None
        try:
            with translated():
                if not self.holds_lock:
                    begin_patiently(self._connection)
                    self._opened()
                self._write_waiting()
                if self._database.current_ms() - self._begun_at_ms > self._renew_after_ms:
                    self._renew({member.job.id for member in uncommitted})
                if claim_next is not None:
                    claimed = claim_next()
                self._require_current()
                with self._settling([member.job.id for member in uncommitted]), self._transaction.commits:
                    self._connection.execute("COMMIT").fetchall()
        except BaseException as error:
            self._roll_back()
            if claimed is not None:
                claimed(False)
            known = translate(error) if not isinstance(error, KnockerError) else error
            if known is not None:
                self._database.doubt(known)
            self._undo(known or error)
            if not isinstance(error, Exception):
                raise
            return
        self.holds_lock = False
        self._transaction.held.add(self._held_since)
        for member in uncommitted:
            member.state = "committed"
        if claimed is not None:
            claimed(True)
        self._database.checkpoints.committed(self._connection, len(uncommitted))

    def roll_back(self) -> None:
        """Gives everything up that is not committed."""
        with self.lock:
            self._roll_back()

    def _roll_back(self) -> None:
        self.holds_lock = False
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK").fetchall()

    def _undo(self, error: BaseException) -> None:
        for member in self.members:
            if member.state in ("waiting", "written"):
                member.state, member.problem = "undone", error

    def _find_out(self) -> None:
        """A handler has ended the transaction, or SQLite has, as on a full disk: the file says whether it was committed."""
        self.holds_lock = False
        for member in self.members:
            if member.state == "written":
                member.state = "committed" if self._is_in_file(member) else "undone"

    def _is_in_file(self, member: Member) -> bool:
        if member.status == "lease_lost":
            return True
        event, job = member.job.event, member.job
        attempts = "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? ORDER BY id DESC LIMIT 1"
        try:
            leased = rows(self._connection, "SELECT 1 FROM knocker_jobs WHERE job_id = ? AND worker = ?", [job.id, job.worker])
            return not leased and rows(self._connection, attempts, [event.id, event.attempt]) == [(member.status,)]
        except Exception as error:
            # Where nobody can tell it runs again, and its verdict is refused if it has one already.
            if translate(error) is None:
                raise
            return False
