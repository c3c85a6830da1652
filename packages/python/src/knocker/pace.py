"""How quick the handlers of each type have lately been in this process: what tells a worker which of them may share a commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from knocker.event import Event

# What is known of so many types; of others it is learned again.
_MOST_TYPES = 1000
# A quick run after a slow one counts for so much.
_FORGETTING = 0.2
_SOON_MS = 2.0
"""How soon a handler begins its transaction that has little to do elsewhere before."""
_SOMETIMES = 8
"""One that has used ``tx`` in one of so many runs does so sometimes."""


class Run(NamedTuple):
    """One run of an event's handlers."""

    took_ms: float
    begun_after_ms: float | None
    """When they first used ``tx``, None where they did not."""
    raised: bool = False
    apart: bool = False
    """Whether something of it needs a transaction of its own: a handler that awaits, or one that sets something on the connection."""


class Pace(NamedTuple):
    """What is to be expected of the next run of a type."""

    expected_ms: float
    unused: int
    """How many runs have returned since one used ``tx`` and had done little before."""
    apart: bool

    @property
    def uses_tx(self) -> bool:
        """Whether the handlers write through ``tx``, and soon: of others nobody knows what they do elsewhere."""
        return self.unused < _SOMETIMES

    def after(self, run: Run) -> Pace:
        """With one more run: slowness is noticed at once, and forgotten slowly."""
        usual_ms = (1 - _FORGETTING) * self.expected_ms + _FORGETTING * run.took_ms
        if run.begun_after_ms is not None:
            unused = 0 if run.begun_after_ms < _SOON_MS else _SOMETIMES
        else:
            unused = self.unused if run.raised else self.unused + 1
        return Pace(max(run.took_ms, usual_ms), unused, run.apart)


class Paces:
    """Of the types of all endpoints. Thread-safe."""

    def __init__(self, clock: Callable[[], int] | None) -> None:
        """``clock`` is the injected one, which tells how long a handler takes where there is one."""
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str | None], Pace] = {}

    def now_ms(self) -> float:
        """A time to measure from."""
        return time.monotonic() * 1000 if self._clock is None else float(self._clock())

    def of(self, event: Event) -> Pace | None:
        """That of the event's type, None where none has run yet."""
        return self._known.get((event.endpoint, event.type))

    def note(self, event: Event, run: Run) -> None:
        """One more of the event's type has run."""
        key = (event.endpoint, event.type)
        with self._lock:
            before = self._known.pop(key, None)
            self._known[key] = (before or _UNKNOWN).after(run)
            if len(self._known) > _MOST_TYPES:
                del self._known[next(iter(self._known))]


_UNKNOWN = Pace(0.0, _SOMETIMES, apart=False)
