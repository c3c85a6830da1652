//! Totals: what was ever counted, by endpoint and name. Prunes and restarts leave them alone.

use std::collections::HashMap;

use crate::error::Result;
use crate::minutes::Counter;
use crate::store::Store;

/// The totals that belong to no endpoint.
pub(crate) const OF_NO_ENDPOINT: i64 = 0;

/// What was ever counted.
#[derive(Debug, Default)]
pub(crate) struct Totals(HashMap<i64, HashMap<String, i64>>);

impl Totals {
    /// The one of this name. A file that an older version counted in may have lost what it had: never below 0.
    pub fn get(&self, endpoint_id: i64, name: &str) -> i64 {
        self.0.get(&endpoint_id).and_then(|of_endpoint| of_endpoint.get(name)).copied().unwrap_or_default().max(0)
    }

    fn add(&mut self, endpoint_id: i64, name: &str, n: i64) {
        let of_endpoint = self.0.entry(endpoint_id).or_default();
        match of_endpoint.get_mut(name) {
            Some(total) => *total += n,
            None => drop(of_endpoint.insert(name.to_owned(), n)),
        }
    }
}

impl Store {
    pub(crate) fn add_to_total(&self, endpoint_id: i64, name: &str, n: i64) -> Result<()> {
        if n != 0 {
            let sql = "INSERT INTO main._knocker_totals (endpoint_id, name, n) VALUES (?1, ?2, ?3)
                       ON CONFLICT (endpoint_id, name) DO UPDATE SET n = n + excluded.n";
            self.run(sql, (endpoint_id, name, n))?;
        }
        Ok(())
    }

    /// Every total, with what the ring of minutes has not yet added. Both must be seen in one state of the file.
    pub(crate) fn totals(&self) -> Result<Totals> {
        let mut totals = Totals::default();
        let mut statement = self.conn().prepare_cached("SELECT endpoint_id, name, n FROM main._knocker_totals")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            totals.add(row.get(0)?, row.get_ref(1)?.as_str().unwrap_or_default(), row.get(2)?);
        }
        let sums: Vec<String> = Counter::NAMES.iter().map(|name| format!("sum({name})")).collect();
        // The primary key has the rows in this order.
        let sql = format!("SELECT endpoint_id, {} FROM main._knocker_minutes GROUP BY endpoint_id", sums.join(", "));
        let mut statement = self.conn().prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (at, name) in Counter::NAMES.iter().enumerate() {
                totals.add(row.get(0)?, name, row.get(at + 1)?);
            }
        }
        Ok(totals)
    }
}
