//! Leases that ran out: the worker died, or let go of its job without a verdict.
//!
//! Such a job waits as after any other failure, and is then tried alone. So are those that the worker held beside it: one of them took the
//! process down, and nobody knows which. A death counts as an attempt of a job that ran alone. One that it shared does not, up to as many
//! as the endpoint allows attempts, so that no job goes round for ever.

use crate::attempt::Attempt;
use crate::error::Result;
use crate::lifecycle::{AttemptResult, Happening, JobMove, Moving};
use crate::operate::EventState;
use crate::queue::{Job, Standing, seconds_up};
use crate::store::Store;

/// What was recorded of a lease that ran out.
pub(crate) struct Death {
    /// What the event says of it.
    pub reason: String,
    /// Whether the worker held other jobs too.
    pub shared: bool,
}

impl Store {
    /// Records that a worker's lease ran out without a verdict, and makes suspects of what it holds besides.
    pub(crate) fn record_expiry(&self, job: &Job, now: i64) -> Result<Death> {
        let worker = job.worker.as_deref().unwrap_or_default();
        // Read again: the death of a neighbour may just have marked this one.
        let shared = match self.standing(job.id)? {
            Standing::Suspect => true,
            // A plain client may have taken over what ran alone, beside others.
            Standing::Ordinary | Standing::Alone => self.mark_neighbours(job.id, worker)?,
        };
        let EventState { endpoint_id, .. } = self.event_state(job.event_id)?;
        let sql = "UPDATE main._knocker_events SET crashes = crashes + 1 WHERE id = ?1 RETURNING crashes";
        let crashes: i64 = self.conn().prepare_cached(sql)?.query_row([job.event_id], |row| row.get(0))?;
        let reason = format!("worker died in {crashes} of {} attempts", job.attempts);
        self.record_attempt(&Attempt { error: Some(&reason), ..Attempt::of(job, AttemptResult::LeaseExpired, worker, now) })?;
        self.count_failure(endpoint_id, now)?;
        Ok(Death { reason, shared })
    }

    /// Records a lease that is over, and puts the job back to be tried alone after the backoff, or ends it where it has no attempt left.
    pub(crate) fn settle_expiry(&self, job: &Job, now: i64) -> Result<()> {
        let death = self.record_expiry(job, now)?;
        let config = &self.endpoint_by_id(self.event_state(job.event_id)?.endpoint_id)?.config;
        let is_forgiven = death.shared && job.max_attempts < 2 * config.max_attempts;
        let max_attempts = job.max_attempts + i64::from(is_forgiven);
        let reason = Some(death.reason.as_str());
        if job.attempts >= max_attempts {
            self.transition(Happening::ExpireForGood, Moving::with(job), reason, JobMove::Bury, now)?;
            return Ok(());
        }
        // The delay counts from the end of the lease, whoever notices it and however late. By a wrong clock that end is still to come.
        let ended_at = job.leased_until.unwrap_or_default().saturating_add(1).saturating_mul(1000).min(now);
        let run_at_s = seconds_up(ended_at.saturating_add(config.backoff.delay_ms(job.event_id, job.attempts)));
        self.transition(Happening::Expire, Moving::with(job), reason, JobMove::AloneAt { run_at_s, max_attempts }, now)?;
        Ok(())
    }
}
