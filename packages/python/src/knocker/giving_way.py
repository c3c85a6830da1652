"""When a worker's threads leave the write lock to others.

Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often,
and sleeps in between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

# Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through.
_SHARE = 0.1
_LEAST_HELD_S = 0.005
_LONGEST_S = 0.005
# Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that.
_HELD_S = 0.06
_TURN_S = 0.025
# Others are known for so long after they have written.
_KNOWN_S = 10.0


class OwnCommits:
    """Those of one worker, on whichever connection; to be entered around each. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begun = 0
        self.ended = 0

    def __enter__(self) -> None:
        with self._lock:
            self.begun += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.ended += 1


class CommitsHere:
    """Those of them that are made on one connection, to which they are no news; to be entered around each."""

    def __init__(self, own: OwnCommits) -> None:
        self.own = own
        self.made = 0

    def __enter__(self) -> None:
        self.made += 1
        self.own.__enter__()

    def __exit__(self, *_: object) -> None:
        self.own.__exit__()


class OthersWatch:
    """How one thread, on its connection, notices that others write."""

    def __init__(self, version: Callable[[], int], here: CommitsHere) -> None:
        """``version`` is another number when another connection has committed something."""
        self._version = version
        self._here = here
        self._seen = 0
        self._seen_own = 0
        # Nothing of the worker was on its way at the last look, if there was one.
        self._quiet = False

    def have_written(self) -> bool:
        """Whether others have written since the last call. Where the worker has, too, on another connection, nobody can tell."""
        ended = self._here.own.ended
        version = self._version()
        begun = self._here.own.begun
        own = begun - self._here.made
        others = version != self._seen and self._quiet and own == self._seen_own
        self._seen, self._seen_own, self._quiet = version, own, ended == begun
        return others


class Held(NamedTuple):
    """For how long the write lock was held in all, and since when."""

    seconds: float
    since: float


class HeldTime:
    """For how long the commits of one connection have held the write lock, until somebody takes it."""

    def __init__(self) -> None:
        self._held = _NOT_HELD

    def add(self, since: float) -> None:
        """One has held it since that moment of ``time.monotonic``, until now."""
        held = self._held
        self._held = Held(held.seconds + time.monotonic() - since, held.since or since)

    def take(self) -> Held:
        """From now on it counts from zero."""
        held, self._held = self._held, _NOT_HELD
        return held


_NOT_HELD = Held(0.0, 0.0)


class GivingWay:
    """Of one worker. Thread-safe."""

    def __init__(self, threads: int, wait: Callable[[float], object], now: Callable[[], float] = time.monotonic) -> None:
        """``wait`` lets so many seconds pass."""
        self._threads = threads
        self._wait = wait
        self._now = now
        # Kept in a pause: so the other threads have theirs at the same time, after one more commit.
        self._lock = threading.Lock()
        self._held = _NOT_HELD
        self._others_until = 0.0

    @property
    def others_write(self) -> bool:
        """Whether others are known to."""
        return self._now() < self._others_until

    def look(self, watch: OthersWatch) -> None:
        """Notes whether others have written. To be called before the worker commits something on another connection, and after that."""
        if watch.have_written():
            self._others_until = self._now() + _KNOWN_S

    def after(self, held: Held, watch: OthersWatch) -> None:
        """To be called without the lock, which has been held for so long since the last call."""
        if held.seconds <= 0:
            return
        with self._lock:
            before = self._held
            self._held = Held(before.seconds + held.seconds, min(before.since or held.since, held.since))
            others_write = self.others_write
            if self._held.seconds < (_HELD_S if others_write else _LEAST_HELD_S):
                return
            pause_s = _TURN_S if others_write else self._pause_s()
            self._held = _NOT_HELD
            self.look(watch)
            if pause_s > 0:
                self._wait(pause_s)
                self.look(watch)

    def _pause_s(self) -> float:
        """What is left of their share: between two transactions of a lone thread the lock is free as well, while it tells of what it has
        committed and reads what comes next."""
        free_s = self._now() - self._held.since - self._held.seconds if self._threads == 1 else 0.0
        return min(_LONGEST_S, self._held.seconds * _SHARE) - free_s
