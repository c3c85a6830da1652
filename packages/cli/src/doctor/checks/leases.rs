//! Work that nobody does: leases that are over, and jobs that wait.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::moment;
use crate::printable::{count, text};

pub const LEASES_OVER: Code = Code::new("leases_over", Severity::Warning);
pub const WAITING_LONG: Code = Code::new("waiting_long", Severity::Warning);
pub const CODES: &[Code] = &[LEASES_OVER, WAITING_LONG];

/// How long a due job may wait.
const LONG_MS: i64 = 15 * 60_000;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let mut found = Vec::new();
    let leases = &rows.leases;
    if let (Some(since), Some(event)) = (leases.over_since, leases.event_id) {
        let what = format!(
            "{} ran out and nobody took the event up; the first, of event {event}, {} (worker {:?})",
            count(leases.over, "lease"),
            moment::relative(since, reading.now),
            leases.worker.as_deref().unwrap_or_default(),
        );
        let cure =
            format!("Start a worker of that endpoint: it takes them up. To look at one: {}", reading.command(&format!("why {event}")));
        found.push(LEASES_OVER.found(what, cure));
    }
    for figures in &rows.stats.endpoints {
        let Some(waiting) = figures.oldest_waiting_ms.filter(|&waiting| waiting > LONG_MS) else { continue };
        let endpoint = text(&figures.endpoint);
        let what = format!("the oldest due event of {endpoint} has waited for {}", moment::duration(waiting));
        let cure = format!(
            "See that a worker with handlers of {endpoint} runs, and how fast it is: {}",
            reading.command(&format!("events --endpoint {endpoint} --status received,failed"))
        );
        found.push(WAITING_LONG.found(what, cure));
    }
    found
}
