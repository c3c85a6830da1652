"""Conditions on the rows of a list."""

from __future__ import annotations

from collections.abc import Collection

from knocker.arguments import checked_ms, one_or_more, type_pattern
from knocker.connection import Value
from knocker.event import Moment

OneOrMore = str | Collection[str]
"""One name, or several of which each will do."""


class Where:
    """Conditions and their values. What can match nothing whatever is stored is refused: a mistyped status would look like good news."""

    def __init__(self, other: Where | None = None) -> None:
        self._conditions: list[str] = list(other._conditions) if other else []
        self.values: list[Value] = list(other.values) if other else []
        self._since: int | None = other._since if other else None
        self._until: int | None = other._until if other else None

    def add(self, condition: str, *values: Value) -> None:
        """A condition as SQL."""
        self._conditions.append(condition)
        self.values.extend(values)

    def equal(self, column: str, value: Value) -> None:
        """None is no condition."""
        if value is not None:
            self.add(f"{column} = ?", value)

    def one_of(self, column: str, value: OneOrMore | None, known: Collection[str]) -> None:
        """One name of a closed list, or several."""
        if value is not None:
            names = one_or_more(column, value, known)
            self.add(f"{column} IN ({', '.join('?' * len(names))})", *names)

    def type(self, pattern: str | None) -> None:
        """A type, or a prefix with ``.*``."""
        if pattern is None:
            return
        type_pattern("type", pattern)
        if pattern.endswith(".*"):
            self.add("substr(type, 1, length(?)) = ?", pattern[:-1], pattern[:-1])
        elif pattern != "*":
            self.equal("type", pattern)

    def received(self, since: Moment | None, until: Moment | None) -> None:
        """When the first delivery of an event came, from ``since`` on and before ``until``. :meth:`page` begins and ends by them."""
        self.between("received_at", since, until)
        self._since = None if since is None else checked_ms("since", since)
        self._until = None if until is None else checked_ms("until", until)

    def page(self, after: int | None, newest_first: bool, is_first: bool) -> Where:
        """These conditions, behind a cursor. Only the first page looks for where it begins.

        Of two conditions on that side SQLite would seek by either.
        """
        page = Where(self)
        since = (self._since, "(SELECT knocker_first_event_since(?))")
        until = (self._until, "(SELECT knocker_last_event_before(?))")
        (begin, found_begin), (end, found_end) = (until, since) if newest_first else (since, until)
        beyond, back, nearest, step = ("<", ">", "min", "-") if newest_first else (">", "<", "max", "+")
        if begin is not None and is_first:
            if after is None:
                page.add(f"id {beyond}= {found_begin}", begin)
            else:
                page.add(f"id {beyond}= {nearest}(? {step} 1, {found_begin})", after, begin)
        elif after is not None:
            page.add(f"id {beyond} ?", after)
        if end is not None:
            page.add(f"id {back}= {found_end}", end)
        return page

    def between(self, column: str, since: Moment | None, until: Moment | None) -> None:
        """``since`` is included, ``until`` is not."""
        if since is not None:
            self.add(f"{column} >= ?", checked_ms("since", since))
        if until is not None:
            self.add(f"{column} < ?", checked_ms("until", until))

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
