//! Operator actions on many events at once.

use serde::Serialize;

use crate::arguments::Arguments;
use crate::chunks::Chunks;
use crate::conditions::Conditions;
use crate::error::{Error, Result};
use crate::event_notes::AT_ONCE;
use crate::event_times::Times;
use crate::forms::{Kind, form};
use crate::lifecycle::EventStatus;
use crate::operate::{Action, ActionOptions, names};
use crate::selection::{Bounds, DEFAULT_LIMIT, MAX_LIMIT};
use crate::store::Store;

form! {
    /// Which events a bulk action takes, oldest first: at least one of `status`, `endpoint`, `type`, `since` and `until`.
    FILTER = "BulkFilter" {
        /// One status or several, of those that the action leaves; with `force` those of waiting and running events too.
        "status": Kind::Choices("EventStatus", EventStatus::NAMES);
        /// The endpoint.
        "endpoint": Kind::Text;
        /// The type: exact, or `prefix.*`.
        "type": Kind::Text;
        /// Received at or after this time.
        "since": Kind::Time(i64::MIN);
        /// Received before this time.
        "until": Kind::Time(i64::MIN);
        /// Events that one call takes at most.
        "limit": Kind::Whole(1, MAX_LIMIT), preset DEFAULT_LIMIT;
        /// Lets `status` name events that wait, or that a worker is working on: the worker finds its lease lost.
        "force": Kind::Flag;
        /// Only tell what would happen.
        "dry_run": Kind::Flag;
    }
}

/// How many events a bulk action found and changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct BulkResult {
    /// Events that met the filter, within its limit.
    pub matched: i64,
    /// Events that the action changed.
    pub changed: i64,
    /// Whether more events meet the filter than its limit let through.
    pub more: bool,
    /// Whether this only told what would happen.
    pub dry_run: bool,
}

/// What a filter says, read and checked.
struct Selection {
    conditions: Conditions,
    times: Times,
    endpoint: Option<String>,
    bounds: Bounds,
    options: ActionOptions,
}

impl Selection {
    fn read(action: Action, filter: &str) -> Result<Self> {
        let given = Arguments::parse("filter", filter, &FILTER)?;
        if !["status", "endpoint", "type", "since", "until"].iter().any(|key| given.is_set(key)) {
            return Err(Error::invalid("filter: say which events: status, endpoint, type, since or until is required"));
        }
        let bounds = Bounds::of(&given)?;
        let options = ActionOptions { force: given.boolean("force")?.unwrap_or(false) };
        // Force lets a filter name further statuses; one that names none is about the same events as ever.
        let rule = action.happening().rule();
        let leaves = names(rule.leaves);
        let statuses = given.choices_of("status", &[leaves.as_slice(), &names(rule.forced)].concat())?;
        let needs_force = |status: &&String| !options.force && !leaves.contains(&status.as_str());
        if let Some(status) = statuses.iter().flatten().find(needs_force) {
            let without = leaves.join(", ");
            return Err(given.error("status", format_args!("{status:?} is valid only with force; without it: {without}")));
        }
        let mut conditions = Conditions::default();
        // By the time alone: a clock that was wrong for a while has left rows out of order. It is asked first, since it costs the least to compare.
        let mut times = Times::ALL;
        if let Some(since) = given.whole("since")? {
            conditions.add("received_at >= {}", since);
            times.since = since;
        }
        if let Some(until) = given.whole("until")? {
            conditions.add("received_at < {}", until);
            times.until = Some(until);
        }
        conditions.add_one_of("status", &statuses.unwrap_or_else(|| leaves.iter().map(|&name| name.to_owned()).collect()));
        if let Some(pattern) = given.text("type")? {
            conditions.add_type(&pattern);
        }
        Ok(Self { conditions, times, endpoint: given.text("endpoint")?, bounds, options })
    }

    /// The events, oldest first, and whether there are more. From here on the conditions name the endpoint too.
    fn find(&mut self, store: &Store) -> Result<(Vec<i64>, bool)> {
        if let Some(name) = self.endpoint.take() {
            self.conditions.add("endpoint_id = {}", store.find_endpoint(&name)?.id);
        }
        store.select_event_ids(&self.times, &self.conditions, self.bounds.limit)
    }
}

impl Store {
    /// Replays, requeues or ignores the events that meet the filter, oldest first, in one transaction.
    ///
    /// # Errors
    /// `invalid_argument` for a filter that names nothing or a status that the action does not leave; `bad_state` where an event in a status that
    /// takes force is not in it any more; `unknown_endpoint`.
    pub fn operate_where(&self, action: Action, filter: &str, now: i64) -> Result<BulkResult> {
        let mut selection = Selection::read(action, filter)?;
        if selection.bounds.dry_run {
            return self.foresee(selection);
        }
        self.write(|| {
            if selection.times != Times::ALL {
                self.note_missing(AT_ONCE)?;
            }
            let (ids, more) = selection.find(self)?;
            let mut changed = 0;
            for &id in &ids {
                changed += i64::from(self.operate_within(action, id, None, &selection.options, now)?.changed);
            }
            Ok(BulkResult { matched: ids.len() as i64, changed, more, dry_run: false })
        })
    }

    /// As [`Store::operate_where`], in transactions of a few events each. The events are looked for without the write lock; one that does not meet
    /// the filter any more when its turn comes is passed over. Where the work is ended early, `more` is true and the same call goes on.
    ///
    /// # Errors
    /// Those of [`Store::operate_where`]. What earlier transactions did stays done.
    pub fn operate_where_in_chunks(&self, action: Action, filter: &str, now: i64, chunks: &mut Chunks) -> Result<BulkResult> {
        let mut selection = Selection::read(action, filter)?;
        if selection.bounds.dry_run {
            return self.foresee(selection);
        }
        self.require_schema()?;
        if selection.times != Times::ALL {
            self.note_missing_in_chunks()?;
        }
        let (ids, more) = selection.find(self)?;
        let mut changed = 0;
        let sql = format!("SELECT 1 FROM main._knocker_events WHERE {}", selection.conditions.to_sql_of_one());
        let done = self.in_chunks(&ids, chunks, |turn| {
            let mut still_meets = self.conn().prepare_cached(&sql)?;
            for id in turn {
                if still_meets.exists(rusqlite::params_from_iter(selection.conditions.values_of_one(id)))? {
                    changed += i64::from(self.operate_within(action, id, None, &selection.options, now)?.changed);
                }
            }
            Ok(())
        })?;
        Ok(BulkResult { matched: done as i64, changed, more: more || done < ids.len(), dry_run: false })
    }

    fn foresee(&self, mut selection: Selection) -> Result<BulkResult> {
        self.require_schema()?;
        let (ids, more) = selection.find(self)?;
        Ok(BulkResult { matched: ids.len() as i64, changed: 0, more, dry_run: true })
    }
}
