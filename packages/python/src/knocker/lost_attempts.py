"""Attempts that ended without a word: their worker died, or let go of its lease. The claim that notices it records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from knocker.connection import Connection, rows
from knocker.event import Event, EventDelivery, StoredHeaders, to_datetime


@dataclass(frozen=True)
class LostAttempt:
    """What a claim has recorded of one, and whether it was the last one of its event."""

    event_id: int
    delivery_id: int
    attempt: int
    error: str
    is_dead: bool


LAST = "SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1"
"""The newest attempt."""
LOST = """
    SELECT event_id, delivery_id, attempt, error, (SELECT status = 'dead' FROM knocker_events WHERE id = event_id)
    FROM knocker_attempts
    WHERE id > ? AND result = 'lease_expired'
"""
"""Those that were recorded since that one; :func:`lost_of` reads a row."""
EVENT = ("endpoint", "type", "key", "max_attempts", "received_at", "body")
"""What :func:`event_with` reads of an event."""


def last_attempt(connection: Connection) -> int:
    """The newest attempt of the file; to be asked inside the transaction of a claim."""
    found = rows(connection, LAST)
    return int(found[0][0]) if found else 0


def lost_since(connection: Connection, last: int) -> list[LostAttempt]:
    """Those that were recorded since, in the same transaction. What their events are is read later, when others can write again."""
    return [lost_of(row) for row in rows(connection, f"{LOST} ORDER BY id", [last])]


def lost_of(row: tuple[Any, ...]) -> LostAttempt:
    """From a row of :data:`LOST`."""
    event_id, delivery_id, attempt, error, dead = row
    return LostAttempt(event_id, delivery_id, attempt, error, bool(dead))


def event_of(connection: Connection, lost: LostAttempt) -> Event | None:
    """The event, with the attempt that is over; None where it has been deleted since."""
    events = rows(connection, f"SELECT {', '.join(EVENT)} FROM knocker_events WHERE id = ?", [lost.event_id])
    deliveries = rows(connection, "SELECT method, url, headers FROM knocker_deliveries WHERE id = ?", [lost.delivery_id])
    return event_with(lost, events, deliveries)


def event_with(lost: LostAttempt, events: list[tuple[Any, ...]], deliveries: list[tuple[Any, ...]]) -> Event | None:
    """The event of the rows that were found of it and of its delivery."""
    if not events or not deliveries:
        return None
    endpoint, kind, key, most, received_at, body = events[0]
    method, url, headers = deliveries[0]
    raw = body.encode() if isinstance(body, str) else body or b""
    delivery = EventDelivery(lost.delivery_id, method, url, StoredHeaders(headers))
    return Event(lost.event_id, endpoint, kind, key, raw, lost.attempt, most, to_datetime(received_at), delivery)
