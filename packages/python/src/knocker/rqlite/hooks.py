"""Hooks on a cluster: those of a file, but for where they store."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from knocker.attempt_report import FailureHooks, OnDead, OnError
from knocker.database import Database
from knocker.endpoint import Endpoint
from knocker.endpoint_secrets import Secrets
from knocker.hooks import Hooks
from knocker.rqlite.queue import ClusterLeases
from knocker.rqlite.worker import ClusterWorker

if TYPE_CHECKING:
    from knocker.http.settings import HttpSettings
    from knocker.rqlite.database import ClusterDatabase
    from knocker.worker import Worker


class ClusterHooks(Hooks):
    """Made by :func:`knocker.open` of a cluster's address."""

    def __init__(self, database: ClusterDatabase, http: HttpSettings, failure_hooks: FailureHooks) -> None:
        self._cluster = database
        # It has what endpoints, lists and operations use of a file.
        super().__init__(cast(Database, database), http, failure_hooks)

    def existing_endpoint(self, name: str, *, secrets: Secrets = ()) -> Endpoint:
        """As that of a file."""
        self._cluster.mirror.refresh()
        return super().existing_endpoint(name, secrets=secrets)

    def leases(self, worker: str) -> ClusterLeases:
        """As that of a file."""
        return ClusterLeases(worker, self.database.call, self.database.rows)

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
        """As that of a file. ``poll`` is how late it may notice what another machine has stored, and no commits are shared."""
        self.database.open_again()
        hooks = FailureHooks(on_error, on_dead).or_else(self._failure_hooks)
        worker = ClusterWorker(self._cluster, self._endpoints, concurrency=concurrency, poll=poll, lease_s=lease_s, hooks=hooks)
        self._workers.add(worker)
        return worker
