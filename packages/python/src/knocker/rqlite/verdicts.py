"""Writing what has become of an attempt, where the answer to it may get lost."""

from __future__ import annotations

import json
from typing import Any

from knocker.connection import Value
from knocker.errors import LeaseLostError
from knocker.leases import Job, Leases
from knocker.rqlite.cluster import Statement, function
from knocker.rqlite.database import ClusterDatabase

# A result that is not written makes the handler run again.
_PATIENCE_S = 60.0
_RESULT = """
    SELECT attempt.result, event.status, event.next_attempt_at
    FROM knocker_attempts attempt JOIN knocker_events event ON event.id = attempt.event_id
    WHERE attempt.event_id = ? AND attempt.attempt = ? AND attempt.worker = ? AND attempt.result <> 'lease_expired'
    ORDER BY attempt.id DESC LIMIT 1
"""


class Verdicts:
    """Of one job."""

    def __init__(self, database: ClusterDatabase, job: Job) -> None:
        self._database = database
        self._job = job

    def handled(self, writes: list[Statement], duration_ms: int) -> None:
        """Writes what the handlers wrote, and that the event is handled, or none of it."""
        self._written("knocker_handled", [self._job.id, self._job.worker, duration_ms], writes)

    @property
    def leases(self) -> Leases:
        """For any other verdict."""
        return Leases(self._job.worker, lambda name, *arguments: self._written(name, arguments, []), self._database.rows)

    def _written(self, name: str, arguments: Any, writes: list[Statement]) -> Value:
        # The verdict last: whatever comes after a statement that rqlite does not understand would be committed.
        statements = [*writes, function(name, [*arguments, self._database.now()])]
        reply = self._database.write(statements, _PATIENCE_S)
        try:
            *_, [(result,)] = reply.rows()
        except LeaseLostError:
            # Perhaps an earlier try has ended it, and its answer was lost.
            recorded = self._recorded() if reply.is_repeated else None
            if recorded is None:
                raise
            return recorded
        return result  # type: ignore[no-any-return]

    def _recorded(self) -> str | None:
        """What the cluster has of this very attempt, in the form of ``knocker_failed``."""
        asked: list[Value] = [self._job.event.id, self._job.event.attempt, self._job.worker]
        # Not what one node believes, but what most of them have.
        [rows] = self._database.write([Statement(_RESULT, asked)]).rows()
        return json.dumps({"status": rows[0][1], "next_attempt_at": rows[0][2]}) if rows else None
