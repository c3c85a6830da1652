"""Who is inside SQLite right now, and how to wait until nobody is."""

from __future__ import annotations

import threading
import time


class UseGate:
    """Counts uses of the connections of one database. While it is closed nobody begins one. Thread-safe; a use may hold another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._condition = threading.Condition(self._lock)
        self._inside = 0
        self._closed = False
        self._mine = threading.local()

    def __enter__(self) -> None:
        depth = getattr(self._mine, "depth", 0)
        # The lock itself, as this is done for each commit.
        with self._lock:
            # A use inside another one is let in: the gate waits for the outer one, which needs the inner one to end.
            while self._closed and not depth:
                self._condition.wait()
            self._inside += 1
        self._mine.depth = depth + 1

    def __exit__(self, *_: object) -> None:
        self._mine.depth -= 1
        with self._lock:
            self._inside -= 1
            if self._closed:
                self._condition.notify_all()

    def close(self, patience_s: float) -> bool:
        """Lets nobody in any more, and returns whether all the others had left in time. To be followed by :meth:`open`."""
        deadline = time.monotonic() + patience_s
        own = getattr(self._mine, "depth", 0)
        with self._condition:
            self._closed = True
            # The thread that closes it cannot wait for itself.
            return self._condition.wait_for(lambda: self._inside <= own, max(0.0, deadline - time.monotonic())) and not own

    def open(self) -> None:
        """Lets uses begin again."""
        with self._condition:
            self._closed = False
            self._condition.notify_all()
