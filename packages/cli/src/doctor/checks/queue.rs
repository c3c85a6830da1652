//! Event and job in disagreement, which Knocker's own calls and triggers rule out: somebody else's DELETE, or a table that was put back alone.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::printable::count;

pub const EVENT_WITHOUT_JOB: Code = Code::new("event_without_job", Severity::Error).repairable();
pub const JOB_WITHOUT_EVENT: Code = Code::new("job_without_event", Severity::Warning).repairable();
pub const EVENT_AND_JOB_DIFFER: Code = Code::new("event_and_job_differ", Severity::Error).repairable();
pub const MISCOUNTED: Code = Code::new("miscounted", Severity::Warning).repairable();
pub const CODES: &[Code] = &[EVENT_WITHOUT_JOB, JOB_WITHOUT_EVENT, EVENT_AND_JOB_DIFFER, MISCOUNTED];

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let found = &rows.disagreements;
    let cure = || reading.command("doctor --repair");
    let mut findings = Vec::new();
    if let Some(first) = found.events_without_job.first() {
        let what =
            format!("no worker will see {}, for lack of a job; the first is event {first}", some(&found.events_without_job, "open event"));
        findings.push(EVENT_WITHOUT_JOB.found(what, format!("Put them back into the queue: {}", cure())));
    }
    if let Some(first) = found.jobs_without_event.first() {
        let what = format!("{} of no event; the first is job {first}", some(&found.jobs_without_event, "job"));
        findings.push(JOB_WITHOUT_EVENT.found(what, format!("Take them out of the queue: {}", cure())));
    }
    if let Some(first) = found.jobs_that_differ.first() {
        let what = format!("{} at odds with the event; the first is job {first}", some(&found.jobs_that_differ, "job"));
        findings.push(EVENT_AND_JOB_DIFFER.found(what, format!("Let the jobs decide: {}", cure())));
    }
    if found.miscounted != 0 {
        let what = format!("the counters of open events are wrong by {}, and so is `knocker stats`", found.miscounted);
        findings.push(MISCOUNTED.found(what, format!("Count anew: {}", cure())));
    }
    findings
}

/// A list that was cut off is told so.
fn some(ids: &[i64], noun: &str) -> String {
    let more = if ids.len() >= crate::doctor::reading::rows::DISAGREEMENTS { " or more" } else { "" };
    format!("{}{more}", count(ids.len() as i64, noun))
}
