"""A clock beside a shared transaction: a handler that has become slow, and has not used ``tx``, does not hold up the others' commit."""

from __future__ import annotations

import logging
import threading

from knocker.decision import stored_text
from knocker.shared_commit import SharedCommit

logger = logging.getLogger("knocker.worker")


class Impatience:
    """A thread that sleeps while nothing is shared; started where something is."""

    def __init__(self, shared: SharedCommit) -> None:
        self._shared = shared
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Looks after the transaction from here on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="knocker-impatience", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._shared.wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        left_ms = 0.0
        while not self._ended.wait(left_ms / 1000):
            self._shared.wanted.wait()
            try:
                left_ms = self._shared.commit_overdue()
            except Exception as error:
                # The handler's own thread meets it too, and records it.
                fields = {"record": "worker_failed", "worker": self._shared.worker, "error": stored_text(error)}
                logger.exception("an early commit went wrong", extra=fields)
                left_ms = 1000.0
