"""The transaction of one attempt: begun when a handler first uses ``tx``, then committed with the result, or rolled back.

A handler that calls an API for ten seconds and then writes holds the write lock only for the write, so receipts never wait for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import ref

from knocker.connection_state import has_more_files, reset_rows, unhinder
from knocker.driver_errors import translate
from knocker.errors import ClosedError, UsageError
from knocker.event_loop import settled
from knocker.giving_way import CommitsHere, HeldTime
from knocker.handler_sql import Effect
from knocker.loop_gate import LoopBusyError, LoopGate

# How long a result waits for the write lock. Longer than a receive does: a result that is not written makes the handler run again.
_RESULT_PATIENCE_S = 60.0
_PAUSE_S = 0.005
# Until so many more were made, those that are gone are not looked for.
_FEW_CURSORS = 100

OVER = "tx is of one attempt, and that attempt is over: do not keep it, or its cursors, beyond the handler"
ENDED = "the transaction ended before the handlers: leave COMMIT and ROLLBACK to the worker, and pass on errors of a full or failing disk"

T = TypeVar("T")
AnyAttempt = TypeVar("AnyAttempt", bound="AttemptTransaction")

CURRENT: ContextVar[AttemptTransaction | None] = ContextVar("knocker_attempt", default=None)
"""The attempt whose handler runs here: a task that a handler leaves behind is told from the handlers that follow on its connection."""


class AttemptTransaction:
    """What one attempt may do with the connection. ``gate`` is None where none of its handlers runs on an event loop, so far."""

    def __init__(self, connection: Any, path: str, gate: LoopGate | None, now_ms: Callable[[], int]) -> None:
        """``connection`` runs statements past the guards of ``tx``, on the file at ``path``."""
        self.path = path
        self.gate = gate
        self.on_loop = False
        self.begun = False
        self.begun_at_ms = 0
        self.begun_on_stopwatch = 0.0
        self.conflicted = False
        self.depth = 0
        self.at_return: list[Callable[[], None]] = []
        """What is to be done when the handlers have returned, in their transaction; what it raises is theirs."""
        self.after_commit: list[Callable[[], None]] = []
        """What is to be done when their writes are committed."""
        self.sets_pragma = False
        self.may_attach = False
        self.blobs: list[Any] = []
        # Not a WeakSet: to make and read one takes longer than everything else here, once for each attempt.
        self._cursors: list[ref[Any]] = []
        self._most_cursors = _FEW_CURSORS
        self._connection = connection
        self._now_ms = now_ms
        self._ended = False
        self._used = False
        self._over = False
        # Held while a statement runs or a BEGIN waits for the write lock, so that whoever ends the attempt waits for it and undoes it.
        # Reentrant, because a statement may call functions of the handler.
        self._lock = threading.RLock()

    def use(self) -> None:
        """To be called before each use of the connection: begins the transaction, or refuses one that is over."""
        self._check()
        if self.begun:
            self._used = True
            return
        if self.gate is not None:
            if not self.on_loop:
                self.gate.wait(self)
            elif not self.gate.take(self):
                self._conflict()
        self._begin()
        self._used = True

    def note(self, effect: Effect) -> None:
        """To be called before a statement that has one; raises UsageError where it must not be run."""
        if effect.refused is not None:
            raise UsageError(effect.refused)
        self.sets_pragma |= effect.sets_pragma
        self.may_attach |= effect.may_attach

    def __enter__(self) -> None:
        """Around each statement: none that has passed the checks runs after the attempt."""
        if self.begun:
            self._used = True
        else:
            self.use()
        self._lock.acquire()
        try:
            self._check()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    async def ause(self) -> None:
        """As :meth:`use`, waiting for the gate and for the write lock without blocking the loop."""
        self._check()
        if self.begun or self.gate is None or not self.on_loop:
            return self.use()
        await self.gate.await_turn(self)
        beginning = asyncio.get_running_loop().run_in_executor(self.gate.executor, self._begin)
        try:
            await settled(beginning)
        except asyncio.CancelledError:
            self._undo()
            raise

    def share_loop(self, gate: LoopGate) -> None:
        """From here on handlers of this attempt run on the gate's loop. Raises LoopBusyError where another one is inside and this attempt
        has the write lock: waiting for it would block both."""
        self.gate = gate
        if self.begun and not gate.take(self):
            self._conflict()
        self.on_loop = True

    @property
    def holds_lock(self) -> bool:
        """Whether the handlers have the file's write lock."""
        if not self.begun or self._over:
            return False
        if not self._lock.acquire(blocking=False):
            # A task that the handler has left behind runs a statement right now, and no driver is asked meanwhile.
            return True
        try:
            return bool(self._connection.in_transaction)
        finally:
            self._lock.release()

    @property
    def was_ended(self) -> bool:
        """Whether what the handlers began was committed or rolled back behind the worker's back."""
        with self._lock:
            return self._ended or (self.begun and not self._connection.in_transaction)

    def end(self) -> None:
        """Nothing of this attempt uses the connection from here on. What is left in the middle would keep it at its snapshot."""
        with self._lock:
            self._over = True
            for cursor in self._cursors:
                if (left := cursor()) is not None:
                    left.close()
            for blob in self.blobs:
                blob.close()

    def close_at_end(self, cursor: Any) -> None:
        """Closes the cursor with the attempt, where it is still there."""
        if len(self._cursors) >= self._most_cursors:
            self._cursors = [one for one in self._cursors if one() is not None]
            self._most_cursors = 2 * len(self._cursors) + _FEW_CURSORS
        self._cursors.append(ref(cursor))

    def let_go(self) -> None:
        """To be called before the handler waits for the write lock elsewhere: what is not its own is not to hold it."""

    def leave(self) -> None:
        """Lets others of the loop in: the transaction is over."""
        if self.gate is not None:
            self.gate.forget(self)

    def _check(self) -> None:
        running = CURRENT.get()
        if self._over or (running is not self and running is not None):
            raise ClosedError(OVER)
        if self.conflicted:
            raise LoopBusyError
        if self._ended or (self.begun and not self._connection.in_transaction):
            self._ended = True
            raise UsageError(ENDED)

    def _conflict(self) -> None:
        self.conflicted = True
        raise LoopBusyError

    def _begin(self) -> None:
        with self._lock:
            try:
                self._check()
                if self.begun:
                    return
                if self.gate is not None and not self.gate.take(self):
                    self._conflict()
                self._connection.execute("BEGIN IMMEDIATE").fetchall()
            except BaseException:
                if self.gate is not None:
                    self.gate.leave(self)
                raise
            self.begun = True
            self.begun_at_ms = self._now_ms()
            self.begun_on_stopwatch = time.monotonic()

    def _undo(self) -> None:
        """Takes back a BEGIN that nobody waits for any more, unless another task of the handler has used it already."""
        with self._lock:
            if self.begun and not self._used and not self._over:
                self._connection.execute("ROLLBACK").fetchall()
                self.begun = False
                if self.gate is not None:
                    self.gate.leave(self)


def begin_patiently(connection: Any) -> None:
    """Begins a transaction for a result."""
    deadline = time.monotonic() + _RESULT_PATIENCE_S
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            return
        except Exception as error:
            known = translate(error)
            if known is None or known.code != "busy" or time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE_S)


class HandlerTransaction:
    """The worker's side of ``tx``, a handler connection: one attempt after the other."""

    def __init__(self, tx: Any, path: str, now_ms: Callable[[], int], commits: CommitsHere) -> None:
        self.tx = tx
        self.commits = commits
        self.path = path
        self.connection = tx.knocker_unguarded
        self.is_altered = False
        """Whether the attempts so far have left something on the connection, so that the next one is to have another."""
        self.held = HeldTime()
        """For how long commits have held the write lock."""
        self.now_ms = now_ms
        self._attempt: AttemptTransaction | None = None
        # What opening it has set is how it is to be.
        tx.knocker_altered = False

    def start(self, gate: LoopGate | None) -> AttemptTransaction:
        """Arms ``tx`` for the handlers of an attempt: the next use begins a transaction."""
        return self.arm(AttemptTransaction(self.connection, self.path, gate, self.now_ms))

    def arm(self, attempt: AnyAttempt) -> AnyAttempt:
        """Makes ``tx`` the one of that attempt."""
        self._attempt = self.tx.knocker_attempt = attempt
        return attempt

    def disarm(self) -> None:
        """The handlers of the attempt have ended, whatever becomes of their transaction."""
        self._end()
        self._leave()

    @property
    def held_ms(self) -> int:
        """For how long the handlers of this attempt have had the write lock."""
        begun = self._attempt is not None and self._attempt.begun and self.connection.in_transaction
        return self.now_ms() - self._attempt.begun_at_ms if begun and self._attempt is not None else 0

    def finish(self, write: Callable[[], T]) -> T:
        """Writes the result in the handlers' transaction, or in a new one where they began none, and commits. Returns what it returns."""
        self._end()
        try:
            if not self.connection.in_transaction:
                begin_patiently(self.connection)
            held_since = self._attempt.begun_on_stopwatch if self._attempt is not None and self._attempt.begun else time.monotonic()
            written = write()
            with self.commits:
                self.connection.execute("COMMIT").fetchall()
        except BaseException:
            self.roll_back()
            raise
        self.held.add(held_since)
        self._leave()
        return written

    def roll_back(self) -> None:
        """Takes back what the handlers wrote. SQLite has done so itself after a full or failing disk."""
        self._end()
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK").fetchall()
        finally:
            self._leave()

    def close(self) -> None:
        """Rolls back and closes the connection."""
        try:
            self.roll_back()
        finally:
            self.connection.close()

    def _end(self) -> None:
        if self._attempt is not None:
            self._attempt.end()
            reset_rows(self.tx)
            unhinder(self.tx)

    def _leave(self) -> None:
        if self._attempt is not None:
            self._attempt.leave()
            self.is_altered = self.is_altered or self._has_altered(self._attempt)
            self._attempt = None

    def _has_altered(self, attempt: AttemptTransaction) -> bool:
        return attempt.sets_pragma or self.tx.knocker_altered or (attempt.may_attach and has_more_files(self.connection))
