//! The queue on Honker's tables `_honker_live` and `_honker_dead`: the only Rust file that speaks to them. The views and triggers over them
//! are part of the schema.
//!
//! The rules are those of honker-core 0.5.0 (`honker_ops.rs`), and a differential test holds this file to them. The statements are our own
//! because Honker's claim looks through the whole backlog for exhausted jobs each time, and prepares its SQL on each call.
//! Honker counts in whole seconds: a lease is valid up to and including its last second, a delay is rounded up.

use rusqlite::{OptionalExtension, Row};

use crate::error::Result;
use crate::store::Store;

/// A job as a verdict needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub id: i64,
    pub event_id: i64,
    /// The delivery whose body the handler gets, where that is not the event's first.
    pub delivery_id: Option<i64>,
    pub attempts: i64,
    pub max_attempts: i64,
    pub worker: Option<String>,
}

/// A job that can be claimed now. The order of the fields after `id` is the order of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub priority: i64,
    pub run_at: i64,
    pub job: Job,
    /// Whether another worker's lease ran out.
    pub expired: bool,
}

/// The columns that [`Job`] reads. A payload that is not ours gives no event id, and the caller buries the job.
const JOB_COLUMNS: &str = "id, iif(json_valid(payload), payload ->> '$.event_id', NULL), iif(json_valid(payload), payload ->> '$.delivery_id', NULL), \
     attempts, max_attempts, worker_id";

fn read_job(row: &Row) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get(0)?,
        // A payload of another client may hold anything; an id that does not exist is what is then looked for.
        event_id: row.get(1).unwrap_or(-1),
        delivery_id: row.get(2).unwrap_or(None),
        attempts: row.get(3)?,
        max_attempts: row.get(4)?,
        worker: row.get(5)?,
    })
}

/// Milliseconds to Honker's seconds, rounded down: what is due at this moment.
pub(crate) fn seconds(now: i64) -> i64 {
    now.div_euclid(1000)
}

/// Rounded up: a delay never ends early.
pub(crate) fn seconds_up(at: i64) -> i64 {
    -(-at).div_euclid(1000)
}

impl Store {
    /// Adds a job that can be claimed from `run_at_s`.
    pub(crate) fn enqueue(&self, queue: &str, event_id: i64, delivery_id: Option<i64>, max_attempts: i64, now: i64) -> Result<i64> {
        let payload = match delivery_id {
            Some(delivery_id) => format!(r#"{{"event_id":{event_id},"delivery_id":{delivery_id}}}"#),
            None => format!(r#"{{"event_id":{event_id}}}"#),
        };
        let sql = "INSERT INTO main._honker_live (queue, payload, run_at, max_attempts, created_at) VALUES (?1, ?2, ?3, ?4, ?3)";
        self.run(sql, (queue, payload, seconds(now), max_attempts))?;
        Ok(self.conn().last_insert_rowid())
    }

    /// The first `limit` jobs of a queue that can be claimed, in the queue's order, exhausted ones included.
    ///
    /// Walks `_honker_live_claim (queue, priority DESC, run_at, id)` one priority at a time, so that `run_at <= now` ends the walk: jobs that
    /// wait for a later retry are never read.
    pub(crate) fn candidates(&self, queue: &str, limit: i64, now: i64) -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        let mut priority = self.next_priority(queue, None)?;
        while let Some(current) = priority {
            let mut statement = self.conn().prepare_cached(&format!(
                "SELECT {JOB_COLUMNS}, run_at, state = 'processing'
                 FROM main._honker_live
                 WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority = ?2 AND run_at <= ?3
                   AND (expires_at IS NULL OR expires_at > ?3)
                   AND (state = 'pending' OR claim_expires_at < ?3)
                 ORDER BY run_at, id
                 LIMIT ?4"
            ))?;
            let rows = statement.query_map((queue, current, seconds(now), limit - found.len() as i64), |row| {
                Ok(Candidate { priority: current, job: read_job(row)?, run_at: row.get(6)?, expired: row.get(7)? })
            })?;
            for row in rows {
                found.push(row?);
            }
            if found.len() as i64 >= limit {
                break;
            }
            priority = self.next_priority(queue, Some(current))?;
        }
        Ok(found)
    }

    /// The highest priority below `below`. Knocker's own jobs have one; other clients may use more.
    fn next_priority(&self, queue: &str, below: Option<i64>) -> Result<Option<i64>> {
        let sql = "SELECT priority FROM main._honker_live WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority < ?2
                   ORDER BY priority DESC LIMIT 1";
        let mut statement = self.conn().prepare_cached(sql)?;
        // i64::MAX itself is left out; nobody uses it.
        Ok(statement.query_row((queue, below.unwrap_or(i64::MAX)), |row| row.get(0)).optional()?)
    }

    /// Leases a job; the attempt counts from now on.
    pub(crate) fn lease(&self, job_id: i64, worker: &str, lease_s: i64, now: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live SET state = 'processing', worker_id = ?2, claim_expires_at = ?3, attempts = attempts + 1 WHERE id = ?1";
        self.run(sql, (job_id, worker, seconds(now) + lease_s))?;
        Ok(())
    }

    /// The job, if this worker's lease on it is still valid.
    pub(crate) fn leased_job(&self, job_id: i64, worker: &str, now: i64) -> Result<Option<Job>> {
        let mut statement = self.conn().prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM main._honker_live
             WHERE id = ?1 AND worker_id = ?2 AND state = 'processing' AND claim_expires_at >= ?3 AND queue GLOB 'knocker:*'"
        ))?;
        Ok(statement.query_row((job_id, worker, seconds(now)), read_job).optional()?)
    }

    /// The job, if it is leased and the lease is over.
    pub(crate) fn expired_job(&self, job_id: i64, now: i64) -> Result<Option<Job>> {
        let mut statement = self.conn().prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM main._honker_live WHERE id = ?1 AND state = 'processing' AND claim_expires_at < ?2"
        ))?;
        Ok(statement.query_row((job_id, seconds(now)), read_job).optional()?)
    }

    /// The jobs whose lease is this worker's and still valid.
    pub(crate) fn leased_jobs(&self, worker: &str, now: i64) -> Result<Vec<Job>> {
        let mut statement = self.conn().prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM main._honker_live
             WHERE state = 'processing' AND worker_id = ?1 AND claim_expires_at >= ?2 AND queue GLOB 'knocker:*'"
        ))?;
        let rows = statement.query_map((worker, seconds(now)), read_job)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Removes a job that is done, or that an operator takes away.
    pub(crate) fn remove_job(&self, job_id: i64) -> Result<()> {
        self.run("DELETE FROM main._honker_live WHERE id = ?1", [job_id])?;
        Ok(())
    }

    /// Puts a job back, to be claimed from `run_at_s` on.
    pub(crate) fn retry_job(&self, job_id: i64, run_at_s: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live SET state = 'pending', run_at = ?2, worker_id = NULL, claim_expires_at = NULL WHERE id = ?1";
        self.run(sql, (job_id, run_at_s))?;
        Ok(())
    }

    /// Puts a job back as if it had not been claimed.
    pub(crate) fn unclaim_job(&self, job_id: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live
                   SET state = 'pending', worker_id = NULL, claim_expires_at = NULL, attempts = max(attempts - 1, 0) WHERE id = ?1";
        self.run(sql, [job_id])?;
        Ok(())
    }

    /// Moves a job to the dead ones, in Honker's order: deleted first, then inserted.
    pub(crate) fn bury_job(&self, job_id: i64, error: &str, now: i64) -> Result<()> {
        let sql =
            "DELETE FROM main._honker_live WHERE id = ?1 RETURNING queue, payload, priority, run_at, attempts, max_attempts, created_at";
        let mut statement = self.conn().prepare_cached(sql)?;
        let row = statement
            .query_row([job_id], |row| {
                let texts: (String, String) = (row.get(0)?, row.get(1)?);
                let numbers: (i64, i64, i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
                Ok((texts, numbers))
            })
            .optional()?;
        let Some(((queue, payload), (priority, run_at, attempts, max_attempts, created_at))) = row else { return Ok(()) };
        let sql =
            "INSERT INTO main._honker_dead (id, queue, payload, priority, run_at, attempts, max_attempts, last_error, created_at, died_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.run(sql, (job_id, queue, payload, priority, run_at, attempts, max_attempts, error, created_at, seconds(now)))?;
        Ok(())
    }

    /// Extends a lease and returns the second in which it runs out.
    pub(crate) fn extend_lease(&self, job_id: i64, lease_s: i64, now: i64) -> Result<i64> {
        let until = seconds(now) + lease_s;
        self.run("UPDATE main._honker_live SET claim_expires_at = ?2 WHERE id = ?1", (job_id, until))?;
        Ok(until)
    }

    /// The second from which a job of this queue can be claimed: the earliest of the waiting ones and of the leases that may run out.
    /// Uses `_honker_live_pending_deadline` and `_honker_live_processing_deadline`.
    pub(crate) fn next_claim_at(&self, queue: &str) -> Result<Option<i64>> {
        let waiting = "SELECT min(run_at) FROM main._honker_live WHERE queue = ?1 AND state = 'pending'";
        let leased = "SELECT min(claim_expires_at) + 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing'";
        let read = |sql: &str| -> Result<Option<i64>> { Ok(self.conn().prepare_cached(sql)?.query_row([queue], |row| row.get(0))?) };
        Ok([read(waiting)?, read(leased)?].into_iter().flatten().min())
    }

    /// Since when the job that can be claimed and has waited longest could be, in seconds.
    pub(crate) fn oldest_due(&self, queue: &str, now: i64) -> Result<Option<i64>> {
        Ok(self.next_claim_at(queue)?.filter(|&at| at <= seconds(now)))
    }

    /// Deletes a dead job, when its event comes back to life or goes.
    pub(crate) fn forget_dead_job(&self, job_id: i64) -> Result<()> {
        self.run("DELETE FROM main._honker_dead WHERE id = ?1 AND queue GLOB 'knocker:*'", [job_id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_round_down_and_delays_round_up() {
        assert_eq!((seconds(1999), seconds(2000)), (1, 2));
        assert_eq!((seconds_up(1001), seconds_up(2000)), (2, 2));
    }
}
