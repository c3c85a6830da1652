"""Telling of handlers that nothing can arrive for: of some providers every type of event is known."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from knocker.database import Database

logger = logging.getLogger("knocker.endpoint")


class Sendable(NamedTuple):
    """What the provider of one endpoint can send."""

    title: str
    types: Sequence[str]

    @staticmethod
    def by(database: Database, endpoint: str) -> Sendable | None:
        """``None`` where not every type is known, or no provider verifies."""
        sql = (
            "SELECT provider.title, provider.types FROM knocker_endpoints endpoint JOIN knocker_providers provider"
            " ON provider.name = endpoint.provider WHERE endpoint.name = ? AND provider.types_closed"
        )
        return next((Sendable(title, json.loads(types)) for title, types in database.rows(sql, [endpoint])), None)

    def check(self, endpoint: str, pattern: str) -> None:
        """Logs that nothing of this pattern arrives, with the nearest type."""
        if (
            pattern == "*"
            or pattern in self.types
            or (pattern.endswith(".*") and any(type.startswith(pattern[:-1]) for type in self.types))
        ):
            return
        message = "endpoint %s: %s sends nothing of the type %r that is known here, so this handler may never run; %s"
        near = self._nearest(pattern.removesuffix(".*"))
        if not self.types:
            hint = 'its events have no type: on("*")'
        else:
            hint = f"did you mean {near!r}?" if near else "`knocker providers` has the types"
        logger.warning(
            message, endpoint, self.title, pattern, hint, extra={"record": "type_unknown", "endpoint": endpoint, "type": pattern}
        )

    def _nearest(self, given: str) -> str | None:
        # "pull_request.opened" where the type is "pull_request".
        begun = [type for type in self.types if given.startswith(f"{type}.")]
        by_lower = {type.lower(): type for type in self.types}
        return max(begun, key=len, default=None) or next((by_lower[near] for near in get_close_matches(given.lower(), by_lower, 1)), None)
