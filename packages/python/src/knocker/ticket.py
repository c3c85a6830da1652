"""One call on its way to the writer, by way of a judge where it needs one: what to run, and whom to answer, a thread or a task."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from knocker.connection import Value

Judged = Callable[["Ticket", Any], None]


class Ticket:
    """Made by whoever calls, and answered once with ``result`` or ``error``."""

    __slots__ = ("_judged", "arguments", "error", "function", "future", "lock", "loop", "queued_at", "result", "size", "thread", "work")

    def __init__(self, function: str, arguments: tuple[Value, ...], size: int, judged: Judged | None = None) -> None:
        """``size`` is what the arguments come to in bytes, about; ``judged`` is told what a judge has found, and sends the ticket on to the
        writer."""
        self._judged = judged
        self.result: Any = None
        self.error: BaseException | None = None
        self.lock: threading.Lock | None = None
        self.thread: int | None = None
        self.work: Callable[[Ticket], None] | None = None
        """What the thread that waits for the answer does itself before."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None
        self.asks_for(function, arguments, size)

    def asks_for(self, function: str, arguments: tuple[Value, ...], size: int) -> None:
        """This call is to be run, as of now."""
        self.function = function
        self.arguments = arguments
        self.size = size
        self.queued_at = time.monotonic()

    def judged(self, judgement: Any) -> None:
        """Sends it on."""
        if self._judged is None:
            self.result = judgement
            answer([self])
        else:
            self._judged(self, judgement)

    def block(self) -> Callable[[], Any]:
        """How this thread waits for the answer; to be asked for before the ticket is on its way."""
        lock = self.lock = threading.Lock()
        lock.acquire()
        self.thread = threading.get_ident()
        return self._wait

    @property
    def waits_here(self) -> bool:
        """Whether this thread is the one that waits for the answer."""
        return self.thread == threading.get_ident()

    def _wait(self) -> Any:
        assert self.lock is not None
        if self.work is not None:
            self.work(self)
        self.lock.acquire()
        if self.error is not None:
            raise self.error
        return self.result

    def awaited(self) -> asyncio.Future[Any]:
        """A future of the running loop for the answer; to be asked for before the ticket is on its way."""
        self.loop = asyncio.get_running_loop()
        self.future = self.loop.create_future()
        return self.future


def answer(tickets: Sequence[Ticket]) -> None:
    """Tells everybody what became of the calls."""
    loops: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
    for ticket in tickets:
        if ticket.lock is not None:
            try:
                ticket.lock.release()
            except RuntimeError:
                # Its caller has been told of what a signal has raised there, behind a call that was on its way.
                continue
        elif ticket.loop is not None:
            loops.setdefault(ticket.loop, []).append(ticket)
    for loop, of_loop in loops.items():
        # One wake-up a commit and loop, not one a caller. A loop that has been closed has no caller left to answer.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, of_loop)


def _resolve(tickets: list[Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():
            continue
        if ticket.error is not None:
            future.set_exception(ticket.error)
        else:
            future.set_result(ticket.result)
