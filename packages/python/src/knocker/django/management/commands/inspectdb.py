"""Django's ``inspectdb`` without Knocker's tables: a model of one would let migrations and ``flush`` touch it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.commands import inspectdb

from knocker.tables import is_knockers


class Command(inspectdb.Command):
    """As Django's own."""

    def handle_inspection(self, options: dict[str, Any]) -> Iterator[str]:
        """The lines of the models."""
        wanted = options.get("table_name_filter") or (lambda name: True)
        tables: Iterator[str] = super().handle_inspection(
            {**options, "table_name_filter": lambda name: wanted(name) and not is_knockers(name)}
        )
        return tables
