"""Where requests are judged: in memory, under the settings that the cluster has, and with the secrets, which go no further."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from knocker.connection import Connection, Driver, Value, call, open_connection
from knocker.declarations import SETTINGS
from knocker.driver_errors import translated
from knocker.rqlite.cluster import Cluster, Statement

# Those that a view gives as text and a call takes as JSON.
_JSON = frozenset({"options", "backoff"})


class Mirror:
    """The endpoints of the cluster, each with all of its settings. Thread-safe."""

    def __init__(
        self,
        cluster: Cluster,
        driver: Driver,
        extension: str | os.PathLike[str] | None,
        now: Callable[[], int],
        refuse_closed: Callable[[], None],
    ) -> None:
        self.generation = 0
        """Counts what was read: a connection is of one of them."""
        self.refuse_closed = refuse_closed
        self._cluster = cluster
        self._driver = driver
        self._extension = extension
        self._now = now
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._endpoints: list[tuple[str, str]] = []

    def refresh(self) -> None:
        """Reads them anew, and has judges judge under what was read."""
        [rows] = self._cluster.read([Statement(f"SELECT name, {', '.join(SETTINGS)} FROM knocker_endpoints ORDER BY id")])
        endpoints = [(str(name), json.dumps(_settings(values))) for name, *values in rows]
        with self._lock:
            if endpoints != self._endpoints:
                self._endpoints = endpoints
                self._disconnect()
                self.generation += 1

    is_writing = False

    def open(self) -> Connection:
        """A new connection to judge on, which the caller closes."""
        with self._lock:
            return self._opened()

    def call(self, function: str, *arguments: Value) -> Any:
        """The result of a function that writes nothing."""
        with self._lock, translated():
            self._connection = self._connection or self._opened()
            return call(self._connection, function, *arguments)

    def close(self) -> None:
        """Closes its own connection, which is opened again when it is needed."""
        with self._lock:
            self._disconnect()

    def _opened(self) -> Connection:
        connection = open_connection(":memory:", synchronous="full", busy_timeout_s=0, driver=self._driver, extension=self._extension)
        try:
            with translated():
                now = self._now()
                call(connection, "knocker_bootstrap", now)
                for name, settings in self._endpoints:
                    call(connection, "knocker_endpoint", name, settings, now)
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _settings(values: list[Any]) -> dict[str, Any]:
    settings = {name: json.loads(value) if name in _JSON and value is not None else value for name, value in zip(SETTINGS, values)}  # noqa: B905
    # A boolean, which SQLite does not have.
    return {**settings, "enabled": bool(settings["enabled"])}
