"""Telling of declarations that differ: of two processes with other settings for one endpoint, the last one to start has its way."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from knocker.connection import Value
from knocker.settings import EndpointSettings

logger = logging.getLogger("knocker.endpoint")

SETTINGS = tuple(EndpointSettings.__annotations__)
"""The names of the settings, which are those of the columns of ``knocker_endpoints``."""


def tell_of_changes(endpoint: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> None:
    """Logs what a declaration has changed of settings that were stored; nothing where none were."""
    changed = [name for name, value in before.items() if value != after.get(name)]
    if changed:
        # Options may hold a token.
        shown = ", ".join(name if name == "options" else f"{name} was {before[name]!r} and is {after.get(name)!r}" for name in changed)
        message = "endpoint %s is declared with other settings than those stored, perhaps by a process of another version: %s"
        logger.warning(message, endpoint, shown, extra={"record": "endpoint_changed", "endpoint": endpoint, "settings": changed})
