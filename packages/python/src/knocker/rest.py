"""How threads that go on and on are brought to rest for a moment, and wait there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Rest:
    """Counts who works. Once a rest is wanted nobody begins to, and those who do are to end soon. Thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self._working = 0
        self.wanted = False
        """Whether those who work are to end."""

    @contextmanager
    def work(self) -> Iterator[None]:
        """Waits until no rest is wanted; what is done in the block is work."""
        with self._condition:
            while self.wanted:
                self._condition.wait()
            self._working += 1
        try:
            yield
        finally:
            with self._condition:
                self._working -= 1
                self._condition.notify_all()

    def want(self) -> None:
        """Asks for a rest, until :meth:`end`."""
        self.wanted = True

    def begun(self, patience_s: float) -> bool:
        """Waits that long for everybody to rest, and returns whether they do."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._working, patience_s)

    def end(self) -> None:
        """Lets work begin again."""
        with self._condition:
            self.wanted = False
            self._condition.notify_all()
