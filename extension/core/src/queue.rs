//! The queue on Honker's tables `_honker_live` and `_honker_dead`: this file moves jobs, `due.rs` and `queues.rs` look for those that can be
//! claimed, `lease.rs` leases them, and `leased.rs` finds what a verdict is about. No other Rust file speaks to them. The views, triggers and indexes over them are part of the schema.
//!
//! The rules are those of honker-core 0.5.0 (`honker_ops.rs`), and a differential test holds this file to them. The statements are our own
//! because Honker's claim looks through the whole backlog for exhausted jobs each time, and prepares its SQL on each call.
//! Honker counts in whole seconds: a lease is valid up to and including its last second, a delay is rounded up.

use rusqlite::types::ValueRef;
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
    /// The last second of the lease.
    pub leased_until: Option<i64>,
}

/// What Honker calls the priority of a job. Knocker's have 0, and use what is below for jobs whose worker died: so the index of the queue
/// keeps them apart from the others, and a claim passes over any number of them at no cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A job like any other.
    Ordinary = 0,
    /// Its lease ran out, or that of a job beside it did: it is to be tried alone.
    Suspect = -1,
    /// A suspect that is leased with nothing beside it.
    Alone = -2,
}

impl Standing {
    /// Its number in Honker's column.
    pub fn priority(self) -> i64 {
        self as i64
    }
}

/// The columns that [`Job`] reads.
pub(crate) const JOB_COLUMNS: &str = "id, payload, attempts, max_attempts, worker_id, claim_expires_at";
/// How many they are.
pub(crate) const JOB_COLUMN_COUNT: usize = 6;

pub(crate) fn read_job(row: &Row) -> rusqlite::Result<Job> {
    let payload = Payload::read(row.get_ref(1)?);
    Ok(Job {
        id: row.get(0)?,
        event_id: payload.event_id,
        delivery_id: payload.delivery_id,
        attempts: row.get(2)?,
        max_attempts: row.get(3)?,
        worker: row.get(4)?,
        leased_until: row.get(5)?,
    })
}

/// What a job is about.
struct Payload {
    event_id: i64,
    delivery_id: Option<i64>,
}

impl Payload {
    /// One of another client may hold anything; an id that does not exist is what is then looked for, and the caller buries the job.
    fn read(payload: ValueRef) -> Self {
        // Whatever stands there: as in `knocker_jobs`, a number is what counts.
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Known {
            event_id: serde_json::Value,
            delivery_id: serde_json::Value,
        }
        let bytes = payload.as_bytes().unwrap_or_default();
        if let Some(own) = Self::read_own(bytes) {
            return own;
        }
        let known: Known = serde_json::from_slice(bytes).unwrap_or_default();
        Self { event_id: known.event_id.as_i64().unwrap_or(-1), delivery_id: known.delivery_id.as_i64() }
    }

    /// Reads what [`Store::enqueue`] writes, and nothing else.
    fn read_own(payload: &[u8]) -> Option<Self> {
        let (event_id, rest) = read_number(payload.strip_prefix(br#"{"event_id":"#)?)?;
        if rest == b"}" {
            return Some(Self { event_id, delivery_id: None });
        }
        let (delivery_id, rest) = read_number(rest.strip_prefix(br#","delivery_id":"#)?)?;
        (rest == b"}").then_some(Self { event_id, delivery_id: Some(delivery_id) })
    }
}

/// A whole number as JSON writes an id, and what follows it.
fn read_number(text: &[u8]) -> Option<(i64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let number = text[..end].iter().try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
    (end > 0 && (text[0] != b'0')).then_some((number, &text[end..]))
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

    /// Says what a job is taken for from now on.
    pub(crate) fn mark_job(&self, job_id: i64, standing: Standing) -> Result<()> {
        self.run("UPDATE main._honker_live SET priority = ?2 WHERE id = ?1", (job_id, standing.priority()))?;
        Ok(())
    }

    /// Makes suspects of the jobs that the worker holds beside this one and that do not run alone, and returns whether there are any.
    pub(crate) fn mark_neighbours(&self, job_id: i64, worker: &str) -> Result<bool> {
        let sql = "UPDATE main._honker_live SET priority = ?3
                   WHERE state = 'processing' AND worker_id = ?2 AND id <> ?1 AND priority <> ?4 AND queue GLOB 'knocker:*'";
        let marks = (job_id, worker, Standing::Suspect.priority(), Standing::Alone.priority());
        Ok(self.run(sql, marks)? > 0)
    }

    /// What a job is taken for, as of now.
    pub(crate) fn standing(&self, job_id: i64) -> Result<Standing> {
        let mut statement = self.conn().prepare_cached("SELECT priority FROM main._honker_live WHERE id = ?1")?;
        let priority: i64 = statement.query_row([job_id], |row| row.get(0))?;
        Ok(match priority {
            0.. => Standing::Ordinary,
            priority if priority == Standing::Alone.priority() => Standing::Alone,
            _ => Standing::Suspect,
        })
    }

    /// The job, whatever its state.
    pub(crate) fn job(&self, job_id: i64) -> Result<Option<Job>> {
        let mut statement = self.conn().prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM main._honker_live WHERE id = ?1"))?;
        Ok(statement.query_row([job_id], read_job).optional()?)
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

    /// The events that are being worked on: the endpoint of each, and which attempt at it this is.
    pub(crate) fn attempts_under_way(&self) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT e.endpoint_id, e.attempts FROM main._honker_live j
                   JOIN main._knocker_events e ON e.id = CAST(substr(j.payload, 13) AS INTEGER) AND e.job_id = j.id
                   WHERE j.state = 'processing' AND j.queue GLOB 'knocker:*' AND e.status = 'processing'";
        let mut statement = self.conn().prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs newer than this one, oldest first, as their ids with the events they are of: what was received since, and what was put back.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn jobs_after(&self, job_id: i64, limit: i64) -> Result<Vec<(i64, i64)>> {
        let sql = format!("SELECT {JOB_COLUMNS} FROM main._honker_live WHERE id > ?1 AND queue GLOB 'knocker:*' ORDER BY id LIMIT ?2");
        let mut statement = self.conn().prepare_cached(&sql)?;
        let jobs = statement.query_map((job_id, limit), |row| read_job(row).map(|job| (job.id, job.event_id)))?;
        Ok(jobs.collect::<rusqlite::Result<_>>()?)
    }

    /// The id of the newest job that there is; 0 where there is none.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn newest_job(&self) -> Result<i64> {
        let mut statement = self.conn().prepare_cached("SELECT coalesce(max(id), 0) FROM main._honker_live")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Removes a job that is done, or that an operator takes away.
    pub(crate) fn remove_job(&self, job_id: i64) -> Result<()> {
        self.run("DELETE FROM main._honker_live WHERE id = ?1", [job_id])?;
        Ok(())
    }

    /// Puts a job back, to be claimed from `run_at_s` on. Its worker lives: it is no suspect any more.
    pub(crate) fn retry_job(&self, job_id: i64, run_at_s: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live
                   SET state = 'pending', run_at = ?2, worker_id = NULL, claim_expires_at = NULL, priority = max(priority, 0) WHERE id = ?1";
        self.run(sql, (job_id, run_at_s))?;
        Ok(())
    }

    /// Puts a job back whose worker died, to be tried alone from `run_at_s` on.
    pub(crate) fn set_job_aside(&self, job_id: i64, run_at_s: i64, max_attempts: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live
                   SET state = 'pending', run_at = ?2, worker_id = NULL, claim_expires_at = NULL, max_attempts = ?3, priority = ?4 WHERE id = ?1";
        self.run(sql, (job_id, run_at_s, max_attempts, Standing::Suspect.priority()))?;
        Ok(())
    }

    /// Puts a job back as if it had not been claimed.
    pub(crate) fn unclaim_job(&self, job_id: i64) -> Result<()> {
        let sql = "UPDATE main._honker_live
                   SET state = 'pending', worker_id = NULL, claim_expires_at = NULL, attempts = max(attempts - 1, 0), priority = max(priority, -1)
                   WHERE id = ?1";
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
    fn a_payload_of_ours_is_read_as_json_reads_it() {
        let read = |payload: &str| {
            let payload = Payload::read(ValueRef::Text(payload.as_bytes()));
            (payload.event_id, payload.delivery_id)
        };
        assert_eq!(read(r#"{"event_id":12}"#), (12, None));
        assert_eq!(read(r#"{"event_id":12,"delivery_id":345}"#), (12, Some(345)));
        assert_eq!(read(r#"{"delivery_id": 345, "event_id": 12}"#), (12, Some(345)));
        assert_eq!(read(r#"{"event_id":12,"note":{"delivery_id":3}}"#), (12, None));
        for none in ["", "{", r#"{"event_id":"#, r#"{"event_id":}"#, r#"{"event_id":012}"#, r#"{"event_id":99999999999999999999}"#] {
            assert_eq!(read(none), (-1, None), "{none}");
        }
    }

    #[test]
    fn due_times_round_down_and_delays_round_up() {
        assert_eq!((seconds(1999), seconds(2000)), (1, 2));
        assert_eq!((seconds_up(1001), seconds_up(2000)), (2, 2));
    }
}
