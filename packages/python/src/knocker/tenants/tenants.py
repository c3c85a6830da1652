"""Tenants: the webhooks of a folder of SQLite files, one a tenant."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

from knocker.arguments import whole
from knocker.attempt_report import FailureHooks, OnDead, OnError
from knocker.connection import Driver
from knocker.connections import Clock
from knocker.errors import ForkedError, UsageError
from knocker.file_path import FilePath
from knocker.forks import prepare_for_forks
from knocker.hooks import Hooks
from knocker.http.asgi import Asgi, Scope
from knocker.http.settings import HttpSettings
from knocker.http.wsgi import Environ, Wsgi
from knocker.tenants.changed_files import ChangedFiles, all_files
from knocker.tenants.look import Look, looked_into
from knocker.tenants.open_files import OpenFiles
from knocker.tenants.pattern import TenantPattern, is_file
from knocker.tenants.receiving import TenantsAsgi, TenantsWsgi
from knocker.tenants.use import TenantUse
from knocker.tenants.worker import TenantsWorker
from knocker.use_gate import UseGate
from knocker.worker import Worker

SetUp = Callable[[Hooks, str], object]
"""Declares a tenant's endpoints and their handlers; called each time its file is opened."""

MOST_OPEN = 10_000
# On top of the time that an opening file may wait for a lock.
_FORK_MARGIN_S = 1.0


class Tenants:
    """The webhooks of a folder of files; made by :func:`knocker.open_many`. Thread-safe, and usable again after a fork."""

    opens_others = True

    def __init__(
        self,
        pattern: FilePath,
        set_up: SetUp,
        open_file: Callable[[str], Hooks],
        *,
        max_open: int,
        patience_s: float,
        driver: Driver,
        extension: str | os.PathLike[str] | None,
        clock: Clock | None,
        http: HttpSettings,
        failure_hooks: FailureHooks,
    ) -> None:
        whole("max_open", max_open, 1, MOST_OPEN)
        if not callable(set_up):
            raise UsageError(f"set_up declares the endpoints of a tenant: a function of its hooks and its name, not {set_up!r}")
        self.pattern = TenantPattern(pattern)
        self._set_up = set_up
        self._open_file = open_file
        self._max_open = max_open
        self._driver = driver
        self._extension = extension
        self._clock = clock
        self._http = http
        self._failure_hooks = failure_hooks
        self._files = OpenFiles(max_open, patience_s, self._open, lambda: self._gate)
        self._gate = UseGate()
        self._patience_s = patience_s
        self._came_to_rest = True
        self._forked = False
        self._workers: weakref.WeakSet[TenantsWorker] = weakref.WeakSet()
        # What is no pattern is refused here, and so is a library that cannot be loaded.
        all_files(self.pattern.text, driver, extension)
        prepare_for_forks(self)

    def names(self) -> list[str]:
        """The tenants that have a file now, in order."""
        return sorted(self.pattern.name_of(path) for path in all_files(self.pattern.text, self._driver, self._extension))

    def hooks(self, tenant: str) -> TenantUse:
        """The hooks of a tenant's file, open for the length of a block: ``with tenants.hooks("acme") as hooks:``, or ``async with``. For
        receiving, lists and operations; do not close them.

        Raises :class:`~knocker.UnknownTenantError` for a tenant that has no file, which is not made, and
        :class:`~knocker.TooManyOpenError` where ``max_open`` files are in use for longer than ``busy_timeout_s``.
        """

        def give_back() -> None:
            self._files.give_back(tenant, "receiving")
            for worker in list(self._workers):
                worker.tell(tenant)

        def existing() -> None:
            self._refuse_forked()
            if not is_file(self.pattern.path_of(tenant)):
                self._files.drop(tenant)
            self.pattern.existing(tenant)

        def try_take() -> Hooks | None:
            existing()
            return self._files.try_take(tenant, "receiving")

        return TenantUse(try_take, lambda: self._files.take(tenant, "receiving"), give_back)

    def create(self, tenant: str) -> None:
        """Makes the file of a new tenant, the folder of its own where the pattern has one, and all that ``set_up`` declares. Raises
        UsageError where there is one, and UnknownTenantError for what can be no tenant's name."""
        path = self.pattern.path_of(tenant)
        if not os.path.isdir(os.path.dirname(path)):
            # The pattern's own folder has to be there.
            os.mkdir(os.path.dirname(path), 0o750)
        try:
            with open(path, "xb"):
                pass
        except FileExistsError:
            raise UsageError(f"there is a tenant {tenant!r} already: {path}") from None
        self._files.make_way(tenant, at_once=True)
        with self.hooks(tenant):
            pass

    def asgi(self, tenant: Callable[[Scope], str | None], mount: str = "", otherwise: Asgi | None = None) -> Asgi:
        """An ASGI app that receives for every tenant at ``/<endpoint>`` and below. ``tenant(scope)`` says whose request it is, by its host
        or its path; a tenant or an endpoint that there is not is answered with 404, and makes no file. With ``otherwise`` it wraps that
        app: what is not below ``mount`` goes there."""
        return TenantsAsgi(self.hooks, tenant, self._http, mount, otherwise)

    def wsgi(self, tenant: Callable[[Environ], str | None], mount: str = "", otherwise: Wsgi | None = None) -> Wsgi:
        """A WSGI app that does, with ``tenant(environ)``."""
        return TenantsWsgi(self.hooks, tenant, self._http, mount, otherwise)

    def worker(
        self,
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        on_error: OnError | None = None,
        on_dead: OnDead | None = None,
    ) -> TenantsWorker:
        """A worker for all tenants that is not started. It works on at most ``max_open`` files at once; where more have something due, each
        has turns of about a second. All else is as with :meth:`knocker.Hooks.worker`, for each file: ``concurrency`` is how many handlers
        of one file run at once."""
        self._refuse_forked()
        self._files.open_again()
        failure_hooks = FailureHooks(on_error, on_dead).or_else(self._failure_hooks)

        def make_worker(hooks: Hooks, loop: asyncio.AbstractEventLoop | None) -> Worker:
            return Worker(
                hooks.database,
                hooks.endpoints,
                concurrency=concurrency,
                poll=poll,
                lease_s=lease_s,
                share_commits=share_commits,
                hooks=failure_hooks,
                loop=loop,
                is_one_of_many=True,
            )

        worker = TenantsWorker(
            self.pattern,
            self._files,
            lambda: ChangedFiles(self.pattern.text, self._driver, self._extension),
            self._look_into,
            make_worker,
            lambda: self._gate,
            places=self._max_open,
            concurrency=concurrency,
            poll=poll,
            lease_s=lease_s,
            share_commits=share_commits,
        )
        self._workers.add(worker)
        return worker

    def run_worker(
        self,
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        on_error: OnError | None = None,
        on_dead: OnDead | None = None,
    ) -> None:
        """Handles the events of all tenants until SIGTERM or SIGINT (in the main thread): then finishes what runs."""
        self.worker(
            concurrency=concurrency, poll=poll, lease_s=lease_s, share_commits=share_commits, on_error=on_error, on_dead=on_dead
        ).run()

    async def arun_worker(
        self,
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        on_error: OnError | None = None,
        on_dead: OnDead | None = None,
    ) -> None:
        """As :meth:`run_worker` on the running event loop, where coroutine handlers run too, until it is cancelled."""
        await self.worker(
            concurrency=concurrency, poll=poll, lease_s=lease_s, share_commits=share_commits, on_error=on_error, on_dead=on_dead
        ).arun()

    def start_worker(
        self,
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        on_error: OnError | None = None,
        on_dead: OnDead | None = None,
    ) -> TenantsWorker:
        """Handles events in threads of this process: ``with tenants.start_worker(): …``, or call ``stop()`` on what it returns."""
        worker = self.worker(
            concurrency=concurrency, poll=poll, lease_s=lease_s, share_commits=share_commits, on_error=on_error, on_dead=on_dead
        )
        worker.start()
        return worker

    def stop_workers(self) -> None:
        """Stops the workers, and goes on receiving."""
        for worker in list(self._workers):
            worker.stop()

    def close(self) -> None:
        """Stops the workers, commits what is queued and closes the files. Receiving is refused then; entering ``with tenants:``, and a
        worker that is made, open them again."""
        self.stop_workers()
        self._files.close()

    def __enter__(self) -> Tenants:
        self._files.open_again()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_forked(self) -> None:
        if self._forked:
            raise ForkedError(f"a file of {self.pattern.text} was being opened, and took its time, when this process was forked")

    def _open(self, tenant: str) -> Hooks:
        hooks = self._open_file(self.pattern.existing(tenant))
        try:
            self._set_up(hooks, tenant)
        except BaseException:
            hooks.close()
            raise
        return hooks

    def _look_into(self, path: str) -> AbstractContextManager[Look]:
        return looked_into(path, self._driver, self._extension, self._clock, self._gate)

    def before_fork(self) -> None:
        """Lets nothing be opened or closed any more: see :mod:`knocker.forks`. Files that are open hear of it themselves, afterwards."""
        self._came_to_rest = self._gate.close(self._patience_s + _FORK_MARGIN_S)

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Begins again without the parent's threads, or refuses where a connection was being opened: it is the parent's."""
        self._forked = self._forked or not self._came_to_rest
        self._gate = UseGate()
        self._workers = weakref.WeakSet()
        self._files.after_fork_in_child()
