//! Attempts: what a worker says of a job, written together with the event and the queue.

use serde::Serialize;

use crate::arguments::Arguments;
use crate::claim::check_lease;
use crate::claim_filter::check_worker;
use crate::due::LONGEST_DELAY_S;
use crate::error::{Code, Error, Result};
use crate::forms::{Kind, form};
use crate::leased::{Leased, Place};
use crate::lifecycle::{AttemptResult, EventStatus, Happening, JobMove, Moving};
use crate::minutes::Counter;
use crate::queue::{Job, seconds_up};
use crate::settings::Unhandled;
use crate::store::Store;

/// Longer error texts are cut: a row is for reading, a log for the whole story.
const MAX_ERROR_BYTES: usize = 8 * 1024;

/// So many attempts wait at most to be counted: whoever reads the counts looks at each.
const MOST_UNCOUNTED: i64 = 64;

/// A row of the history.
pub(crate) struct Attempt<'a> {
    pub job: &'a Job,
    pub result: AttemptResult,
    pub error: Option<&'a str>,
    pub worker: &'a str,
    pub duration_ms: Option<i64>,
    pub finished_at: i64,
}

impl<'a> Attempt<'a> {
    pub fn of(job: &'a Job, result: AttemptResult, worker: &'a str, finished_at: i64) -> Self {
        Self { job, result, worker, finished_at, error: None, duration_ms: None }
    }
}

/// How a failed attempt goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailedOptions {
    /// Seconds until the next attempt, instead of the backoff.
    pub retry_after_s: Option<f64>,
    /// No further attempt.
    pub dead: bool,
    /// No handler wants the event: the endpoint's `unhandled` decides.
    pub no_handler: bool,
}

form! {
    /// How a failed attempt goes on.
    FAIL_OPTIONS = "FailedOptions" {
        /// Seconds until the next attempt, instead of the endpoint's backoff.
        "retry_after_s": Kind::Number(0.0, LONGEST_DELAY_S as f64);
        /// No further attempt.
        "dead": Kind::Flag;
        /// No handler wants the event: the endpoint's `unhandled` decides.
        "no_handler": Kind::Flag;
    }
}

impl FailedOptions {
    /// Reads `{"retry_after_s", "dead", "no_handler"}`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("options", json, &FAIL_OPTIONS)?;
        Ok(Self {
            retry_after_s: given.number("retry_after_s")?,
            dead: given.boolean("dead")?.unwrap_or(false),
            no_handler: given.boolean("no_handler")?.unwrap_or(false),
        })
    }
}

/// What a failed attempt left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Failure {
    /// `failed`, `dead` or `ignored`.
    pub status: EventStatus,
    /// When the next attempt is due, in Unix milliseconds.
    pub next_attempt_at: Option<i64>,
}

impl Store {
    /// The event is handled and its job gone. Call it in the transaction of the handler's own writes.
    ///
    /// # Errors
    /// [`Code::LeaseLost`]; [`Code::UnknownEvent`] where the row of its event is gone: roll back.
    pub fn handled(&self, job_id: i64, worker: &str, duration_ms: i64, now: i64) -> Result<()> {
        self.end_job(Happening::Handle, job_id, worker, None, duration_ms, now)
    }

    /// The handler decided to ignore the event.
    ///
    /// # Errors
    /// [`Code::LeaseLost`]; [`Code::UnknownEvent`].
    pub fn skipped(&self, job_id: i64, worker: &str, reason: &str, duration_ms: i64, now: i64) -> Result<()> {
        self.end_job(Happening::Skip, job_id, worker, Some(reason), duration_ms, now)
    }

    /// The attempt failed: another one follows, unless the options or the number of attempts say otherwise.
    ///
    /// # Errors
    /// [`Code::LeaseLost`]; [`Code::UnknownEvent`].
    pub fn failed(&self, job_id: i64, worker: &str, error: &str, duration_ms: i64, options: &FailedOptions, now: i64) -> Result<Failure> {
        check_duration(duration_ms)?;
        let error = shorten(error);
        self.atomic(|| {
            let leased = self.require_lease(job_id, worker)?;
            let job = &leased.job;
            let endpoint = self.endpoint_by_id(leased.endpoint_id)?;
            if options.no_handler && endpoint.config.unhandled == Unhandled::Ignore {
                self.end_attempt(Happening::Skip, &leased, worker, Some("no_handler"), duration_ms, JobMove::End, now)?;
                return Ok(Failure { status: EventStatus::Ignored, next_attempt_at: None });
            }
            self.count_failure(endpoint.id, now)?;
            let error = if options.no_handler { "no_handler" } else { error };
            let unwanted = options.no_handler && endpoint.config.unhandled == Unhandled::Dead;
            if unwanted || options.dead || job.attempts >= job.max_attempts {
                self.end_attempt(Happening::GiveUp, &leased, worker, Some(error), duration_ms, JobMove::Bury, now)?;
                return Ok(Failure { status: EventStatus::Dead, next_attempt_at: None });
            }
            let delay_ms = match options.retry_after_s {
                Some(seconds) => (seconds * 1000.0) as i64,
                None => endpoint.config.backoff.delay_ms(job.event_id, job.attempts),
            };
            let run_at_s = seconds_up(now.saturating_add(delay_ms));
            self.end_attempt(Happening::Fail, &leased, worker, Some(error), duration_ms, JobMove::RetryAt(run_at_s), now)?;
            Ok(Failure { status: EventStatus::Failed, next_attempt_at: Some(run_at_s * 1000) })
        })
    }

    /// Extends the lease to `now + lease_s`, also one that ran out while nobody has taken the job, and returns when it runs out, in Unix
    /// milliseconds.
    ///
    /// # Errors
    /// [`Code::LeaseLost`]; [`Code::UnknownEvent`].
    pub fn extend(&self, job_id: i64, worker: &str, lease_s: i64, now: i64) -> Result<i64> {
        check_lease(lease_s)?;
        self.atomic(|| {
            self.require_lease(job_id, worker)?;
            Ok(self.extend_lease(job_id, lease_s, now)? * 1000)
        })
    }

    /// Gives back every valid lease of the worker, the attempt uncounted, and returns how many. One that ran out counts as an attempt,
    /// which the next claim records.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn release(&self, worker: &str, now: i64) -> Result<i64> {
        check_worker(worker)?;
        self.write(|| {
            let jobs = self.leased_jobs(worker, now)?;
            for job in &jobs {
                self.unclaim_job(job.id)?;
            }
            Ok(jobs.len() as i64)
        })
    }

    fn end_job(&self, happening: Happening, job_id: i64, worker: &str, reason: Option<&str>, duration_ms: i64, now: i64) -> Result<()> {
        check_duration(duration_ms)?;
        let reason = reason.map(shorten);
        self.atomic(|| {
            let leased = self.require_lease(job_id, worker)?;
            self.end_attempt(happening, &leased, worker, reason, duration_ms, JobMove::End, now)
        })
    }

    /// Records the attempt, and moves event and job.
    #[allow(clippy::too_many_arguments)]
    fn end_attempt(
        &self,
        happening: Happening,
        Leased { job, place, .. }: &Leased,
        worker: &str,
        reason: Option<&str>,
        duration_ms: i64,
        to: JobMove,
        now: i64,
    ) -> Result<()> {
        let result = match happening.rule().becomes {
            EventStatus::Handled => AttemptResult::Handled,
            EventStatus::Ignored => AttemptResult::Ignored,
            EventStatus::Dead => AttemptResult::Dead,
            _ => AttemptResult::Failed,
        };
        // First what writes much in one statement: SQLite keeps what pages were before it, and again where another statement has written them.
        self.transition(happening, Moving { attempt_id: place.named_id(), ..Moving::with(job) }, reason, to, now)?;
        let attempt = Attempt { error: reason, duration_ms: Some(duration_ms), ..Attempt::of(job, result, worker, now) };
        self.insert_attempt(&attempt, place)
    }

    /// Records an attempt of which no verdict moves the event.
    pub(crate) fn record_attempt(&self, attempt: &Attempt) -> Result<()> {
        let place = self.place_of_attempt(attempt.job.event_id)?;
        if let Some(id) = place.named_id() {
            self.run("UPDATE main._knocker_events SET attempt_id = ?2 WHERE id = ?1", (attempt.job.event_id, id))?;
        }
        self.insert_attempt(attempt, &place)
    }

    fn insert_attempt(&self, attempt: &Attempt, place: &Place) -> Result<()> {
        let sql = "INSERT INTO main._knocker_attempts
                     (id, event_id, delivery_id, attempt, result, error, worker, duration_ms, finished_at, indexed)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let job = attempt.job;
        self.run(
            sql,
            (
                place.id,
                job.event_id,
                job.delivery_id.unwrap_or(place.delivery_id),
                job.attempts,
                attempt.result.name(),
                attempt.error,
                attempt.worker,
                attempt.duration_ms,
                attempt.finished_at,
                !place.named,
            ),
        )?;
        if place.id - place.counted > MOST_UNCOUNTED {
            self.count_attempts()?;
        }
        Ok(())
    }

    pub(crate) fn count_failure(&self, endpoint_id: i64, now: i64) -> Result<()> {
        self.count_minute(endpoint_id, &[Counter::Failures], now)
    }

    fn require_lease(&self, job_id: i64, worker: &str) -> Result<Leased> {
        self.leased(job_id, worker)?
            .ok_or_else(|| Error::new(Code::LeaseLost, format!("job {job_id} is not leased to worker {:?}", shorten(worker))))
    }
}

fn check_duration(duration_ms: i64) -> Result<()> {
    if duration_ms < 0 {
        return Err(Error::invalid(format!("duration_ms: {duration_ms} is negative")));
    }
    Ok(())
}

/// At most [`MAX_ERROR_BYTES`], cut between characters.
pub(crate) fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ERROR_BYTES)]
}
