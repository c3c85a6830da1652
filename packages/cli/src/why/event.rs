//! The story of an event.

use knocker_core::Store;
use knocker_core::backoff::Backoff;
use serde_json::Value;

use super::pace::{Handler, shown};
use super::retention::kept_until;
use super::story::Story;
use super::{delivery, request};
use crate::context::Context;
use crate::failure::Result;
use crate::lookup::find;
use crate::moment;
use crate::printable::{self, count};
use crate::rows::{EVENT_COLUMNS, Row, select};
use crate::shell::quoted;
use crate::show::BEGAN_ANEW;

/// How many attempts and how many deliveries are told one by one: the first, and the last ones.
const TOLD: usize = 8;
/// Among how many dead events those that died of the same are counted.
const LOOKED_AT: usize = 200;
/// The largest batch whose parts are looked through.
const SEARCHED_BATCH: usize = 100;
/// A lease that is over all the same: no right clock could give it.
const LONGEST_LEASE_MS: i64 = 86_400_000;

/// Tells it.
pub fn story(context: &Context, store: &Store, id: i64) -> Result<Story> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM knocker_events WHERE id = ?1");
    let Some(event) = select(store.conn(), &sql, [id])?.pop() else {
        // The failure that every command has for it.
        return find(store, "knocker_events", id).map(|_| unreachable!("it was not there"));
    };
    let attempts = attempts(store, id)?;
    let mut story = Story::of("event", Some(id), event.text("endpoint"));
    story.headline = format!("Event {id}{} of {} {}", of_type(&event), endpoint(&event), standing(&event, attempts.last()));
    receipts(store, &event, &mut story)?;
    tell_attempts(&attempts, &mut story);
    match event.text("status").unwrap_or_default() {
        "received" | "failed" => waiting(context, store, &event, &attempts, &mut story)?,
        "processing" => processing(context, store, &event, &mut story)?,
        "dead" => dead(context, store, &event, &attempts, &mut story)?,
        status => ended(context, store, &event, status, &mut story)?,
    }
    let slowest = attempts.iter().filter(|attempt| attempt.get("duration_ms").is_i64()).max_by_key(|attempt| attempt.whole("duration_ms"));
    if let Some(slowest) = slowest {
        let whole = |column| slowest.whole(column).unwrap_or_default();
        let handler = Handler { endpoint: endpoint(&event), event_type: event.text("type") };
        story.causes.extend(handler.slow_attempt(store.conn(), whole("id"), whole("duration_ms"), whole("finished_at"))?);
    }
    story.command(context, &format!("show event {id}"), "its rows and its body");
    Ok(story)
}

fn endpoint(event: &Row) -> &str {
    event.text("endpoint").unwrap_or("an endpoint that is gone")
}

fn of_type(event: &Row) -> String {
    event.text("type").map(|name| format!(" ({name})")).unwrap_or_default()
}

/// Where it stands, after the words "Event 3 of stripe".
fn standing(event: &Row, last: Option<&Row>) -> String {
    let attempts = event.whole("attempts").unwrap_or_default();
    let most = event.whole("max_attempts").unwrap_or_default();
    match event.text("status").unwrap_or_default() {
        "received" if last.is_some() => "was put back and waits for its next attempt.".into(),
        "received" => "waits for its first attempt.".into(),
        "processing" => format!("is being worked on: attempt {attempts} of {most}."),
        "failed" => format!("failed {attempts} of {most} times and will be tried again."),
        "handled" => "was handled: its handlers are done with it.".into(),
        "dead" => format!("is dead after {}: nothing tries it again by itself.", count(attempts, "attempt")),
        _ => "is ignored: it is not to be handled.".into(),
    }
}

/// When and how it came, and came again.
fn receipts(store: &Store, event: &Row, story: &mut Story) -> Result {
    let id = event.whole("id").unwrap_or_default();
    let first = event.whole("delivery_id").unwrap_or_default();
    match select(store.conn(), "SELECT * FROM knocker_deliveries WHERE id = ?1", [first])?.pop() {
        Some(first) => {
            story.happened(first.whole("received_at").unwrap_or_default(), request::received(&first));
            story.happened(first.whole("received_at").unwrap_or_default(), request::verified(store, &first));
        }
        None => story.happened(event.whole("received_at").unwrap_or_default(), "received; the delivery was deleted since"),
    }
    let sql = "SELECT d.id, d.received_at FROM knocker_event_deliveries x JOIN knocker_deliveries d ON d.id = x.delivery_id
               WHERE x.event_id = ?1 AND x.duplicate = 1 ORDER BY d.id DESC LIMIT 1000";
    let mut repeats = select(store.conn(), sql, [id])?;
    repeats.reverse();
    let key = event.text("key").unwrap_or_default();
    for (repeat, skipped) in told(&repeats) {
        let delivery = repeat.whole("id").unwrap_or_default();
        let more = if skipped > 0 { format!("; {skipped} like it before") } else { String::new() };
        let text = format!("sent again (delivery {delivery}{more}): a duplicate by its key {key}, no handler runs for it");
        story.happened(repeat.whole("received_at").unwrap_or_default(), text);
    }
    Ok(())
}

fn attempts(store: &Store, id: i64) -> Result<Vec<Row>> {
    let sql = "SELECT id, attempt, result, error, worker, duration_ms, finished_at FROM knocker_attempts
               WHERE event_id = ?1 ORDER BY id DESC LIMIT 1000";
    let mut attempts = select(store.conn(), sql, [id])?;
    attempts.reverse();
    Ok(attempts)
}

/// The first and the last of many, each with the number of those that were left out before it.
fn told(rows: &[Row]) -> Vec<(&Row, usize)> {
    let left_out = rows.len().saturating_sub(TOLD);
    let kept = rows.iter().enumerate().filter(|(index, _)| *index == 0 || *index > left_out);
    kept.map(|(index, row)| (row, if left_out > 0 && index == left_out + 1 { left_out } else { 0 })).collect()
}

fn tell_attempts(attempts: &[Row], story: &mut Story) {
    let mut last = 0;
    for (attempt, skipped) in told(attempts) {
        let number = attempt.whole("attempt").unwrap_or_default();
        // Nothing else lets the count begin again.
        let anew = if number == 1 && last > 0 { BEGAN_ANEW } else { "" };
        last = number;
        let took = attempt.whole("duration_ms").map(|ms| format!(" after {}", shown(ms))).unwrap_or_default();
        let worker = attempt.text("worker").unwrap_or_default();
        let result = match attempt.text("result").unwrap_or_default() {
            "handled" => "handled the event",
            "failed" => "failed",
            "dead" => "failed for good",
            "ignored" => "decided to ignore it",
            _ => "ended with the lease: its worker died, or said nothing in time",
        };
        let error = attempt.text("error").map(|error| format!(": {}", printable::shortened(error, 400))).unwrap_or_default();
        let more = if skipped > 0 { format!("({} before it left out) ", count(skipped as i64, "attempt")) } else { String::new() };
        let text = format!("{more}{anew}attempt {number} by {worker} {result}{took}{error}");
        story.happened(attempt.whole("finished_at").unwrap_or_default(), text);
    }
}

/// It waits for a worker.
fn waiting(context: &Context, store: &Store, event: &Row, attempts: &[Row], story: &mut Story) -> Result {
    let id = event.whole("id").unwrap_or_default();
    if let Some(last) = attempts.last().filter(|last| last.text("result") == Some("failed")) {
        explain_error(last.text("error").unwrap_or_default(), event, story);
    }
    let Some(due) = event.whole("next_attempt_at") else {
        story.cause("It has no job in the queue: something other than Knocker took it out.");
        story.command(context, &format!("requeue {id} --force"), "give it a new job");
        return Ok(());
    };
    let last_died = attempts.last().is_some_and(|last| last.text("result") == Some("lease_expired"));
    if due > context.now {
        story.next(format!("Its next attempt is due at {}.", moment::show_with_age(due, context.now)));
        story.next(remaining(store, event, due)?);
        story.command(context, &format!("requeue {id}"), "try it now, with all its attempts, once the cause is mended");
        return Ok(());
    }
    let late = context.now - due;
    story.next(format!("It has been due for {}: the next worker of {} that asks takes it.", moment::duration(late), endpoint(event)));
    if last_died {
        story.next(
            "Its worker died with it, so it is tried alone: by a worker that holds nothing else, or beside others after ten minutes.",
        );
    }
    who_works(context, store, event, late, story)
}

/// Who works for the endpoint, where something is due.
fn who_works(context: &Context, store: &Store, event: &Row, late_ms: i64, story: &mut Story) -> Result {
    let name = endpoint(event);
    let sql =
        "SELECT count(*) AS n, count(DISTINCT worker) AS workers, min(lease_expires_at) AS first FROM knocker_jobs WHERE endpoint = ?1";
    let held = select(store.conn(), sql, [name])?.remove(0);
    let held_by = held.whole("workers").unwrap_or_default();
    let sql = "SELECT worker, finished_at FROM (SELECT endpoint, worker, finished_at FROM knocker_attempts ORDER BY id DESC LIMIT 5000)
               WHERE endpoint = ?1 LIMIT 1";
    let last = select(store.conn(), sql, [name])?.pop();
    let last = match &last {
        Some(last) => format!(
            "the last attempt for it ended {} ({})",
            moment::relative(last.whole("finished_at").unwrap_or_default(), context.now),
            last.text("worker").unwrap_or_default()
        ),
        None => "no recent attempt was for it".into(),
    };
    if held_by > 0 {
        let jobs = count(held.whole("n").unwrap_or_default(), "event");
        story.cause(format!(
            "{} of {name} {} {jobs} now; {last}. They are busy: more workers or faster handlers shorten the wait.",
            count(held_by, "worker"),
            if held_by == 1 { "holds" } else { "hold" }
        ));
    } else if late_ms > 60_000 {
        story.cause(format!(
            "No worker holds anything of {name}, and {last}. Does a worker run, on this very file, with a handler for this endpoint?"
        ));
        story.command(context, "stats", "what waits, for how long, and what failed in the last hour");
    } else {
        story.cause(format!("No worker holds anything of {name}; {last}."));
    }
    Ok(())
}

/// How many attempts are left, and when they are used up.
fn remaining(store: &Store, event: &Row, due: i64) -> Result<String> {
    let (done, most) = (event.whole("attempts").unwrap_or_default(), event.whole("max_attempts").unwrap_or_default());
    let id = event.whole("id").unwrap_or_default();
    let backoff: Value = store
        .conn()
        .query_row("SELECT backoff FROM knocker_endpoints WHERE name = ?1", [endpoint(event)], |row| row.get::<_, String>(0))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let backoff: Backoff = serde_json::from_value(backoff).unwrap_or_default();
    let dead_at = (done + 1..most).fold(due, |at, attempt| at + backoff.delay_ms(id, attempt));
    Ok(format!("{} left; if all of them fail it is dead at about {} UTC.", count(most - done, "attempt"), moment::show(dead_at)))
}

/// A worker holds it, or did.
fn processing(context: &Context, store: &Store, event: &Row, story: &mut Story) -> Result {
    let id = event.whole("id").unwrap_or_default();
    let sql = "SELECT job_id, worker, attempt, lease_expires_at FROM knocker_jobs WHERE event_id = ?1";
    let Some(job) = select(store.conn(), sql, [id])?.pop() else {
        story.cause("It is said to be worked on, and no job of it is leased: something other than Knocker changed the queue.");
        story.command(context, &format!("requeue {id} --force"), "put it back in the queue");
        return Ok(());
    };
    let worker = job.text("worker").unwrap_or_default();
    let until = job.whole("lease_expires_at").unwrap_or_default();
    let lease = moment::show_with_age(until, context.now);
    let force = format!("requeue {id} --force");
    if until - context.now > LONGEST_LEASE_MS {
        story.cause(format!("{worker} holds it until {lease}: no right clock gives such a lease. The clock was ahead when it was taken, or is behind now: compare `date -u` with another machine."));
        story.next("A claim of any worker of this endpoint takes such a lease for over.");
        story.command(context, &force, "take it away from that worker and put it back");
    } else if until < context.now {
        story.cause(format!(
            "{worker} held it until {lease} and gave no verdict: it died (killed, out of memory, a deploy), or hangs and extends nothing."
        ));
        story.cause("No other worker of this endpoint has asked for work since, or it would have noticed: the workers are down, or all of them are stuck. Look whether that process lives.");
        story.next("As soon as a worker of this endpoint claims, the lost attempt is recorded and the event waits for its backoff.");
        story.command(context, &force, "put it back at once, with all its attempts");
    } else {
        story.cause(format!("{worker} holds it until {lease}. A worker that lives extends the lease of a long handler."));
        story.next("Its handler ends it; or the lease runs out, and another worker tries it again after the backoff.");
        story.command(context, &force, "take it away from that worker, if you know that it hangs");
    }
    Ok(())
}

/// Nobody tries it again.
fn dead(context: &Context, store: &Store, event: &Row, attempts: &[Row], story: &mut Story) -> Result {
    let id = event.whole("id").unwrap_or_default();
    let reason = event.text("reason").unwrap_or_default();
    let most = event.whole("max_attempts").unwrap_or_default();
    let last = attempts.last();
    let (used, died) = (event.whole("attempts").unwrap_or_default(), last.is_some_and(|last| last.text("result") == Some("lease_expired")));
    if died {
        story.cause(format!("Its worker died or hung each time ({reason}): look for the end of that process (out of memory, a crash in native code, a handler that blocks)."));
    } else {
        explain_error(reason, event, story);
        if used < most && reason != "no_handler" {
            story.cause(format!("It was given up after {used} of {most} attempts: the handler said that no further one helps."));
        }
        let errors: Vec<_> = attempts.iter().filter_map(|attempt| attempt.text("error")).collect();
        if errors.len() > 1 {
            let same = errors.iter().all(|error| *error == reason);
            story.cause(match same {
                true => "Each attempt failed with the same error: it does not pass by itself.",
                false => "The attempts failed with different errors: see above.",
            });
        }
    }
    let sql = format!(
        "SELECT count(*) AS n FROM
           (SELECT endpoint, reason FROM knocker_events WHERE status = 'dead' AND id <> ?1 ORDER BY id DESC LIMIT {LOOKED_AT})
         WHERE endpoint = ?2 AND reason IS ?3"
    );
    let alike = select(store.conn(), &sql, (id, event.text("endpoint"), event.text("reason")))?.remove(0).whole("n").unwrap_or_default();
    story.next(kept_until(store, event)?);
    story.command(context, &format!("requeue {id}"), "once the cause is mended: try it again, with all its attempts");
    if alike > 0 {
        story.cause(format!(
            "{} of {} among the newest {LOOKED_AT} dead ones died of the same.",
            count(alike, "other event"),
            endpoint(event)
        ));
        let filter = format!("requeue --status dead --endpoint {} --dry-run", quoted(endpoint(event)));
        story.command(context, &filter, "all dead ones of the endpoint; without --dry-run it is done");
    }
    story.command(context, &format!("ignore {id} --reason '…'"), "or take it out of the way");
    Ok(())
}

/// What an error says of its cause, where it is one of Knocker's own.
fn explain_error(error: &str, event: &Row, story: &mut Story) {
    if error == "no_handler" {
        let name = event.text("type").unwrap_or("no type");
        story.cause(format!("No handler was registered for {name} in the worker that took it (no_handler): register one, for this type, for a prefix.* of it, or for *; or let the endpoint's `unhandled` ignore what nobody wants."));
    } else if !error.is_empty() {
        story.cause(format!("The handler failed: {}", printable::shortened(error, 400)));
    }
}

/// It is handled or ignored.
fn ended(context: &Context, store: &Store, event: &Row, status: &str, story: &mut Story) -> Result {
    let id = event.whole("id").unwrap_or_default();
    if status == "handled" {
        story.cause("The handlers' own writes were committed together with this. What is missing all the same was left out by the handler, or was to happen outside the database.");
        story.command(context, &format!("replay {id}"), "run the handlers again");
    } else {
        let why = match event.text("reason") {
            Some("no_handler") => "no handler wants it, and the endpoint ignores such events (`unhandled`)".to_owned(),
            Some(reason) => reason.to_owned(),
            None => "no reason was given".to_owned(),
        };
        story.cause(format!("A handler, an operator or the endpoint's settings put it aside: {why}."));
        story.command(context, &format!("requeue {id}"), "put it in the queue after all");
    }
    story.next(kept_until(store, event)?);
    Ok(())
}

/// Tells the story of an event of a delivery behind its own: of the first, or of the one whose body has this part, where it is no large batch.
pub fn append_events(context: &Context, store: &Store, delivery_id: i64, part: Option<&str>, story: &mut Story) -> Result {
    let mut events = delivery::events_of(store, delivery_id)?;
    if events.is_empty() {
        return Ok(());
    }
    let mut told = 0;
    if let Some(part) = part.filter(|_| (2..=SEARCHED_BATCH).contains(&events.len())) {
        let sql = "SELECT instr(body, CAST(?2 AS BLOB)) > 0 FROM knocker_events WHERE id = ?1";
        let mut has_part = store.conn().prepare(sql)?;
        for (index, id) in events.iter().enumerate() {
            if has_part.query_row((id, part), |row| row.get::<_, Option<bool>>(0))?.unwrap_or(false) {
                told = index;
                break;
            }
        }
    }
    let id = events.remove(told);
    story.append(self::story(context, store, id)?);
    if !events.is_empty() {
        let others: Vec<_> = events.iter().take(10).map(i64::to_string).collect();
        let number = count(events.len() as i64 + 1, "event");
        story.cause(format!("It is a batch of {number}: this is event {id}, others are {}.", others.join(", ")));
    }
    Ok(())
}
