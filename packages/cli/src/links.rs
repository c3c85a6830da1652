//! Which deliveries belong to an event, and which events to a delivery.
//!
//! The views name the first event of a delivery only. A batch has several, and a repeated one is linked apart, so this file alone reads the
//! tables behind the views; both ways are index lookups.

use knocker_core::Store;

use crate::failure::Result;
use crate::rows::{Row, select};

const LINKS: &str = "SELECT e.id AS event_id, d.id AS delivery_id
     FROM _knocker_deliveries d
     JOIN _knocker_events e ON e.id >= d.event_id AND e.id < d.event_id + d.events_created AND e.delivery_id = d.id
     UNION ALL
     SELECT event_id, delivery_id FROM _knocker_redeliveries";

/// A condition on the id of a delivery; `{}` stands for the id of the event.
pub fn of_event() -> String {
    format!("id IN (SELECT delivery_id FROM ({LINKS}) WHERE event_id = {{}})")
}

/// The given columns of an event's deliveries, oldest first.
pub fn deliveries(store: &Store, columns: &str, event_id: i64) -> Result<Vec<Row>> {
    let ids = format!("SELECT delivery_id FROM ({LINKS}) WHERE event_id = ?1");
    select(store.conn(), &format!("SELECT {columns} FROM knocker_deliveries WHERE id IN ({ids}) ORDER BY id"), [event_id])
}

/// The given columns of a delivery's events, oldest first.
pub fn events(store: &Store, columns: &str, delivery_id: i64) -> Result<Vec<Row>> {
    let ids = format!("SELECT event_id FROM ({LINKS}) WHERE delivery_id = ?1");
    select(store.conn(), &format!("SELECT {columns} FROM knocker_events WHERE id IN ({ids}) ORDER BY id"), [delivery_id])
}
