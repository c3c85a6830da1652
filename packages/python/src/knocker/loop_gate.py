"""One transaction at a time among the coroutine handlers of one event loop and file.

Waiting for SQLite's write lock blocks the loop; if the handler that holds it awaits on that same loop, neither would ever go on.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from knocker.errors import UsageError


class LoopBusyError(BaseException):
    """Another handler of this event loop awaits inside its transaction. Not an Exception, so that no handler takes it for its own: the
    worker catches it, waits, and runs the handlers again."""


class LoopGate:
    """A first-come, first-served lock for threads and coroutines alike. Always taken before the write lock, never while holding it.

    ``executor`` is the gate's own thread for ``BEGIN IMMEDIATE``: the loop's default threads may all wait for the one who is inside.
    """

    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="knocker-begin")
        self._lock = threading.Lock()
        self._holder: object = None
        self._queue: deque[tuple[object, Future[None]]] = deque()

    def take(self, who: object) -> bool:
        """Takes the gate if it is free or ``who`` has it already; never waits."""
        with self._lock:
            if self._holder is None:
                self._holder = who
            return self._holder is who

    def wait(self, who: object) -> None:
        """Takes the gate, blocking this thread until it is free."""
        self._line_up(who).result()

    async def await_turn(self, who: object) -> None:
        """Takes the gate without blocking the loop. A cancelled one has not taken it."""
        turn = self._line_up(who)
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel() and turn.exception() is None:
                self.leave(who)
            raise

    def wait_until_free(self) -> None:
        """Returns when those who are there now have left."""
        visitor = object()
        self.wait(visitor)
        self.leave(visitor)

    def leave(self, who: object) -> None:
        """Gives the gate to the next in line, if ``who`` has it."""
        with self._lock:
            if self._holder is not who:
                return
            self._holder = None
            while self._queue and self._holder is None:
                following, turn = self._queue.popleft()
                # False where the one who waited has been cancelled.
                if turn.set_running_or_notify_cancel():
                    self._holder = following
                    turn.set_result(None)

    def forget(self, who: object) -> None:
        """Gives the gate back and takes ``who`` out of the line: its attempt is over."""
        with self._lock:
            stale = [turn for waiting, turn in self._queue if waiting is who]
            self._queue = deque(entry for entry in self._queue if entry[0] is not who)
        for turn in stale:
            if turn.set_running_or_notify_cancel():
                turn.set_exception(UsageError("the attempt was over before its transaction began"))
        self.leave(who)

    def _line_up(self, who: object) -> Future[None]:
        turn: Future[None] = Future()
        with self._lock:
            if self._holder in (None, who):
                self._holder = who
                turn.set_running_or_notify_cancel()
                turn.set_result(None)
            else:
                self._queue.append((who, turn))
        return turn


_GATES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, LoopGate]] = weakref.WeakKeyDictionary()
_GATES_LOCK = threading.Lock()


def gate_of(loop: asyncio.AbstractEventLoop, path: str) -> LoopGate:
    """The gate of that loop and file, shared by every worker on them."""
    with _GATES_LOCK:
        gates = _GATES.setdefault(loop, {})
        if path not in gates:
            gates[path] = LoopGate()
        return gates[path]
