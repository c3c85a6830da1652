"""Which tables and views of a file are Knocker's: what tools that migrate, copy or empty an app's tables leave alone."""

from __future__ import annotations

_PREFIXES = ("_knocker_", "_honker_")
_VIEWS = frozenset(
    {
        "knocker_attempts",
        "knocker_deliveries",
        "knocker_endpoints",
        "knocker_event_deliveries",
        "knocker_events",
        "knocker_jobs",
        "knocker_policies",
        "knocker_prunes",
    }
)


def is_knockers(name: str) -> bool:
    """Whether a table or a view is of Knocker, or of the queue below it."""
    return name.startswith(_PREFIXES) or name in _VIEWS
