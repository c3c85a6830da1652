//! Pruning: explicit, bounded, oldest first, audited.

use serde::Serialize;

use crate::arguments::Arguments;
use crate::chunks::Chunks;
use crate::error::{Error, Result};
use crate::event_notes::AT_ONCE;
use crate::forms::{Kind, Preset, form};
use crate::prunable::{DeliverySelection, EventSelection, Selection};
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

/// What a prune is about, read and checked.
struct Request {
    kind: PruneKind,
    bounds: Bounds,
    endpoint: Option<String>,
    selection: Selection,
    /// The age of the prune records that go too.
    audits: Option<i64>,
}

impl Request {
    fn of_events(filter: &str, now: i64) -> Result<Self> {
        let given = Arguments::parse("filter", filter, &EVENT_FILTER)?;
        let cutoff = cutoff(&given, now)?;
        let statuses = given.choices("status")?.unwrap_or_default();
        let selection = EventSelection { cutoff, now, statuses, endpoint_id: None, event_type: given.text("type")?, end: None };
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
            let record = PruneRecord::new(self, request.kind, filter, now);
            self.note_missing(AT_ONCE)?;
            let more = self.prune_found(&mut request, |selection, ids| {
                record.add(self.delete(selection, &mut ids.iter().copied())?);
                Ok(ids.len())
            })?;
            record.keep()?;
            Ok(PruneResult { prune_id: record.id(), pruned: record.pruned(), more, dry_run: false })
        })
    }

    fn prune_in_chunks(&self, mut request: Request, filter: &str, now: i64, chunks: &mut Chunks) -> Result<PruneResult> {
        if request.bounds.dry_run {
            return self.foresee_prune(request);
        }
        self.require_schema()?;
        let record = PruneRecord::new(self, request.kind, filter, now);
        self.note_missing_in_chunks()?;
        let more = self.prune_found(&mut request, |selection, ids| self.delete_in_chunks(selection, ids, &record, chunks))?;
        // A prune that matched nothing is recorded too.
        if record.id().is_none() {
            self.write(|| record.keep())?;
        }
        Ok(PruneResult { prune_id: record.id(), pruned: record.pruned(), more, dry_run: false })
    }

    /// Finds the rows of a request and gives them to `delete`, which says how many it went through. Returns whether there are more.
    fn prune_found(&self, request: &mut Request, mut delete: impl FnMut(&Selection, &[i64]) -> Result<usize>) -> Result<bool> {
        let (ids, mut more) = self.find_prunable(request)?;
        let done = delete(&request.selection, &ids)?;
        more |= done < ids.len();
        if let (Some(cutoff), true) = (request.audits, done == ids.len()) {
            let old = Selection::Audits(cutoff);
            let (ids, left) = self.select_ids(old.table(), &old.conditions(), request.bounds.limit)?;
            more |= left | (delete(&old, &ids)? < ids.len());
        }
        Ok(more)
    }

    /// Deletes selected rows in transactions of a few, each of which leaves the record as if it were the last. Returns how many were gone through.
    pub(crate) fn delete_in_chunks(&self, selection: &Selection, ids: &[i64], record: &PruneRecord, chunks: &mut Chunks) -> Result<usize> {
        self.in_chunks(ids, chunks, |turn| {
            record.add(self.delete(selection, turn)?);
            record.keep()
        })
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

    /// The ids, oldest first, and whether there are more. From here on the selection knows the endpoint.
    fn find_prunable(&self, request: &mut Request) -> Result<(Vec<i64>, bool)> {
        if let Some(name) = &request.endpoint {
            request.selection.set_endpoint(self.find_endpoint(name)?.id);
        }
        let (conditions, limit) = (request.selection.conditions(), request.bounds.limit);
        match &request.selection {
            Selection::Events(selection) => self.select_event_ids(&selection.times(), &conditions, limit),
            selection => self.select_ids(selection.table(), &conditions, limit),
        }
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
