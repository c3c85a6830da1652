//! Claiming: due jobs leased to a worker, oldest first over the endpoints it has handlers for.
//!
//! A job whose worker died is a suspect: it is leased to a worker that holds nothing else, and nothing is leased beside it, so that a handler
//! that takes its process down takes nothing else with it. A worker that is busy passes over suspects at first; in the end neither a suspect
//! nor anything else waits for ever, see [`PATIENCE_S`].

use std::sync::Arc;

use crate::claim_filter::check_worker;
pub use crate::claim_filter::{ClaimFilter, DueFilter};
use crate::due::{Candidate, LONGEST_LEASE_S, Waiting};
use crate::error::{Error, Result};
use crate::lifecycle::{Happening, JobMove, Moving};
use crate::queue::{Standing, seconds};
use crate::queues::Queues;
use crate::store::Store;

/// Jobs that one claim buries at most, and leases that are over that it settles at most.
const MOST_BURIED: i64 = 1000;
/// How long a suspect is due before busy workers take nothing more, so that one comes free, and before it has its turn however much is older.
const PATIENCE_S: i64 = 60;
/// How long it is due before it is leased beside what a worker holds: handlers that run for hours must not keep all else from being claimed.
const LONGEST_PATIENCE_S: i64 = 600;

/// What a worker gets next.
enum Turn {
    /// Nothing, until it has finished what it holds.
    Nothing,
    Ordinary,
    Suspect(Candidate, Standing),
}

impl Store {
    /// What [`ClaimFilter::parse`] reads of this text, read once for all calls with the same one.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn claim_filter(&self, json: &str) -> Result<Arc<ClaimFilter>> {
        self.claim_filters.read(json, ClaimFilter::parse)
    }

    /// What [`DueFilter::parse`] reads of this text, read once for all calls with the same one.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn due_filter(&self, json: &str) -> Result<Arc<DueFilter>> {
        self.due_filters.read(json, DueFilter::parse)
    }

    /// Leases up to `limit` due jobs to `worker` for `lease_s` seconds and returns how many.
    ///
    /// Leases that are over are settled on the way: their jobs wait as after a failure, or are dead together with their events.
    ///
    /// # Errors
    /// `invalid_argument`, and the errors of a failing database.
    pub fn claim(&self, worker: &str, limit: i64, lease_s: i64, filter: &ClaimFilter, now: i64) -> Result<i64> {
        check_worker(worker)?;
        check_lease(lease_s)?;
        if !(0..=10_000).contains(&limit) {
            return Err(Error::invalid(format!("limit: {limit} is not between 0 and 10000")));
        }
        // In a transaction of the caller's, what pages were before the claim is kept to its end anyway.
        let alone = self.conn().is_autocommit();
        self.write(|| {
            if limit == 0 {
                return Ok(0);
            }
            let queues = self.queues(filter)?;
            let apart = alone && queues.are_many();
            self.settle_ended_leases(&queues, now)?;
            let mut buried = 0;
            while buried < MOST_BURIED {
                match self.turn(worker, &queues, now)? {
                    Turn::Nothing => return Ok(0),
                    Turn::Ordinary => {
                        return self.claim_ordinary((worker, lease_s), limit, &queues, apart, now);
                    }
                    Turn::Suspect(suspect, standing) if self.take(&suspect, standing, worker, lease_s, now)? => return Ok(1),
                    Turn::Suspect(..) => buried += 1,
                }
            }
            Ok(0)
        })
    }

    fn claim_ordinary(&self, (worker, lease_s): (&str, i64), limit: i64, queues: &Queues, apart: bool, now: i64) -> Result<i64> {
        let mut leased = 0;
        let mut buried = 0;
        // A round that only buried exhausted jobs is followed by another, so that they never hide what is due behind them. Their number
        // is bounded, so that one claim never holds the write lock for long.
        while leased < limit && buried < MOST_BURIED {
            let wanted = limit - leased;
            let candidates = self.due_candidates(queues, wanted, now)?;
            let mut taken = Vec::with_capacity(candidates.len());
            for candidate in &candidates {
                if self.has_attempt_left(candidate, now)? {
                    taken.push(candidate.job.id);
                } else {
                    buried += 1;
                }
            }
            // In as few statements as can be: SQLite keeps what pages were before each.
            self.lease(&taken, apart, worker, lease_s, now)?;
            leased += taken.len() as i64;
            if (candidates.len() as i64) < wanted {
                break;
            }
        }
        Ok(leased)
    }

    fn settle_ended_leases(&self, queues: &Queues, now: i64) -> Result<()> {
        let mut room = MOST_BURIED;
        for queue in &*self.queues_with_ended_leases(queues, now)? {
            for job in self.ended_leases(queue, room, now)? {
                room -= 1;
                if self.event_owns_job(job.event_id, job.id)? {
                    self.settle_expiry(&job, now)?;
                } else {
                    self.bury_job(job.id, "no event has this job", now)?;
                }
            }
            if room <= 0 {
                break;
            }
        }
        Ok(())
    }

    fn turn(&self, worker: &str, queues: &Queues, now: i64) -> Result<Turn> {
        if !self.has_suspects()? {
            return Ok(Turn::Ordinary);
        }
        if self.holds_suspect(worker, now)? {
            return Ok(Turn::Nothing);
        }
        let Some(suspect) = self.first_suspect_of(queues, now)? else { return Ok(Turn::Ordinary) };
        let waited_s = seconds(now) - suspect.run_at;
        if !self.is_busy(worker, now)? {
            let others = self.due_candidates(queues, 1, now)?;
            let is_its_turn = waited_s > PATIENCE_S || others.first().is_none_or(|other| suspect.precedes(other));
            return Ok(if is_its_turn { Turn::Suspect(suspect, Standing::Alone) } else { Turn::Ordinary });
        }
        Ok(if waited_s <= PATIENCE_S {
            Turn::Ordinary
        } else if waited_s <= LONGEST_PATIENCE_S {
            Turn::Nothing
        } else {
            Turn::Suspect(suspect, Standing::Suspect)
        })
    }

    /// Milliseconds until a claim has something to do: 0 for now, `None` where nothing waits or runs.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn next_due(&self, filter: &DueFilter, now: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let queues = self.queues(&filter.claim)?;
        let mut next = Earliest(match &filter.worker {
            Some(worker) if self.holds_suspect(worker, now)? => None,
            Some(worker) if self.has_suspects()? && self.is_busy(worker, now)? => self.next_for_busy(&queues, now)?,
            _ => self.first_waiting(&queues, Waiting::All, now)?,
        });
        // Nothing is earlier than now.
        if next.0.is_none_or(|at| at > seconds(now)) {
            next.take(self.first_lease_end(&queues, now)?);
        }
        Ok(next.0.map(|at| (at.saturating_mul(1000) - now).max(0)))
    }

    /// When a worker that holds something gets something more, if it goes on holding it.
    fn next_for_busy(&self, queues: &Queues, now: i64) -> Result<Option<i64>> {
        let mut next = Earliest(self.first_waiting(queues, Waiting::Ordinary, now)?);
        let Some(due) = self.first_waiting(queues, Waiting::Suspects, now)? else { return Ok(next.0) };
        if seconds(now) - due > PATIENCE_S {
            next = Earliest(None);
        }
        next.take(Some(due + LONGEST_PATIENCE_S + 1));
        Ok(next.0)
    }

    /// Leases the job, or buries it where it has no attempt left or no event. Returns whether it was leased.
    fn take(&self, candidate: &Candidate, standing: Standing, worker: &str, lease_s: i64, now: i64) -> Result<bool> {
        if !self.has_attempt_left(candidate, now)? {
            return Ok(false);
        }
        let job = &candidate.job;
        self.lease(&[job.id], false, worker, lease_s, now)?;
        match standing {
            Standing::Ordinary => {}
            Standing::Alone => self.mark_job(job.id, standing)?,
            Standing::Suspect => drop(self.mark_neighbours(job.id, worker)?),
        }
        Ok(true)
    }

    /// Whether the job can be leased; it is buried where it has no attempt left or no event.
    fn has_attempt_left(&self, candidate: &Candidate, now: i64) -> Result<bool> {
        let job = &candidate.job;
        if !candidate.owned && !self.event_owns_job(job.event_id, job.id)? {
            self.bury_job(job.id, "no event has this job", now)?;
            return Ok(false);
        }
        if job.attempts >= job.max_attempts {
            self.transition(Happening::Exhaust, Moving::with(job), Some("max attempts exceeded"), JobMove::Bury, now)?;
            return Ok(false);
        }
        Ok(true)
    }
}

pub(crate) fn check_lease(lease_s: i64) -> Result<()> {
    if !(1..=LONGEST_LEASE_S).contains(&lease_s) {
        return Err(Error::invalid(format!("lease_s: {lease_s} is not between 1 and {LONGEST_LEASE_S} seconds")));
    }
    Ok(())
}

/// The earliest of some moments, if there is one.
struct Earliest(Option<i64>);

impl Earliest {
    fn take(&mut self, at: Option<i64>) {
        self.0 = [self.0, at].into_iter().flatten().min();
    }
}
