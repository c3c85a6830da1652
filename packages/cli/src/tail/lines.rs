//! One line for each thing that happened.

use anstyle::Style;
use serde_json::Value;

use super::news::Item;
use crate::context::Context;
use crate::failure::Result;
use crate::rows::Row;
use crate::{moment, printable, tint};

const FAINT: Style = Style::new().dimmed();

/// Tells it: a line for people, an object for programs.
pub fn tell(context: &Context, item: &Item) -> Result {
    if context.out.json() {
        let mut row = Row::default();
        row.push("kind", item.kind.into());
        row.push("at", item.at.into());
        return context.out.document(&row.followed_by(&item.row));
    }
    let (word, what) = match item.kind {
        "receipt" => ("outcome", receipt(&item.row)),
        "attempt" => ("result", attempt(&item.row)),
        _ => ("status", transition(&item.row)),
    };
    let (word, endpoint) = (item.row.text(word).unwrap_or_default(), item.row.text("endpoint").unwrap_or("-"));
    let (style, kind) = (tint::of(word), item.kind);
    let time = moment::clock(item.at);
    context.out.line(format_args!(
        "{FAINT}{time}{FAINT:#}  {kind:<10}  {:<14}  {style}{word:<13}{style:#}  {}",
        printable::text(endpoint),
        printable::text(&what)
    ))
}

/// Tells something about the file itself.
pub fn notice(context: &Context, what: &str) -> Result {
    if context.out.json() {
        let mut row = Row::default();
        row.push("kind", "notice".into());
        row.push("at", knocker_core::store::system_now().into());
        row.push("detail", what.into());
        return context.out.document(&row);
    }
    context.out.line(format_args!("{FAINT}-- {what} --{FAINT:#}"))
}

fn receipt(row: &Row) -> String {
    let mut text = format!("delivery {}", row.whole("id").unwrap_or(0));
    if let Some(event) = row.whole("event_id") {
        text += &format!(", event {event}{}", of_type(row));
    }
    if let Some(reason) = row.text("reason") {
        text += &format!(": {reason}");
    }
    with_cause(text, row, "detail")
}

fn attempt(row: &Row) -> String {
    let mut text = format!("event {}{}, attempt {}", row.whole("event_id").unwrap_or(0), of_type(row), row.whole("attempt").unwrap_or(0));
    if let Some(duration) = row.whole("duration_ms") {
        text += &format!(" in {}", moment::duration(duration));
    }
    text += &format!(" by {}", row.text("worker").unwrap_or("-"));
    with_cause(text, row, "error")
}

fn transition(row: &Row) -> String {
    let event = format!("event {}{}", row.whole("event_id").unwrap_or(0), of_type(row));
    match (row.text("status"), row.text("worker"), row.whole("lease_expires_at")) {
        (_, Some(worker), Some(until)) => {
            format!("{event}, attempt {} by {worker} until {}", row.whole("attempt").unwrap_or(0), moment::clock(until))
        }
        (Some("ignored"), ..) => with_cause(event, row, "reason"),
        (Some("received"), ..) => format!("{event} waits"),
        _ => event,
    }
}

fn of_type(row: &Row) -> String {
    row.text("type").map(|name| format!(" {name}")).unwrap_or_default()
}

fn with_cause(text: String, row: &Row, column: &str) -> String {
    match row.get(column) {
        Value::String(cause) => format!("{text}: {}", printable::shortened(cause, 200)),
        _ => text,
    }
}
