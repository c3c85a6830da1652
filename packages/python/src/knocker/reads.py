"""Reading: lists that page by id while you iterate, and single rows."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, get_args

from knocker.arguments import row_id, whole
from knocker.database import Database
from knocker.errors import UnknownDeliveryError, UnknownEndpointError, UnknownEventError, UsageError
from knocker.event import Moment
from knocker.records import (
    AttemptRecord,
    AttemptResult,
    DeliveryOutcome,
    DeliveryRecord,
    EndpointRecord,
    EventDeliveryRecord,
    EventRecord,
    EventStatus,
    PolicyRecord,
    PruneRecord,
)
from knocker.where import OneOrMore, Where

if TYPE_CHECKING:
    from typing_extensions import Self


class Record(Protocol):
    """A row of a view."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From the columns of the view."""


AnyRecord = TypeVar("AnyRecord", bound=Record)

_PAGE = 100


class Reads:
    """The reading half of :class:`~knocker.Hooks`. Every list is lazy: it reads a page when you reach it and holds no transaction.

    Lists go from the oldest to the newest, or the other way with ``newest_first``, and end after ``limit`` rows where one is given. To go
    on later, pass the last ``id`` you saw as ``after``: it is the cursor in either direction. ``since`` is included and ``until``
    excluded; both are aware datetimes or Unix ms. ``status``, ``outcome`` and ``result`` are one name or several. What no row can match is
    refused when the list is made: :class:`~knocker.UsageError` for a name or a pattern that does not exist,
    :class:`~knocker.UnknownEndpointError`.
    """

    database: Database

    def events(
        self,
        *,
        status: OneOrMore | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        key: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        with_body: bool = False,
    ) -> Iterator[EventRecord]:
        """Events. ``type`` is exact, or a prefix with ``.*``; ``key`` is the identity that dedupe uses."""
        where = Where()
        where.one_of("status", status, get_args(EventStatus))
        self._of_endpoint(where, endpoint)
        where.type(type)
        where.equal("key", key)
        where.received(since, until)
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
        where = Where()
        where.one_of("outcome", outcome, get_args(DeliveryOutcome))
        self._of_endpoint(where, endpoint)
        if event_id is not None:
            # A batch brings several events, and its row names the first of them only.
            where.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", row_id("event_id", event_id))
        where.between("received_at", since, until)
        return self._pages(DeliveryRecord, "knocker_deliveries", where, after, newest_first, with_body, limit)

    def attempts(
        self,
        *,
        event_id: int | None = None,
        endpoint: str | None = None,
        result: OneOrMore | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[AttemptRecord]:
        """Attempts at events, by the time at which they ended."""
        where = Where()
        where.equal("event_id", None if event_id is None else row_id("event_id", event_id))
        self._of_endpoint(where, endpoint)
        where.one_of("result", result, get_args(AttemptResult))
        where.between("finished_at", since, until)
        return self._pages(AttemptRecord, "knocker_attempts", where, after, newest_first, limit=limit)

    def prunes(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[PruneRecord]:
        """Audits of prunes."""
        where = Where()
        where.between("pruned_at", since, until)
        return self._pages(PruneRecord, "knocker_prunes", where, after, newest_first, limit=limit)

    def policies(self) -> list[PolicyRecord]:
        """The stored retention policies."""
        return list(self._pages(PolicyRecord, "knocker_policies", Where(), None, False))

    def event_deliveries(self, *, event_id: int | None = None, delivery_id: int | None = None) -> list[EventDeliveryRecord]:
        """Which deliveries brought an event, or which events a delivery brought; name one of the two."""
        if event_id is None and delivery_id is None:
            raise UsageError("event_deliveries: name an event_id or a delivery_id")
        where = Where()
        where.equal("event_id", None if event_id is None else row_id("event_id", event_id))
        where.equal("delivery_id", None if delivery_id is None else row_id("delivery_id", delivery_id))
        columns = _columns(EventDeliveryRecord)
        sql = f"SELECT {', '.join(columns)} FROM knocker_event_deliveries {where} ORDER BY event_id, delivery_id"
        return [EventDeliveryRecord.read(dict(zip(columns, row))) for row in self.database.rows(sql, where.values)]  # noqa: B905

    def stored_endpoints(self) -> list[EndpointRecord]:
        """The settings of every endpoint of the file, also those of other processes."""
        return list(self._pages(EndpointRecord, "knocker_endpoints", Where(), None, False))

    def event(self, event_id: int) -> EventRecord:
        """One event with its body. Raises :class:`~knocker.UnknownEventError`."""
        where = Where()
        where.equal("id", row_id("event_id", event_id))
        for record in self._pages(EventRecord, "knocker_events", where, None, False, True):
            return record
        raise UnknownEventError(f"there is no event {event_id}")

    def delivery(self, delivery_id: int) -> DeliveryRecord:
        """One delivery with its body. Raises :class:`~knocker.UnknownDeliveryError`."""
        where = Where()
        where.equal("id", row_id("delivery_id", delivery_id))
        for record in self._pages(DeliveryRecord, "knocker_deliveries", where, None, False, True):
            return record
        raise UnknownDeliveryError(f"there is no delivery {delivery_id}")

    def _of_endpoint(self, where: Where, name: str | None) -> None:
        if name is not None:
            self.require_endpoint(name)
            where.equal("endpoint", name)

    def require_endpoint(self, name: str) -> None:
        """Raises :class:`~knocker.UnknownEndpointError` where the file has none of that name, with the nearest one."""
        names = [row[0] for row in self.database.rows("SELECT name FROM knocker_endpoints ORDER BY name")]
        if name in names:
            return
        near = get_close_matches(str(name), names, 1)
        raise UnknownEndpointError(f"there is no endpoint {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def _pages(
        self,
        record: type[AnyRecord],
        view: str,
        where: Where,
        after: int | None,
        newest_first: bool,
        with_body: bool = False,
        limit: int | None = None,
    ) -> Iterator[AnyRecord]:
        # Not where the list is read: a mistake is to be seen where it is made.
        if limit is not None:
            whole("limit", limit, 0, sys.maxsize)
        if after is not None:
            row_id("after", after)
        return self._read(record, view, where, after, newest_first, with_body, limit)

    def _read(
        self,
        record: type[AnyRecord],
        view: str,
        where: Where,
        after: int | None,
        newest_first: bool,
        with_body: bool,
        limit: int | None,
    ) -> Iterator[AnyRecord]:
        columns = [name for name in _columns(record) if with_body or name != "body"]
        order, is_first = "DESC" if newest_first else "ASC", True
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            page = where.page(after, newest_first, is_first)
            rows = self.database.select(columns, f"FROM {view} {page} ORDER BY id {order} LIMIT {size}", page.values)
            for row in rows:
                yield record.read(dict(zip(columns, row)))  # noqa: B905
            if len(rows) < size:
                return
            limit = None if limit is None else limit - size
            after, is_first = rows[-1][0], False


def _columns(record: type[Record]) -> list[str]:
    return [field.name for field in dataclasses.fields(cast(Any, record))]
