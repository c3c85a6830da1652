//! Operator actions on single events: replay, requeue, replay of a delivery, ignore.

use rusqlite::OptionalExtension;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::attempt::{Attempt, shorten};
use crate::error::{Code, Error, Result};
use crate::forms::{Kind, form};
use crate::lifecycle::{AttemptResult, EventStatus, Happening, JobMove, Moving};
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
    /// What it is in the life of an event.
    pub fn happening(self) -> Happening {
        match self {
            Action::Replay => Happening::Replay,
            Action::Requeue => Happening::Requeue,
            Action::Ignore => Happening::Ignore,
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

/// How an operator's action is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionOptions {
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

impl ActionOptions {
    /// Reads `{"force": true}`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("options", json, &ACTION_OPTIONS)?;
        Ok(Self { force: given.boolean("force")?.unwrap_or(false) })
    }
}

/// What became of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Transition {
    /// The event.
    pub event_id: i64,
    /// Its status now.
    pub status: EventStatus,
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
    pub status: EventStatus,
    pub job_id: Option<i64>,
    pub attempts: i64,
}

impl EventState {
    pub fn moving(&self, event_id: i64) -> Moving {
        let job_is_dead = self.status == EventStatus::Dead;
        Moving { event_id, job_id: self.job_id, job_is_dead, attempts: self.attempts, attempt_id: None }
    }
}

impl Store {
    /// Replays, requeues or ignores one event. `reason` is kept with an ignored one.
    ///
    /// # Errors
    /// [`Code::UnknownEvent`]; [`Code::BadState`] naming the event's status and what the action leaves.
    pub fn operate(&self, action: Action, event_id: i64, reason: Option<&str>, options: &ActionOptions, now: i64) -> Result<Transition> {
        self.write(|| self.operate_within(action, event_id, reason, options, now))
    }

    pub(crate) fn operate_within(
        &self,
        action: Action,
        event_id: i64,
        reason: Option<&str>,
        options: &ActionOptions,
        now: i64,
    ) -> Result<Transition> {
        let state = self.settled_state(event_id, options, now)?;
        if action == Action::Ignore && state.status == EventStatus::Ignored {
            return Ok(Transition { event_id, status: state.status, changed: false });
        }
        check_state(action, event_id, state.status, options)?;
        if action == Action::Ignore {
            let reason = Some(reason.map_or("ignored by an operator", shorten));
            let status = self.transition(Happening::Ignore, state.moving(event_id), reason, JobMove::End, now)?;
            return Ok(Transition { event_id, status, changed: true });
        }
        let status = self.restart_event(action.happening(), event_id, &state, None, now)?;
        Ok(Transition { event_id, status, changed: true })
    }

    /// Runs the handlers of that delivery's events again, on its own body.
    ///
    /// # Errors
    /// [`Code::UnknownDelivery`]; [`Code::BadState`] for a delivery without events or where one of them waits or runs already.
    pub fn replay_delivery(&self, delivery_id: i64, options: &ActionOptions, now: i64) -> Result<ReplayedDelivery> {
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
                check_state(Action::Replay, event_id, state.status, options)?;
                self.restart_event(Happening::Replay, event_id, &state, Some(delivery_id), now)?;
            }
            Ok(ReplayedDelivery { delivery_id, event_ids })
        })
    }

    /// Puts an event that is in this state back to `received` with a new job; its former job, live or dead, goes first.
    pub(crate) fn restart_event(
        &self,
        happening: Happening,
        event_id: i64,
        state: &EventState,
        delivery_id: Option<i64>,
        now: i64,
    ) -> Result<EventStatus> {
        let endpoint = self.endpoint_by_id(state.endpoint_id)?;
        let job = JobMove::Renew { queue: &endpoint.queue(), max_attempts: endpoint.config.max_attempts, delivery_id };
        self.transition(happening, state.moving(event_id), None, job, now)
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
    fn settled_state(&self, event_id: i64, options: &ActionOptions, now: i64) -> Result<EventState> {
        let mut state = self.event_state(event_id)?;
        let Some(job_id) = state.job_id.filter(|_| state.status == EventStatus::Processing) else { return Ok(state) };
        if let Some(job) = self.ended_lease(job_id, now)? {
            self.record_expiry(&job, now)?;
            state.status = EventStatus::Failed;
        } else if let (true, Some(job)) = (options.force, self.job(job_id)?) {
            let worker = job.worker.as_deref().unwrap_or_default();
            self.record_attempt(&Attempt {
                error: Some("taken away by an operator"),
                ..Attempt::of(&job, AttemptResult::Failed, worker, now)
            })?;
            self.count_failure(state.endpoint_id, now)?;
            state.status = EventStatus::Failed;
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

fn check_state(action: Action, event_id: i64, status: EventStatus, options: &ActionOptions) -> Result<()> {
    let rule = action.happening().rule();
    if rule.leaves.contains(&status) || (options.force && rule.forced.contains(&status)) {
        return Ok(());
    }
    let force = if rule.forced.contains(&status) { "; with force also this one" } else { "" };
    let takes = names(rule.leaves).join(", ");
    let message = format!("event {event_id} is {}; {} takes events that are {takes}{force}", status.name(), action.name());
    Err(Error::new(Code::BadState, message))
}

/// Their texts.
pub(crate) fn names(statuses: &[EventStatus]) -> Vec<&'static str> {
    statuses.iter().map(|status| status.name()).collect()
}
