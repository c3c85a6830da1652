//! What an operator's check of a file asks of its schema and its queue, and what it may put right.

use serde::Serialize;

use crate::due::{FURTHEST_DUE_S, FURTHEST_LEASE_S};
use crate::durations::Counts;
use crate::error::Result;
use crate::operate::{Action, ActionOptions};
use crate::queue::seconds;
use crate::store::Store;

/// Leases and due times that tell of workers that are gone, or of a wrong clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeaseHealth {
    /// Leases that ended before the given time and that nobody took up.
    pub over: i64,
    /// When the first of them ended, in Unix milliseconds.
    pub over_since: Option<i64>,
    /// The worker of that lease.
    pub worker: Option<String>,
    /// The event of that lease.
    pub event_id: Option<i64>,
    /// Leases and due times too far off to have been given by a clock that is right.
    pub ahead: i64,
}

/// Where events and jobs disagree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Disagreements {
    /// Events that wait, failed or are being processed, and have no job: nobody will handle them.
    pub events_without_job: Vec<i64>,
    /// Jobs of no event, or of one that has another job.
    pub jobs_without_event: Vec<i64>,
    /// Jobs whose event says something else: a waiting job of an event that is processing or over, or the other way round.
    pub jobs_that_differ: Vec<i64>,
    /// By how much the counters of open events are wrong.
    pub miscounted: i64,
}

impl Disagreements {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Store {
    /// Leases that ended before `over_before`, and times that lie too far ahead of `now`. Costs what is leased, not what waits.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn lease_health(&self, over_before: i64, now: i64) -> Result<LeaseHealth> {
        let over = "SELECT count(*), min(claim_expires_at) * 1000, worker_id, CAST(substr(payload, 13) AS INTEGER)
                    FROM main._honker_live WHERE state = 'processing' AND queue GLOB 'knocker:*' AND claim_expires_at < ?1";
        let mut health = self.conn().query_row(over, [seconds(over_before)], |row| {
            Ok(LeaseHealth { over: row.get(0)?, over_since: row.get(1)?, worker: row.get(2)?, event_id: row.get(3)?, ahead: 0 })
        })?;
        if health.over == 0 {
            health.event_id = None;
        }
        let ahead =
            "SELECT count(*) FROM main._honker_live WHERE state = 'processing' AND queue GLOB 'knocker:*' AND claim_expires_at > ?1";
        health.ahead = self.conn().query_row(ahead, [seconds(now) + FURTHEST_LEASE_S], |row| row.get(0))?;
        // By queue, so that the index on queue and due time applies.
        let ahead = "SELECT count(*) FROM main._knocker_endpoints p JOIN main._honker_live j
                     ON j.queue = 'knocker:' || p.name AND j.state = 'pending' AND j.run_at > ?1";
        health.ahead += self.conn().query_row(ahead, [seconds(now) + FURTHEST_DUE_S], |row| row.get::<_, i64>(0))?;
        Ok(health)
    }

    /// Where events and jobs disagree, at most `most` of each. Looks at the first `look` jobs, and at events where the counters say that some have no
    /// job.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn disagreements(&self, look: i64, most: usize) -> Result<Disagreements> {
        let mut found = Disagreements::default();
        let sql = "SELECT j.id, e.status, j.state
                   FROM (SELECT id, payload, state FROM main._honker_live
                         WHERE state IN ('pending', 'processing') AND queue GLOB 'knocker:*' AND payload GLOB '{\"event_id\":*' LIMIT ?1) j
                   LEFT JOIN main._knocker_events e ON e.id = CAST(substr(j.payload, 13) AS INTEGER) AND e.job_id = j.id";
        let (mut jobs, mut agreeing) = (0, 0);
        let mut statement = self.conn().prepare(sql)?;
        let mut rows = statement.query([look])?;
        while let Some(row) = rows.next()? {
            jobs += 1;
            let job_id = row.get(0)?;
            let (status, state) = (row.get_ref(1)?.as_str_or_null().unwrap_or(None), row.get_ref(2)?.as_str().unwrap_or_default());
            let agree = match status {
                None => {
                    found.jobs_without_event.push(job_id);
                    continue;
                }
                Some("processing") => state == "processing",
                Some("received" | "failed") => state == "pending",
                Some(_) => false,
            };
            agreeing += i64::from(matches!(status, Some("received" | "processing" | "failed")));
            if !agree {
                found.jobs_that_differ.push(job_id);
            }
        }
        found.jobs_without_event.truncate(most);
        found.jobs_that_differ.truncate(most);
        if jobs < look {
            let open: i64 = self.counts()?.values().map(Counts::open_events).sum();
            // The walk through all events is paid only where something is wrong.
            if open != agreeing {
                found.events_without_job = self.events_without_job(most)?;
                if found.events_without_job.len() < most {
                    found.miscounted = open - agreeing - found.events_without_job.len() as i64;
                }
            }
        }
        Ok(found)
    }

    fn events_without_job(&self, most: usize) -> Result<Vec<i64>> {
        let sql = "SELECT id FROM main._knocker_events e WHERE status IN ('received', 'processing', 'failed')
                   AND NOT EXISTS (SELECT 1 FROM main._honker_live j
                     WHERE j.id = e.job_id AND CAST(substr(j.payload, 13) AS INTEGER) = e.id) ORDER BY id LIMIT ?1";
        let mut statement = self.conn().prepare(sql)?;
        let ids = statement.query_map([most as i64], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// Puts these right, in one transaction: an event without a job is queued again, with its attempts from the start; a job of no event, or of one
    /// that is over, goes; where event and job differ the job decides.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn reconcile(&self, found: &Disagreements, now: i64) -> Result<()> {
        self.write(|| {
            for &id in &found.events_without_job {
                self.operate_within(Action::Requeue, id, None, &ActionOptions { force: true }, now)?;
            }
            let over = "DELETE FROM main._honker_live WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM main._knocker_events e
                          WHERE e.id = CAST(substr(payload, 13) AS INTEGER) AND e.job_id = _honker_live.id
                          AND e.status IN ('received', 'processing', 'failed'))";
            for &id in found.jobs_without_event.iter().chain(&found.jobs_that_differ) {
                // The trigger on a job that goes would move its event. One that is over has no job.
                let forget = "UPDATE main._knocker_events SET job_id = NULL WHERE job_id = ?1 AND status IN ('handled', 'ignored')
                              AND id = (SELECT CAST(substr(payload, 13) AS INTEGER) FROM main._honker_live WHERE id = ?1)";
                self.run(forget, [id])?;
                self.run(over, [id])?;
                // The trigger on a job that moves carries its event along.
                self.run("UPDATE main._honker_live SET attempts = attempts WHERE id = ?1", [id])?;
            }
            if found.miscounted != 0 {
                self.count_attempts()?;
                // The rows with a colon count attempts.
                let count = "UPDATE main._knocker_counts SET n = (SELECT count(*) FROM main._knocker_events e
                               WHERE e.endpoint_id = _knocker_counts.endpoint_id
                                 AND _knocker_counts.status = CASE WHEN e.status <> 'processing' THEN e.status
                                                                   WHEN e.attempts > 1 THEN 'failed' ELSE 'received' END)
                             WHERE status NOT GLOB '*:*'";
                self.run(count, [])?;
            }
            Ok(())
        })
    }
}
