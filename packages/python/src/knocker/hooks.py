"""Hooks: the webhooks of one SQLite file, and where everything of this package begins."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from knocker.attempt_report import FailureHooks, OnDead, OnError
from knocker.database import Database
from knocker.endpoint import Endpoint
from knocker.endpoint_secrets import Secrets
from knocker.errors import UsageError
from knocker.http.asgi import Asgi, AsgiApp
from knocker.http.settings import HttpSettings
from knocker.http.wsgi import Wsgi, WsgiApp
from knocker.leases import Leases
from knocker.metrics import ReceiveDurations, metrics_asgi, metrics_wsgi
from knocker.operate import Operations
from knocker.refusals import Refusals
from knocker.settings import EndpointSettings
from knocker.worker import Worker

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Hooks(Operations):
    """The webhooks of one SQLite file; made by :func:`knocker.open`. Thread-safe, and usable again after a fork."""

    def __init__(self, database: Database, http: HttpSettings, failure_hooks: FailureHooks) -> None:
        self.database = database
        self._http = http
        self._failure_hooks = failure_hooks
        # The database is another one in a test.
        self._refusals = Refusals(lambda: self.database.current_ms())
        self.receive_durations = ReceiveDurations()
        self._endpoints: dict[str, Endpoint] = {}
        self._workers: weakref.WeakSet[Worker] = weakref.WeakSet()
        database.declare_again.append(self._declare_again)

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The endpoints of this process by name."""
        return MappingProxyType(self._endpoints)

    def endpoint(self, name: str, *, secrets: Secrets = (), **settings: Unpack[EndpointSettings]) -> Endpoint:
        """Creates or updates an endpoint.

        ``name`` is what stands in the URL: 1 to 64 of ``a-z A-Z 0-9 _ . -``. ``provider`` verifies its requests with ``secrets``: one, a
        list of which each is tried, or a function of the request. Secrets are never stored. Without a provider the endpoint takes
        :meth:`~knocker.Endpoint.ingest` only.

        The other settings are stored, and what is left out gets its default: 10 attempts; a backoff of
        ``{"base_s": 5, "factor": 4, "cap_s": 21600}``, part by part; bodies of at most what the provider sends, and of 1 MiB at least;
        events that no handler wants are tried again as failed ones are (``"retry"``); a redelivery of a dead event changes nothing
        (``"keep"``). Refused receipts are kept up to 1000 an hour, ``max_refused`` 10,000 and ``max_refused_bytes`` 128 MiB
        in all, more only counted; a request makes at most ``max_batch_events`` 10,000 events, and a larger batch is stored
        whole as one. ``enabled`` alone keeps its stored value. Raises :class:`~knocker.InvalidArgumentError` and
        :class:`~knocker.UnknownProviderError`, and :class:`~knocker.UsageError` where these hooks have an endpoint of that name.
        """
        return self._add(name, secrets, settings)

    def existing_endpoint(self, name: str, *, secrets: Secrets = ()) -> Endpoint:
        """An endpoint whose settings are kept elsewhere, by the ``knocker`` command or by another process; nothing is changed.

        Raises :class:`~knocker.UnknownEndpointError` where the file has none of that name.
        """
        return self._add(name, secrets, None)

    def _add(self, name: str, secrets: Secrets, settings: EndpointSettings | None) -> Endpoint:
        if name in self._endpoints:
            raise UsageError(f"endpoint {name!r} is there already: hooks.endpoints[{name!r}]")
        endpoint = Endpoint(self.database, self._http, self._refusals, self.receive_durations, name, secrets, settings)
        self._endpoints[name] = endpoint
        return endpoint

    @property
    def failure_hooks(self) -> FailureHooks:
        """Those of every worker of these hooks."""
        return self._failure_hooks

    def _declare_again(self) -> None:
        for endpoint in list(self._endpoints.values()):
            endpoint.declare_again()

    def asgi(self, mount: str = "", otherwise: Asgi | None = None) -> AsgiApp:
        """An ASGI app that receives at ``/<endpoint>``. With ``otherwise`` it wraps that app: what is not below ``mount`` goes there. Where
        it is told that the server starts, it opens hooks that were closed again."""
        return AsgiApp(self._endpoints.get, self._http, mount, otherwise, lambda: self.database.open_again())

    def wsgi(self, mount: str = "", otherwise: Wsgi | None = None) -> WsgiApp:
        """A WSGI app that receives at ``/<endpoint>``. With ``otherwise`` it wraps that app: what is not below ``mount`` goes there."""
        return WsgiApp(self._endpoints.get, self._http, mount, otherwise)

    def metrics_asgi(self) -> Asgi:
        """An ASGI app that answers with :meth:`metrics`: mount it where only your monitoring comes by."""
        return metrics_asgi(lambda openmetrics: self.metrics(openmetrics=openmetrics))

    def metrics_wsgi(self) -> Wsgi:
        """A WSGI app that does."""
        return metrics_wsgi(lambda openmetrics: self.metrics(openmetrics=openmetrics))

    def worker(
        self,
        *,
        concurrency: int = 1,
        poll: float = 1.0,
        lease_s: int = 60,
        share_commits: bool = True,
        on_error: OnError | None = None,
        on_dead: OnDead | None = None,
    ) -> Worker:
        """A worker that is not started. ``concurrency`` is how many handlers run at once, each with its own connection; ``poll`` the
        seconds after which it looks at the file even if nothing told it to; ``lease_s`` the lease of a job, 1 to 86,400 seconds, extended
        while its handler runs; ``share_commits=False`` commits each event alone, also where a backlog of quick handlers could share a
        commit. ``on_error(error, event)`` is called in the worker's thread for each failed attempt, and
        ``on_dead(event, reason)`` for each event that is dead now; by default those of :func:`knocker.open`."""
        self.database.open_again()
        hooks = FailureHooks(on_error, on_dead).or_else(self._failure_hooks)
        worker = Worker(
            self.database,
            self._endpoints,
            concurrency=concurrency,
            poll=poll,
            lease_s=lease_s,
            share_commits=share_commits,
            hooks=hooks,
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
        """Handles events until SIGTERM or SIGINT (in the main thread): then finishes what runs and gives back the rest."""
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
    ) -> Worker:
        """Handles events in threads of this process: ``with hooks.start_worker(): …``, or call ``stop()`` on what it returns."""
        worker = self.worker(
            concurrency=concurrency, poll=poll, lease_s=lease_s, share_commits=share_commits, on_error=on_error, on_dead=on_dead
        )
        worker.start()
        return worker

    def leases(self, worker: str) -> Leases:
        """The queue call by call, for a worker of your own."""
        return Leases(worker, self.database.call, self.database.rows)

    def close(self) -> None:
        """Stops the workers, commits what is queued and closes the connections. Receiving is refused then; entering ``with hooks:``, and a
        worker that is made, open them again."""
        self.stop_workers()
        self.database.close()

    def stop_workers(self) -> None:
        """Stops the workers that were made of these hooks, and goes on receiving."""
        for worker in list(self._workers):
            worker.stop()

    def move_to(self, database: Database, declare: bool = True) -> None:
        """Goes on with another file, for tests: see :func:`knocker.testing.on_file`. It is one that the endpoints are to be declared in, or
        has them."""
        self.database = database
        if declare:
            database.declare_again.append(self._declare_again)
        for endpoint in self._endpoints.values():
            endpoint.move_to(database, declare)

    def __enter__(self) -> Hooks:
        self.database.open_again()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
