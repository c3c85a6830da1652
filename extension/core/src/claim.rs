//! Claiming: due jobs leased to a worker, oldest first over the endpoints it has handlers for.

use crate::arguments::Arguments;
use crate::endpoint::queue_name;
use crate::error::{Error, Result};
use crate::queue::Candidate;
use crate::store::Store;

/// Exhausted jobs that one claim buries at most.
const MOST_BURIED: i64 = 1000;

/// Which endpoints a worker takes jobs of; `None` for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimFilter {
    /// Names of endpoints.
    pub endpoints: Option<Vec<String>>,
}

impl ClaimFilter {
    /// Reads `{"endpoints": […]}`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("filter", json, &["endpoints"])?;
        Ok(Self { endpoints: given.texts("endpoints")? })
    }
}

impl Store {
    /// Leases up to `limit` due jobs to `worker` for `lease_s` seconds and returns how many.
    ///
    /// Jobs out of attempts, left behind by workers that died with them, become dead on the way, together with their events.
    ///
    /// # Errors
    /// `invalid_argument`, and the errors of a failing database.
    pub fn claim(&self, worker: &str, limit: i64, lease_s: i64, filter: &ClaimFilter, now: i64) -> Result<i64> {
        check_worker(worker)?;
        check_lease(lease_s)?;
        if !(0..=10_000).contains(&limit) {
            return Err(Error::invalid(format!("limit: {limit} is not between 0 and 10000")));
        }
        self.write(|| {
            let queues = self.queues(filter)?;
            let mut leased = 0;
            let mut buried = 0;
            // A round that only buried exhausted jobs is followed by another, so that they never hide what is due behind them. Their number
            // is bounded, so that one claim never holds the write lock for long.
            while leased < limit && buried < MOST_BURIED {
                let wanted = limit - leased;
                let candidates = self.due_candidates(&queues, wanted, now)?;
                for candidate in &candidates {
                    let taken = self.take(candidate, worker, lease_s, now)?;
                    leased += i64::from(taken);
                    buried += i64::from(!taken);
                }
                if (candidates.len() as i64) < wanted {
                    break;
                }
            }
            Ok(leased)
        })
    }

    /// Milliseconds until a job can be claimed: 0 for now, `None` where nothing waits.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn next_due(&self, filter: &ClaimFilter, now: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let mut next: Option<i64> = None;
        for queue in self.queues(filter)? {
            if let Some(at) = self.next_claim_at(&queue)? {
                next = Some(next.map_or(at, |known| known.min(at)));
            }
        }
        Ok(next.map(|at| (at.saturating_mul(1000) - now).max(0)))
    }

    fn queues(&self, filter: &ClaimFilter) -> Result<Vec<String>> {
        match &filter.endpoints {
            Some(names) => {
                let mut names: Vec<&String> = names.iter().collect();
                names.sort_unstable();
                names.dedup();
                Ok(names.into_iter().map(|name| queue_name(name)).collect())
            }
            None => Ok(self.endpoint_names()?.iter().map(|(_, name)| queue_name(name)).collect()),
        }
    }

    fn due_candidates(&self, queues: &[String], limit: i64, now: i64) -> Result<Vec<Candidate>> {
        let mut due = Vec::new();
        for queue in queues {
            due.extend(self.candidates(queue, limit, now)?);
        }
        if queues.len() > 1 {
            due.sort_unstable_by_key(|candidate| (-candidate.priority, candidate.run_at, candidate.job.id));
            due.truncate(limit as usize);
        }
        Ok(due)
    }

    /// Leases the job, or buries it where it has no attempt left or no event. Returns whether it was leased.
    fn take(&self, candidate: &Candidate, worker: &str, lease_s: i64, now: i64) -> Result<bool> {
        let job = &candidate.job;
        if !self.event_owns_job(job.event_id, job.id)? {
            self.bury_job(job.id, "no event has this job", now)?;
            return Ok(false);
        }
        if candidate.expired {
            self.record_expiry(job, now)?;
        }
        if job.attempts >= job.max_attempts {
            self.end_event(job.event_id, "dead", Some("max attempts exceeded"), job.attempts, now)?;
            self.bury_job(job.id, "max attempts exceeded", now)?;
            return Ok(false);
        }
        // The trigger _knocker_job_moved makes the event `processing`.
        self.lease(job.id, worker, lease_s, now)?;
        Ok(true)
    }

    fn event_owns_job(&self, event_id: i64, job_id: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main._knocker_events WHERE id = ?1 AND job_id = ?2)";
        Ok(self.conn().prepare_cached(sql)?.query_row((event_id, job_id), |row| row.get(0))?)
    }
}

pub(crate) fn check_worker(worker: &str) -> Result<()> {
    if worker.is_empty() || worker.len() > 255 {
        return Err(Error::invalid("worker: must be a name of 1 to 255 bytes, different for each worker"));
    }
    Ok(())
}

pub(crate) fn check_lease(lease_s: i64) -> Result<()> {
    if !(1..=86_400).contains(&lease_s) {
        return Err(Error::invalid(format!("lease_s: {lease_s} is not between 1 and 86400 seconds")));
    }
    Ok(())
}
