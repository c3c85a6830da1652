//! Dead events, by reason.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::doctor::reading::rows::DAY;
use crate::moment;
use crate::printable::{count, shortened, text};

pub const DEAD_EVENTS: Code = Code::new("dead_events", Severity::Warning);
pub const CODES: &[Code] = &[DEAD_EVENTS];

/// How many reasons are told.
const REASONS: usize = 5;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let mut found: Vec<Finding> = rows
        .dead
        .iter()
        .take(REASONS)
        .map(|dead| {
            let reason = if dead.reason.is_empty() { "(no reason)" } else { &dead.reason };
            let (endpoint, reason) = (text(&dead.endpoint), shortened(&text(reason), 120));
            let verb = if dead.events == 1 { "is" } else { "are" };
            let what = format!(
                "{} of {endpoint} {verb} dead: {reason} (newest: event {}, {})",
                count(dead.events, "event"),
                dead.newest_id,
                moment::relative(dead.newest_at, reading.now)
            );
            let cure = format!(
                "Look at one: {}; once the cause is gone: {}",
                reading.command(&format!("why {}", dead.newest_id)),
                reading.command(&format!("requeue --status dead --endpoint {endpoint} --dry-run"))
            );
            // What died long ago and was left is known.
            let severity = if reading.now - dead.newest_at > 7 * DAY { Severity::Note } else { Severity::Warning };
            Finding { severity, ..DEAD_EVENTS.found(what, cure) }
        })
        .collect();
    if rows.dead.len() > REASONS {
        let what = format!("events are dead for {} other reasons", rows.dead.len() - REASONS);
        found.push(Finding {
            severity: Severity::Note,
            ..DEAD_EVENTS.found(what, format!("List them: {}", reading.command("events --status dead")))
        });
    }
    found
}
