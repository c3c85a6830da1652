"""When a worker's thread leaves the write lock to others.

Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often,
and sleeps in between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through.
_SHARE = 0.1
_LEAST_HELD_S = 0.005
_LONGEST_S = 0.005
# Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that.
_HELD_S = 0.06
_TURN_S = 0.025
# Others are known for so long after they have written.
_KNOWN_S = 10.0


class GivingWay:
    """Of one thread and its connection."""

    def __init__(self, version: Callable[[], int], wait: Callable[[float], object]) -> None:
        """``version`` is another number when another connection has committed something; ``wait`` lets so many seconds pass."""
        self._version = version
        self._wait = wait
        self._seen = version()
        self._held_s = 0.0
        self._others_until = 0.0

    def look(self) -> None:
        """Notes whether others have written. To be called before the worker commits something on another connection, and followed by
        :meth:`skip` after it."""
        if self._version() != self._seen:
            self._others_until = time.monotonic() + _KNOWN_S
            self.skip()

    def skip(self) -> None:
        """What was committed since the last look was not of others."""
        self._seen = self._version()

    def after(self, held_s: float) -> None:
        """To be called without the lock, which has been held for so long since the last call."""
        self._held_s += held_s
        others_write = time.monotonic() < self._others_until
        if self._held_s < (_HELD_S if others_write else _LEAST_HELD_S):
            return
        pause_s = _TURN_S if others_write else min(_LONGEST_S, self._held_s * _SHARE)
        self._held_s = 0.0
        self._wait(pause_s)
        self.look()
