//! Pruning: explicit, bounded, oldest first, audited.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use crate::arguments::Arguments;
use crate::chunks::Chunks;
use crate::conditions::Conditions;
use crate::error::{Error, Result};
use crate::forms::{Kind, Preset, form};
use crate::prune_record::PruneRecord;
pub use crate::prune_record::{PruneKind, Pruned};
use crate::selection::{Bounds, DEFAULT_LIMIT, MAX_LIMIT};
use crate::store::Store;

form! {
    /// Which ended events to delete, oldest first. One of `older_than_s` and `before` is required.
    EVENT_FILTER = "PruneEventsFilter" {
        /// The last activity (ended at, or last delivery) was longer ago than this.
        "older_than_s": Kind::Number(0.0, LONGEST_AGE_S as f64);
        /// The last activity was before this time.
        "before": Kind::Time(0);
        /// One status or several; dead events go only by name.
        "status": Kind::Choices("PrunableStatus", PRUNABLE), preset Preset::Texts(PRUNED_BY_DEFAULT);
        /// The endpoint.
        "endpoint": Kind::Text;
        /// The type: exact, or `prefix.*`.
        "type": Kind::Text;
        /// Events that one call deletes at most.
        "limit": Kind::Whole(1, MAX_LIMIT), preset DEFAULT_LIMIT;
        /// Old prune records too.
        "audits": Kind::Flag;
        /// Only tell what would happen.
        "dry_run": Kind::Flag;
    }
}

form! {
    /// Which deliveries to delete, oldest first, of those that no event needs as its payload. One of `older_than_s` and `before` is required.
    DELIVERY_FILTER = "PruneDeliveriesFilter" {
        /// Received longer ago than this.
        "older_than_s": Kind::Number(0.0, LONGEST_AGE_S as f64);
        /// Received before this time.
        "before": Kind::Time(0);
        /// One outcome or several.
        "outcome": Kind::Choices("LooseOutcome", LOOSE_OUTCOMES);
        /// The endpoint.
        "endpoint": Kind::Text;
        /// Deliveries that one call deletes at most.
        "limit": Kind::Whole(1, MAX_LIMIT), preset DEFAULT_LIMIT;
        /// Only tell what would happen.
        "dry_run": Kind::Flag;
    }
}

/// Some three thousand years, which overflow nowhere. In seconds.
pub(crate) const LONGEST_AGE_S: i64 = 100_000_000_000;
/// The states that an event stays in. Dead ones hold somebody's unfinished business: they go only when named.
const PRUNABLE: &[&str] = &["handled", "ignored", "dead"];
const PRUNED_BY_DEFAULT: &[&str] = &["handled", "ignored"];
/// The outcomes of deliveries that are no event's payload.
const LOOSE_OUTCOMES: &[&str] = &["invalid", "handshake", "too_large", "disabled", "duplicate"];

/// The result of one prune.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct PruneResult {
    /// The id of its record; null for a dry run.
    pub prune_id: Option<i64>,
    /// What went, or would go.
    #[serde(flatten)]
    pub pruned: Pruned,
    /// Whether the limit left more to prune.
    pub more: bool,
    /// Whether this only told what would happen.
    pub dry_run: bool,
}

/// Which events go: those that ended and were last delivered before `cutoff`.
pub(crate) struct EventSelection {
    pub cutoff: i64,
    pub statuses: Vec<String>,
    pub endpoint_id: Option<i64>,
    pub event_type: Option<String>,
    /// The id at which the walk ends; `None` to look at every event.
    pub end: Option<i64>,
}

/// Which deliveries go: those that created no event, received before `cutoff`.
pub(crate) struct DeliverySelection {
    pub cutoff: i64,
    pub outcomes: Option<Vec<String>>,
    pub endpoint_id: Option<i64>,
    /// The id at which the walk ends; `None` to look at every delivery.
    pub end: Option<i64>,
}

impl EventSelection {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.add_one_of("status", &self.statuses);
        if let Some(end) = self.end {
            conditions.add("id < {}", end);
        }
        conditions.add("coalesce(ended_at, received_at) < {}", self.cutoff);
        conditions.add(
            "NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r WHERE r.event_id = _knocker_events.id AND r.received_at >= {})",
            self.cutoff,
        );
        if let Some(endpoint_id) = self.endpoint_id {
            conditions.add("endpoint_id = {}", endpoint_id);
        }
        if let Some(pattern) = &self.event_type {
            conditions.add_type(pattern);
        }
        conditions
    }
}

impl DeliverySelection {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        // What created no event: refused and repeated ones, and valid empty batches. Uses _knocker_deliveries_loose.
        conditions.add_plain("first_event_id IS NULL");
        if let Some(outcomes) = &self.outcomes {
            conditions.add_one_of("outcome", outcomes);
        }
        if let Some(end) = self.end {
            conditions.add("id < {}", end);
        }
        conditions.add("received_at < {}", self.cutoff);
        conditions.add_plain(
            "NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r JOIN main._knocker_events e ON e.id = r.event_id
                         WHERE r.delivery_id = _knocker_deliveries.id AND e.status IN ('received', 'processing', 'failed'))",
        );
        if let Some(endpoint_id) = self.endpoint_id {
            conditions.add("endpoint_id = {}", endpoint_id);
        }
        conditions
    }
}

/// What a prune is about, read and checked.
struct Request {
    kind: PruneKind,
    bounds: Bounds,
    endpoint: Option<String>,
    selection: Selection,
    /// The age of the prune records that go too.
    audits: Option<i64>,
}

/// Rows that go.
pub(crate) enum Selection {
    Events(EventSelection),
    Deliveries(DeliverySelection),
    /// Records of earlier prunes, those before this time.
    Audits(i64),
}

impl Selection {
    pub fn table(&self) -> &'static str {
        match self {
            Selection::Events(_) => "_knocker_events",
            Selection::Deliveries(_) => "_knocker_deliveries",
            Selection::Audits(_) => "_knocker_prunes",
        }
    }

    pub fn conditions(&self) -> Conditions {
        match self {
            Selection::Events(selection) => selection.conditions(),
            Selection::Deliveries(selection) => selection.conditions(),
            Selection::Audits(cutoff) => {
                let mut conditions = Conditions::default();
                conditions.add("pruned_at < {}", *cutoff);
                conditions
            }
        }
    }

    fn set_endpoint(&mut self, id: i64) {
        match self {
            Selection::Events(selection) => selection.endpoint_id = Some(id),
            Selection::Deliveries(selection) => selection.endpoint_id = Some(id),
            Selection::Audits(_) => {}
        }
    }
}

impl Request {
    fn of_events(filter: &str, now: i64) -> Result<Self> {
        let given = Arguments::parse("filter", filter, &EVENT_FILTER)?;
        let cutoff = cutoff(&given, now)?;
        let statuses = given.choices("status")?.unwrap_or_default();
        let selection = EventSelection { cutoff, statuses, endpoint_id: None, event_type: given.text("type")?, end: None };
        Ok(Self {
            kind: PruneKind::Events,
            bounds: Bounds::of(&given)?,
            endpoint: given.text("endpoint")?,
            selection: Selection::Events(selection),
            audits: given.boolean("audits")?.unwrap_or(false).then_some(cutoff),
        })
    }

    fn of_deliveries(filter: &str, now: i64) -> Result<Self> {
        let given = Arguments::parse("filter", filter, &DELIVERY_FILTER)?;
        let selection =
            DeliverySelection { cutoff: cutoff(&given, now)?, outcomes: given.choices("outcome")?, endpoint_id: None, end: None };
        Ok(Self {
            kind: PruneKind::Deliveries,
            bounds: Bounds::of(&given)?,
            endpoint: given.text("endpoint")?,
            selection: Selection::Deliveries(selection),
            audits: None,
        })
    }
}

impl Store {
    /// Deletes ended events with their attempts and the deliveries that no other event needs.
    ///
    /// # Errors
    /// `invalid_argument`, `unknown_endpoint`, and the errors of a failing database.
    pub fn prune_events(&self, filter: &str, now: i64) -> Result<PruneResult> {
        self.prune(Request::of_events(filter, now)?, filter, now)
    }

    /// Deletes deliveries that no event needs as its payload.
    ///
    /// # Errors
    /// `invalid_argument`, `unknown_endpoint`, and the errors of a failing database.
    pub fn prune_deliveries(&self, filter: &str, now: i64) -> Result<PruneResult> {
        self.prune(Request::of_deliveries(filter, now)?, filter, now)
    }

    /// As [`Store::prune_events`], in transactions of a few events each with one record. Where the work is ended early, `more` is true and the same
    /// call goes on.
    ///
    /// # Errors
    /// Those of [`Store::prune_events`]. What earlier transactions deleted is gone, and recorded.
    pub fn prune_events_in_chunks(&self, filter: &str, now: i64, chunks: &mut Chunks) -> Result<PruneResult> {
        self.prune_in_chunks(Request::of_events(filter, now)?, filter, now, chunks)
    }

    /// As [`Store::prune_deliveries`], in transactions of a few deliveries each with one record.
    ///
    /// # Errors
    /// Those of [`Store::prune_deliveries`]. What earlier transactions deleted is gone, and recorded.
    pub fn prune_deliveries_in_chunks(&self, filter: &str, now: i64, chunks: &mut Chunks) -> Result<PruneResult> {
        self.prune_in_chunks(Request::of_deliveries(filter, now)?, filter, now, chunks)
    }

    /// Runs a prune in one transaction with its record.
    fn prune(&self, mut request: Request, filter: &str, now: i64) -> Result<PruneResult> {
        if request.bounds.dry_run {
            return self.foresee_prune(request);
        }
        self.write(|| {
            let (ids, mut more) = self.find_prunable(&mut request)?;
            let mut pruned = Pruned::default();
            for id in ids {
                pruned += self.delete_selected(&request.selection, id)?;
            }
            if let Some(cutoff) = request.audits {
                let (audits, left) = self.delete_audits(cutoff, request.bounds.limit)?;
                pruned.audits = audits;
                more |= left;
            }
            let record = PruneRecord::new(self, request.kind, filter, now);
            record.add(pruned);
            record.keep()?;
            Ok(PruneResult { prune_id: record.id(), pruned, more, dry_run: false })
        })
    }

    fn prune_in_chunks(&self, mut request: Request, filter: &str, now: i64, chunks: &mut Chunks) -> Result<PruneResult> {
        if request.bounds.dry_run {
            return self.foresee_prune(request);
        }
        self.require_schema()?;
        let (ids, mut more) = self.find_prunable(&mut request)?;
        let record = PruneRecord::new(self, request.kind, filter, now);
        let done = self.delete_in_chunks(&request.selection, &ids, &record, chunks)?;
        more |= done < ids.len();
        if let (Some(cutoff), true) = (request.audits, done == ids.len()) {
            let old = Selection::Audits(cutoff);
            let (ids, left) = self.select_ids(old.table(), &old.conditions(), request.bounds.limit)?;
            let done = self.delete_in_chunks(&old, &ids, &record, chunks)?;
            more |= left || done < ids.len();
        }
        // A prune that matched nothing is recorded too.
        if record.id().is_none() {
            self.write(|| record.keep())?;
        }
        Ok(PruneResult { prune_id: record.id(), pruned: record.pruned(), more, dry_run: false })
    }

    /// Deletes selected rows in transactions of a few, each of which leaves the record as if it were the last. Returns how many were gone through.
    pub(crate) fn delete_in_chunks(&self, selection: &Selection, ids: &[i64], record: &PruneRecord, chunks: &mut Chunks) -> Result<usize> {
        let delete = |id| self.delete_selected(selection, id).map(|went| record.add(went));
        self.in_chunks(selection.table(), &selection.conditions(), ids, chunks, delete, || record.keep())
    }

    /// What would go, from reads alone: nobody waits for the write lock because of it.
    fn foresee_prune(&self, mut request: Request) -> Result<PruneResult> {
        self.require_schema()?;
        let (ids, mut more) = self.find_prunable(&mut request)?;
        let mut pruned = match request.selection {
            Selection::Events(_) => self.foresee_events(&ids)?,
            Selection::Deliveries(_) => Pruned { deliveries: ids.len() as i64, ..Pruned::default() },
            Selection::Audits(_) => Pruned { audits: ids.len() as i64, ..Pruned::default() },
        };
        if let Some(cutoff) = request.audits {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM main._knocker_prunes WHERE pruned_at < ?1 LIMIT ?2)";
            let found: i64 = self.conn().prepare_cached(sql)?.query_row((cutoff, request.bounds.limit + 1), |row| row.get(0))?;
            pruned.audits = found.min(request.bounds.limit);
            more |= found > request.bounds.limit;
        }
        Ok(PruneResult { prune_id: None, pruned, more, dry_run: true })
    }

    /// What goes with these events: their attempts, and the deliveries of which no other event needs one.
    fn foresee_events(&self, ids: &[i64]) -> Result<Pruned> {
        let going: HashSet<i64> = ids.iter().copied().collect();
        let mut pruned = Pruned { events: ids.len() as i64, ..Pruned::default() };
        let mut deliveries = BTreeSet::new();
        for &id in ids {
            let sql = "SELECT count(*) FROM main.knocker_attempts WHERE event_id = ?1";
            pruned.attempts += self.conn().prepare_cached(sql)?.query_row([id], |row| row.get::<_, i64>(0))?;
            deliveries.extend(self.deliveries_of_event(id)?);
        }
        for delivery_id in deliveries {
            // A link outlives its delivery.
            let there = self.conn().prepare_cached("SELECT 1 FROM main._knocker_deliveries WHERE id = ?1")?.exists([delivery_id])?;
            if there && self.events_of_delivery(delivery_id)?.iter().all(|event_id| going.contains(event_id)) {
                pruned.deliveries += 1;
            }
        }
        Ok(pruned)
    }

    /// The ids, oldest first, and whether there are more. From here on the selection knows the endpoint.
    fn find_prunable(&self, request: &mut Request) -> Result<(Vec<i64>, bool)> {
        if let Some(name) = &request.endpoint {
            request.selection.set_endpoint(self.find_endpoint(name)?.id);
        }
        self.select_ids(request.selection.table(), &request.selection.conditions(), request.bounds.limit)
    }

    pub(crate) fn delete_selected(&self, selection: &Selection, id: i64) -> Result<Pruned> {
        Ok(match selection {
            Selection::Events(_) => self.delete_event(id)?,
            Selection::Deliveries(_) => Pruned { deliveries: self.delete_delivery(id)?, ..Pruned::default() },
            Selection::Audits(_) => {
                Pruned { audits: self.run("DELETE FROM main._knocker_prunes WHERE id = ?1", [id])?, ..Pruned::default() }
            }
        })
    }

    fn delete_event(&self, event_id: i64) -> Result<Pruned> {
        let state = self.event_state(event_id)?;
        if let Some(job_id) = state.job_id {
            self.forget_dead_job(job_id)?;
        }
        let deliveries = self.deliveries_of_event(event_id)?;
        let delete = |sql: &str| -> Result<i64> { self.run(sql, [event_id]) };
        // What goes is counted before.
        self.count_attempts()?;
        let attempts = delete("DELETE FROM main._knocker_attempts WHERE event_id = ?1 AND indexed = 1")?
            + delete(
                "DELETE FROM main._knocker_attempts
                 WHERE id = (SELECT attempt_id FROM main._knocker_events WHERE id = ?1) AND event_id = ?1",
            )?;
        delete("DELETE FROM main._knocker_redeliveries WHERE event_id = ?1")?;
        let events = delete("DELETE FROM main._knocker_events WHERE id = ?1")?;
        let mut pruned = Pruned { events, attempts, ..Pruned::default() };
        for delivery_id in deliveries {
            if !self.delivery_is_linked(delivery_id)? {
                pruned.deliveries += self.delete_delivery(delivery_id)?;
            }
        }
        Ok(pruned)
    }

    fn deliveries_of_event(&self, event_id: i64) -> Result<Vec<i64>> {
        let sql = "SELECT delivery_id FROM main._knocker_events WHERE id = ?1
                   UNION SELECT delivery_id FROM main._knocker_redeliveries WHERE event_id = ?1";
        let mut statement = self.conn().prepare_cached(sql)?;
        let ids = statement.query_map([event_id], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    fn delivery_is_linked(&self, delivery_id: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main.knocker_event_deliveries WHERE delivery_id = ?1)";
        Ok(self.conn().prepare_cached(sql)?.query_row([delivery_id], |row| row.get(0))?)
    }

    fn delete_delivery(&self, delivery_id: i64) -> Result<i64> {
        self.run("DELETE FROM main._knocker_deliveries WHERE id = ?1", [delivery_id])
    }

    /// Deletes prune records; returns how many, and whether the limit left more.
    pub(crate) fn delete_audits(&self, cutoff: i64, limit: i64) -> Result<(i64, bool)> {
        let sql =
            "DELETE FROM main._knocker_prunes WHERE id IN (SELECT id FROM main._knocker_prunes WHERE pruned_at < ?1 ORDER BY id LIMIT ?2)";
        let deleted = self.run(sql, (cutoff, limit))?;
        let left = "SELECT EXISTS (SELECT 1 FROM main._knocker_prunes WHERE pruned_at < ?1)";
        Ok((deleted, self.conn().prepare_cached(left)?.query_row([cutoff], |row| row.get(0))?))
    }
}

/// `before`, or `older_than_s` before now; one of them must be given, so that no call prunes everything by omission.
fn cutoff(given: &Arguments, now: i64) -> Result<i64> {
    let before = given.whole("before")?;
    let age = given.number("older_than_s")?;
    match (before, age) {
        (Some(before), None) => Ok(before),
        (None, Some(age)) => Ok(now.saturating_sub((age * 1000.0) as i64)),
        _ => Err(Error::invalid("filter: give older_than_s (seconds) or before (Unix milliseconds), one of them")),
    }
}
