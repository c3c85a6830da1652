//! One event in lines: what it is, its attempts, its body.

use knocker_core::Store;

use crate::failure::Result;
use crate::lookup::body;
use crate::moment;
use crate::printable;
use crate::rows::{EVENT_COLUMNS, select};

/// The most that is shown of a body.
const MOST_BYTES: usize = 256 * 1024;
/// The most attempts, the newest.
const ATTEMPTS: usize = 20;

/// The lines, with what strangers sent made visible.
pub fn text(store: &Store, id: i64, now: i64) -> Result<String> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM knocker_events WHERE id = ?1");
    let Some(event) = select(store.conn(), &sql, [id])?.pop() else { return Ok(format!("event {id} is gone: it was pruned")) };
    let mut lines = vec![format!("event {id}: {}", event.text("status").unwrap_or_default())];
    for column in ["endpoint", "type", "key", "reason"] {
        lines.extend(event.text(column).map(|value| format!("  {column:<14}{}", printable::text(value))));
    }
    lines.push(format!("  {:<14}{} of {}", "attempts", event.get("attempts"), event.get("max_attempts")));
    for (title, column) in [("received", "received_at"), ("next attempt", "next_attempt_at"), ("ended", "ended_at")] {
        lines.extend(event.whole(column).map(|at| format!("  {title:<14}{}", moment::show_with_age(at, now))));
    }
    let sql = format!(
        "SELECT attempt, result, error, worker, duration_ms, finished_at FROM knocker_attempts WHERE event_id = ?1 ORDER BY id DESC LIMIT {ATTEMPTS}"
    );
    for attempt in select(store.conn(), &sql, [id])? {
        let took = attempt.whole("duration_ms").map(|ms| format!(" in {}", moment::duration(ms))).unwrap_or_default();
        let error = attempt.text("error").map(|error| format!(": {error}")).unwrap_or_default();
        let line = format!(
            "  attempt {} {}{took} by {}, {}{error}",
            attempt.get("attempt"),
            attempt.text("result").unwrap_or_default(),
            attempt.text("worker").unwrap_or("-"),
            moment::relative(attempt.whole("finished_at").unwrap_or(now), now),
        );
        lines.push(printable::text(&line).into_owned());
    }
    let body = body(store, "knocker_events", id)?;
    lines.push(String::new());
    match body {
        None => lines.push("(no body)".into()),
        Some(body) if body.len() > MOST_BYTES => {
            lines.push(format!("({}; `knocker show event {id} --body` writes it)", printable::size(body.len() as i64)));
        }
        Some(body) => lines.push(printable::body(&body)),
    }
    Ok(lines.join("\n"))
}
