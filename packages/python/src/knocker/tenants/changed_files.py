"""Which files of a pattern were written to, as the library tells over a connection that no file stands behind."""

from __future__ import annotations

import json
import os
import threading

from knocker.connection import Driver, call, open_connection
from knocker.driver_errors import translated

_NONE = "[]"


class ChangedFiles:
    """Thread-safe."""

    def __init__(self, pattern: str, driver: Driver, extension: str | os.PathLike[str] | None) -> None:
        self._pattern = pattern
        self._lock = threading.Lock()
        self._connection = open_connection(":memory:", synchronous="full", busy_timeout_s=1, driver=driver, extension=extension)

    def since_last(self) -> list[str]:
        """The paths of those that appeared or were written to since the last call; the first one gives all. Raises InvalidArgumentError for
        what is no pattern."""
        with self._lock, translated():
            text: str = call(self._connection, "knocker_changed_files", self._pattern)
        # What it says a hundred times a second.
        return [] if text == _NONE else json.loads(text)

    def close(self) -> None:
        """Ends it."""
        with self._lock:
            self._connection.close()


def all_files(pattern: str, driver: Driver, extension: str | os.PathLike[str] | None) -> list[str]:
    """The paths of all that match now."""
    files = ChangedFiles(pattern, driver, extension)
    try:
        return files.since_last()
    finally:
        files.close()
