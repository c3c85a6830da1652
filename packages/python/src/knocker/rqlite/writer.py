"""Group commit on a cluster: receipts that come together are stored by one request, and each is answered after it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from knocker.commits import MOST_BYTES, MOST_CALLS
from knocker.errors import ClosedError, ClusterUnavailableError, KnockerError, StaleJudgementError
from knocker.rqlite.cluster import Cluster, function
from knocker.ticket import Ticket, answer


class ClusterWriter:
    """One request at a time, with all that wait. Thread-safe."""

    def __init__(self, cluster: Cluster, refresh: Callable[[], None], changed: Callable[[], None]) -> None:
        """``refresh`` is called where the settings have changed elsewhere, ``changed`` after each request that has stored something."""
        self._cluster = cluster
        self._refresh = refresh
        self._changed = changed
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._next: Ticket | None = None
        self._thread = threading.Thread(target=self._run, name="knocker-writer", daemon=True)
        self._thread.start()

    def put(self, ticket: Ticket) -> None:
        """Runs the ticket's call in the next request that has room for it, and answers it afterwards."""
        with self._lock:
            if self._closed:
                raise ClosedError("these hooks are closed")
            self._queue.put(ticket)

    def close(self) -> None:
        """Stores what is queued and ends the thread."""
        with self._lock:
            already, self._closed = self._closed, True
            if not already:
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._next or self._queue.get()) is not None:
            self._next = None
            group = self._group(first)
            self._store(group)
            answer(group)

    def _group(self, first: Ticket) -> list[Ticket]:
        group, size = [first], first.size
        while len(group) < MOST_CALLS:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                # The end comes after this group.
                self._queue.put(None)
                break
            if size + ticket.size > MOST_BYTES:
                self._next = ticket
                break
            size += ticket.size
            group.append(ticket)
        return group

    def _store(self, group: list[Ticket]) -> None:
        try:
            reply = self._cluster.write([function(ticket.function, ticket.arguments) for ticket in group])
            if reply.answer.error is not None and len(group) > 1:
                self._store_each(group)
                return
            for ticket, rows in zip(group, reply.rows()):  # noqa: B905
                [(ticket.result,)] = rows
        except StaleJudgementError as error:
            self._refreshed(group[0], error)
        except Exception as error:
            for ticket in group:
                ticket.error = type(error)(error.message) if isinstance(error, KnockerError) else error
        else:
            self._changed()

    def _store_each(self, group: list[Ticket]) -> None:
        """One of them has rolled back the others. Where the cluster goes away meanwhile, nobody waits for it in turn."""
        away: BaseException | None = None
        for ticket in group:
            if away is None:
                self._store([ticket])
                away = ticket.error if isinstance(ticket.error, ClusterUnavailableError) else None
            else:
                ticket.error = ClusterUnavailableError(str(away))

    def _refreshed(self, ticket: Ticket, error: KnockerError) -> None:
        """It is judged again, under the settings that are stored now."""
        ticket.error = error
        try:
            self._refresh()
        except Exception as problem:
            ticket.error = problem
