"""Knocker on the connections of Django's ``sqlite3`` backend.

Add the app, so that every SQLite connection of the project loads the library, and take the options::

    import knocker.django

    INSTALLED_APPS = [..., "knocker.django"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.db", "OPTIONS": knocker.django.options()}}

The hooks themselves are opened with :func:`knocker.open` on the same file, with connections of their own. A handler's models write
through its ``tx`` inside ``with knocker.django.using(tx):``.
"""

from __future__ import annotations

from typing import Any

from knocker.django.handlers import using

__all__ = ["options", "using"]


def options() -> dict[str, Any]:
    """``OPTIONS`` of the database (Django 5.1 and newer): transactions that begin with ``BEGIN IMMEDIATE``, so that a write waits for the
    lock instead of failing, and the settings of :func:`knocker.open`."""
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    }
