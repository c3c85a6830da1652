"""The queue on a cluster."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from knocker.leases import JOB_COLUMNS, Job, Leases, job_of
from knocker.rqlite.bodies import bytes_as_hex, bytes_of_hex

_COLUMNS = JOB_COLUMNS.split(", ")
JOBS = f"SELECT {', '.join(bytes_as_hex(_COLUMNS))} FROM knocker_jobs WHERE worker = ? ORDER BY job_id"
"""The jobs of a worker; :func:`read_job` reads a row."""


def read_job(row: tuple[Any, ...]) -> Job:
    """From a row of :data:`JOBS`."""
    return job_of(bytes_of_hex(_COLUMNS, row))


class ClusterLeases(Leases):
    """As those on a file. A lost answer to ``claim`` may have leased jobs all the same: :meth:`jobs` has them."""

    def jobs(self, without: Collection[int] = ()) -> list[Job]:
        """The jobs leased to this worker, but those of the given ids."""
        rows = self._rows(
            f"SELECT * FROM ({JOBS}) WHERE job_id NOT IN (SELECT value FROM json_each(?))", [self.worker, json.dumps(list(without))]
        )
        return [read_job(row) for row in rows]
