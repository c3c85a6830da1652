//! What the metrics say, read from the file.

use std::collections::{BTreeMap, HashMap};

use super::receives::Receives;
use crate::durations::{Counts, Durations};
use crate::error::Result;
use crate::lifecycle::AttemptResult;
use crate::minutes::Counter;
use crate::refusals::RefusedKept;
use crate::store::Store;
use crate::totals::Totals;

/// An endpoint with what is found out about it alone.
pub(super) struct Seen {
    pub id: i64,
    pub name: String,
    pub provider: String,
    pub enabled: bool,
    pub refused: RefusedKept,
    pub oldest_waiting_ms: i64,
}

/// All that is written.
pub(super) struct Figures {
    pub endpoints: Vec<Seen>,
    pub totals: Totals,
    pub counts: HashMap<i64, Counts>,
    pub receives: BTreeMap<String, Receives>,
    pub database_bytes: i64,
    pub free_bytes: i64,
    pub wal_bytes: u64,
}

impl Store {
    pub(super) fn figures(&self, receives: BTreeMap<String, Receives>, now: i64) -> Result<Figures> {
        let (counts, kept) = (self.counts()?, self.all_kept_refusals()?);
        let mut endpoints = Vec::new();
        for (id, name, config) in self.configured_endpoints()? {
            let open = counts.get(&id).map_or(0, Counts::open_events);
            endpoints.push(Seen {
                id,
                refused: RefusedKept::of(&config, kept.get(&id).map_or(&[], Vec::as_slice)),
                oldest_waiting_ms: self.oldest_waiting_ms(&name, open, now)?.unwrap_or_default(),
                name,
                provider: config.provider.unwrap_or_default(),
                enabled: config.enabled,
            });
        }
        let sizes =
            "SELECT page_count * page_size, freelist_count * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let (database_bytes, free_bytes) = self.conn().prepare_cached(sizes)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Figures { endpoints, totals: self.totals()?, counts, receives, database_bytes, free_bytes, wal_bytes: self.wal_bytes() })
    }

    fn wal_bytes(&self) -> u64 {
        let log = self.conn().path().filter(|path| !path.is_empty()).map(|path| format!("{path}-wal"));
        log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |metadata| metadata.len())
    }
}

impl Figures {
    /// What was ever counted.
    pub fn total(&self, endpoint: &Seen, counter: Counter) -> i64 {
        self.totals.get(endpoint.id, counter.name())
    }

    /// Receipts by what became of them.
    pub fn outcomes(&self, endpoint: &Seen) -> [(&'static str, i64); 7] {
        let total = |counter| self.total(endpoint, counter);
        let (duplicates, refused, limited) = (total(Counter::Duplicates), total(Counter::Refused), total(Counter::Limited));
        let (handshakes, too_large, disabled) = (total(Counter::Greetings), total(Counter::TooLarge), total(Counter::Disabled));
        [
            ("accepted", total(Counter::Receipts) - refused - duplicates),
            ("duplicate", duplicates),
            ("invalid", refused - limited - handshakes - too_large - disabled),
            ("handshake", handshakes),
            ("too_large", too_large),
            ("disabled", disabled),
            ("limited", limited),
        ]
    }

    pub fn events(&self, endpoint: &Seen, status: &str) -> i64 {
        self.counts.get(&endpoint.id).and_then(|counts| counts.events.get(status)).copied().unwrap_or_default()
    }

    pub fn attempts(&self, endpoint: &Seen, result: AttemptResult) -> Durations {
        self.counts.get(&endpoint.id).and_then(|counts| counts.attempts.get(result.name())).copied().unwrap_or_default()
    }

    /// What the handlers of all attempts took. A lease that ran out says nothing of it.
    pub fn handlers(&self, endpoint: &Seen) -> Durations {
        let mut all = Durations::default();
        for result in AttemptResult::ALL.iter().filter(|&&result| result != AttemptResult::LeaseExpired) {
            all += self.attempts(endpoint, *result);
        }
        all
    }
}
