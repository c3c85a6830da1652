//! One event or delivery by its id.

use knocker_core::{Code, Error, Store};
use rusqlite::OptionalExtension;

use crate::failure::{Failure, Result};
use crate::rows::{Row, select};

/// Refuses an id that no event has.
pub fn require_event(store: &Store, id: i64) -> Result {
    let found = store.conn().query_row("SELECT 1 FROM knocker_events WHERE id = ?1", [id], |_| Ok(())).optional()?;
    found.ok_or_else(|| unknown("knocker_events", id))
}

/// The row of a view with this id.
pub fn find(store: &Store, view: &str, id: i64) -> Result<Row> {
    let row = select(store.conn(), &format!("SELECT * FROM {view} WHERE id = ?1"), [id])?.pop();
    row.ok_or_else(|| unknown(view, id))
}

/// The body of that row, byte for byte, where it is stored.
pub fn body(store: &Store, view: &str, id: i64) -> Result<Option<Vec<u8>>> {
    let row = store.conn().query_row(&format!("SELECT body FROM {view} WHERE id = ?1"), [id], |row| row.get(0)).optional()?;
    row.ok_or_else(|| unknown(view, id))
}

fn unknown(view: &str, id: i64) -> Failure {
    match view {
        "knocker_events" => Error::new(Code::UnknownEvent, format!("there is no event {id}")).into(),
        _ => Error::new(Code::UnknownDelivery, format!("there is no delivery {id}")).into(),
    }
}
