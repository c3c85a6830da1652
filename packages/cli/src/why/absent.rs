//! What is not there: whether it can have come at all, and what came instead.

use knocker_core::Store;
use knocker_core::stats::EventCounts;
use serde_json::Value;

use super::around::{DELIVERIES, nearest_accepted, refused_between};
use super::delivery::compared_with_accepted;
use super::pace::slow_handlers;
use super::request;
use super::story::Story;
use crate::context::Context;
use crate::failure::Result;
use crate::moment;
use crate::printable::count;
use crate::rows::{DELIVERY_COLUMNS, Row, select};
use crate::shell::quoted;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How many refused deliveries are looked at for headers of another sender.
const LOOKED_AT: usize = 20;

/// What is looked for.
pub struct Missing<'a> {
    /// In words, as in "no event has the key evt_1".
    pub what: String,
    /// The endpoint that it should have come to.
    pub endpoint: Option<&'a str>,
    /// When it should have come.
    pub at: Option<i64>,
}

/// Tells what is known.
pub fn story(context: &Context, store: &Store, missing: &Missing) -> Result<Story> {
    let mut story = Story::of("nothing", None, missing.endpoint);
    story.headline = format!("{}.", missing.what);
    let (from, until) = match missing.at {
        Some(at) => (at - HOUR_MS, at + HOUR_MS),
        None => (context.now - DAY_MS, context.now + 1),
    };
    let known = match missing.endpoint {
        Some(name) => endpoint(context, store, name, missing.at, &mut story)?,
        None => {
            all_endpoints(store, &mut story)?;
            true
        }
    };
    if known {
        traffic(context, store, missing, (from, until), &mut story)?;
        limits(context, store, missing.endpoint, &mut story)?;
    }
    pruned(store, missing.at, &mut story)?;
    if missing.at.is_none() && known {
        let endpoint = if missing.endpoint.is_none() { ", and --endpoint NAME" } else { "" };
        story.next(format!("Add --at TIME, when the sender says that it sent it{endpoint}: then what came around that time is told."));
    }
    story.next("If the sender's own log says 2xx, it was answered by something else: another file, another server, a proxy in between. If it says nothing, it was not sent.");
    Ok(story)
}

/// Whether the endpoint is there, since when, and whether it takes anything.
fn endpoint(context: &Context, store: &Store, name: &str, at: Option<i64>, story: &mut Story) -> Result<bool> {
    let sql = "SELECT name, provider, enabled, created_at, updated_at FROM knocker_endpoints WHERE name = ?1";
    let Some(endpoint) = select(store.conn(), sql, [name])?.pop() else {
        story.cause(format!("There is no endpoint {name} in this file: its receiver answers 404, and nothing is stored."));
        all_endpoints(store, story)?;
        story.command(context, &format!("endpoint add {} --provider PROVIDER", quoted(name)), "create it");
        return Ok(false);
    };
    let whole = |column| endpoint.whole(column).unwrap_or_default();
    if at.is_some_and(|at| at < whole("created_at")) {
        story.cause(format!(
            "{name} did not exist then: it was created at {} UTC. Until then it was answered 404.",
            moment::show(whole("created_at"))
        ));
    }
    let changed = moment::show(whole("updated_at"));
    if endpoint.get("enabled") == &Value::Bool(true) {
        story.cause(format!(
            "The endpoint {name} is there, for the provider {}, and enabled; its settings were changed last at {changed} UTC.",
            endpoint.text("provider").unwrap_or("no provider")
        ));
    } else {
        story.cause(format!("{name} is disabled: it answers 410, which many senders take as an order to stop. Its settings were changed last at {changed} UTC."));
        story.command(context, &format!("endpoint enable {}", quoted(name)), "let it take what comes");
    }
    Ok(true)
}

fn all_endpoints(store: &Store, story: &mut Story) -> Result {
    let names = select(store.conn(), "SELECT name FROM knocker_endpoints ORDER BY id LIMIT 21", [])?;
    let names: Vec<&str> = names.iter().filter_map(|row| row.text("name")).collect();
    story.cause(match names.as_slice() {
        [] => "This file has no endpoint at all: is it the file that the application writes to?".into(),
        names if names.len() > 20 => format!("This file has many endpoints, {} among them.", names[..3].join(", ")),
        names => format!("The endpoints of this file: {}.", names.join(", ")),
    });
    Ok(())
}

/// What came around that time.
fn traffic(context: &Context, store: &Store, missing: &Missing, (from, until): (i64, i64), story: &mut Story) -> Result {
    let (first, end) = (DELIVERIES.id_at(store.conn(), from)?, DELIVERIES.id_at(store.conn(), until)?);
    let window = match missing.at {
        Some(at) => format!("within an hour of {} UTC", moment::show(at)),
        None => "in the last day".to_owned(),
    };
    let all = if end > first {
        format!("About {} of all endpoints came {window}.", count(end - first, "delivery"))
    } else {
        format!("Nothing at all came {window}: was the receiver up, and reachable from outside?")
    };
    story.cause(all);
    if let Some(name) = missing.endpoint {
        let before = nearest_accepted(store, name, end, true)?;
        story.cause(match before {
            Some(row) => format!(
                "The last one of {name} that was accepted by then: delivery {}, at {} UTC.",
                row.get("id"),
                moment::show(row.whole("received_at").unwrap_or_default())
            ),
            None => format!("No delivery of {name} was accepted before that: does the sender have its URL?"),
        });
    }
    let groups = refused_between(store, missing.endpoint, first, end)?;
    for group in groups.iter().take(10) {
        let refused = group.whole("n").unwrap_or_default();
        let reason = group.text("reason").map(|reason| format!(" ({reason})")).unwrap_or_default();
        let id = group.whole("last_id").unwrap_or_default();
        story.happened(
            group.whole("last_at").unwrap_or_default(),
            format!(
                "{} of {} {}{reason}, the last of them delivery {id}",
                count(refused, "delivery"),
                group.text("endpoint").unwrap_or_default(),
                group.text("outcome").unwrap_or_default()
            ),
        );
        story.command(context, &format!("why delivery {id}"), "why that one was refused; it may be the one you look for");
    }
    // The newest refusals tell whether the secret is wrong.
    let invalid = groups.iter().find(|group| matches!(group.text("reason"), Some("bad_signature" | "no_secret")));
    if let (Some(name), Some(group)) = (missing.endpoint, invalid) {
        story.causes.extend(compared_with_accepted(context, store, name, group.whole("last_id").unwrap_or_default())?);
    }
    other_senders(store, missing.endpoint, first, end, story)
}

/// Whether what was refused came from somebody else's provider.
fn other_senders(store: &Store, endpoint: Option<&str>, first: i64, end: i64, story: &mut Story) -> Result {
    let sql = "SELECT id, endpoint, headers FROM
                 (SELECT id, endpoint, headers FROM knocker_deliveries WHERE outcome = 'invalid' AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1000)
               WHERE ?3 IS NULL OR endpoint = ?3 LIMIT 20";
    for delivery in select(store.conn(), sql, (first, end, endpoint))?.iter().take(LOOKED_AT) {
        let name = delivery.text("endpoint").unwrap_or_default();
        let others = request::other_senders(delivery, request::provider_of(store, name)?);
        if !others.is_empty() {
            story.cause(format!(
                "Delivery {} to {name} has the headers of {}: the sender has the URL of another endpoint.",
                delivery.get("id"),
                others.join(" or ")
            ));
            break;
        }
    }
    Ok(())
}

/// Whether refusals are only counted now.
fn limits(context: &Context, store: &Store, endpoint: Option<&str>, story: &mut Story) -> Result {
    let stats = store.stats(context.now)?;
    for figures in stats.endpoints.iter().filter(|figures| endpoint.is_none_or(|name| figures.endpoint == name)) {
        let name = &figures.endpoint;
        if endpoint.is_some() {
            let EventCounts { received, processing, failed, handled, dead, ignored } = figures.events;
            let waited =
                figures.oldest_waiting_ms.map(|ms| format!("; the oldest has been due for {}", moment::duration(ms))).unwrap_or_default();
            story.cause(format!(
                "Its events: {received} received, {processing} processing, {failed} failed, {handled} handled, {dead} dead, {ignored} ignored{waited}."
            ));
            if dead > 0 {
                story.command(context, &format!("events --endpoint {} --status dead", quoted(name)), "which ones are dead, and of what");
            }
            story.causes.extend(slow_handlers(store.conn(), name)?);
        }
        let counted = store.only_counted(name, context.now)?;
        if counted > 0 {
            story.cause(format!("{} of {name} in the last hour were only counted, as more are not kept (limited): a flood of refused requests. What was genuine among them has no row.", count(counted, "refused receipt")));
        }
        if figures.refused.full {
            story.cause(format!("{name} keeps {}, as many as it may: further ones are only counted, so the one you look for may have been refused without a row.", count(figures.refused.kept, "refused delivery")));
            story.command(
                context,
                &format!("prune deliveries --endpoint {} --outcome invalid --older-than 1d --dry-run", quoted(name)),
                "make room, so that refusals are stored again",
            );
        }
    }
    Ok(())
}

/// Whether it may have been deleted.
fn pruned(store: &Store, at: Option<i64>, story: &mut Story) -> Result {
    let last = select(store.conn(), "SELECT * FROM knocker_prunes WHERE events > 0 OR deliveries > 0 ORDER BY id DESC LIMIT 1", [])?.pop();
    let Some(last) = last else { return Ok(()) };
    let oldest = select(store.conn(), &format!("SELECT {DELIVERY_COLUMNS} FROM knocker_deliveries ORDER BY id LIMIT 1"), [])?.pop();
    let oldest = oldest.and_then(|row: Row| row.whole("received_at"));
    if at.is_none_or(|at| oldest.is_none_or(|oldest| at < oldest)) || at.is_some_and(|at| at < last.whole("pruned_at").unwrap_or_default())
    {
        story.cause(format!(
            "Old rows are deleted here: last at {} UTC ({}, {}, by {}). It may have been among them.",
            moment::show(last.whole("pruned_at").unwrap_or_default()),
            count(last.whole("events").unwrap_or_default(), "event"),
            count(last.whole("deliveries").unwrap_or_default(), "delivery"),
            last.text("kind").unwrap_or_default()
        ));
    }
    Ok(())
}
