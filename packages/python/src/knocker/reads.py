"""Reading: lists that page by id while you iterate, and single rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from knocker.connection import Value
from knocker.database import Database
from knocker.error_codes import UnknownDeliveryError, UnknownEventError
from knocker.errors import UsageError
from knocker.event import to_datetime, to_ms
from knocker.records import AttemptRecord, DeliveryRecord, EndpointRecord, EventDeliveryRecord, EventRecord, PolicyRecord, PruneRecord

Moment = datetime | int
"""An aware datetime, or Unix milliseconds."""

OneOrMore = str | Sequence[str]
"""One name, or several of which each will do."""

Record = TypeVar("Record")

_PAGE = 100


def moment_ms(name: str, moment: Moment | None) -> int | None:
    """Unix milliseconds of a moment."""
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise UsageError(f"{name}: {moment!r} has no time zone; write datetime.now(timezone.utc) or the like")
    return to_ms(moment)


class Reads:
    """The reading half of :class:`~knocker.Hooks`. Every list is lazy: it reads a page when you reach it and holds no transaction.

    Lists go from the oldest to the newest, or the other way with ``newest_first``, and end after ``limit`` rows where one is given. To go
    on later, pass the last ``id`` you saw as ``after``: it is the cursor in either direction. ``since`` is included and ``until``
    excluded; both are aware datetimes or Unix ms. ``status`` and ``outcome`` are one name or several.
    """

    database: Database

    def events(
        self,
        *,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        with_body: bool = False,
    ) -> Iterator[EventRecord]:
        """Events. ``type`` is exact, or a prefix with ``.*``."""
        where = _Where()
        where.one_of("status", status)
        where.equal("endpoint", endpoint)
        where.type(type)
        where.between("received_at", since, until)
        return self._pages(EventRecord, "knocker_events", where, after, newest_first, with_body, limit)

    def deliveries(
        self,
        *,
        outcome: OneOrMore | None = None,
        endpoint: str | None = None,
        event_id: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        with_body: bool = False,
    ) -> Iterator[DeliveryRecord]:
        """Deliveries, refused ones included."""
        where = _Where()
        where.one_of("outcome", outcome)
        where.equal("endpoint", endpoint)
        if event_id is not None:
            # A batch brings several events, and its row names the first of them only.
            where.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", event_id)
        where.between("received_at", since, until)
        return self._pages(DeliveryRecord, "knocker_deliveries", where, after, newest_first, with_body, limit)

    def attempts(
        self,
        *,
        event_id: int | None = None,
        endpoint: str | None = None,
        outcome: OneOrMore | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[AttemptRecord]:
        """Attempts at events."""
        where = _Where()
        where.equal("event_id", event_id)
        where.equal("endpoint", endpoint)
        where.one_of("outcome", outcome)
        return self._pages(AttemptRecord, "knocker_attempts", where, after, newest_first, limit=limit)

    def prunes(self, *, after: int | None = None, limit: int | None = None, newest_first: bool = False) -> Iterator[PruneRecord]:
        """Audits of prunes."""
        return self._pages(PruneRecord, "knocker_prunes", _Where(), after, newest_first, limit=limit)

    def policies(self) -> list[PolicyRecord]:
        """The stored retention policies."""
        return list(self._pages(PolicyRecord, "knocker_policies", _Where(), None, False))

    def event_deliveries(self, *, event_id: int | None = None, delivery_id: int | None = None) -> list[EventDeliveryRecord]:
        """Which deliveries brought an event, or which events a delivery brought; name one of the two."""
        if event_id is None and delivery_id is None:
            raise UsageError("event_deliveries: name an event_id or a delivery_id")
        where = _Where()
        where.equal("event_id", event_id)
        where.equal("delivery_id", delivery_id)
        sql = f"SELECT event_id, delivery_id, duplicate FROM knocker_event_deliveries {where} ORDER BY event_id, delivery_id"
        return [EventDeliveryRecord(event, delivery, bool(again)) for event, delivery, again in self.database.rows(sql, where.values)]

    def stored_endpoints(self) -> list[EndpointRecord]:
        """The settings of every endpoint of the file, also those of other processes."""
        return list(self._pages(EndpointRecord, "knocker_endpoints", _Where(), None, False))

    def event(self, event_id: int) -> EventRecord:
        """One event with its body. Raises :class:`~knocker.UnknownEventError`."""
        where = _Where()
        where.equal("id", event_id)
        for record in self._pages(EventRecord, "knocker_events", where, None, False, True):
            return record
        raise UnknownEventError(f"there is no event {event_id}")

    def delivery(self, delivery_id: int) -> DeliveryRecord:
        """One delivery with its body. Raises :class:`~knocker.UnknownDeliveryError`."""
        where = _Where()
        where.equal("id", delivery_id)
        for record in self._pages(DeliveryRecord, "knocker_deliveries", where, None, False, True):
            return record
        raise UnknownDeliveryError(f"there is no delivery {delivery_id}")

    def _pages(
        self,
        record: type[Record],
        view: str,
        where: _Where,
        after: int | None,
        newest_first: bool,
        with_body: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        columns = [name for name in [field.name for field in dataclasses.fields(cast(Any, record))] if with_body or name != "body"]
        order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            page = _Where(where)
            if after is not None:
                page.add(f"id {beyond} ?", after)
            sql = f"SELECT {', '.join(columns)} FROM {view} {page} ORDER BY id {order} LIMIT {size}"
            rows = self.database.rows(sql, page.values)
            for row in rows:
                yield record(**{name: _CONVERSIONS.get(name, _same)(value) for name, value in zip(columns, row)})  # noqa: B905
            if len(rows) < size:
                return
            limit = None if limit is None else limit - size
            after = rows[-1][0]


class _Where:
    """Conditions and their values."""

    def __init__(self, other: _Where | None = None) -> None:
        self.conditions: list[str] = list(other.conditions) if other else []
        self.values: list[Value] = list(other.values) if other else []

    def add(self, condition: str, *values: Value) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def equal(self, column: str, value: Value) -> None:
        if value is not None:
            self.add(f"{column} = ?", value)

    def one_of(self, column: str, value: OneOrMore | None) -> None:
        if value is not None:
            values = [value] if isinstance(value, str) else list(value)
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def type(self, pattern: str | None) -> None:
        if pattern is not None and pattern.endswith(".*"):
            self.add("substr(type, 1, length(?)) = ?", pattern[:-1], pattern[:-1])
        elif pattern != "*":
            self.equal("type", pattern)

    def between(self, column: str, since: Moment | None, until: Moment | None) -> None:
        if since is not None:
            self.add(f"{column} >= ?", moment_ms("since", since))
        if until is not None:
            self.add(f"{column} < ?", moment_ms("until", until))

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def _same(value: Any) -> Any:
    return value


def _moment(value: int | None) -> datetime | None:
    return None if value is None else to_datetime(value)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "enabled": bool,
    "headers": json.loads,
    "options": json.loads,
    "backoff": json.loads,
    "filter": json.loads,
    "policy": json.loads,
    "body": _bytes,
    **dict.fromkeys(
        (
            "received_at",
            "last_delivery_at",
            "next_attempt_at",
            "next_run_at",
            "ended_at",
            "finished_at",
            "pruned_at",
            "created_at",
            "updated_at",
        ),
        _moment,
    ),
}
