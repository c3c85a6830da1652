//! The record of a prune, which every transaction of a prune leaves as if it were the last, together with what is counted of prunes.

use std::cell::Cell;

use serde::Serialize;

use crate::error::Result;
use crate::store::Store;
use crate::totals::OF_NO_ENDPOINT;
use crate::words::words;

words! {
    /// What a prune was.
    pub enum PruneKind {
        /// Of events.
        Events = "events",
        /// Of deliveries.
        Deliveries = "deliveries",
        /// A pass of a retention policy that deleted something; its filter is the policy.
        Retention = "retention",
    }
}

/// How many rows went, counted as they were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Pruned {
    /// Events that went, or would go.
    pub events: i64,
    /// Deliveries that went, or would go.
    pub deliveries: i64,
    /// Attempts that went, or would go.
    pub attempts: i64,
    /// Records of earlier prunes that went, or would go.
    pub audits: i64,
}

impl std::ops::AddAssign for Pruned {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.attempts += other.attempts;
        self.audits += other.audits;
    }
}

/// A prune under way.
pub(crate) struct PruneRecord<'a> {
    store: &'a Store,
    kind: PruneKind,
    filter: &'a str,
    now: i64,
    pruned: Cell<Pruned>,
    /// Its id, and what it says.
    kept: Cell<Option<(i64, Pruned)>>,
}

impl<'a> PruneRecord<'a> {
    pub fn new(store: &'a Store, kind: PruneKind, filter: &'a str, now: i64) -> Self {
        Self { store, kind, filter, now, pruned: Cell::default(), kept: Cell::default() }
    }

    /// So many more went.
    pub fn add(&self, went: Pruned) {
        let mut sum = self.pruned.get();
        sum += went;
        self.pruned.set(sum);
    }

    /// What went.
    pub fn pruned(&self) -> Pruned {
        self.pruned.get()
    }

    /// The id of the row, once it is there.
    pub fn id(&self) -> Option<i64> {
        self.kept.get().map(|(id, _)| id)
    }

    /// Writes what went, in the transaction that deleted it.
    pub fn keep(&self) -> Result<()> {
        let pruned = self.pruned.get();
        let (id, before) = match self.kept.get() {
            Some((id, before)) => {
                let sql = "UPDATE main._knocker_prunes SET events = ?2, deliveries = ?3, attempts = ?4, audits = ?5 WHERE id = ?1";
                self.store.run(sql, (id, pruned.events, pruned.deliveries, pruned.attempts, pruned.audits))?;
                (id, before)
            }
            None => (self.insert(&pruned)?, Pruned::default()),
        };
        for (name, number, counted) in [
            ("pruned_events", pruned.events, before.events),
            ("pruned_deliveries", pruned.deliveries, before.deliveries),
            ("pruned_attempts", pruned.attempts, before.attempts),
            ("pruned_audits", pruned.audits, before.audits),
        ] {
            self.store.add_to_total(OF_NO_ENDPOINT, name, number - counted)?;
        }
        self.kept.set(Some((id, pruned)));
        Ok(())
    }

    fn insert(&self, pruned: &Pruned) -> Result<i64> {
        let sql = "INSERT INTO main._knocker_prunes (kind, filter, events, deliveries, attempts, audits, pruned_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = (self.kind.name(), self.filter, pruned.events, pruned.deliveries, pruned.attempts, pruned.audits, self.now);
        self.store.run(sql, values)?;
        let id = self.store.conn().last_insert_rowid();
        self.store.add_to_total(OF_NO_ENDPOINT, &format!("prunes_{}", self.kind.name()), 1)?;
        Ok(id)
    }
}
