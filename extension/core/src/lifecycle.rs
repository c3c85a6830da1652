//! The life of an event: where it can stand, what can happen to it, and the one function that moves it together with its job.
//!
//! `docs/lifecycle.md` is written from [`Happening::rule`]. What a claim and a release do to an event, and what plain Honker clients do, is done by
//! the triggers of `schema/objects.sql`: there the job moves first. Everywhere else the event does, so that no trigger takes the end of its job
//! for somebody else's doing.

use crate::error::Result;
use crate::queue::Job;
use crate::store::Store;
use crate::words::words;

words! {
    /// Where an event stands.
    pub enum EventStatus {
        /// It waits for its first attempt, or for the first since it was put back.
        Received = "received",
        /// A worker works on it.
        Processing = "processing",
        /// An attempt failed: it will be tried again.
        Failed = "failed",
        /// Its handlers are done with it.
        Handled = "handled",
        /// It will not be tried again, unless somebody puts it back.
        Dead = "dead",
        /// It is not to be handled.
        Ignored = "ignored",
    }
}

words! {
    /// How an attempt ended.
    pub enum AttemptResult {
        /// The handlers are done with the event.
        Handled = "handled",
        /// It failed, and another one follows.
        Failed = "failed",
        /// It failed, and none follows.
        Dead = "dead",
        /// The handler decided to ignore the event.
        Ignored = "ignored",
        /// The worker let its lease run out, or died.
        LeaseExpired = "lease_expired",
    }
}

use EventStatus::{Dead, Failed, Handled, Ignored, Processing, Received};

/// What can happen to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A worker leases its job.
    Claim,
    /// The worker gives it back unstarted.
    Release,
    /// The handlers are done.
    Handle,
    /// The handlers, or the endpoint, decide that it is of no interest.
    Skip,
    /// The attempt failed, and another one follows.
    Fail,
    /// The attempt failed, and none follows.
    GiveUp,
    /// The worker's lease ran out, and another attempt follows.
    Expire,
    /// The worker's lease ran out, and none follows.
    ExpireForGood,
    /// Its job waits without an attempt left.
    Exhaust,
    /// An operator has the handlers run again.
    Replay,
    /// An operator gives it another chance.
    Requeue,
    /// An operator takes it out of the way.
    Ignore,
    /// Its provider sends it again.
    Redeliver,
    /// A plain Honker client acknowledges the job that it leased.
    Acknowledge,
    /// A plain Honker client cancels the job.
    Cancel,
}

/// What a happening does.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The statuses that it leaves; of another one it is refused.
    pub leaves: &'static [EventStatus],
    /// Those that it leaves only where an operator forces it.
    pub forced: &'static [EventStatus],
    /// The status that it leads to.
    pub becomes: EventStatus,
    /// What becomes of the job.
    pub job: &'static str,
    /// Who does it, and by which call.
    pub by: &'static str,
    /// The error where the event is elsewhere.
    pub otherwise: &'static str,
}

const fn rule(leaves: &'static [EventStatus], becomes: EventStatus, job: &'static str, by: &'static str, otherwise: &'static str) -> Rule {
    Rule { leaves, forced: &[], becomes, job, by, otherwise }
}

impl Happening {
    /// Every one, as a table tells them.
    pub const ALL: [Happening; 15] = [
        Happening::Claim,
        Happening::Release,
        Happening::Handle,
        Happening::Skip,
        Happening::Fail,
        Happening::GiveUp,
        Happening::Expire,
        Happening::ExpireForGood,
        Happening::Exhaust,
        Happening::Replay,
        Happening::Requeue,
        Happening::Ignore,
        Happening::Redeliver,
        Happening::Acknowledge,
        Happening::Cancel,
    ];

    /// What it does.
    pub const fn rule(self) -> Rule {
        const LIVE: &[EventStatus] = &[Received, Processing];
        const LOST: &str = "lease_lost";
        const STATE: &str = "bad_state";
        const NONE: &str = "";
        match self {
            Self::Claim => rule(&[Received, Failed], Processing, "leased", "a worker: `knocker_claim`", NONE),
            Self::Release => rule(&[Processing], Received, "waits again, the attempt uncounted", "its worker: `knocker_release`", NONE),
            Self::Handle => rule(&[Processing], Handled, "gone", "its worker: `knocker_handled`", LOST),
            Self::Skip => rule(
                &[Processing],
                Ignored,
                "gone",
                "its worker: `knocker_skipped`, or `knocker_failed` with `no_handler` where `unhandled` is `ignore`",
                LOST,
            ),
            Self::Fail => rule(&[Processing], Failed, "waits for the backoff", "its worker: `knocker_failed`", LOST),
            Self::GiveUp => rule(
                &[Processing],
                Dead,
                "dead",
                "its worker: `knocker_failed` with `dead`, without an attempt left, or with `no_handler` where `unhandled` is `dead`",
                LOST,
            ),
            Self::Expire => rule(
                &[Processing],
                Failed,
                "waits for the backoff, and is then tried alone",
                "whoever finds that its lease ran out: the next `knocker_claim`, or an operator",
                NONE,
            ),
            Self::ExpireForGood => rule(&[Processing], Dead, "dead", "the `knocker_claim` that finds it so, without an attempt left", NONE),
            Self::Exhaust => rule(&[Received, Failed], Dead, "dead", "the `knocker_claim` that finds it without an attempt left", NONE),
            Self::Replay => Rule {
                forced: LIVE,
                ..rule(
                    &[Handled, Failed, Dead, Ignored],
                    Received,
                    "a new one",
                    "an operator: `knocker_replay`, `knocker_replay_delivery`",
                    STATE,
                )
            },
            Self::Requeue => {
                Rule { forced: LIVE, ..rule(&[Failed, Dead, Ignored], Received, "a new one", "an operator: `knocker_requeue`", STATE) }
            }
            Self::Ignore => {
                Rule { forced: &[Processing], ..rule(&[Received, Failed, Dead], Ignored, "gone", "an operator: `knocker_ignore`", STATE) }
            }
            Self::Redeliver => rule(&[Dead], Received, "a new one", "a duplicate, where `on_redelivery` is `requeue_dead`", NONE),
            Self::Acknowledge => rule(&[Processing], Handled, "gone", "a plain Honker client: ack, or cancel of a leased job", NONE),
            Self::Cancel => rule(&[Received, Failed], Ignored, "gone", "a plain Honker client: cancel", NONE),
        }
    }
}

/// An event as far as a move needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moving {
    pub event_id: i64,
    pub job_id: Option<i64>,
    /// Whether that job is among the dead ones.
    pub job_is_dead: bool,
    pub attempts: i64,
    /// The attempt that ends with the move, where the event is to name it.
    pub attempt_id: Option<i64>,
}

impl Moving {
    /// The event of a job that waits or is leased.
    pub fn with(job: &Job) -> Self {
        Self { event_id: job.event_id, job_id: Some(job.id), job_is_dead: false, attempts: job.attempts, attempt_id: None }
    }
}

/// What becomes of the job of an event that moves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JobMove<'a> {
    /// It goes.
    End,
    /// It goes to the dead ones.
    Bury,
    /// It can be claimed from this second on.
    RetryAt(i64),
    /// The same, by a worker that holds nothing else.
    AloneAt { run_at_s: i64, max_attempts: i64 },
    /// Another one takes its place, with that delivery's body.
    Renew { queue: &'a str, max_attempts: i64, delivery_id: Option<i64> },
}

impl Store {
    /// Moves an event and its job, in this order: see the top of this file. Who calls has made sure that the rule lets it. Returns the
    /// status that it has now.
    pub(crate) fn transition(
        &self,
        happening: Happening,
        event: Moving,
        reason: Option<&str>,
        job: JobMove,
        now: i64,
    ) -> Result<EventStatus> {
        let status = happening.rule().becomes;
        match status {
            Received => {
                let sql = "UPDATE main._knocker_events
                           SET status = 'received', job_id = NULL, attempts = 0, crashes = 0, reason = NULL, ended_at = NULL
                           WHERE id = ?1";
                self.run(sql, [event.event_id])?;
            }
            Failed | Processing => {
                let sql = "UPDATE main._knocker_events
                           SET status = ?2, reason = ?3, attempts = ?4, attempt_id = coalesce(?5, attempt_id) WHERE id = ?1";
                self.run(sql, (event.event_id, status.name(), reason, event.attempts, event.attempt_id))?;
            }
            // A dead one keeps its job's id, which is then that of the dead job.
            Handled | Dead | Ignored => {
                let sql = "UPDATE main._knocker_events
                           SET status = ?2, reason = ?3, attempts = ?4, ended_at = ?5, job_id = iif(?2 = 'dead', job_id, NULL),
                             attempt_id = coalesce(?6, attempt_id)
                           WHERE id = ?1";
                self.run(sql, (event.event_id, status.name(), reason, event.attempts, now, event.attempt_id))?;
            }
        }
        self.move_job(event, job, reason, now)?;
        Ok(status)
    }

    fn move_job(&self, event: Moving, job: JobMove, reason: Option<&str>, now: i64) -> Result<()> {
        let Some(job_id) = event.job_id else { return self.renew_job(event.event_id, job, now) };
        match job {
            JobMove::Bury => self.bury_job(job_id, reason.unwrap_or_default(), now),
            JobMove::RetryAt(run_at_s) => self.retry_job(job_id, run_at_s),
            JobMove::AloneAt { run_at_s, max_attempts } => self.set_job_aside(job_id, run_at_s, max_attempts),
            JobMove::End | JobMove::Renew { .. } => {
                if event.job_is_dead {
                    self.forget_dead_job(job_id)?;
                } else {
                    self.remove_job(job_id)?;
                }
                self.renew_job(event.event_id, job, now)
            }
        }
    }

    fn renew_job(&self, event_id: i64, job: JobMove, now: i64) -> Result<()> {
        let JobMove::Renew { queue, max_attempts, delivery_id } = job else { return Ok(()) };
        let job_id = self.enqueue(queue, event_id, delivery_id, max_attempts, now)?;
        self.run("UPDATE main._knocker_events SET job_id = ?2 WHERE id = ?1", (event_id, job_id))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_status_is_without_a_way_out() {
        for status in EventStatus::ALL {
            let leaves = |happening: &Happening| {
                let rule = happening.rule();
                rule.becomes != *status && (rule.leaves.contains(status) || rule.forced.contains(status))
            };
            assert!(Happening::ALL.iter().any(leaves), "{status:?}");
        }
    }

    #[test]
    fn a_worker_moves_only_what_it_has() {
        for happening in Happening::ALL.iter().filter(|happening| happening.rule().otherwise == "lease_lost") {
            assert_eq!(happening.rule().leaves, [Processing], "{happening:?}");
        }
    }
}
