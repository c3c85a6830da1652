"""The worker: claims due jobs, runs their handlers, and never sleeps through a new one."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from knocker.arguments import flag, positive, whole
from knocker.attempt import UNWRITTEN, AttemptRunner
from knocker.attempt_report import AttemptReport, FailureHooks
from knocker.connection import call, is_read_only, rows
from knocker.database import Database
from knocker.decision import stored_text
from knocker.endpoint import Endpoint
from knocker.errors import BusyError, ClosedError, FileReplacedError, KnockerError, LeaseLostError, ReadOnlyError, UsageError
from knocker.event import Event
from knocker.event_loop import BackgroundLoop, settled
from knocker.giving_way import CommitsHere, GivingWay
from knocker.handler_connection import handler_class
from knocker.lease_keeper import LONGEST_LEASE_S, LeaseKeeper
from knocker.leases import Job, Leases
from knocker.lost_attempts import LostAttempt
from knocker.rest import Rest
from knocker.shared_attempts import Ended, SharedAttempts
from knocker.shared_commit import Moment, SharedCommit
from knocker.stop_signals import stopped_by_signals
from knocker.transaction import HandlerTransaction
from knocker.watch import FileWatch

logger = logging.getLogger("knocker.worker")

# After an error of the database itself.
_PAUSE_S = 1.0
# How often the watching thread looks whether it is still wanted.
_WATCH_S = 0.25
# Retention passes have intervals of their own; this is how often one may turn out to be due.
_RETAIN_S = 60.0
# How often the main thread looks for signals that another thread has taken.
_SIGNALS_S = 0.25
# A claim that found nothing although something was due: another worker was faster.
_BEATEN_S = 0.005
# Each has a thread and a connection.
MOST_THREADS = 1000
# How often a lease is extended in its length.
_EXTENSIONS = 3


class Worker:
    """Runs handlers in threads; made by :meth:`~knocker.Hooks.worker`. Use it once: ``run``, ``arun``, or ``start`` and ``stop``."""

    def __init__(
        self,
        database: Database,
        endpoints: Mapping[str, Endpoint],
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        hooks: FailureHooks,
        loop: asyncio.AbstractEventLoop | None = None,
        is_one_of_many: bool = False,
    ) -> None:
        """``loop`` is that of coroutine handlers, where it is not to be one of this worker's own. ``is_one_of_many`` is one among
        workers of many files, which come and go: somebody tells it of changes to its file, and the usual log says nothing of it."""
        whole("concurrency", concurrency, 1, MOST_THREADS)
        whole("lease_s", lease_s, 1, LONGEST_LEASE_S)
        positive("poll", poll)
        flag("share_commits", share_commits)
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._endpoints = endpoints
        self._concurrency = concurrency
        self._poll_s = poll
        self._lease_s = lease_s
        self._share_commits = share_commits
        self._hooks = hooks
        self._stopping = threading.Event()
        self._giving_way = GivingWay(concurrency, self._stopping.wait)
        self._ending = threading.Lock()
        self._pid = os.getpid()
        self._rest = Rest()
        self._keeper: LeaseKeeper | None = None
        self._threads: list[threading.Thread] = []
        self._runners: list[threading.Thread] = []
        self._background = BackgroundLoop()
        self._loop = loop
        self._is_one_of_many = is_one_of_many
        self._loop_end = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._keeper is not None and not self._stopping.is_set() and self._pid == os.getpid()

    @property
    def _usual_level(self) -> int:
        return logging.DEBUG if self._is_one_of_many else logging.INFO

    def rests(self, timeout_s: float) -> bool:
        """Returns true as soon as every handler's thread has nothing to do, or is gone; false after the timeout."""
        return self._database.changed.wait_for_rest(len(self._runners), timeout_s) or not any(one.is_alive() for one in self._runners)

    def start(self) -> None:
        """Starts the threads and returns."""
        self._check_startable()
        self._start()

    def _check_startable(self) -> None:
        self._database.refuse_closed()
        if self._keeper is not None or self._stopping.is_set():
            raise UsageError("a worker runs once; make another one")
        if not any(len(endpoint.handlers) for endpoint in self._endpoints.values()):
            raise UsageError("there are no handlers: import the module that registers them before the worker starts")

    def _start(self) -> None:
        keeper = self._keeper = LeaseKeeper(self._database, self.name, self._lease_s, self._endpoints, self._tell_lost)
        self._runners = [self._thread(f"handler-{n}", self._handle, keeper) for n in range(self._concurrency)]
        # In this order, since a thread that is started is waited for until it runs.
        self._threads = [*self._runners, self._thread("leases", self._keep, keeper)]
        if not self._is_one_of_many:
            self._threads.append(self._thread("watch", self._watch))
        self._database.workers.add(self)
        # Before anything that a worker does is told of.
        logger.log(
            self._usual_level, "worker started", extra={"record": "worker_started", "worker": self.name, "concurrency": self._concurrency}
        )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets the running handlers finish, gives back the other jobs, and returns when the threads have ended.

        Called by a handler, or on the loop that coroutine handlers need to finish, it only asks for that and returns at once.
        """
        if self._pid != os.getpid():
            # A fork has left the threads and the connections to the parent.
            return
        self.ask_to_stop()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop_end.set)
        if self.is_inside():
            return
        with self._ending:
            for thread in self._runners:
                thread.join()
            keeper, self._keeper = self._keeper, None
            if keeper is None:
                return
            try:
                released = self._release(keeper)
                logger.log(
                    self._usual_level, "worker stopped", extra={"record": "worker_stopped", "worker": self.name, "released": released}
                )
            finally:
                for thread in self._threads:
                    thread.join()
                keeper.disconnect()
                self._background.close()

    def ask_to_stop(self) -> None:
        """Says that no further handler is to begin."""
        self._stopping.set()
        self._database.changed.notify()

    def wait_for_handlers(self) -> None:
        """Returns when those that ran have finished, after :meth:`ask_to_stop`; what is left is for :meth:`stop`."""
        for thread in self._runners:
            thread.join()

    def is_inside(self) -> bool:
        """Whether this is called from what is waited for when the worker stops."""
        if threading.current_thread() in self._threads:
            return True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return loop is self._loop or self._background.runs(loop)

    def _release(self, keeper: LeaseKeeper) -> int:
        try:
            return keeper.release()
        except KnockerError as error:
            # Nothing is lost: they run out, and another worker takes them.
            fields = {"record": "leases_kept", "worker": self.name, "code": error.code, "error": str(error)}
            logger.warning("leases not given back, they run out: %s", error, extra=fields)
            return 0

    def rest(self, patience_s: float) -> bool:
        """For a fork: lets the running handlers finish, closes every connection, and returns whether that was done in time. To be followed
        by :meth:`go_on`."""
        keeper = self._keeper
        if keeper is None or self._pid != os.getpid():
            return True
        self._rest.want()
        self._database.changed.notify()
        # A handler that forks would wait for itself.
        if self.is_inside() or not self._rest.begun(patience_s):
            return False
        keeper.disconnect()
        return True

    def go_on(self) -> None:
        """Ends a rest."""
        self._rest.end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self) -> None:
        """Works until SIGTERM or SIGINT where this is the main thread, or until ``stop`` is called in another one."""
        self._check_startable()
        try:
            # Before the first handler runs, so that a signal never finds one without them.
            with stopped_by_signals(self._stopping):
                self._start()
                # Python handles signals in this thread alone, and one that the system gave to another thread does not wake it.
                while not self._stopping.wait(_SIGNALS_S):
                    pass
        finally:
            self.stop()

    async def arun(self) -> None:
        """Works until it is cancelled or stopped, with coroutine handlers on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.start()
        try:
            await self._loop_end.wait()
        finally:
            # In a thread of its own, because running handlers need this loop, and perhaps all of its default threads, to finish.
            with ThreadPoolExecutor(1, thread_name_prefix="knocker-stop") as executor:
                await settled(asyncio.get_running_loop().run_in_executor(executor, self.stop))

    def drain(self, limit: int = 10_000) -> list[tuple[int, str]]:
        """Handles all that is due now in this thread, and returns each attempt's event id and what became of it. Raises UsageError where
        something is due even after ``limit`` attempts."""
        return [(event.id, status) for event, status in self.drain_events(limit)]

    def drain_events(self, limit: int) -> list[tuple[Event, str]]:
        """As :meth:`drain`, with the events as their handlers got them."""
        self._database.refuse_closed()
        done: list[tuple[Event, str]] = []
        keeper = LeaseKeeper(self._database, self.name, self._lease_s, self._endpoints, self._tell_lost)
        try:
            while self._drain_on_one_connection(keeper, limit, done):
                pass
        finally:
            self._release(keeper)
            keeper.disconnect()
            self._background.close()
        return done

    def _drain_on_one_connection(self, keeper: LeaseKeeper, limit: int, done: list[tuple[Event, str]]) -> bool:
        """Returns whether there may be more to do, on another connection."""
        spent = False
        with self._attempts(keeper) as attempts:
            # A handler that closes the hooks ends the drain after it.
            while not (spent or self._stopping.is_set()):
                if attempts.uncommitted:
                    job = keeper.next_ready(0, self._database.changed.notify)
                else:
                    job = keeper.take(0, self._database.changed.notify)
                if job is None and not attempts.uncommitted:
                    return False
                if job is not None and len(done) + len(attempts.uncommitted) >= limit:
                    raise UsageError(f"more is due after {limit} attempts: do handlers keep making work for themselves?")
                ended = self._attempted(keeper, attempts, job)
                done.extend((one.job.event, one.status) for one in ended)
                spent = self._is_spent(attempts, ended)
            # Attempts that came after what went wrong may wait for their commit.
            done.extend((one.job.event, one.status) for one in self._attempted(keeper, attempts, None))
        return spent

    def _attempted(self, keeper: LeaseKeeper, attempts: SharedAttempts, job: Job | None) -> list[Ended]:
        """Runs the job, or commits what was run before it, and returns what has ended by that."""
        ended: list[Ended] = []
        before = attempts.uncommitted
        try:
            ended = attempts.run(job, keeper.has_ready) if job is not None else attempts.commit()
            if not keeper.has_ready and attempts.uncommitted:
                ended += attempts.commit(claim_next=self._goes_on())
        except BaseException:
            # What has thrown past everything.
            kept = {one.job.id for one in ended} | {member.job.id for member in attempts.uncommitted}
            jobs = {one.id: one for one in [*(member.job for member in before), *([job] if job is not None else [])]}
            for lost in jobs.values():
                if lost.id not in kept:
                    keeper.finished(lost, 0.0, written=False)
            raise
        finally:
            for done in ended:
                keeper.finished(done.job, done.took_ms / 1000, written=done.status != UNWRITTEN)
        return ended

    @staticmethod
    def _is_spent(attempts: SharedAttempts, ended: list[Ended]) -> bool:
        """Whether there is to be another connection: this one may be what is broken."""
        return attempts.needs_another_connection or (bool(ended) and any(one.status == UNWRITTEN for one in ended))

    def _thread(self, name: str, target: Any, *arguments: Any) -> threading.Thread:
        return threading.Thread(target=self._guard, args=(target, *arguments), name=f"knocker-{name}", daemon=True)

    def _guard(self, target: Any, *arguments: Any) -> None:
        """Runs a thread's part again after whatever ended it, until the worker stops."""
        while not self._stopping.is_set():
            try:
                target(*arguments)
            except BusyError as error:
                # A handler, here or elsewhere, that writes for long.
                fields = {"record": "database_busy", "worker": self.name, "code": error.code, "error": str(error)}
                logger.warning("the database is busy, trying again", extra=fields)
                self._stopping.wait(_PAUSE_S)
            except FileReplacedError:
                # It is logged once, where it was noticed; the next round is on the file that is there then.
                self._stopping.wait(_BEATEN_S)
            except ClosedError:
                # A handler has closed the hooks, and its worker with them.
                return
            except KnockerError as error:
                # The file or its disk: where this code was says nothing.
                fields = {"record": "worker_failed", "worker": self.name, "code": error.code, "error": str(error)}
                logger.error("worker thread failed, starting it again: %s", error, extra=fields)
                self._stopping.wait(_PAUSE_S)
            except BaseException as error:
                fields = {"record": "worker_failed", "worker": self.name, "error": stored_text(error)}
                logger.exception("worker thread failed, starting it again", extra=fields)
                self._stopping.wait(_PAUSE_S)

    @contextmanager
    def _attempts(self, keeper: LeaseKeeper) -> Iterator[SharedAttempts]:
        """A connection for handlers, and what runs them on it."""
        generation = self._database.generation
        tx = self._database.connect(connection_class=handler_class(self._database.driver.connection_class))
        if is_read_only(tx):
            # It would cost a handler an attempt.
            tx.close()
            raise ReadOnlyError(f"{self._database.path} can be read only")
        transaction = HandlerTransaction(tx, self._database.path, self._database.current_ms, CommitsHere(keeper.commits))

        moment = Moment(self._database.now)

        def require_current() -> None:
            # What is written to a file that is gone would be nowhere.
            self._database.refuse_former(generation)

        def write(function: str, *arguments: Any) -> Any:
            require_current()
            return call(transaction.connection, function, *arguments, moment())

        def read(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
            return rows(transaction.connection, sql, parameters)

        leases = Leases(self.name, write, read)
        # A shared commit looks at the file itself, once for all of its verdicts.
        shared_leases = Leases(self.name, lambda function, *arguments: call(transaction.connection, function, *arguments, moment()), read)

        def renew(without: Collection[int] = ()) -> None:
            keeper.renew(transaction.connection, without)

        renew_after_ms = self._lease_s * 1000 / _EXTENSIONS
        runner = AttemptRunner(transaction, leases, self._endpoints, self._handler_loop, self._database, self._hooks, renew, renew_after_ms)
        shared = SharedCommit(transaction, shared_leases, moment, self._database, require_current, keeper.settling, renew, renew_after_ms)
        attempts = SharedAttempts(
            runner,
            transaction,
            shared,
            self._database.paces,
            lambda: keeper.claim_next(transaction.connection, shared_leases),
            share=self._share_commits,
        )
        try:
            yield attempts
        finally:
            attempts.close()
            transaction.close()

    def _tell_lost(self, event: Event, lost: LostAttempt) -> None:
        report = AttemptReport(event, self._hooks)
        report.failed(LeaseLostError(lost.error), "its worker died or let go of it")
        if lost.is_dead:
            report.dead(lost.error)

    def _handler_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop if self._loop is not None else self._background.get()

    def _handle(self, keeper: LeaseKeeper) -> None:
        changed = self._database.changed
        generation = self._database.generation
        with self._rest.work(), self._attempts(keeper) as attempts:
            others = attempts.others_watch()
            while self._goes_on():
                # Looked at before the database is: a receipt that comes in between is not slept through.
                seen = changed.changes
                if attempts.uncommitted:
                    job = keeper.next_ready(changed.waiting, changed.notify)
                else:
                    self._database.refuse_former(generation)
                    claims = not keeper.has_ready
                    if claims:
                        self._giving_way.look(others)
                    job = keeper.take(changed.waiting, changed.notify)
                    if claims:
                        self._giving_way.look(others)
                if job is None and not attempts.uncommitted:
                    due_s = self._poll_s if keeper.due_ms is None else max(keeper.due_ms / 1000, _BEATEN_S)
                    changed.wait(seen, min(self._poll_s, due_s))
                    continue
                ended = self._attempted(keeper, attempts, job)
                if self._is_spent(attempts, ended):
                    # Attempts that came after what went wrong may wait for their commit.
                    break
                # A commit may have been followed by the next handlers, whose transaction is open.
                if ended and not attempts.holds_lock:
                    self._giving_way.after(attempts.take_held(), others)
            self._attempted(keeper, attempts, None)

    def _goes_on(self) -> bool:
        return not self._stopping.is_set() and not self._rest.wanted

    def _watch(self) -> None:
        with self._rest.work():
            self._watch_until_rest()

    def _watch_until_rest(self) -> None:
        changed = self._database.changed
        generation = self._database.generation
        watch = FileWatch(self._database.connect(), self._database.wal_path())
        # What was committed between the last claim and the first look is no change to this watch.
        changed.notify()
        try:
            while self._goes_on():
                self._database.refuse_former(generation)
                # A worker whose threads are all busy has no use for news.
                if changed.wait_for_waiting(_WATCH_S, self._goes_on) and watch.wait(_WATCH_S):
                    changed.notify()
        finally:
            watch.close()

    def _keep(self, keeper: LeaseKeeper) -> None:
        """Extends the leases several times in their length, and runs retention passes."""
        next_pass = time.monotonic() + _RETAIN_S
        pause_s = self._lease_s / _EXTENSIONS
        while not self._stopping.wait(pause_s):
            pause_s = self._lease_s / _EXTENSIONS
            with self._rest.work():
                try:
                    keeper.extend()
                except BusyError as error:
                    fields = {"record": "leases_not_extended", "worker": self.name, "code": error.code, "error": str(error)}
                    logger.warning("leases not extended, trying again", extra=fields)
                    pause_s = min(pause_s, _PAUSE_S)
            if time.monotonic() >= next_pass:
                with keeper.commits:
                    self._database.call("knocker_retain")
                next_pass = time.monotonic() + _RETAIN_S
