"""Opening: hooks on a file, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence

from knocker.attempt_report import FailureHooks, OnDead, OnError
from knocker.connection import DriverName, Synchronous
from knocker.connections import Clock
from knocker.database import Database
from knocker.errors import UsageError
from knocker.file_path import FilePath
from knocker.hooks import Hooks
from knocker.http.settings import HttpSettings
from knocker.reloads import ends_with_its_module
from knocker.rqlite.database import ClusterDatabase
from knocker.rqlite.hooks import ClusterHooks
from knocker.rqlite.url import is_cluster, parse


def open_hooks(
    path: FilePath,
    *,
    synchronous: Synchronous = "full",
    busy_timeout_s: float = 5.0,
    driver: DriverName | None = None,
    extension: str | os.PathLike[str] | None = None,
    clock: Clock | None = None,
    replicated: FilePath | None = None,
    replicated_timeout_s: float = 5.0,
    public_url: str | None = None,
    trusted_proxies: Sequence[str] = (),
    body_timeout_s: float = 30.0,
    on_error: OnError | None = None,
    on_dead: OnDead | None = None,
) -> Hooks:
    """Opens the webhooks of a SQLite file, and creates what is missing in it. ``path`` may be the address of an rqlite cluster instead,
    ``rqlite://a:4001,b:4001,c:4001``, which is an experiment: see ``docs/beyond-one-machine.md``.

    ``synchronous="full"`` makes each commit survive a power failure; ``"normal"`` survives a crash of the process, but a power failure may
    take the last moments that were answered with 2xx. ``driver`` is ``"sqlite3"``, ``"apsw"`` or ``"pysqlite3"``, by default the first
    that can load the library: use the one your app opens this file with. ``extension`` is the path of the library, see
    :func:`knocker.loadable_path`. ``clock`` returns Unix milliseconds, for tests. ``replicated`` is the path of the control socket of a
    Litestream that replicates the file: a receipt is answered once the replica has it, and one that it does not get within
    ``replicated_timeout_s`` is stored and raises :class:`~knocker.NotReplicatedError`, which is answered with 503. ``public_url``,
    ``trusted_proxies`` and ``body_timeout_s`` are of :class:`knocker.http.settings.HttpSettings`. ``on_error`` and ``on_dead`` are those
    of :meth:`~knocker.Hooks.worker`, for every worker of these hooks.

    Raises :class:`~knocker.CannotLoadError`, :class:`~knocker.LibraryNotFoundError`, :class:`~knocker.SchemaTooNewError`, and the errors
    of a failing database.
    """
    failure_hooks = FailureHooks(on_error, on_dead)
    http = HttpSettings(public_url, tuple(trusted_proxies) if not isinstance(trusted_proxies, str) else trusted_proxies, body_timeout_s)
    if is_cluster(path):
        if replicated is not None or synchronous != "full":
            raise UsageError(
                "replicated and synchronous are of a file: what most nodes of a cluster have is there when a receipt is answered"
            )
        url = parse(str(path))
        cluster = ClusterDatabase(url, patience_s=busy_timeout_s, driver=driver, extension=extension, clock=clock)
        return _ending(ClusterHooks(cluster, http, failure_hooks))
    database = Database(
        path,
        synchronous=synchronous,
        busy_timeout_s=busy_timeout_s,
        driver=driver,
        extension=extension,
        clock=clock,
        replicated=replicated,
        replicated_timeout_s=replicated_timeout_s,
    )
    return _ending(Hooks(database, http, failure_hooks))


def _ending(hooks: Hooks) -> Hooks:
    ends_with_its_module(hooks, hooks.database.path)
    return hooks
