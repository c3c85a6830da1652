"""Opening many files."""

from __future__ import annotations

import os
from collections.abc import Sequence

from knocker.attempt_report import FailureHooks, OnDead, OnError
from knocker.connection import DriverName, Synchronous, find_driver
from knocker.connections import Clock
from knocker.database import Database
from knocker.file_path import FilePath
from knocker.hooks import Hooks
from knocker.http.settings import HttpSettings
from knocker.reloads import ends_with_its_module
from knocker.tenants.tenants import SetUp, Tenants


def open_many(
    pattern: FilePath,
    set_up: SetUp,
    *,
    max_open: int = 32,
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
) -> Tenants:
    """The webhooks of a folder with a file for each tenant.

    ``pattern`` is a path with one ``*``, which stands for the tenant's name, in its last part or the one before: ``tenants/*.db``,
    ``tenants/*/app.db``. ``set_up(hooks, tenant)`` is called each time a file is opened, before anything else uses it: it declares the
    tenant's endpoints and their handlers. Files are opened when they are needed; ``max_open`` is how many are open at once for receiving,
    and how many for working. The other options are those of :func:`knocker.open`, for each file.

    Raises :class:`~knocker.InvalidArgumentError` for what is no pattern, and the errors of a library that cannot be loaded.
    """
    failure_hooks = FailureHooks(on_error, on_dead)
    http = HttpSettings(public_url, tuple(trusted_proxies) if not isinstance(trusted_proxies, str) else trusted_proxies, body_timeout_s)

    def open_file(path: str) -> Hooks:
        database = Database(
            path,
            synchronous=synchronous,
            busy_timeout_s=busy_timeout_s,
            driver=driver,
            extension=extension,
            clock=clock,
            replicated=replicated,
            replicated_timeout_s=replicated_timeout_s,
            follows=False,
        )
        return Hooks(database, http, failure_hooks)

    tenants = Tenants(
        pattern,
        set_up,
        open_file,
        max_open=max_open,
        patience_s=busy_timeout_s,
        driver=find_driver(driver),
        extension=extension,
        clock=clock,
        http=http,
        failure_hooks=failure_hooks,
    )
    ends_with_its_module(tenants, tenants.pattern.text)
    return tenants
