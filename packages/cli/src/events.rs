//! `knocker events`.

use clap::builder::PossibleValuesParser;
use comfy_table::Cell;
use knocker_core::conditions::Conditions;

use crate::context::Context;
use crate::failure::Result;
use crate::filter::{Period, STATUSES};
use crate::many::list;
use crate::rows::{EVENT_COLUMNS, List, Row};
use crate::table::{Table, faint, number, optional, status, text};
use crate::{moment, printable};

/// Which events.
#[derive(clap::Args)]
pub struct Args {
    /// Only events in this status; several separated by commas
    #[arg(long, short, value_delimiter = ',', value_parser = PossibleValuesParser::new(STATUSES))]
    status: Vec<String>,

    /// Only events of this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Only events of this type, exact or as prefix.*
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    event_type: Option<String>,

    #[command(flatten)]
    period: Period,

    /// At most this many
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,

    /// Only events before this id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(files) = context.db_files()? {
        list::refuse_id(args.before.is_some(), "--before", "Take --until with a time for the next page.")?;
        let (events, done) = list::newest(context, &files, args.limit, |context| read(context, args))?;
        report(context, &events, list::older(&events, args.limit))?;
        return done.end(context);
    }
    let events = read(context, args)?;
    let last = events.last().and_then(|event| event.whole("id")).filter(|&id| events.len() as i64 == args.limit && id > 1);
    report(context, &events, last.map(|id| format!("older ones: --before {id}")))
}

fn read(context: &Context, args: &Args) -> Result<Vec<Row>> {
    let store = context.reader()?;
    let mut conditions = Conditions::default();
    if let Some(name) = &args.endpoint {
        store.find_endpoint(name)?;
        conditions.add("endpoint = {}", name.clone());
    }
    if let Some(pattern) = &args.event_type {
        conditions.add_type(pattern);
    }
    if !args.period.add_to_events(&store, args.before, &mut conditions)? {
        return Ok(Vec::new());
    }
    let list = List { columns: EVENT_COLUMNS, view: "knocker_events", conditions, one_of: ("status", &args.status), limit: args.limit };
    list.read(store.conn())
}

fn report(context: &Context, events: &[Row], older: Option<String>) -> Result {
    if context.out.json() {
        return context.out.documents(events);
    }
    context.out.table(table(events, context.now), "no events")?;
    older.map_or(Ok(()), |older| context.out.line(older))
}

/// Events as a table; those of many files with the file of each.
pub fn table(events: &[Row], now: i64) -> Table {
    let mut table = list::table(events, &["id", "status", "endpoint", "type", "attempts", "received (utc)", "note"]);
    for event in events {
        let attempts = event.whole("attempts").unwrap_or_default();
        list::row(
            &mut table,
            event,
            [
                number(event.whole("id").unwrap_or_default()),
                status(event.text("status").unwrap_or_default()),
                optional(event.text("endpoint")),
                optional(event.text("type")),
                match event.whole("max_attempts") {
                    Some(most) => text(format!("{attempts}/{most}")),
                    None => number(attempts),
                },
                text(moment::show(event.whole("received_at").unwrap_or_default())),
                note(event, now),
            ],
        );
    }
    table
}

/// When an event goes on, why it is where it is, and whether it came more than once.
fn note(event: &Row, now: i64) -> Cell {
    let next = event.whole("next_attempt_at").filter(|_| event.text("status") == Some("failed"));
    let next = next.map(|at| if at <= now { "due now".to_owned() } else { format!("next {}", moment::relative(at, now)) });
    let reason = event.text("reason").map(|reason| printable::shortened(reason, 60));
    let repeated = event.whole("deliveries").filter(|&number| number > 1).map(|number| printable::count(number, "delivery"));
    let notes: Vec<String> = [next, reason, repeated].into_iter().flatten().collect();
    if notes.is_empty() { faint("-") } else { text(notes.join("; ")) }
}
