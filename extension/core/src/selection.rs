//! Which rows a bulk action or a prune is about.

use rusqlite::OptionalExtension;
use rusqlite::types::Value;

use crate::arguments::Arguments;
use crate::conditions::Conditions;
use crate::error::Result;
use crate::event_times::Times;
use crate::forms::Preset;
use crate::store::Store;

/// The most rows that one call may touch, so that it never holds the write lock for long.
pub(crate) const MAX_LIMIT: i64 = 100_000;
/// How many it touches where nobody says.
pub(crate) const DEFAULT_LIMIT: Preset = Preset::Whole(1000);
/// Receipts that wait for the write lock, and corrections of the clock, leave times out of order by less than this.
const MOST_DISORDER_MS: i64 = 3_600_000;

/// `limit` and `dry_run`, which every filter has.
pub(crate) struct Bounds {
    pub limit: i64,
    pub dry_run: bool,
}

impl Bounds {
    pub fn of(given: &Arguments) -> Result<Self> {
        Ok(Self { limit: given.whole_or_preset("limit")?, dry_run: given.boolean("dry_run")?.unwrap_or(false) })
    }
}

impl Store {
    /// The ids of the first `limit` rows of `table` that meet the conditions, oldest first, and whether there are more.
    pub(crate) fn select_ids(&self, table: &str, conditions: &Conditions, limit: i64) -> Result<(Vec<i64>, bool)> {
        let sql = format!("SELECT id FROM main.{table} WHERE {} ORDER BY id LIMIT {}", conditions.to_sql(), limit + 1);
        let mut statement = self.conn().prepare(&sql)?;
        let ids = statement.query_map(rusqlite::params_from_iter(conditions.values()), |row| row.get(0))?;
        let mut ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
        let more = ids.len() as i64 > limit;
        ids.truncate(limit as usize);
        Ok((ids, more))
    }

    /// As [`Store::select_ids`], of events of these times.
    pub(crate) fn select_event_ids(&self, times: &Times, conditions: &Conditions, limit: i64) -> Result<(Vec<i64>, bool)> {
        // No note leaves anything out: they need not be read.
        if *times == Times::ALL {
            return self.select_ids("_knocker_events", conditions, limit);
        }
        let place = conditions.values().len();
        let sql = format!(
            "SELECT id FROM main._knocker_events WHERE {} AND id BETWEEN ?{} AND ?{} ORDER BY id LIMIT ?{}",
            conditions.to_sql(),
            place + 1,
            place + 2,
            place + 3
        );
        let mut statement = self.conn().prepare(&sql)?;
        let mut ids: Vec<i64> = Vec::new();
        for (first, last) in self.ids_of(times)? {
            let further = [first, last, limit + 1 - ids.len() as i64].map(Value::Integer);
            let values = conditions.values().iter().cloned().chain(further);
            let found = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?;
            for id in found {
                ids.push(id?);
            }
            if ids.len() as i64 > limit {
                break;
            }
        }
        let more = ids.len() as i64 > limit;
        ids.truncate(limit as usize);
        Ok((ids, more))
    }

    /// An id of `table` before which a retention pass need not look further: rows behind it are younger than `cutoff`, but for those that came
    /// while the clock was wrong by more than an hour. They go in a later pass. Found by bisection, since rows come in the order of time and an
    /// index on the time would cost every receive a page. Rows that lie ahead came while the clock was ahead: they say nothing of those behind them.
    pub(crate) fn end_of_old_rows(&self, table: &str, cutoff: i64, now: i64) -> Result<i64> {
        let (cutoff, ahead) = (cutoff.saturating_add(MOST_DISORDER_MS), now.saturating_add(MOST_DISORDER_MS));
        let ends = format!("SELECT coalesce((SELECT min(id) FROM main.{table}), 0), coalesce((SELECT max(id) FROM {table}), -1)");
        let (mut low, mut high): (i64, i64) = self.conn().query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let probe = "WHERE id BETWEEN ?1 AND ?2 AND received_at <= ?3 ORDER BY id LIMIT 1";
        let mut probe = self.conn().prepare(&format!("SELECT id, received_at FROM main.{table} {probe}"))?;
        // Invariant: rows below `low` are older than the cutoff, rows above `high` are not.
        while low <= high {
            let middle = low + (high - low) / 2;
            let found: Option<(i64, i64)> = probe.query_row([middle, high, ahead], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            match found {
                Some((id, received_at)) if received_at < cutoff => low = id + 1,
                _ => high = middle - 1,
            }
        }
        Ok(low)
    }
}
