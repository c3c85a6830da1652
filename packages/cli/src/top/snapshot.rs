//! What the screen shows: everything of one moment, read in one short transaction.

use std::collections::{BTreeMap, VecDeque};

use knocker_core::Store;
use knocker_core::conditions::Conditions;
use knocker_core::minutes::Tally;
use knocker_core::stats::Stats;
use rusqlite::{OptionalExtension, params_from_iter};
use serde::Serialize;

use crate::failure::Result;

/// How many of the newest attempts the figures of handlers are made of.
const ATTEMPTS: i64 = 1000;
/// How many leases and events are read at most.
const LEASES: i64 = 200;
const EVENTS: i64 = 200;

/// Everything of one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The file.
    pub database: String,
    /// When, in Unix milliseconds.
    pub now: i64,
    pub stats: Stats,
    /// The last sixty minutes over all endpoints, the oldest first; the last one is not over.
    pub minutes: Vec<Tally>,
    /// The slowest first.
    pub handlers: Vec<Handler>,
    /// What is leased, by worker.
    pub leases: Vec<Lease>,
    /// The newest that were chosen.
    pub events: Vec<Event>,
}

/// How the newest attempts of one type went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Handler {
    pub endpoint: String,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub attempts: usize,
    /// Those of them that were not handled or ignored.
    pub failed: usize,
    pub p50_ms: i64,
    pub p95_ms: i64,
}

/// An event that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    pub worker: String,
    pub event_id: i64,
    pub endpoint: String,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub attempt: i64,
    pub lease_expires_at: i64,
}

/// A line of the list of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    pub id: i64,
    pub endpoint: String,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub status: String,
    pub attempts: i64,
    pub received_at: i64,
    pub next_attempt_at: Option<i64>,
    pub reason: Option<String>,
}

/// Which events are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// A status.
    pub status: Option<&'static str>,
    /// An endpoint or a type; a type also as `prefix.*`.
    pub name: String,
}

impl Choice {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some(status) = self.status {
            conditions.add_one_of("status", &[status.to_owned()]);
        }
        match self.name.strip_suffix('*') {
            _ if self.name.is_empty() => {}
            Some(prefix) => conditions.add("substr(type, 1, length({})) = {}", prefix.to_owned()),
            None => conditions.add("{} IN (endpoint, type)", self.name.clone()),
        }
        conditions
    }
}

struct Attempt {
    endpoint: String,
    event_type: Option<String>,
    result: String,
    duration_ms: Option<i64>,
}

/// Reads snapshots, and keeps what need not be read again.
#[derive(Default)]
pub struct Reader {
    attempts: VecDeque<Attempt>,
    cursor: i64,
}

impl Reader {
    /// Begins anew: ids of another file mean something else.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The database as it is now. To be called in a transaction.
    pub fn read(&mut self, store: &Store, database: &str, choice: &Choice, now: i64) -> Result<Snapshot> {
        self.read_attempts(store)?;
        Ok(Snapshot {
            database: database.to_owned(),
            now,
            stats: store.stats(now)?,
            minutes: store.minutes(now)?,
            handlers: self.handlers(),
            leases: leases(store)?,
            events: events(store, choice)?,
        })
    }

    /// Those that came since the last time; at most as many as are kept, so that the first read of a large file costs no more than a later one.
    fn read_attempts(&mut self, store: &Store) -> Result {
        let conn = store.conn();
        let newest = conn.prepare_cached("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")?.query_row([], |row| row.get(0));
        let newest: i64 = newest.optional()?.unwrap_or(0);
        if newest <= self.cursor {
            return Ok(());
        }
        let sql = "SELECT endpoint, (SELECT type FROM knocker_events e WHERE e.id = event_id), result, duration_ms
                   FROM knocker_attempts WHERE id > ?1 AND id <= ?2 ORDER BY id";
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query((self.cursor.max(newest - ATTEMPTS), newest))?;
        while let Some(row) = rows.next()? {
            self.attempts.push_back(Attempt {
                endpoint: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                event_type: row.get(1)?,
                result: row.get(2)?,
                duration_ms: row.get(3)?,
            });
        }
        let surplus = self.attempts.len().saturating_sub(ATTEMPTS as usize);
        self.attempts.drain(..surplus);
        self.cursor = newest;
        Ok(())
    }

    fn handlers(&self) -> Vec<Handler> {
        let mut by_type: BTreeMap<(&str, Option<&str>), Vec<&Attempt>> = BTreeMap::new();
        for attempt in &self.attempts {
            by_type.entry((&attempt.endpoint, attempt.event_type.as_deref())).or_default().push(attempt);
        }
        let handler = |((endpoint, event_type), attempts): ((&str, Option<&str>), Vec<&Attempt>)| {
            let mut durations: Vec<i64> = attempts.iter().filter_map(|attempt| attempt.duration_ms).collect();
            durations.sort_unstable();
            Handler {
                endpoint: endpoint.to_owned(),
                event_type: event_type.map(str::to_owned),
                attempts: attempts.len(),
                failed: attempts.iter().filter(|attempt| !matches!(&*attempt.result, "handled" | "ignored")).count(),
                p50_ms: percentile(&durations, 50),
                p95_ms: percentile(&durations, 95),
            }
        };
        let mut handlers: Vec<Handler> = by_type.into_iter().map(handler).collect();
        handlers.sort_by_key(|handler| std::cmp::Reverse(handler.p95_ms));
        handlers
    }
}

/// The smallest value that so many of a hundred do not exceed; 0 of none.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

fn leases(store: &Store) -> Result<Vec<Lease>> {
    let sql = format!("SELECT worker, event_id, endpoint, type, attempt, lease_expires_at FROM knocker_jobs LIMIT {LEASES}");
    let mut statement = store.conn().prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Lease {
            worker: row.get(0)?,
            event_id: row.get(1)?,
            endpoint: row.get(2)?,
            event_type: row.get(3)?,
            attempt: row.get(4)?,
            lease_expires_at: row.get(5)?,
        })
    })?;
    let mut leases: Vec<Lease> = rows.collect::<rusqlite::Result<_>>()?;
    leases.sort_by(|one, other| (&one.worker, one.event_id).cmp(&(&other.worker, other.event_id)));
    Ok(leases)
}

fn events(store: &Store, choice: &Choice) -> Result<Vec<Event>> {
    let conditions = choice.conditions();
    let sql = format!(
        "SELECT id, endpoint, type, status, attempts, received_at, next_attempt_at, reason FROM knocker_events WHERE {} ORDER BY id DESC LIMIT {EVENTS}",
        conditions.to_sql()
    );
    let mut statement = store.conn().prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(conditions.values()), |row| {
        Ok(Event {
            id: row.get(0)?,
            endpoint: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            event_type: row.get(2)?,
            status: row.get(3)?,
            attempts: row.get(4)?,
            received_at: row.get(5)?,
            next_attempt_at: row.get(6)?,
            reason: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!([percentile(&hundred, 50), percentile(&hundred, 95)], [50, 95]);
        assert_eq!([percentile(&[7], 50), percentile(&[7], 95), percentile(&[], 95)], [7, 7, 0]);
        assert_eq!(percentile(&[1, 2, 3, 1000], 95), 1000);
    }
}
