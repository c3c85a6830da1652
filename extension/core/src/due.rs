//! What of the queue can be claimed, and when: waiting jobs, suspects that are to run alone, and leases that are over.
//!
//! A clock that was ahead and is corrected leaves leases and due times that nobody could have given by the right one. They count as over. Each
//! look is a search at one end of an index, so that its cost does not grow with what waits, runs or failed.

use rusqlite::{OptionalExtension, Row};

use crate::error::Result;
use crate::queue::{JOB_COLUMN_COUNT, JOB_COLUMNS, Job, Standing, read_job, seconds};
use crate::store::Store;

/// The longest lease, in seconds.
pub(crate) const LONGEST_LEASE_S: i64 = 86_400;
/// The longest delay of a retry, in seconds: thirty days.
pub(crate) const LONGEST_DELAY_S: i64 = 2_592_000;
/// Clocks are put right by a little all the time.
const SLACK_S: i64 = 60;
/// No lease by the right clock ends later than this from now.
pub(crate) const FURTHEST_LEASE_S: i64 = LONGEST_LEASE_S + SLACK_S;
/// Nor is a retry due later; a tenth is for the jitter.
pub(crate) const FURTHEST_DUE_S: i64 = LONGEST_DELAY_S + LONGEST_DELAY_S / 10 + SLACK_S;

/// A job that can be claimed now. The order of the fields after `id` is the order of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub priority: i64,
    pub run_at: i64,
    pub job: Job,
    /// Whether the event of the payload has this job. Where it is not so, the payload may only be written otherwise than by us.
    pub owned: bool,
}

impl Candidate {
    /// Reads what [`candidate_columns`] and [`OWNER`] select.
    pub fn read(row: &Row, priority: i64) -> rusqlite::Result<Self> {
        let (job, owner): (Job, Option<i64>) = (read_job(row)?, row.get(JOB_COLUMN_COUNT + 1)?);
        Ok(Self { priority, owned: owner == Some(job.event_id), job, run_at: row.get(JOB_COLUMN_COUNT)? })
    }

    /// Whether it has its turn before the other one, the priority aside.
    pub fn precedes(&self, other: &Candidate) -> bool {
        (self.run_at, self.job.id) < (other.run_at, other.job.id)
    }
}

/// The columns of a [`Candidate`], where [`OWNER`] is joined.
pub(crate) fn candidate_columns() -> String {
    format!("{JOB_COLUMNS}, run_at, owner")
}

/// Joins the event that has a job to it. Asked for each job by itself, that would be a third of what a look at it costs.
pub(crate) const OWNER: &str =
    "LEFT JOIN (SELECT id AS owner, job_id AS owned_job, endpoint_id, delivery_id, attempt_id FROM main._knocker_events)
           ON owner = CAST(substr(payload, 13) AS INTEGER) AND owned_job = _honker_live.id";

/// Whose waiting jobs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    All,
    /// All but suspects.
    Ordinary,
    Suspects,
}

/// What is due within the bound `?3`. Not `LIMIT ?5`: SQLite plans for a number that is bound there, and would prepare the statement again for each claim.
fn walk_sql(due: &str) -> String {
    format!(
        "SELECT {columns}
         FROM main._honker_live {OWNER}
         WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority = ?2 AND {due}
           AND state = 'pending' AND (expires_at IS NULL OR expires_at > ?4)
         ORDER BY run_at, id
         LIMIT ?5 + 0",
        columns = candidate_columns()
    )
}

impl Store {
    /// The first `limit` jobs of a queue that can be claimed, in the queue's order, exhausted ones included and suspects not.
    ///
    /// Walks `_honker_live_claim (queue, priority DESC, run_at, id)` one priority at a time, so that `run_at <= now` ends the walk: jobs that
    /// wait for a later retry are never read. What is due too late to be true comes last.
    pub(crate) fn candidates(&self, queue: &str, limit: i64, now: i64) -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        let mut priority = self.next_priority(queue, i64::MAX)?;
        while let Some(current) = priority {
            self.walk(&mut found, (queue, current), "run_at <= ?3", seconds(now), limit, now)?;
            self.walk(&mut found, (queue, current), "run_at > ?3", seconds(now) + FURTHEST_DUE_S, limit, now)?;
            // Nothing ordinary is below 0.
            priority = if current > 0 && (found.len() as i64) < limit { self.next_priority(queue, current - 1)? } else { None };
        }
        Ok(found)
    }

    /// Adds what is due within one bound, until there are `limit`.
    fn walk(&self, found: &mut Vec<Candidate>, (queue, priority): (&str, i64), due: &str, bound: i64, limit: i64, now: i64) -> Result<()> {
        let room = limit - found.len() as i64;
        if room <= 0 {
            return Ok(());
        }
        let mut statement = self.conn().prepare_cached(&walk_sql(due))?;
        let rows = statement.query_map((queue, priority, bound, seconds(now), room), |row| Candidate::read(row, priority))?;
        for row in rows {
            found.push(row?);
        }
        Ok(())
    }

    /// The highest priority up to `highest` that is not one of suspects. Knocker's own jobs have one; other clients may use more.
    fn next_priority(&self, queue: &str, highest: i64) -> Result<Option<i64>> {
        // Not `priority < ?2`: SQLite would look with each new value whether it implies the `priority < 0` of the index on suspects, and prepare
        // the statement again.
        let sql = "SELECT priority FROM main._honker_live
                   WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority <= ?2 AND priority >= 0
                   ORDER BY priority DESC LIMIT 1";
        let mut statement = self.conn().prepare_cached(sql)?;
        Ok(statement.query_row((queue, highest), |row| row.get(0)).optional()?)
    }

    /// Whether there is any suspect in the file, waiting or leased. The index `_knocker_live_suspects` is empty where there is none.
    pub(crate) fn has_suspects(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main._honker_live INDEXED BY _knocker_live_suspects WHERE priority < 0)";
        Ok(self.conn().prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// The first suspect of a queue that can be claimed. One that is due too late to be true is due from now on, and written so.
    pub(crate) fn first_suspect(&self, queue: &str, now: i64) -> Result<Option<Candidate>> {
        for (due, bound) in [("run_at <= ?2", seconds(now)), ("run_at > ?2", seconds(now) + FURTHEST_DUE_S)] {
            let mut statement = self.conn().prepare_cached(&format!(
                "SELECT {columns}
                 FROM main._honker_live INDEXED BY _knocker_live_suspects {OWNER}
                 WHERE priority < 0 AND worker_id IS NULL AND queue = ?1 AND {due} AND state = 'pending'
                   AND (expires_at IS NULL OR expires_at > ?3)
                 ORDER BY run_at, id
                 LIMIT 1",
                columns = candidate_columns()
            ))?;
            let found = statement.query_row((queue, bound, seconds(now)), |row| Candidate::read(row, Standing::Suspect.priority()));
            if let Some(mut candidate) = found.optional()? {
                if candidate.run_at > seconds(now) {
                    candidate.run_at = seconds(now);
                    let sql = "UPDATE main._honker_live SET run_at = ?2 WHERE id = ?1";
                    self.run(sql, (candidate.job.id, candidate.run_at))?;
                }
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// Whether the worker holds a suspect.
    pub(crate) fn holds_suspect(&self, worker: &str, now: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (
                     SELECT 1 FROM main._honker_live INDEXED BY _knocker_live_suspects
                     WHERE priority < 0 AND worker_id = ?1 AND state = 'processing' AND claim_expires_at BETWEEN ?2 AND ?3)";
        let bounds = (worker, seconds(now), seconds(now) + FURTHEST_LEASE_S);
        Ok(self.conn().prepare_cached(sql)?.query_row(bounds, |row| row.get(0))?)
    }

    /// Whether the worker holds any job.
    pub(crate) fn is_busy(&self, worker: &str, now: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (
                     SELECT 1 FROM main._honker_live
                     WHERE state = 'processing' AND worker_id = ?1 AND claim_expires_at BETWEEN ?2 AND ?3 AND queue GLOB 'knocker:*')";
        let bounds = (worker, seconds(now), seconds(now) + FURTHEST_LEASE_S);
        Ok(self.conn().prepare_cached(sql)?.query_row(bounds, |row| row.get(0))?)
    }

    /// Whether the queue has leases that are over: run out, or further off than a lease can be. By `_honker_live_processing_deadline`.
    fn has_ended_leases(&self, queue: &str, now: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing' AND claim_expires_at < ?2)
                       OR EXISTS (SELECT 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing' AND claim_expires_at > ?3)";
        let bounds = (queue, seconds(now), seconds(now) + FURTHEST_LEASE_S);
        Ok(self.conn().prepare_cached(sql)?.query_row(bounds, |row| row.get(0))?)
    }

    /// Up to `limit` jobs of a queue whose leases are over.
    pub(crate) fn ended_leases(&self, queue: &str, limit: i64, now: i64) -> Result<Vec<Job>> {
        if !self.has_ended_leases(queue, now)? {
            return Ok(Vec::new());
        }
        let mut statement = self.conn().prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM main._honker_live
             WHERE queue = ?1 AND state = 'processing' AND claim_expires_at NOT BETWEEN ?2 AND ?3
             ORDER BY claim_expires_at > ?3, claim_expires_at, id
             LIMIT ?4 + 0"
        ))?;
        let rows = statement.query_map((queue, seconds(now), seconds(now) + FURTHEST_LEASE_S, limit), read_job)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The job, if it is leased and the lease is over.
    pub(crate) fn ended_lease(&self, job_id: i64, now: i64) -> Result<Option<Job>> {
        let mut statement = self.conn().prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM main._honker_live
             WHERE id = ?1 AND state = 'processing' AND claim_expires_at NOT BETWEEN ?2 AND ?3"
        ))?;
        Ok(statement.query_row((job_id, seconds(now), seconds(now) + FURTHEST_LEASE_S), read_job).optional()?)
    }

    /// The second from which the first of these waiting jobs can be claimed, by the indexes on `run_at`.
    pub(crate) fn next_waiting(&self, queue: &str, whose: Waiting, now: i64) -> Result<Option<i64>> {
        let [first, last] = match whose {
            Waiting::All => [
                "SELECT min(run_at) FROM main._honker_live WHERE queue = ?1 AND state = 'pending'",
                "SELECT max(run_at) FROM main._honker_live WHERE queue = ?1 AND state = 'pending'",
            ],
            // Along the queue's own index, which has them apart from suspects. Jobs of a higher priority are none of ours.
            Waiting::Ordinary => [
                "SELECT min(run_at) FROM main._honker_live
                 WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority = 0 AND state = 'pending'",
                "SELECT max(run_at) FROM main._honker_live
                 WHERE queue = ?1 AND state IN ('pending', 'processing') AND priority = 0 AND state = 'pending'",
            ],
            Waiting::Suspects => [
                "SELECT min(run_at) FROM main._honker_live INDEXED BY _knocker_live_suspects
                 WHERE priority < 0 AND worker_id IS NULL AND queue = ?1 AND state = 'pending'",
                "SELECT max(run_at) FROM main._honker_live INDEXED BY _knocker_live_suspects
                 WHERE priority < 0 AND worker_id IS NULL AND queue = ?1 AND state = 'pending'",
            ],
        };
        self.first_of(first, last, queue, FURTHEST_DUE_S, now)
    }

    /// The second in which the first lease of a queue will be over, by `_honker_live_processing_deadline`.
    pub(crate) fn next_lease_end(&self, queue: &str, now: i64) -> Result<Option<i64>> {
        let first = "SELECT min(claim_expires_at) + 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing'";
        let last = "SELECT max(claim_expires_at) + 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing'";
        self.first_of(first, last, queue, FURTHEST_LEASE_S + 1, now)
    }

    /// The first moment, or now where the last is further off than `furthest`.
    fn first_of(&self, first: &str, last: &str, queue: &str, furthest: i64, now: i64) -> Result<Option<i64>> {
        let now = seconds(now);
        let read = |sql: &str| -> Result<Option<i64>> { Ok(self.conn().prepare_cached(sql)?.query_row([queue], |row| row.get(0))?) };
        match read(first)? {
            Some(at) if at > now && read(last)?.is_some_and(|at| at > now + furthest) => Ok(Some(now)),
            first => Ok(first),
        }
    }

    /// Since when the job that can be claimed and has waited longest could be, in seconds.
    pub(crate) fn oldest_due(&self, queue: &str, now: i64) -> Result<Option<i64>> {
        let first = [self.next_waiting(queue, Waiting::All, now)?, self.next_lease_end(queue, now)?].into_iter().flatten().min();
        Ok(first.filter(|&at| at <= seconds(now)))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus};

    use super::*;
    use crate::claim_filter::ClaimFilter;

    #[test]
    fn a_claim_prepares_no_statement_again() {
        let store = Store::new(Connection::open_in_memory().unwrap());
        store.bootstrap(0).unwrap();
        store.endpoint("orders", "{}", 0).unwrap();
        for limit in [1, 10, 20] {
            store.claim("w", limit, 60, &ClaimFilter::default(), 0).unwrap();
            store.walk(&mut Vec::new(), ("knocker:orders", 0), "run_at <= ?3", 0, limit, 0).unwrap();
        }
        let statement = store.conn().prepare_cached(&walk_sql("run_at <= ?3")).unwrap();
        assert!(statement.get_status(StatementStatus::Run) > 1);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
