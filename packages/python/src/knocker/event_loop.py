"""An event loop in a thread, for coroutine handlers of a worker that is not on one."""

from __future__ import annotations

import asyncio
import threading
from typing import Any


async def settled(future: asyncio.Future[Any]) -> Any:
    """The future's result, never before it has one: a cancellation is raised when it is there, because what runs in a thread goes on."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        # Looked at, so that a failure nobody waits for is not logged as forgotten.
        future.exception()
        raise cancelled
    return future.result()


class BackgroundLoop:
    """Starts its thread when the loop is first asked for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="knocker-loop", daemon=True)
                self._thread.start()
            return self._loop

    def runs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether that loop is this one."""
        return loop is self._loop

    def close(self) -> None:
        """Ends the loop and its thread; what still runs on it is cancelled."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
