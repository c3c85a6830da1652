"""An app whose worker runs as soon as it is imported, for servers that import it before they fork."""

from __future__ import annotations

from typing import Any

import knocker
from app_hooks import hooks


@hooks.endpoints["github"].on("*")
def seen(event: knocker.Event, tx: Any) -> None:
    """Keeps the event's id."""
    tx.execute("CREATE TABLE IF NOT EXISTS seen (event INTEGER)")
    tx.execute("INSERT INTO seen VALUES (?)", [event.id])


hooks.start_worker()
app = hooks.wsgi("/webhooks")
