//! The deliveries that were chosen, one after the other.

use knocker_core::Store;
use knocker_core::conditions::Conditions;
use rusqlite::{OptionalExtension, params_from_iter};

use super::Args;
use crate::failure::Result;
use crate::lookup::{find, require_event};

/// A place in the deliveries.
pub struct Source {
    conditions: Conditions,
    cursor: i64,
}

impl Source {
    /// Begins with the oldest that was chosen, or behind the newest where only what comes is wanted.
    pub fn new(args: &Args, store: &Store, stored: bool) -> Result<Self> {
        let mut conditions = Conditions::default();
        // Of one without a body nothing can be sent as it was.
        conditions.add_plain("body IS NOT NULL");
        if let Some(endpoint) = &args.endpoint {
            store.find_endpoint(endpoint)?;
            conditions.add("endpoint = {}", endpoint.clone());
        }
        if let Some(event_type) = &args.event_type {
            conditions.add_type(event_type);
        }
        if let Some(event) = args.event {
            require_event(store, event)?;
            conditions.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = {})", event);
        }
        args.period.add_to(&mut conditions);
        if args.delivery.is_empty() {
            conditions.add_one_of("outcome", &args.outcome);
        } else {
            args.delivery.iter().try_for_each(|id| find(store, "knocker_deliveries", *id).map(drop))?;
            let ids: Vec<String> = args.delivery.iter().map(i64::to_string).collect();
            conditions.add_plain(format!("id IN ({})", ids.join(", ")));
        }
        let mut source = Self { conditions, cursor: 0 };
        if !stored {
            source.skip_to_the_end(store)?;
        }
        Ok(source)
    }

    /// The next one, and goes behind it.
    pub fn next(&mut self, store: &Store) -> Result<Option<i64>> {
        let mut conditions = self.conditions.clone();
        conditions.add("id > {}", self.cursor);
        let sql = format!(
            "SELECT id FROM (SELECT *, (SELECT type FROM knocker_events e WHERE e.id = d.event_id) AS type FROM knocker_deliveries d)
             WHERE {} ORDER BY id LIMIT 1",
            conditions.to_sql()
        );
        let mut statement = store.conn().prepare_cached(&sql)?;
        let id = statement.query_row(params_from_iter(conditions.values()), |row| row.get(0)).optional()?;
        self.cursor = id.unwrap_or(self.cursor);
        Ok(id)
    }

    /// Goes behind the newest.
    pub fn skip_to_the_end(&mut self, store: &Store) -> Result {
        let newest =
            store.conn().query_row("SELECT id FROM knocker_deliveries ORDER BY id DESC LIMIT 1", [], |row| row.get(0)).optional()?;
        self.cursor = self.cursor.max(newest.unwrap_or(0));
        Ok(())
    }

    /// Begins behind the newest of another file.
    pub fn begin_in_another_file(&mut self, store: &Store) -> Result {
        self.cursor = 0;
        self.skip_to_the_end(store)
    }
}
