//! What is new in the file since the last look.
//!
//! Receipts and attempts are rows whose ids grow in the order of their commits, so an id is a cursor that misses nothing. Other moves of an
//! event leave no row: they are seen by comparing what is leased, which jobs are new, and which events are ignored with the look before. One
//! that lasts for less than the time between two looks, such as a quick handler's lease, is told by the attempt alone.

use std::collections::{BTreeMap, BTreeSet};

use knocker_core::Store;
use knocker_core::conditions::Conditions;
use knocker_core::store::system_now;
use rusqlite::{OptionalExtension, params_from_iter};

use crate::failure::Result;
use crate::rows::{DELIVERY_COLUMNS, Row, select};

/// How many rows of a kind one transaction reads.
const PIECE: i64 = 500;
/// How many leases are compared.
const LEASES: i64 = 1000;
/// How many of the newest ignored events are compared.
const IGNORED: usize = 1000;

/// One thing that happened.
pub struct Item {
    /// `receipt`, `attempt` or `transition`.
    pub kind: &'static str,
    /// When, in Unix milliseconds; of a transition when it was seen.
    pub at: i64,
    /// The columns.
    pub row: Row,
}

/// What one transaction has read.
pub struct Piece {
    /// In the order of time.
    pub items: Vec<Item>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Behind which rows the next look begins.
#[derive(Debug, Clone, Copy)]
pub struct Cursors {
    delivery: i64,
    attempt: i64,
    job: i64,
    event: i64,
}

/// What is known of the file, so that the next look tells what is new.
pub struct News {
    cursors: Cursors,
    conditions: Conditions,
    only_receipts: bool,
    /// None before the first look, which knows nothing to compare with.
    leased: Option<BTreeMap<(i64, i64), Row>>,
    ignored: Option<BTreeSet<i64>>,
    /// Events whose attempts were told since the comparison before.
    attempted: BTreeSet<i64>,
    looked_at: i64,
}

impl Cursors {
    fn ends(store: &Store) -> Result<Self> {
        let (delivery, attempt) = (end(store, "knocker_deliveries")?, end(store, "knocker_attempts")?);
        Ok(Self { delivery, attempt, job: store.newest_job()?, event: end(store, "knocker_events")? })
    }

    /// The end, less this many rows of each kind.
    pub fn before_the_last(store: &Store, rows: i64) -> Result<Self> {
        let ends = Self::ends(store)?;
        Ok(Self { delivery: ends.delivery - rows, attempt: ends.attempt - rows, ..ends })
    }

    /// Behind these rows; the end of a kind of which none is named.
    pub fn behind(store: &Store, delivery: Option<i64>, attempt: Option<i64>) -> Result<Self> {
        let ends = Self::ends(store)?;
        Ok(Self { delivery: delivery.unwrap_or(ends.delivery), attempt: attempt.unwrap_or(ends.attempt), ..ends })
    }

    /// Behind what was received and finished before a time, in a file that was not seen before.
    fn since(store: &Store, at: i64) -> Result<Self> {
        let last_before = |view: &str, time: &str| -> Result<i64> {
            let sql = format!("SELECT id FROM {view} WHERE {time} < ?1 ORDER BY id DESC LIMIT 1");
            Ok(store.conn().query_row(&sql, [at], |row| row.get(0)).optional()?.unwrap_or(0))
        };
        let ends = Self::ends(store)?;
        Ok(Self {
            delivery: last_before("knocker_deliveries", "received_at")?,
            attempt: last_before("knocker_attempts", "finished_at")?,
            ..ends
        })
    }
}

/// The newest id. (`max(id)` of a view that joins reads all of it.)
fn end(store: &Store, view: &str) -> Result<i64> {
    let newest = store.conn().query_row(&format!("SELECT id FROM {view} ORDER BY id DESC LIMIT 1"), [], |row| row.get(0));
    Ok(newest.optional()?.unwrap_or(0))
}

impl News {
    /// Begins behind the cursors. The conditions are on the columns `endpoint`, `type`, `event_id` and, for receipts alone, `outcome`.
    pub fn new(cursors: Cursors, conditions: Conditions, only_receipts: bool) -> Self {
        Self { cursors, conditions, only_receipts, leased: None, ignored: None, attempted: BTreeSet::new(), looked_at: system_now() }
    }

    /// The same in another file: ids begin anew, and what happened since the last look is new.
    pub fn begin_in_another_file(&mut self, store: &Store) -> Result {
        self.cursors = Cursors::since(store, self.looked_at)?;
        (self.leased, self.ignored) = (None, None);
        Ok(())
    }

    /// Reads what is new, and goes on behind it.
    pub fn read(&mut self, store: &Store) -> Result<Piece> {
        let now = system_now();
        let mut items = Vec::new();
        let (receipts, upto_delivery) = self.receipts(store)?;
        self.cursors.delivery = upto_delivery.unwrap_or(self.cursors.delivery);
        let mut more = receipts.len() as i64 == PIECE;
        items.extend(receipts.into_iter().map(|row| item("receipt", "received_at", row)));
        if !self.only_receipts {
            let (attempts, upto_attempt) = self.attempts(store)?;
            self.cursors.attempt = upto_attempt.unwrap_or(self.cursors.attempt);
            more |= attempts.len() as i64 == PIECE;
            self.attempted.extend(attempts.iter().filter_map(|row| row.whole("event_id")));
            items.extend(attempts.into_iter().map(|row| item("attempt", "finished_at", row)));
            if !more {
                items.extend(self.transitions(store, now)?);
            }
        }
        items.sort_by_key(|item| item.at);
        self.looked_at = now;
        Ok(Piece { items, more })
    }

    fn receipts(&self, store: &Store) -> Result<(Vec<Row>, Option<i64>)> {
        let source = "(SELECT *, (SELECT type FROM knocker_events e WHERE e.id = d.event_id) AS type FROM knocker_deliveries d)";
        self.rows(store, &format!("{DELIVERY_COLUMNS}, type"), source, self.cursors.delivery, end(store, "knocker_deliveries")?)
    }

    fn attempts(&self, store: &Store) -> Result<(Vec<Row>, Option<i64>)> {
        let columns = "id, event_id, endpoint, type, delivery_id, attempt, result, error, worker, duration_ms, finished_at";
        let source = "(SELECT *, (SELECT type FROM knocker_events e WHERE e.id = a.event_id) AS type FROM knocker_attempts a)";
        self.rows(store, columns, source, self.cursors.attempt, end(store, "knocker_attempts")?)
    }

    /// The rows behind a cursor that meet the conditions, at most a piece, and the new cursor.
    fn rows(&self, store: &Store, columns: &str, source: &str, after: i64, newest: i64) -> Result<(Vec<Row>, Option<i64>)> {
        if newest <= after {
            return Ok((Vec::new(), None));
        }
        let mut conditions = self.conditions.clone();
        conditions.add("id > {}", after);
        conditions.add("id <= {}", newest);
        let sql = format!("SELECT {columns} FROM {source} WHERE {} ORDER BY id LIMIT {PIECE}", conditions.to_sql());
        let rows = select(store.conn(), &sql, params_from_iter(conditions.values()))?;
        let full = rows.len() as i64 == PIECE;
        let cursor = if full { rows.last().and_then(|row| row.whole("id")) } else { Some(newest) };
        Ok((rows, cursor))
    }

    /// What moved without leaving a row: leases taken and given back, events put back and ignored. The first look only takes note.
    fn transitions(&mut self, store: &Store, now: i64) -> Result<Vec<Item>> {
        let mut moved = Vec::new();
        let attempted = std::mem::take(&mut self.attempted);
        let leased = self.leases(store)?;
        for (lease, row) in &leased {
            if self.leased.as_ref().is_some_and(|known| !known.contains_key(lease)) {
                moved.push(row.clone());
            }
        }
        let over =
            self.leased.iter().flatten().filter(|(lease, _)| !leased.contains_key(lease)).filter_map(|(_, row)| row.whole("event_id"));
        let given_back: Vec<i64> = over.filter(|event| !attempted.contains(event)).collect();
        let put_back = self.put_back(store)?;
        let ignored = self.newly_ignored(store)?.into_iter().filter(|event| !attempted.contains(event));
        let events = given_back.into_iter().chain(put_back).chain(ignored).collect::<BTreeSet<i64>>();
        for event in events {
            moved.extend(self.event(store, event)?);
        }
        self.leased = Some(leased);
        Ok(moved.into_iter().map(|row| Item { kind: "transition", at: now, row }).collect())
    }

    /// What is leased, by job and attempt.
    fn leases(&self, store: &Store) -> Result<BTreeMap<(i64, i64), Row>> {
        let sql = format!(
            "SELECT job_id, event_id, endpoint, type, 'processing' AS status, attempt, worker, lease_expires_at
             FROM (SELECT *, NULL AS outcome FROM knocker_jobs) WHERE {} LIMIT {LEASES}",
            self.conditions.to_sql()
        );
        let rows = select(store.conn(), &sql, params_from_iter(self.conditions.values()))?;
        let lease = |row: &Row| (row.whole("job_id").unwrap_or(0), row.whole("attempt").unwrap_or(0));
        Ok(rows.into_iter().map(|row| (lease(&row), row)).collect())
    }

    /// Events that have a new job without being new.
    fn put_back(&mut self, store: &Store) -> Result<Vec<i64>> {
        let jobs = store.jobs_after(self.cursors.job, PIECE)?;
        let known = self.cursors.event;
        self.cursors.job = jobs.last().map_or(self.cursors.job, |(job, _)| *job);
        self.cursors.event = end(store, "knocker_events")?;
        Ok(jobs.into_iter().map(|(_, event)| event).filter(|event| *event <= known).collect())
    }

    fn newly_ignored(&mut self, store: &Store) -> Result<Vec<i64>> {
        let sql = format!("SELECT id FROM knocker_events WHERE status = 'ignored' ORDER BY id DESC LIMIT {IGNORED}");
        let mut statement = store.conn().prepare_cached(&sql)?;
        let ignored: BTreeSet<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let Some(known) = self.ignored.replace(ignored.clone()) else { return Ok(Vec::new()) };
        // Older ones move up where newer ones leave: these were ignored before.
        let oldest = if known.len() == IGNORED { known.first().copied().unwrap_or(0) } else { 0 };
        Ok(ignored.into_iter().filter(|event| *event >= oldest && !known.contains(event)).collect())
    }

    /// An event as it is now, where it meets the conditions.
    fn event(&self, store: &Store, event: i64) -> Result<Option<Row>> {
        let mut conditions = self.conditions.clone();
        conditions.add("event_id = {}", event);
        let sql = format!(
            "SELECT event_id, endpoint, type, status, attempts, reason, next_attempt_at FROM (SELECT *, id AS event_id FROM knocker_events) WHERE {}",
            conditions.to_sql()
        );
        Ok(select(store.conn(), &sql, params_from_iter(conditions.values()))?.pop())
    }
}

fn item(kind: &'static str, time: &str, row: Row) -> Item {
    Item { kind, at: row.whole(time).unwrap_or(0), row }
}
