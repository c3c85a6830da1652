"""Knocker on the connections of Django's ``sqlite3`` backend.

Add the app, so that every SQLite connection of the project loads the library, and take the options::

    INSTALLED_APPS = [..., "knocker.django"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "app.db", "OPTIONS": knocker_options()}}

where ``from knocker.django import options as knocker_options`` needs no configured Django. The hooks themselves are opened with
:func:`knocker.open` on the same file, with connections of their own.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from knocker.library import load


def options() -> dict[str, Any]:
    """``OPTIONS`` of the database (Django 5.1 and newer): transactions that begin with ``BEGIN IMMEDIATE``, so that a write waits for the
    lock instead of failing, and the settings of :func:`knocker.open`."""
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    }


class KnockerConfig(AppConfig):
    """Loads the library into each new SQLite connection."""

    name = "knocker.django"
    label = "knocker"
    verbose_name = "Knocker"
    # A module that is no package has no place for models or migrations to be looked for.
    path = __file__.removesuffix(".py")

    def ready(self) -> None:
        """Called by Django at start."""
        connection_created.connect(_connected, dispatch_uid="knocker")


def _connected(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        load(connection.connection)
