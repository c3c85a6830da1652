"""Which file a path led to when it was opened, and whether it still does.

A file that is removed, or replaced by a backup, stays open: what is committed to it is nowhere that anybody would look.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator

Identity = tuple[int, int]

# A file in the place of another one is opened once it has stayed as it is for so long: it may be a copy that is not complete yet.
_AT_REST_S = 0.1


def identity_of(path: str) -> Identity | None:
    """Device and inode, or None where there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class OpenFile:
    """The database file behind a path, and its write-ahead log. Not thread-safe, except that anybody may ask."""

    def __init__(self, path: str, wall_clock: Callable[[], float] = time.time) -> None:
        """``path`` is what the operating system knows the file as; ``wall_clock`` is the one that dates its changes."""
        self._wall_clock = wall_clock
        # SQLite keeps its log beside the file that a link leads to.
        self._path = path
        self._file: Identity | None = None
        self._log: Identity | None = None
        self._former: tuple[Identity, Identity | None] | None = None
        self._seen: tuple[int, ...] | None = None
        self._seen_at = 0.0

    @property
    def log_path(self) -> str:
        """The write-ahead log that SQLite keeps beside the file."""
        return os.path.realpath(self._path) + "-wal"

    @property
    def is_known(self) -> bool:
        """Whether a file is open."""
        return self._file is not None

    @property
    def is_there(self) -> bool:
        """Whether there is a file at the path."""
        return identity_of(self._path) is not None

    @property
    def is_same(self) -> bool:
        """Whether the path still leads to the file that was opened; true while none is."""
        known = self._file
        return known is None or identity_of(self._path) == known

    def note(self, file: Identity | None) -> None:
        """This one is open now."""
        self._file = file
        self._former = self._seen = None
        self.note_log()

    def note_log(self) -> None:
        """A connection was opened: while one is, the log stays the same file."""
        if self.is_same:
            self._log = identity_of(self.log_path)

    def identity(self) -> Identity | None:
        """What is at the path now."""
        return identity_of(self._path)

    def forget(self) -> None:
        """It is another file, or none. What its log was is kept in mind."""
        # While the next one could not be opened, it is still the one before that.
        if self._file is not None:
            self._former = self._file, self._log
        self._file = self._log = None

    def why_not_yet(self) -> str | None:
        """Why what is at the path cannot be opened in the place of the former file yet. None is made there: a backup may be on its way."""
        if self._former is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return "there is none now"
        if found.st_size == 0:
            return "the new one is empty"
        seen, now = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns), time.monotonic()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
            # Put there long before anybody looked: where receipts are rare, waiting for a second look would cost one. Elsewhere than on
            # POSIX systems this is the time of creation, which says nothing of the last change.
            if os.name == "posix" and self._wall_clock() > found.st_ctime + _AT_REST_S:
                self._seen_at = -math.inf
        return "the new one is not at rest yet" if now < self._seen_at + _AT_REST_S else None

    def set_leftovers_aside(self) -> str | None:
        """Renames the log of the former file where it still lies at the path: SQLite would replay it into the new one. Returns its new
        name. To be called before the new file is opened."""
        former = self._former
        if former is None or former[1] is None or self.identity() == former[0]:
            # Where the former file itself is back, the log is its own.
            return None
        log, aside = self.log_path, f"{self.log_path}.of-replaced-file-{former[0][1]}"
        with contextlib.suppress(OSError), _locked(log) as locked:
            # Another process may have done so, and opened the new file.
            if locked == former[1] == identity_of(log):
                os.replace(log, aside)
                index = log.removesuffix("-wal") + "-shm"
                with contextlib.suppress(OSError):
                    os.replace(index, aside.replace("-wal.", "-shm.", 1))
                return aside
        return None


@contextlib.contextmanager
def _locked(path: str) -> Iterator[Identity]:
    """Holds a lock on a write-ahead log, which SQLite itself never locks."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        found = os.fstat(descriptor)
        yield found.st_dev, found.st_ino
    finally:
        os.close(descriptor)
