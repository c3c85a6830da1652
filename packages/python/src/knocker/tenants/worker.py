"""One worker for many files: it hears which were written to, knows when something is due in each, and works on several at once.

Each place is a thread. It takes the file that has waited longest, looks into it, and where something is due an ordinary worker of that file
runs for a turn. Nothing else says who comes next: a file whose turn is over waits behind the others.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import os
import secrets
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Literal

from knocker.arguments import flag, positive, whole
from knocker.change_news import ChangeNews
from knocker.decision import stored_text
from knocker.errors import BusyError, ClosedError, FileReplacedError, KnockerError, UnknownTenantError, UsageError
from knocker.event_loop import settled
from knocker.hooks import Hooks
from knocker.lease_keeper import LONGEST_LEASE_S
from knocker.stop_signals import stopped_by_signals
from knocker.tenants.changed_files import ChangedFiles
from knocker.tenants.look import Look, OpenLook
from knocker.tenants.open_files import OpenFiles
from knocker.tenants.pattern import TenantPattern, is_file
from knocker.use_gate import UseGate
from knocker.worker import MOST_THREADS, Worker

logger = logging.getLogger("knocker.worker")

# How often it is asked which files were written to.
_TICK_S = 0.01
# A log is written before it is synced: what is reported may not be there to be seen yet.
_LOOKS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_LOOKS_AFTER_TURN = 4
# A file that is written to again and again without anything being due is looked at less often.
_VAIN_LOOKS, _VAIN_PAUSE_S, _LAST_LOOKS = 50, 0.1, 5
# Longer pauses between looks are no reason to keep a place.
_LONGEST_WAIT_S = 0.05
# Looks at once: they compute more than they wait.
_LOOKERS = 4
# How long a file keeps its place where others wait, and how long for nothing where none does.
_TURN_S = 1.0
_IDLE_S = 1.0
# How often a place looks whether its file is there and whether others wait.
_GLANCE_S = 0.25
# Each file is looked at so often whatever is known of it, and its retention runs.
TOUR_S = 600.0
# Before a file is tried again that cannot be opened.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# Before one is that somebody else has locked, or has put in the place of another.
_BUSY_S = 0.5
_SIGNALS_S = 0.25

MakeWorker = Callable[[Hooks, "asyncio.AbstractEventLoop | None"], Worker]
LookInto = Callable[[str], AbstractContextManager[Look]]


class _Tenant:
    """What is known of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.phase: Literal["rests", "waits", "runs"] = "rests"
        # When it is looked at next while it rests, and told of changes while it runs.
        self.at: float | None = None
        # Which of the looks after a report comes next; None where nothing was reported that has not been found.
        self.step: int | None = None
        self.tour_at = 0.0
        self.failures = 0
        # Looks since something was due that found nothing: somebody writes there for purposes of his own.
        self.vain_looks = 0
        self.changed: ChangeNews | None = None


class TenantsWorker:
    """Handles what is due in all files of a pattern; made by :meth:`~knocker.Tenants.worker`. Use it once: ``run``, ``arun``, or ``start``
    and ``stop``."""

    def __init__(
        self,
        pattern: TenantPattern,
        files: OpenFiles,
        hear: Callable[[], ChangedFiles],
        look_into: LookInto,
        make_worker: MakeWorker,
        gate: Callable[[], UseGate],
        *,
        places: int,
        concurrency: int,
        poll: float,
        lease_s: int,
        share_commits: bool,
        tour_s: float = TOUR_S,
    ) -> None:
        whole("concurrency", concurrency, 1, MOST_THREADS)
        whole("lease_s", lease_s, 1, LONGEST_LEASE_S)
        positive("poll", poll)
        flag("share_commits", share_commits)
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._pattern = pattern
        self._files = files
        self._hear_with = hear
        self._look_into = look_into
        self._make_worker = make_worker
        # What opens and closes connections by itself is inside, so that a fork finds it at rest.
        self._gate_now = gate
        self._places = places
        self._concurrency = concurrency
        self._tour_s = tour_s
        self._pid = os.getpid()
        self._stopping = threading.Event()
        self._ending = threading.Lock()
        self._changes: ChangedFiles | None = None
        self._looks = threading.Semaphore(_LOOKERS)
        # Both guard all that follows. Free places wait for files, and files at rest for others that want their place.
        lock = threading.RLock()
        self._news = threading.Condition(lock)
        self._others = threading.Condition(lock)
        self._tenants: dict[str, _Tenant] = {}
        self._times: list[tuple[float, int, _Tenant]] = []
        self._pushed = 0
        self._queue: deque[_Tenant] = deque()
        self._threads: list[threading.Thread] = []
        self._free_places = 0
        self._working: set[Worker] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_end: asyncio.Event | None = None

    @property
    def _gate(self) -> UseGate:
        return self._gate_now()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self._threads) and not self._stopping.is_set() and self._pid == os.getpid()

    def start(self) -> None:
        """Starts the threads and returns."""
        if self._threads or self._stopping.is_set():
            raise UsageError("a worker runs once; make another one")
        self._changes = self._hear_with()
        logger.info("worker started", extra={"record": "worker_started", "worker": self.name, "concurrency": self._concurrency})
        self._add_thread("tenants", self._schedule)

    def stop(self) -> None:
        """Lets the running handlers finish, gives back the other jobs, and returns when the threads have ended.

        Called by a handler, or on the loop that coroutine handlers need to finish, it only asks for that and returns at once.
        """
        if self._pid != os.getpid():
            # A fork has left the threads to the parent.
            return
        self._stopping.set()
        with self._news:
            self._news.notify_all()
            self._others.notify_all()
            working = list(self._working)
        if self._loop is not None and self._loop_end is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop_end.set)
        if threading.current_thread() in self._threads or self._is_on_loop() or any(worker.is_inside() for worker in working):
            return
        with self._ending:
            # None is added any more.
            for thread in self._threads:
                thread.join()
            changes, self._changes = self._changes, None
            if changes is None:
                return
            changes.close()
            self._files.leave("working")
            logger.info("worker stopped", extra={"record": "worker_stopped", "worker": self.name, "released": 0})

    def _is_on_loop(self) -> bool:
        try:
            return self._loop is not None and asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def __enter__(self) -> TenantsWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self) -> None:
        """Works until SIGTERM or SIGINT where this is the main thread, or until ``stop`` is called in another one."""
        try:
            with stopped_by_signals(self._stopping):
                self.start()
                # Python handles signals in this thread alone, and one that the system gave to another thread does not wake it.
                while not self._stopping.wait(_SIGNALS_S):
                    pass
        finally:
            self.stop()

    async def arun(self) -> None:
        """Works until it is cancelled or stopped, with coroutine handlers on the running loop."""
        self._loop, self._loop_end = asyncio.get_running_loop(), asyncio.Event()
        self.start()
        try:
            await self._loop_end.wait()
        finally:
            # In a thread of its own, because running handlers need this loop, and perhaps all of its default threads, to finish.
            with ThreadPoolExecutor(1, thread_name_prefix="knocker-stop") as executor:
                await settled(asyncio.get_running_loop().run_in_executor(executor, self.stop))

    def tell(self, name: str) -> None:
        """Says that something was received for a tenant in this process, before the system tells of it."""
        if self.is_running:
            with self._news:
                self._changed(name)

    def _add_thread(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"knocker-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # The scheduler.

    def _schedule(self) -> None:
        is_first = True
        while not self._stopping.is_set():
            try:
                self._hear(is_news=not is_first)
                is_first = False
                if self._times and self._times[0][0] <= time.monotonic():
                    with self._news:
                        self._pop_due(time.monotonic())
            except BaseException as error:
                fields = {"record": "worker_failed", "worker": self.name, "error": stored_text(error)}
                logger.exception("worker thread failed, starting it again", extra=fields)
                self._stopping.wait(_FIRST_PAUSE_S)
            # Half of what waiting for the end would cost.
            time.sleep(_TICK_S)

    def _hear(self, is_news: bool = True) -> None:
        """Takes what is told of files; what is there at first is no news."""
        changes = self._changes
        paths = changes.since_last() if changes is not None else []
        if paths:
            with self._news:
                for path in paths:
                    self._changed(self._pattern.name_of(path), is_news)

    def _changed(self, name: str, is_news: bool = True) -> None:
        tenant = self._tenants.get(name)
        if tenant is None:
            tenant = self._tenants[name] = _Tenant(name)
        if tenant.failures:
            # It is tried again when its pause is over, however often it is written to.
            return
        tenant.step = 0 if is_news else None
        if tenant.vain_looks >= _VAIN_LOOKS:
            tenant.step = _LAST_LOOKS
        if tenant.phase == "rests":
            if tenant.vain_looks < _VAIN_LOOKS:
                self._enqueue(tenant)
            else:
                soon = time.monotonic() + _VAIN_PAUSE_S
                if tenant.at is None or tenant.at > soon:
                    self._push(tenant, soon)
        elif tenant.phase == "runs":
            self._tell_worker(tenant, time.monotonic())

    def _tell_worker(self, tenant: _Tenant, now: float) -> None:
        """Has the file's worker look, now and again, since a commit may be there to be seen only in a moment."""
        if tenant.changed is not None:
            tenant.changed.notify()
        if tenant.step is not None and tenant.step < len(_LOOKS_S):
            self._push(tenant, now + _LOOKS_S[tenant.step])
            tenant.step += 1

    def _pop_due(self, now: float) -> None:
        while self._times and self._times[0][0] <= now:
            at, _, tenant = heapq.heappop(self._times)
            if tenant.at != at:
                # It has another time since.
                continue
            tenant.at = None
            if tenant.phase == "runs":
                self._tell_worker(tenant, now)
            elif tenant.phase == "rests":
                self._enqueue(tenant)

    def _push(self, tenant: _Tenant, at: float) -> None:
        tenant.at = at
        self._pushed += 1
        heapq.heappush(self._times, (at, self._pushed, tenant))

    def _enqueue(self, tenant: _Tenant) -> None:
        if self._tenants.get(tenant.name) is not tenant:
            return
        tenant.phase, tenant.at = "waits", None
        self._queue.append(tenant)
        # The scheduler's thread is none of the places.
        if self._free_places < len(self._queue) and len(self._threads) <= self._places and not self._stopping.is_set():
            self._free_places += 1
            self._add_thread(f"tenant-{len(self._threads)}", self._serve)
        self._news.notify()
        if self._others_wait:
            self._others.notify_all()

    @property
    def _others_wait(self) -> bool:
        return len(self._queue) > self._free_places

    # The places.

    def _serve(self) -> None:
        while True:
            with self._news:
                while not self._queue and not self._stopping.is_set():
                    self._news.wait()
                if self._stopping.is_set():
                    return
                self._free_places -= 1
                tenant = self._queue.popleft()
                tenant.phase = "runs"
            at = self._visit_safely(tenant)
            if self._places > 1:
                self._files.make_room("working")
            with self._news:
                self._free_places += 1
                self._ended(tenant, at)

    def _ended(self, tenant: _Tenant, at: float | None) -> None:
        tenant.changed = None
        if at is None:
            self._tenants.pop(tenant.name, None)
            return
        tenant.phase = "rests"
        if tenant.at is not None:
            # Something was told of it since the last look.
            at = min(at, tenant.at)
        if at <= time.monotonic():
            self._enqueue(tenant)
        else:
            self._push(tenant, at)

    def _visit_safely(self, tenant: _Tenant) -> float | None:
        """When the file is to be visited again; None where it is gone."""
        try:
            at = self._visit(tenant)
            tenant.failures = 0
            return at
        except UnknownTenantError:
            self._files.drop(tenant.name)
            return None
        except ClosedError:
            self._stopping.wait(_GLANCE_S)
            return time.monotonic() + _FIRST_PAUSE_S
        except (BusyError, FileReplacedError):
            return time.monotonic() + _BUSY_S
        except BaseException as error:
            return self._failed(tenant, error)

    def _failed(self, tenant: _Tenant, error: BaseException) -> float | None:
        path = self._pattern.path_of(tenant.name)
        if not is_file(path):
            return None
        tenant.failures += 1
        tenant.step = None
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tenant.failures - 1, 10))
        if isinstance(error, KnockerError):
            code, told, frames = error.code, str(error), ""
        else:
            # Of the app's own function, which knows secrets: its message may hold one, the places in the code do not.
            code, told, frames = None, type(error).__name__, "\n" + "".join(traceback.format_tb(error.__traceback__))
        fields = {"record": "tenant_failed", "tenant": tenant.name, "path": path, "code": code, "error": told}
        message = "tenant %s: %s cannot be worked on, trying again in %d s: %s%s"
        logger.error(message, tenant.name, path, pause_s, told, frames, extra=fields)
        return time.monotonic() + float(pause_s)

    def _visit(self, tenant: _Tenant) -> float:
        path = self._pattern.existing(tenant.name)
        if not self._files.knows(tenant.name):
            if os.path.getsize(path) == 0:
                # It is on its way, or nobody has used it yet.
                return self._next(tenant, None)
            with self._looks, self._look_into(path) as look:
                due_ms = self._looked(tenant, look)
            if due_ms != 0:
                return self._next(tenant, due_ms)
        hooks = self._files.take(tenant.name, "working")
        try:
            look = OpenLook(hooks)
            due_ms = self._looked(tenant, look)
            if due_ms == 0:
                tenant.vain_looks = 0
                self._turn(tenant, hooks)
                # Most of what is told of it by now the turn itself has written: a few looks will do.
                self._hear()
                if tenant.step is not None:
                    tenant.step = max(tenant.step, _LOOKS_AFTER_TURN)
                due_ms = look.due_ms()
            return self._next(tenant, due_ms)
        finally:
            self._files.give_back(tenant.name, "working")

    def _looked(self, tenant: _Tenant, look: Look) -> int | None:
        """Milliseconds until something is due. What was written a moment ago is waited for, as long as no other file waits."""
        if time.monotonic() >= tenant.tour_at:
            look.retain()
            tenant.tour_at = time.monotonic() + self._tour_s
        due_ms = look.due_ms()
        while due_ms != 0 and tenant.step is not None and tenant.step < len(_LOOKS_S):
            pause_s = _LOOKS_S[tenant.step]
            if pause_s > _LONGEST_WAIT_S or self._others_wait or self._stopping.wait(pause_s):
                break
            tenant.step += 1
            tenant.vain_looks += 1
            due_ms = look.due_ms()
        tenant.vain_looks = 0 if due_ms == 0 else tenant.vain_looks + 1
        return due_ms

    def _next(self, tenant: _Tenant, due_ms: int | None) -> float:
        """When the file is to be visited again, unless something is told of it meanwhile."""
        tenant.at = None
        now = time.monotonic()
        at = tenant.tour_at if tenant.tour_at > now else now + self._tour_s
        if due_ms is not None:
            at = min(at, now + due_ms / 1000)
        if due_ms != 0 and tenant.step is not None and tenant.step < len(_LOOKS_S):
            at = min(at, now + _LOOKS_S[tenant.step])
            tenant.step += 1
        else:
            tenant.step = None
        return at

    def _turn(self, tenant: _Tenant, hooks: Hooks) -> None:
        """Runs a worker of the file until nothing is due there, or others have waited for long enough."""
        worker = self._make_worker(hooks, self._loop)
        with self._news:
            tenant.changed = hooks.database.changed
            self._working.add(worker)
        try:
            with self._gate:
                worker.start()
            began = time.monotonic()
            rests_since = None
            while not self._stopping.is_set() and not hooks.database.was_replaced:
                rests = worker.rests(_GLANCE_S if rests_since is None else 0.0)
                now = time.monotonic()
                rests_since = (rests_since or now) if rests else None
                if self._others_wait and (rests or now - began >= _TURN_S):
                    break
                if rests_since is not None:
                    if now - rests_since >= _IDLE_S:
                        break
                    with self._others:
                        if not self._others_wait:
                            self._others.wait(min(_GLANCE_S, rests_since + _IDLE_S - now))
        finally:
            # Outside of the gate, since handlers may take their time.
            worker.ask_to_stop()
            worker.wait_for_handlers()
            with self._gate:
                worker.stop()
            with self._news:
                self._working.discard(worker)
