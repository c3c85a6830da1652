//! Finding what is asked about by something else than its id.

use knocker_core::Store;

use crate::failure::Result;
use crate::rows::select;

/// Ids of one step: a read transaction as short as that keeps no write-ahead log from shrinking.
const STEP: i64 = 500;
/// Bytes of bodies that one search goes through.
const MOST_BYTES: i64 = 1 << 30;

/// Events with this key, the newest first: of one endpoint, or of all.
pub fn by_key(store: &Store, key: &str, endpoint: Option<&str>) -> Result<Vec<i64>> {
    let names: Vec<String> = match endpoint {
        Some(name) => vec![name.to_owned()],
        None => {
            let rows = select(store.conn(), "SELECT name FROM knocker_endpoints ORDER BY id", [])?;
            rows.iter().filter_map(|row| row.text("name").map(str::to_owned)).collect()
        }
    };
    let mut statement = store.conn().prepare(BY_KEY)?;
    let mut ids = Vec::new();
    for name in names {
        ids.extend(statement.query_map((&name, key), |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// By the index of dedupe, _knocker_events_key.
const BY_KEY: &str = "SELECT id FROM knocker_events WHERE endpoint = ?1 AND key = ?2";

/// What a delivery is recognized by.
#[derive(Clone, Copy)]
pub enum Mark<'a> {
    /// The provider's id of the occurrence or of the delivery.
    ProviderId(&'a str),
    /// A part of the stored body.
    Body(&'a str),
}

/// A walk over deliveries, the newest first.
pub struct Search<'a> {
    pub mark: Mark<'a>,
    pub endpoint: Option<&'a str>,
    /// Only those before this id.
    pub before: Option<i64>,
    /// How many at most.
    pub most: i64,
}

/// What a walk came to.
pub struct Searched {
    /// The newest delivery that has the mark.
    pub found: Option<i64>,
    /// The oldest id that was looked at: the walk goes on before it.
    pub down_to: i64,
    /// How many ids were passed.
    pub passed: i64,
}

impl Search<'_> {
    /// Walks, step by step, until a delivery has the mark or the bound is reached.
    pub fn run(&self, store: &Store) -> Result<Searched> {
        let newest: Option<i64> = store.conn().query_row("SELECT max(id) FROM knocker_deliveries", [], |row| row.get(0))?;
        let oldest: Option<i64> = store.conn().query_row("SELECT min(id) FROM knocker_deliveries", [], |row| row.get(0))?;
        let start = self.before.unwrap_or(i64::MAX).min(newest.unwrap_or(0) + 1);
        let oldest = oldest.unwrap_or(start);
        let (condition, text) = match self.mark {
            Mark::ProviderId(id) => ("(provider_event_id = ?4 OR provider_delivery_id = ?4)", id),
            Mark::Body(part) => ("instr(body, CAST(?4 AS BLOB)) > 0", part),
        };
        let sql = format!(
            "SELECT id FROM knocker_deliveries WHERE id >= ?1 AND id < ?2 AND (?3 IS NULL OR endpoint = ?3) AND {condition} ORDER BY id DESC LIMIT 1"
        );
        let mut find = store.conn().prepare(&sql)?;
        let mut weigh = store.conn().prepare("SELECT coalesce(sum(body_size), 0) FROM knocker_deliveries WHERE id >= ?1 AND id < ?2")?;
        let (mut end, mut bytes) = (start, 0);
        while end > oldest && start - end < self.most && bytes < MOST_BYTES {
            let first = (end - STEP.min(self.most - (start - end))).max(oldest);
            let found: Vec<i64> = find.query_map((first, end, self.endpoint, text), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            if let Some(&id) = found.first() {
                return Ok(Searched { found: Some(id), down_to: id, passed: start - id });
            }
            if matches!(self.mark, Mark::Body(_)) {
                bytes += weigh.query_row((first, end), |row| row.get::<_, i64>(0))?;
            }
            end = first;
        }
        Ok(Searched { found: None, down_to: end, passed: start - end })
    }
}

/// Whether nothing stands before this id.
pub fn is_at_the_end(store: &Store, id: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM knocker_deliveries WHERE id < ?1)";
    Ok(!store.conn().query_row(sql, [id], |row| row.get::<_, bool>(0))?)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_key_is_found_by_the_index_of_dedupe() {
        let store = Store::new(Connection::open_in_memory().unwrap());
        store.bootstrap(0).unwrap();
        let plan = select(store.conn(), &format!("EXPLAIN QUERY PLAN {BY_KEY}"), ("a", "b")).unwrap();
        let plan: Vec<_> = plan.iter().filter_map(|step| step.text("detail")).collect();
        assert!(plan.iter().any(|step| step.contains("INDEX _knocker_events_key")), "{plan:?}");
    }
}
