"""A look into a file whether something is due there: cheap, and without a write, so that it leads to no other look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from knocker import library
from knocker.connection import Connection, Driver, call
from knocker.connections import Clock
from knocker.driver_errors import translated
from knocker.errors import NotBootstrappedError
from knocker.file_path import existing
from knocker.hooks import Hooks
from knocker.use_gate import UseGate

# Somebody has the file for himself: it is looked at again later.
_PATIENCE_S = 0.1


class Look(Protocol):
    """What there is to be seen of a file."""

    def due_ms(self) -> int | None:
        """Milliseconds until something is due, None where nothing waits."""

    def retain(self) -> None:
        """Runs the pass of the retention policies that is due, if any."""


class ClosedLook:
    """Into a file that nobody here has open: what waits there may be of endpoints without handlers."""

    def __init__(self, connection: Connection, clock: Clock | None) -> None:
        self._connection = connection
        self._clock = clock

    def due_ms(self) -> int | None:
        """As :class:`Look` says."""
        due: int | None = self._call("knocker_next_due")
        return due

    def retain(self) -> None:
        """As :class:`Look` says."""
        self._call("knocker_retain")

    def _call(self, function: str) -> Any:
        try:
            with translated():
                return call(self._connection, function, self._clock() if self._clock is not None else None)
        except NotBootstrappedError:
            # Nobody has received anything there yet.
            return None


class OpenLook:
    """Into one that is open: at what its handlers are for."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def due_ms(self) -> int | None:
        """As :class:`Look` says."""
        names = [name for name, endpoint in self._hooks.endpoints.items() if len(endpoint.handlers)]
        return self._hooks.leases("look").next_due_ms(names) if names else None

    def retain(self) -> None:
        """As :class:`Look` says."""
        self._hooks.database.call("knocker_retain")


@contextmanager
def looked_into(
    path: str, driver: Driver, extension: str | os.PathLike[str] | None, clock: Clock | None, gate: UseGate
) -> Iterator[ClosedLook]:
    """Opens a file that is there for the length of the block, inside the gate, which a fork closes."""
    with gate, translated():
        connection: Connection = driver.connect(driver.connection_class, existing(path), _PATIENCE_S)
        try:
            library.load(connection, extension)
            yield ClosedLook(connection, clock)
        finally:
            connection.close()
