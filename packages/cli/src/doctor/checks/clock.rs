//! What a wrong clock left in the rows.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::moment;
use crate::printable::count;

pub const CLOCK_BEHIND: Code = Code::new("clock_behind", Severity::Warning);
pub const CLOCK_JUMPED: Code = Code::new("clock_jumped", Severity::Note);
pub const TIMES_AHEAD: Code = Code::new("times_ahead", Severity::Warning);
pub const CODES: &[Code] = &[CLOCK_BEHIND, CLOCK_JUMPED, TIMES_AHEAD];

/// Receipts that waited for the write lock, and clocks that are put right by a little, stay below this.
const SLACK_MS: i64 = 5 * 60_000;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let mut found = Vec::new();
    let clock = &rows.clock;
    if let Some(ahead) = clock.newest_at.map(|at| at - reading.now).filter(|&ahead| ahead > SLACK_MS) {
        let what = format!(
            "a delivery was received {} from now: the clock of this machine is behind, or was ahead then. Signatures with a time are refused while it is wrong",
            moment::duration(ahead)
        );
        found.push(CLOCK_BEHIND.found(what, "Compare the clock with a right one: timedatectl (System clock synchronized), then: date -u"));
    }
    if let Some(id) = clock.step_back_id.filter(|_| clock.step_back_ms > SLACK_MS) {
        let what = format!(
            "the clock was set back by {} before delivery {id}: lists by time and retention see those rows out of order",
            moment::duration(clock.step_back_ms)
        );
        found.push(
            CLOCK_JUMPED.found(what, "Nothing to do for the rows; have the clock set by NTP, in small steps: timedatectl set-ntp true"),
        );
    }
    if rows.leases.ahead > 0 {
        let what = format!(
            "{} lie further ahead than any right clock gives; a worker takes them for over",
            count(rows.leases.ahead, "lease or due time")
        );
        let cure = format!("Once the clock is right, put what should run now back: {}", reading.command("requeue ID --force"));
        found.push(TIMES_AHEAD.found(what, cure));
    }
    found
}
