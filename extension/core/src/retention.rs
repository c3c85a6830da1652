//! Retention: a stored policy an endpoint, and the bounded pass that carries it out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::chunks::Chunks;
use crate::error::{Code, Error, Result};
use crate::event_notes::AT_ONCE;
use crate::forms::{Kind, Preset, form};
use crate::prunable::{DeliverySelection, EventSelection, Selection};
use crate::prune::LONGEST_AGE_S;
use crate::prune_record::{PruneKind, PruneRecord, Pruned};
use crate::selection::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::store::Store;

form! {
    /// How long rows are kept. An age that is left out or null keeps them for ever; with no age at all the policy is removed.
    POLICY = "RetentionSettings" {
        /// The endpoint; left out or null: every one without its own policy.
        "endpoint": Kind::Text;
        /// Age of handled events, since their last activity.
        "handled_s": Kind::Whole(0, LONGEST_AGE_S);
        /// Age of ignored events.
        "ignored_s": Kind::Whole(0, LONGEST_AGE_S);
        /// Age of dead events.
        "dead_s": Kind::Whole(0, LONGEST_AGE_S);
        /// Age of deliveries that no event needs.
        "deliveries_s": Kind::Whole(0, LONGEST_AGE_S);
        /// Age of prune records, which belong to no endpoint: it goes without `endpoint`.
        "audits_s": Kind::Whole(0, LONGEST_AGE_S);
        /// Time between passes.
        "interval_s": Kind::Whole(1, 31_536_000), preset Preset::Whole(3600);
        /// Rows of a kind that one pass deletes at most, over all endpoints.
        "limit": Kind::Whole(1, MAX_LIMIT), preset DEFAULT_LIMIT;
    }
}

/// The policy of every endpoint without its own.
const EVERYWHERE: i64 = 0;

/// How long rows are kept. An age of null keeps them for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct RetentionPolicy {
    /// The endpoint; null for every one without its own policy.
    pub endpoint: Option<String>,
    /// Age of handled events, in seconds since their last activity.
    pub handled_s: Option<i64>,
    /// Age of ignored events.
    pub ignored_s: Option<i64>,
    /// Age of dead events.
    pub dead_s: Option<i64>,
    /// Age of deliveries that no event needs.
    pub deliveries_s: Option<i64>,
    /// Age of prune records.
    pub audits_s: Option<i64>,
    /// Seconds between passes.
    pub interval_s: i64,
    /// Rows of a kind that one pass deletes at most.
    pub limit: i64,
}

impl RetentionPolicy {
    /// Reads the JSON argument of `knocker_retention`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("policy", json, &POLICY)?;
        let age = |key| given.whole(key);
        let endpoint = given.text("endpoint")?;
        if endpoint.is_some() && given.is_set("audits_s") {
            return Err(given.error("audits_s", "belongs in the policy without endpoint: prune records are of no endpoint"));
        }
        Ok(Self {
            endpoint,
            handled_s: age("handled_s")?,
            ignored_s: age("ignored_s")?,
            dead_s: age("dead_s")?,
            deliveries_s: age("deliveries_s")?,
            audits_s: age("audits_s")?,
            interval_s: given.whole_or_preset("interval_s")?,
            limit: given.whole_or_preset("limit")?,
        })
    }

    fn keeps_everything(&self) -> bool {
        [self.handled_s, self.ignored_s, self.dead_s, self.deliveries_s, self.audits_s].iter().all(Option::is_none)
    }
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct RetentionPass {
    /// Whether a pass was due.
    pub ran: bool,
    /// What went.
    #[serde(flatten)]
    pub pruned: Pruned,
    /// Whether the limit left more, so that another pass is due at once.
    pub more: bool,
}

impl RetentionPass {
    fn add(&mut self, record: &PruneRecord, left: Left) {
        self.ran = true;
        self.pruned += record.pruned();
        self.more |= left != Left::Nothing;
    }
}

/// What a pass of one policy left of what is old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// What is beyond its limit.
    More,
    /// Whatever was to come when somebody ended it.
    Stopped,
}

/// A policy as the file has it.
fn stored(text: &str) -> Result<RetentionPolicy> {
    serde_json::from_str(text).map_err(|error| Error::new(Code::Corrupt, format!("a stored retention policy is damaged: {error}")))
}

impl Store {
    /// Stores the policy in place of the former one of that endpoint; one that keeps everything removes it. The first pass is due at once.
    ///
    /// # Errors
    /// `unknown_endpoint`, and the errors of a failing database.
    pub fn retention(&self, policy: &RetentionPolicy, now: i64) -> Result<()> {
        self.write(|| {
            let endpoint_id = match &policy.endpoint {
                Some(name) => self.find_endpoint(name)?.id,
                None => EVERYWHERE,
            };
            if policy.keeps_everything() {
                self.run("DELETE FROM main._knocker_policies WHERE endpoint_id = ?1", [endpoint_id])?;
                return Ok(());
            }
            let text = serde_json::to_string(policy).expect("a policy is plain JSON");
            let sql = "INSERT OR REPLACE INTO main._knocker_policies (endpoint_id, policy, next_run_at) VALUES (?1, ?2, ?3)";
            self.run(sql, (endpoint_id, text, now))?;
            Ok(())
        })
    }

    /// Runs the passes that are due. The write lock and the stored time of the next pass let one process at a time do it; the others find
    /// nothing due. A pass that deleted something leaves a record in `knocker_prunes`.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn retain(&self, now: i64) -> Result<RetentionPass> {
        self.require_schema()?;
        if self.due_policies(now)?.is_empty() {
            return Ok(RetentionPass::default());
        }
        self.write(|| {
            let mut done = RetentionPass::default();
            self.note_missing(AT_ONCE)?;
            for (endpoint_id, text) in self.due_policies(now)? {
                let policy = stored(&text)?;
                let record = PruneRecord::new(self, PruneKind::Retention, &text, now);
                let left = self.run_policy(endpoint_id, &policy, now, |selection, ids| {
                    record.add(self.delete(selection, &mut ids.iter().copied())?);
                    Ok(ids.len())
                })?;
                if record.pruned() != Pruned::default() {
                    record.keep()?;
                }
                self.set_next_pass(endpoint_id, if left == Left::Nothing { now + policy.interval_s * 1000 } else { now })?;
                done.add(&record, left);
            }
            Ok(done)
        })
    }

    /// As [`Store::retain`], in transactions of a few rows each with one record a policy. The pass is taken before its first row goes, so that no other
    /// process begins it. Where the work is ended early, `more` is true and the same call goes on.
    ///
    /// # Errors
    /// Those of [`Store::retain`]. What earlier transactions deleted is gone, and recorded.
    pub fn retain_in_chunks(&self, now: i64, chunks: &mut Chunks) -> Result<RetentionPass> {
        self.require_schema()?;
        let mut done = RetentionPass::default();
        for (endpoint_id, text) in self.due_policies(now)? {
            let policy = stored(&text)?;
            let is_mine = self.write(|| {
                let is_due = self.due_policies(now)?.iter().any(|(id, _)| *id == endpoint_id);
                if is_due {
                    self.set_next_pass(endpoint_id, now + policy.interval_s * 1000)?;
                }
                Ok(is_due)
            })?;
            if !is_mine {
                continue;
            }
            self.note_missing_in_chunks()?;
            let record = PruneRecord::new(self, PruneKind::Retention, &text, now);
            let left = self.run_policy(endpoint_id, &policy, now, |selection, ids| self.delete_in_chunks(selection, ids, &record, chunks));
            if !matches!(left, Ok(Left::Nothing)) {
                let due_again = self.write(|| self.set_next_pass(endpoint_id, now));
                // What the pass itself failed of is what is told.
                if left.is_ok() {
                    due_again?;
                }
            }
            let left = left?;
            done.add(&record, left);
            if left == Left::Stopped {
                break;
            }
        }
        Ok(done)
    }

    fn set_next_pass(&self, endpoint_id: i64, at: i64) -> Result<()> {
        self.run("UPDATE main._knocker_policies SET next_run_at = ?2 WHERE endpoint_id = ?1", (endpoint_id, at))?;
        Ok(())
    }

    /// A next pass further off than the interval was set by a clock that was ahead: it is due.
    fn due_policies(&self, now: i64) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT endpoint_id, policy FROM main._knocker_policies
                   WHERE next_run_at <= ?1 OR next_run_at > ?1 + 1000 * (policy ->> '$.interval_s') ORDER BY endpoint_id";
        let mut statement = self.conn().prepare_cached(sql)?;
        let rows = statement.query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One pass of a policy, in which `delete` says how many of the rows it went through. Its limit is one of the pass, however many endpoints it is
    /// about, so that none holds the write lock for long.
    fn run_policy(
        &self,
        endpoint_id: i64,
        policy: &RetentionPolicy,
        now: i64,
        mut delete: impl FnMut(&Selection, &[i64]) -> Result<usize>,
    ) -> Result<Left> {
        let mut taken: HashMap<&str, i64> = HashMap::new();
        let mut left = Left::Nothing;
        for selection in self.selections(endpoint_id, policy, now)? {
            let taken = taken.entry(selection.table()).or_default();
            let (ids, more) = self.select_ids(selection.table(), &selection.conditions(), policy.limit - *taken)?;
            *taken += ids.len() as i64;
            if delete(&selection, &ids)? < ids.len() {
                return Ok(Left::Stopped);
            }
            if more {
                left = Left::More;
            }
        }
        Ok(left)
    }

    /// What goes by a policy.
    fn selections(&self, endpoint_id: i64, policy: &RetentionPolicy, now: i64) -> Result<Vec<Selection>> {
        let cutoff = |age: i64| now - age * 1000;
        let ages = [("handled", policy.handled_s), ("ignored", policy.ignored_s), ("dead", policy.dead_s)];
        // Where each walk ends depends on the age alone, so it is looked up once for all endpoints.
        let mut statuses = Vec::new();
        for (status, age) in ages {
            if let Some(cutoff) = age.map(cutoff) {
                statuses.push((status, cutoff, self.end_of_old_rows("_knocker_events", cutoff, now)?));
            }
        }
        let deliveries = match policy.deliveries_s.map(cutoff) {
            Some(cutoff) => Some((cutoff, self.end_of_old_rows("_knocker_deliveries", cutoff, now)?)),
            None => None,
        };
        let mut selections = Vec::new();
        for endpoint_id in self.governed_endpoints(endpoint_id)? {
            for &(status, cutoff, end) in &statuses {
                let statuses = vec![status.to_owned()];
                let selection = EventSelection { cutoff, now, statuses, endpoint_id: Some(endpoint_id), event_type: None, end: Some(end) };
                selections.push(Selection::Events(selection));
            }
            if let Some((cutoff, end)) = deliveries {
                let selection = DeliverySelection { cutoff, outcomes: None, endpoint_id: Some(endpoint_id), end: Some(end) };
                selections.push(Selection::Deliveries(selection));
            }
        }
        selections.extend(policy.audits_s.map(|age| Selection::Audits(cutoff(age))));
        Ok(selections)
    }

    /// The endpoints that a policy is about.
    fn governed_endpoints(&self, endpoint_id: i64) -> Result<Vec<i64>> {
        if endpoint_id != EVERYWHERE {
            return Ok(vec![endpoint_id]);
        }
        let sql = "SELECT id FROM main._knocker_endpoints WHERE id NOT IN (SELECT endpoint_id FROM main._knocker_policies) ORDER BY id";
        let mut statement = self.conn().prepare_cached(sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}
