//! Which rows a bulk action or a prune is about: conditions collected into one SQL text with its values.

use rusqlite::types::Value;

use crate::arguments::Arguments;
use crate::error::Result;
use crate::store::Store;

/// The most rows that one call may touch, so that it never holds the write lock for long.
const MAX_LIMIT: i64 = 100_000;
const DEFAULT_LIMIT: i64 = 1000;

/// SQL conditions joined by AND, with the values of their placeholders.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; `{}` in it stands for the value.
    pub fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.sql.push(condition.replace("{}", &format!("?{}", self.values.len())));
    }

    /// Adds a condition without a value.
    pub fn add_plain(&mut self, condition: impl Into<String>) {
        self.sql.push(condition.into());
    }

    /// `column` is one of `names`, which come from a closed list. Written as literals so that the partial indexes apply.
    pub fn add_one_of(&mut self, column: &str, names: &[String]) {
        let alternatives: Vec<String> = names.iter().map(|name| format!("{column} = '{name}'")).collect();
        self.sql.push(format!("({})", alternatives.join(" OR ")));
    }

    /// A type: exact, or every one that starts with `prefix.` for `prefix.*`.
    pub fn add_type(&mut self, pattern: &str) {
        match pattern.strip_suffix('*') {
            Some("") => {}
            Some(prefix) if prefix.ends_with('.') => self.add("substr(type, 1, length({})) = {}", prefix.to_owned()),
            _ => self.add("type = {}", pattern.to_owned()),
        }
    }

    pub fn to_sql(&self) -> String {
        if self.sql.is_empty() { "1".into() } else { self.sql.join(" AND ") }
    }
}

/// `limit` and `dry_run`, which every filter has.
pub(crate) struct Bounds {
    pub limit: i64,
    pub dry_run: bool,
}

impl Bounds {
    pub fn of(given: &Arguments) -> Result<Self> {
        Ok(Self {
            limit: given.whole("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT),
            dry_run: given.boolean("dry_run")?.unwrap_or(false),
        })
    }

    /// The ids within the limit, and whether there are more.
    pub fn cut(&self, mut ids: Vec<i64>) -> (Vec<i64>, bool) {
        let more = ids.len() as i64 > self.limit;
        ids.truncate(self.limit as usize);
        (ids, more)
    }
}

impl Store {
    /// The ids of `table` that meet the conditions, oldest first, one more than `limit` so that the caller knows of more.
    pub(crate) fn select_ids(&self, table: &str, conditions: &Conditions, bounds: &Bounds) -> Result<Vec<i64>> {
        let sql = format!("SELECT id FROM {table} WHERE {} ORDER BY id LIMIT {}", conditions.to_sql(), bounds.limit + 1);
        let mut statement = self.conn().prepare(&sql)?;
        let ids = statement.query_map(rusqlite::params_from_iter(&conditions.values), |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// The first id of `table` that was received at `cutoff` or later, found by bisection: rowid order is time order, and an index on the
    /// time would cost every receive a page. `None` if there is none.
    pub(crate) fn first_id_since(&self, table: &str, cutoff: i64) -> Result<Option<i64>> {
        let bounds = format!("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM {table}");
        let (mut low, mut high): (i64, i64) = self.conn().query_row(&bounds, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let last = high;
        let mut probe = self.conn().prepare(&format!("SELECT id, received_at FROM {table} WHERE id >= ?1 ORDER BY id LIMIT 1"))?;
        // Invariant: rows below `low` are older than the cutoff, rows above `high` are not.
        while low <= high {
            let middle = low + (high - low) / 2;
            let (id, received_at): (i64, i64) = probe.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if received_at < cutoff {
                low = id + 1;
            } else {
                high = middle - 1;
            }
        }
        Ok((low <= last).then_some(low))
    }
}
