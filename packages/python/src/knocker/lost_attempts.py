"""Attempts that ended without a word: their worker died, or let go of its lease. The claim that notices it records them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from knocker.connection import Connection, rows
from knocker.event import Event, EventDelivery, to_datetime
from knocker.request import Headers


@dataclass(frozen=True)
class LostAttempt:
    """What a claim has recorded of one, and whether it was the last one of its event."""

    event_id: int
    delivery_id: int
    attempt: int
    error: str
    is_dead: bool


def last_attempt(connection: Connection) -> int:
    """The newest attempt of the file; to be asked inside the transaction of a claim."""
    found = rows(connection, "SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")
    return int(found[0][0]) if found else 0


def lost_since(connection: Connection, last: int) -> list[LostAttempt]:
    """Those that were recorded since, in the same transaction. What their events are is read later, when others can write again."""
    sql = """
        SELECT event_id, delivery_id, attempt, error, (SELECT status = 'dead' FROM knocker_events WHERE id = event_id)
        FROM knocker_attempts
        WHERE id > ? AND result = 'lease_expired'
        ORDER BY id
    """
    found = rows(connection, sql, [last])
    return [LostAttempt(event_id, delivery_id, attempt, error, bool(dead)) for event_id, delivery_id, attempt, error, dead in found]


def event_of(connection: Connection, lost: LostAttempt) -> Event | None:
    """The event, with the attempt that is over; None where it has been deleted since."""
    sql = "SELECT endpoint, type, key, body, max_attempts, received_at FROM knocker_events WHERE id = ?"
    events = rows(connection, sql, [lost.event_id])
    deliveries = rows(connection, "SELECT method, url, headers FROM knocker_deliveries WHERE id = ?", [lost.delivery_id])
    if not events or not deliveries:
        return None
    endpoint, kind, key, body, most, received_at = events[0]
    method, url, headers = deliveries[0]
    raw = body.encode() if isinstance(body, str) else body or b""
    delivery = EventDelivery(lost.delivery_id, method, url, Headers(json.loads(headers)))
    return Event(lost.event_id, endpoint, kind, key, raw, lost.attempt, most, to_datetime(received_at), delivery)
