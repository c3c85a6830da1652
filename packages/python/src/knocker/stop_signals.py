"""Ending a worker by SIGTERM or SIGINT."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event; a second one does what it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former: dict[int, Any] = {}

    def stop(number: int, _: Any) -> None:
        # Not in this thread, which may have been interrupted while it held the event's own lock.
        _thread.start_new_thread(stopping.set, ())
        signal.signal(number, former[number])

    for number in (int(signal.SIGTERM), int(signal.SIGINT)):
        former[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
