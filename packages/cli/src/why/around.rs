//! What stands around a row: the neighbours in time, each found by a bounded walk.

use knocker_core::Store;
use rusqlite::{Connection, OptionalExtension};

use crate::failure::Result;
use crate::rows::{Row, select};

/// How many rows a walk looks at.
const WALK: i64 = 5000;

/// A view whose ids grow with time, and its column of time.
#[derive(Clone, Copy)]
pub struct Timeline {
    pub view: &'static str,
    pub column: &'static str,
}

/// Deliveries, as they came.
pub const DELIVERIES: Timeline = Timeline { view: "knocker_deliveries", column: "received_at" };
/// Attempts, as they ended.
pub const ATTEMPTS: Timeline = Timeline { view: "knocker_attempts", column: "finished_at" };

impl Timeline {
    /// The id of the first row of this time or later; one behind the last where there is none. A search by halves: as right as the clock was.
    pub fn id_at(self, conn: &Connection, at: i64) -> Result<i64> {
        let Timeline { view, column } = self;
        let (mut low, last): (i64, i64) =
            conn.query_row(&format!("SELECT (SELECT min(id) FROM {view}), (SELECT max(id) FROM {view})"), [], |row| {
                Ok((row.get::<_, Option<i64>>(0)?.unwrap_or(1), row.get::<_, Option<i64>>(1)?.unwrap_or(0)))
            })?;
        let mut high = last + 1;
        let mut statement = conn.prepare(&format!("SELECT id, {column} FROM {view} WHERE id >= ?1 ORDER BY id LIMIT 1"))?;
        while low < high {
            let middle = low + (high - low) / 2;
            let found: Option<(i64, i64)> = statement.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            match found {
                Some((id, time)) if time < at => low = id + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// The endpoint's accepted delivery that is nearest before or after an id, among its neighbours.
pub fn nearest_accepted(store: &Store, endpoint: &str, id: i64, before: bool) -> Result<Option<Row>> {
    let (compare, order) = if before { ("<", "DESC") } else { (">", "ASC") };
    let sql = format!(
        "SELECT id, received_at FROM
           (SELECT id, endpoint, outcome, received_at FROM knocker_deliveries WHERE id {compare} ?1 ORDER BY id {order} LIMIT {WALK})
         WHERE endpoint = ?2 AND outcome IN ('accepted', 'duplicate') LIMIT 1"
    );
    Ok(select(store.conn(), &sql, (id, endpoint))?.pop())
}

/// What was refused between two ids, in groups of outcome and reason, of at most [`WALK`] of each outcome. Of one endpoint, or of all.
pub fn refused_between(store: &Store, endpoint: Option<&str>, from: i64, to: i64) -> Result<Vec<Row>> {
    let mut groups = Vec::new();
    for outcome in ["invalid", "too_large", "disabled", "handshake"] {
        let sql = format!(
            "SELECT endpoint, outcome, reason, count(*) AS n, max(id) AS last_id, min(received_at) AS first_at, max(received_at) AS last_at
             FROM (SELECT id, endpoint, outcome, reason, received_at FROM knocker_deliveries
                   WHERE outcome = '{outcome}' AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT {WALK})
             WHERE ?3 IS NULL OR endpoint = ?3 GROUP BY endpoint, reason ORDER BY n DESC"
        );
        groups.extend(select(store.conn(), &sql, (from, to, endpoint))?);
    }
    Ok(groups)
}

/// The details of the endpoint's refusals for one reason near an id.
pub fn details_near(store: &Store, endpoint: &str, reason: &str, id: i64) -> Result<Vec<String>> {
    let sql = "SELECT detail FROM
                 (SELECT endpoint, reason, detail FROM knocker_deliveries
                  WHERE outcome = 'invalid' AND id BETWEEN ?1 - 1000 AND ?1 + 1000 AND id <> ?1 ORDER BY id LIMIT 1000)
               WHERE endpoint = ?2 AND reason = ?3 LIMIT 50";
    let rows = select(store.conn(), sql, (id, endpoint, reason))?;
    Ok(rows.iter().filter_map(|row| row.text("detail").map(str::to_owned)).collect())
}
