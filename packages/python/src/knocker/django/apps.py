"""The Django app, which Django finds by the name of this module."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from knocker.library import load


class KnockerConfig(AppConfig):
    """Loads the library into each new SQLite connection of the project."""

    name = "knocker.django"
    label = "knocker"
    verbose_name = "Knocker"

    def ready(self) -> None:
        """Called by Django at start."""
        connection_created.connect(_connected, dispatch_uid="knocker")


def _connected(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        load(connection.connection)
