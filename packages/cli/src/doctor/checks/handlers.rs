//! Handlers that got slower.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::printable::text;

pub const HANDLER_SLOWER: Code = Code::new("handler_slower", Severity::Warning);
pub const CODES: &[Code] = &[HANDLER_SLOWER];

/// Less than this more is no matter, in milliseconds.
const MATTERS_MS: i64 = 50;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let slower =
        rows.handlers.iter().filter(|speed| speed.last_day >= 2 * speed.week_before && speed.last_day - speed.week_before >= MATTERS_MS);
    slower
        .map(|speed| {
            let (endpoint, event_type) = (text(&speed.endpoint), text(speed.event_type.as_deref().unwrap_or("(no type)")));
            let what = format!(
                "the handler of {event_type} at {endpoint} took {} ms in the last day (median), and {} ms in the week before",
                speed.last_day, speed.week_before
            );
            let cure = format!(
                "Look at what it calls (a slow API, a missing index) and at what was deployed since: {}",
                reading.command(&format!("events --endpoint {endpoint} --type {event_type} --since 1d"))
            );
            HANDLER_SLOWER.found(what, cure)
        })
        .collect()
}
