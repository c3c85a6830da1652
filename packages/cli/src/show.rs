//! `knocker show`.

use std::collections::BTreeSet;

use clap::Subcommand;
use comfy_table::Cell;
use knocker_core::Store;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::lookup::{body, find};
use crate::rows::{DELIVERY_COLUMNS, EVENT_COLUMNS, Row, select};
use crate::table::{Table, faint, number, optional, status, text};
use crate::{deliveries, events, moment, printable};

const ATTEMPT_COLUMNS: &str = "id, event_id, delivery_id, attempt, result, error, worker, duration_ms, finished_at";

/// What to show.
#[derive(Subcommand)]
pub enum Command {
    /// An event with its deliveries, its attempts and its body
    Event {
        /// The id of the event
        id: i64,
        /// Print the body alone, byte for byte
        #[arg(long)]
        body: bool,
    },
    /// A delivery with its events, its headers and its body
    Delivery {
        /// The id of the delivery
        id: i64,
        /// Print the body alone, byte for byte
        #[arg(long)]
        body: bool,
    },
}

pub fn run(context: &Context, command: &Command) -> Result {
    let store = context.reader()?;
    match *command {
        Command::Event { id, body: true } => print_body(context, &store, "knocker_events", id),
        Command::Event { id, body: false } => show_event(context, &store, id),
        Command::Delivery { id, body: true } => print_body(context, &store, "knocker_deliveries", id),
        Command::Delivery { id, body: false } => show_delivery(context, &store, id),
    }
}

fn show_event(context: &Context, store: &Store, id: i64) -> Result {
    let event = find(store, "knocker_events", id)?;
    let deliveries = deliveries_of(store, id)?;
    let attempts = attempts(store, id)?;
    if context.out.json() {
        let mut document = event;
        document.push("delivery_list", json!(deliveries));
        document.push("attempt_list", json!(attempts));
        return context.out.document(&document);
    }
    let mut facts = Table::new(&[]);
    facts.row([faint("event"), number(id).set_alignment(comfy_table::CellAlignment::Left)]);
    facts.row([faint("status"), status(event.text("status").unwrap_or_default())]);
    for (title, column) in [("endpoint", "endpoint"), ("type", "type"), ("key", "key"), ("reason", "reason")] {
        facts.row([faint(title), optional(event.text(column))]);
    }
    facts.row([faint("attempts"), text(format!("{} of {}", event.get("attempts"), event.get("max_attempts")))]);
    for (title, column) in
        [("received", "received_at"), ("last delivery", "last_delivery_at"), ("next attempt", "next_attempt_at"), ("ended", "ended_at")]
    {
        facts.row([faint(title), time(&event, column, context.now)]);
    }
    context.out.indented_table(facts, "")?;
    context.out.line("\nDeliveries")?;
    context.out.indented_table(deliveries::table(&deliveries), "  ")?;
    context.out.line("\nAttempts")?;
    if attempts.is_empty() {
        context.out.line("  none yet")?;
    } else {
        context.out.indented_table(attempt_table(&attempts, "delivery"), "  ")?;
    }
    show_body(context, store, "knocker_events", id)
}

fn show_delivery(context: &Context, store: &Store, id: i64) -> Result {
    let delivery = find(store, "knocker_deliveries", id)?;
    let events = events_of(store, id)?;
    if context.out.json() {
        let mut document = delivery;
        document.push("event_list", json!(events));
        return context.out.document(&document);
    }
    let mut facts = Table::new(&[]);
    facts.row([faint("delivery"), number(id).set_alignment(comfy_table::CellAlignment::Left)]);
    facts.row([faint("outcome"), status(delivery.text("outcome").unwrap_or_default())]);
    for (title, column) in [
        ("endpoint", "endpoint"),
        ("reason", "reason"),
        ("detail", "detail"),
        ("provider's event", "provider_event_id"),
        ("provider's delivery", "provider_delivery_id"),
        ("method", "method"),
        ("url", "url"),
        ("sha-256", "body_sha256"),
    ] {
        if let Some(fact) = delivery.text(column) {
            facts.row([faint(title), text(fact)]);
        }
    }
    facts.row([faint("received"), time(&delivery, "received_at", context.now)]);
    facts.row([faint("size"), text(printable::size(delivery.whole("body_size").unwrap_or_default()))]);
    context.out.indented_table(facts, "")?;
    if !events.is_empty() {
        context.out.line("\nEvents")?;
        context.out.indented_table(events::table(&events, context.now), "  ")?;
    }
    context.out.line("\nHeaders")?;
    context.out.indented_table(header_table(delivery.get("headers")), "  ")?;
    show_body(context, store, "knocker_deliveries", id)
}

/// What is told of an attempt that is the first again.
pub const BEGAN_ANEW: &str = "requeued or replayed, it began anew: ";

/// Attempts as a table, the oldest first. Its first column is `subject`: the delivery or the event that they were about.
pub fn attempt_table(attempts: &[Row], subject: &str) -> Table {
    let mut table = Table::new(&[subject, "attempt", "result", "took", "finished (utc)", "note"]);
    let mut tried = BTreeSet::new();
    for attempt in attempts {
        let worker = attempt.text("worker").unwrap_or_default();
        let tried_before = !tried.insert(attempt.whole("event_id"));
        // Nothing else lets the count begin again.
        let anew = if tried_before && attempt.whole("attempt") == Some(1) { BEGAN_ANEW } else { "" };
        table.row([
            number(attempt.whole(&format!("{subject}_id")).unwrap_or_default()),
            number(attempt.whole("attempt").unwrap_or_default()),
            status(attempt.text("result").unwrap_or_default()),
            optional(attempt.whole("duration_ms").map(|ms| format!("{ms} ms"))),
            text(moment::show(attempt.whole("finished_at").unwrap_or_default())),
            match attempt.text("error") {
                Some(error) => text(format!("{anew}{worker}: {}", printable::shortened(error, 200))),
                None => text(format!("{anew}{worker}")),
            },
        ]);
    }
    table
}

fn deliveries_of(store: &Store, event_id: i64) -> Result<Vec<Row>> {
    let ids = "SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?1";
    select(store.conn(), &format!("SELECT {DELIVERY_COLUMNS} FROM knocker_deliveries WHERE id IN ({ids}) ORDER BY id"), [event_id])
}

fn events_of(store: &Store, delivery_id: i64) -> Result<Vec<Row>> {
    let ids = "SELECT event_id FROM knocker_event_deliveries WHERE delivery_id = ?1";
    select(store.conn(), &format!("SELECT {EVENT_COLUMNS} FROM knocker_events WHERE id IN ({ids}) ORDER BY id"), [delivery_id])
}

fn attempts(store: &Store, event_id: i64) -> Result<Vec<Row>> {
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM knocker_attempts WHERE event_id = ?1 ORDER BY id");
    select(store.conn(), &sql, [event_id])
}

fn header_table(headers: &Value) -> Table {
    let mut table = Table::new(&[]);
    for (name, value) in headers.as_object().into_iter().flatten() {
        let values = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
        for value in values {
            table.row([faint(&printable::text(name)), text(value.as_str().unwrap_or_default())]);
        }
    }
    table
}

fn time(row: &Row, column: &str, now: i64) -> Cell {
    optional(row.whole(column).map(|at| moment::show_with_age(at, now)))
}

fn show_body(context: &Context, store: &Store, view: &str, id: i64) -> Result {
    context.out.line("\nBody")?;
    match body(store, view, id)? {
        Some(body) => context.out.line(printable::body(&body)),
        None => context.out.line("(not stored)"),
    }
}

fn print_body(context: &Context, store: &Store, view: &str, id: i64) -> Result {
    match body(store, view, id)? {
        // What a stranger sent must not command the terminal.
        Some(body) if context.out.is_terminal() => match std::str::from_utf8(&body) {
            Ok(text) => context.out.line(printable::lines(text)),
            Err(_) => {
                let hint = "Send it to a file or a program: `knocker show ... --body > FILE`.";
                Err(Failure::usage(format!("the body of {id} is no text, which a terminal cannot show"), hint))
            }
        },
        Some(body) => context.out.raw(&body),
        None => {
            let hint = "A delivery that was too large, or came while the endpoint was disabled, is kept without its body.";
            Err(Failure::new(Exit::NotFound, format!("the body of {id} is not stored"), hint))
        }
    }
}
