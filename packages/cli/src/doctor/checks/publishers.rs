//! Targets of `knocker publish` that take nothing.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::moment;
use crate::printable::{count, text};

pub const PUBLISHER_AWAY: Code = Code::new("publisher_away", Severity::Warning);
pub const CODES: &[Code] = &[PUBLISHER_AWAY];

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let mut found = Vec::new();
    for outage in &rows.outages {
        let figures =
            rows.stats.endpoints.iter().filter(|figures| outage.endpoints.is_empty() || outage.endpoints.contains(&figures.endpoint));
        let waiting: i64 = figures.map(|figures| figures.events.received + figures.events.failed).sum();
        // Nothing is held up: it is back and nobody came by since, or nobody publishes there any more.
        if waiting == 0 {
            continue;
        }
        let what = format!(
            "{} takes nothing since {}: {}; {} wait in the file",
            text(&outage.target),
            moment::show_with_age(outage.away_since, reading.now),
            text(&outage.reason),
            count(waiting, "event"),
        );
        let cure = "Look at the other side, and see that `knocker publish` runs: it goes on by itself, and no attempt is used up.";
        found.push(PUBLISHER_AWAY.found(what, cure));
    }
    found
}
