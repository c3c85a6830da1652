//! How long an event is kept.

use knocker_core::Store;
use serde_json::Value;

use crate::failure::Result;
use crate::moment;
use crate::rows::{Row, select};

/// Until when an ended event is kept, in a sentence.
pub fn kept_until(store: &Store, event: &Row) -> Result<String> {
    let sql = "SELECT policy FROM knocker_policies WHERE endpoint IS ?1 OR id = 0 ORDER BY id = 0 LIMIT 1";
    let policy = select(store.conn(), sql, [event.text("endpoint")])?.pop();
    let status = event.text("status").unwrap_or_default();
    let age = policy.as_ref().and_then(|policy| policy.get("policy").get(format!("{status}_s"))).and_then(Value::as_i64);
    let last = ["ended_at", "last_delivery_at"].iter().filter_map(|column| event.whole(column)).max().unwrap_or_default();
    Ok(match age {
        Some(seconds) => format!("It is kept until {} UTC; then the retention policy deletes it.", moment::show(last + seconds * 1000)),
        None => "It is kept for ever: no retention policy is about it.".into(),
    })
}
