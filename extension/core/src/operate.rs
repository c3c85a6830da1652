//! Operator actions on single events: replay, requeue, replay of a delivery, ignore.

use rusqlite::OptionalExtension;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::attempt::{Attempt, shorten};
use crate::error::{Code, Error, Result};
use crate::forms::{Kind, form};
use crate::store::Store;

/// What an operator can do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Run the handlers again, also for an event that was handled.
    Replay,
    /// Try again what failed, died or was ignored.
    Requeue,
    /// Take it out of the way.
    Ignore,
}

impl Action {
    /// The statuses it leaves, and with `force` those of [`FORCED`] too.
    pub fn leaves(self) -> &'static [&'static str] {
        match self {
            Action::Replay => &["handled", "failed", "dead", "ignored"],
            Action::Requeue => &["failed", "dead", "ignored"],
            Action::Ignore => &["received", "failed", "dead"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Replay => "replay",
            Action::Requeue => "requeue",
            Action::Ignore => "ignore",
        }
    }
}

/// The statuses that an action leaves only where it is forced to: of events that wait or run already.
pub(crate) const FORCED: &[&str] = &["received", "processing"];

/// How an operator's action is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperateOptions {
    /// Also take an event that waits, or that a worker is working on: the worker finds its lease lost.
    pub force: bool,
}

form! {
    /// How an operator's action on one event is done.
    ACTION_OPTIONS = "ActionOptions" {
        /// Also take an event that waits, or that a worker is working on: the worker finds its lease lost.
        "force": Kind::Flag;
    }
}

impl OperateOptions {
    /// Reads `{"force": true}`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("options", json, &ACTION_OPTIONS)?;
        Ok(Self { force: given.boolean("force")?.unwrap_or(false) })
    }
}

/// What became of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "contract", schemars(rename = "Transition"))]
pub struct Operated {
    /// The event.
    pub event_id: i64,
    /// Its status now.
    #[cfg_attr(feature = "contract", schemars(with = "crate::contract::EventStatus"))]
    pub status: &'static str,
    /// Whether anything changed.
    pub changed: bool,
}

/// What `replay_delivery` put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct ReplayedDelivery {
    /// The delivery.
    pub delivery_id: i64,
    /// Its events, each queued again with this delivery's body.
    pub event_ids: Vec<i64>,
}

pub(crate) struct EventState {
    pub endpoint_id: i64,
    pub status: String,
    pub job_id: Option<i64>,
    pub attempts: i64,
}

impl Store {
    /// Replays, requeues or ignores one event. `reason` is kept with an ignored one.
    ///
    /// # Errors
    /// [`Code::UnknownEvent`]; [`Code::BadState`] naming the event's status and what the action leaves.
    pub fn operate(&self, action: Action, event_id: i64, reason: Option<&str>, options: &OperateOptions, now: i64) -> Result<Operated> {
        self.write(|| self.operate_within(action, event_id, reason, options, now))
    }

    pub(crate) fn operate_within(
        &self,
        action: Action,
        event_id: i64,
        reason: Option<&str>,
        options: &OperateOptions,
        now: i64,
    ) -> Result<Operated> {
        let state = self.settled_state(event_id, options, now)?;
        if action == Action::Ignore && state.status == "ignored" {
            return Ok(Operated { event_id, status: "ignored", changed: false });
        }
        check_state(action, event_id, &state.status, options)?;
        if action == Action::Ignore {
            self.end_event(event_id, "ignored", Some(reason.map_or("ignored by an operator", shorten)), state.attempts, now)?;
            self.drop_job(&state)?;
            return Ok(Operated { event_id, status: "ignored", changed: true });
        }
        self.restart_event(event_id, &state, None, now)?;
        Ok(Operated { event_id, status: "received", changed: true })
    }

    /// Runs the handlers of that delivery's events again, on its own body.
    ///
    /// # Errors
    /// [`Code::UnknownDelivery`]; [`Code::BadState`] for a delivery without events or where one of them waits or runs already.
    pub fn replay_delivery(&self, delivery_id: i64, options: &OperateOptions, now: i64) -> Result<ReplayedDelivery> {
        self.write(|| {
            let event_ids = self.events_of_delivery(delivery_id)?;
            if event_ids.is_empty() {
                return Err(Error::new(
                    Code::BadState,
                    format!("delivery {delivery_id} has no event: only a valid delivery can be replayed"),
                ));
            }
            for &event_id in &event_ids {
                let state = self.settled_state(event_id, options, now)?;
                check_state(Action::Replay, event_id, &state.status, options)?;
                self.restart_event(event_id, &state, Some(delivery_id), now)?;
            }
            Ok(ReplayedDelivery { delivery_id, event_ids })
        })
    }

    /// Puts an event that is in this state back to `received` with a new job; its former job, live or dead, goes first.
    pub(crate) fn restart_event(&self, event_id: i64, state: &EventState, delivery_id: Option<i64>, now: i64) -> Result<()> {
        let endpoint = self.endpoint_by_id(state.endpoint_id)?;
        let sql = "UPDATE main._knocker_events
                   SET status = 'received', job_id = NULL, attempts = 0, crashes = 0, reason = NULL, ended_at = NULL
                   WHERE id = ?1";
        self.run(sql, [event_id])?;
        self.drop_job(state)?;
        let job_id = self.enqueue(&endpoint.queue(), event_id, delivery_id, endpoint.config.max_attempts, now)?;
        self.run("UPDATE main._knocker_events SET job_id = ?2 WHERE id = ?1", (event_id, job_id))?;
        Ok(())
    }

    pub(crate) fn drop_job(&self, state: &EventState) -> Result<()> {
        match state.job_id {
            Some(job_id) if state.status == "dead" => self.forget_dead_job(job_id),
            Some(job_id) => self.remove_job(job_id),
            None => Ok(()),
        }
    }

    pub(crate) fn event_state(&self, event_id: i64) -> Result<EventState> {
        let mut statement =
            self.conn().prepare_cached("SELECT endpoint_id, status, job_id, attempts FROM main._knocker_events WHERE id = ?1")?;
        let state = statement.query_row([event_id], |row| {
            Ok(EventState { endpoint_id: row.get(0)?, status: row.get(1)?, job_id: row.get(2)?, attempts: row.get(3)? })
        });
        state.optional()?.ok_or_else(|| Error::new(Code::UnknownEvent, format!("there is no event {event_id}")))
    }

    /// As [`Store::event_state`], after an attempt that ended without a verdict was recorded: an event whose worker let its lease run out is
    /// failed, for nobody is processing it. With force, so is one whose worker still holds it.
    fn settled_state(&self, event_id: i64, options: &OperateOptions, now: i64) -> Result<EventState> {
        let mut state = self.event_state(event_id)?;
        let Some(job_id) = state.job_id.filter(|_| state.status == "processing") else { return Ok(state) };
        if let Some(job) = self.ended_lease(job_id, now)? {
            self.record_expiry(&job, now)?;
            state.status = "failed".into();
        } else if let (true, Some(job)) = (options.force, self.job(job_id)?) {
            let worker = job.worker.as_deref().unwrap_or_default();
            self.record_attempt(&Attempt { error: Some("taken away by an operator"), ..Attempt::of(&job, "failed", worker, now) })?;
            self.count_failure(state.endpoint_id, now)?;
            state.status = "failed".into();
        }
        Ok(state)
    }

    /// The events that a delivery created, then those it repeated.
    pub(crate) fn events_of_delivery(&self, delivery_id: i64) -> Result<Vec<i64>> {
        let known: Option<i64> = self
            .conn()
            .prepare_cached("SELECT id FROM main._knocker_deliveries WHERE id = ?1")?
            .query_row([delivery_id], |row| row.get(0))
            .optional()?;
        if known.is_none() {
            return Err(Error::new(Code::UnknownDelivery, format!("there is no delivery {delivery_id}")));
        }
        let sql = "SELECT event_id FROM main.knocker_event_deliveries WHERE delivery_id = ?1 ORDER BY duplicate, event_id";
        let mut statement = self.conn().prepare_cached(sql)?;
        let ids = statement.query_map([delivery_id], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}

fn check_state(action: Action, event_id: i64, status: &str, options: &OperateOptions) -> Result<()> {
    if action.leaves().contains(&status) || (options.force && FORCED.contains(&status)) {
        return Ok(());
    }
    let force = if FORCED.contains(&status) { "; with force also this one" } else { "" };
    let message = format!("event {event_id} is {status}; {} takes events that are {}{force}", action.name(), action.leaves().join(", "));
    Err(Error::new(Code::BadState, message))
}
