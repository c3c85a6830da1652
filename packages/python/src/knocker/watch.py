"""Noticing commits of other processes within a millisecond or so, at almost no cost while nothing happens.

``PRAGMA data_version`` says whether another connection has committed. Asking it every two milliseconds costs more than a percent of a
core, so on Linux the kernel tells when the write-ahead log is written, and only then it is asked in short steps until the commit is
there. Elsewhere, and where the kernel cannot tell, it is asked every few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import time
from pathlib import Path

from knocker.connection import Connection

# While a commit is on its way: written, but not synced and visible yet.
_STEP_S = 0.0005
_STEPS_FOR_S = 0.05
# Without the kernel's help.
_POLL_S = 0.004
# A look in between even where the kernel tells: file systems of virtual machines may not.
_LOOK_S = 0.1

_IN_MODIFY = 0x2
_IN_NONBLOCK = 0o4000
_IN_CLOEXEC = 0o2000000


class FileWatch:
    """Waits for commits of other connections. For one thread; ``close`` it there."""

    def __init__(self, connection: Connection, wal: Path) -> None:
        """``connection`` is kept for this alone; ``wal`` is its write-ahead log."""
        self._connection = connection
        self._version = self._data_version()
        self._kernel = _inotify(wal)

    def wait(self, timeout_s: float) -> bool:
        """True as soon as there was a commit since the last look, false after the timeout."""
        deadline = time.monotonic() + timeout_s
        while not self._looks_changed():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._kernel is None:
                time.sleep(min(_POLL_S, left))
            elif self._written(min(_LOOK_S, left)) and self._commits_soon():
                return True
        return True

    def close(self) -> None:
        """Ends the watch and closes the connection."""
        if self._kernel is not None:
            os.close(self._kernel)
        self._connection.close()

    def _looks_changed(self) -> bool:
        version = self._data_version()
        changed = version != self._version
        self._version = version
        return changed

    def _data_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchall()[0][0]
        return version

    def _written(self, timeout_s: float) -> bool:
        """Whether the log was written to."""
        assert self._kernel is not None
        # Not select(): it refuses descriptors above 1023, which a busy server has.
        poll = select.poll()
        poll.register(self._kernel, select.POLLIN)
        if not poll.poll(max(1, round(timeout_s * 1000))):
            return False
        buffer = os.read(self._kernel, 4096)
        _, mask, _, _ = struct.unpack_from("iIII", buffer)
        if not mask & _IN_MODIFY:
            # The log was removed, and the watch with it.
            os.close(self._kernel)
            self._kernel = None
        return True

    def _commits_soon(self) -> bool:
        end = time.monotonic() + _STEPS_FOR_S
        while time.monotonic() < end:
            if self._looks_changed():
                return True
            time.sleep(_STEP_S)
        return False


def _inotify(path: Path) -> int | None:
    """A descriptor that becomes readable when the file is written, or None where there is no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if descriptor < 0:
            return None
        if libc.inotify_add_watch(descriptor, os.fsencode(path), ctypes.c_uint32(_IN_MODIFY)) < 0:
            os.close(descriptor)
            return None
    except (OSError, AttributeError):
        return None
    return descriptor
