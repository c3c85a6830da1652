"""Telling workers of this process that the database has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable


class ChangeNews:
    """A counter that waits: nobody who looked before a change sleeps through it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._changes = 0
        self._waiting = 0
        self._up_to_date = 0

    @property
    def changes(self) -> int:
        """How many changes there were; look at it before you look at the database."""
        return self._changes

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return self._waiting

    def notify(self) -> None:
        """Says that something changed."""
        with self._condition:
            self._changes += 1
            self._up_to_date = 0
            self._condition.notify_all()

    def wait(self, seen: int, timeout_s: float) -> None:
        """Returns when there were more changes than ``seen``, or after the timeout."""
        with self._condition:
            self._waiting += 1
            self._up_to_date += self._changes == seen
            # Whoever waits for somebody to wait (the watcher of the file) is told as well.
            self._condition.notify_all()
            try:
                self._condition.wait_for(lambda: self._changes != seen, timeout_s)
            finally:
                self._waiting -= 1
                self._up_to_date -= self._changes == seen

    def wait_for_waiting(self, timeout_s: float, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Returns true as soon as some thread waits for a change, false after the timeout or with a change after which nothing goes on."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting > 0 or not goes_on(), timeout_s)
            return self._waiting > 0

    def wait_for_rest(self, threads: int, timeout_s: float) -> bool:
        """Returns true as soon as so many threads wait that have seen every change, false after the timeout."""
        with self._condition:
            return self._condition.wait_for(lambda: self._up_to_date >= threads, timeout_s)
