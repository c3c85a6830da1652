//! `knocker deliveries`.

use clap::builder::PossibleValuesParser;
use knocker_core::Store;
use knocker_core::conditions::Conditions;

use crate::context::Context;
use crate::failure::Result;
use crate::filter::{OUTCOMES, Period};
use crate::lookup::require_event;
use crate::rows::{DELIVERY_COLUMNS, List, Row};
use crate::table::{Table, faint, number, optional, status, text};
use crate::{moment, printable};

/// The flags that choose deliveries, shared by the list and the export.
#[derive(clap::Args)]
pub struct Which {
    /// Only deliveries with this outcome; several separated by commas
    #[arg(long, short, value_delimiter = ',', value_parser = PossibleValuesParser::new(OUTCOMES))]
    pub outcome: Vec<String>,

    /// Only deliveries of this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Only deliveries of this event
    #[arg(long, value_name = "ID")]
    event: Option<i64>,

    #[command(flatten)]
    period: Period,
}

impl Which {
    /// The conditions on the rows, all but the one on the outcome.
    ///
    /// # Errors
    /// Where there is no such endpoint or event.
    pub fn conditions(&self, store: &Store) -> Result<Conditions> {
        let mut conditions = Conditions::default();
        if let Some(name) = &self.endpoint {
            store.find_endpoint(name)?;
            conditions.add("endpoint = {}", name.clone());
        }
        if let Some(event_id) = self.event {
            require_event(store, event_id)?;
            conditions.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = {})", event_id);
        }
        self.period.add_to(&mut conditions);
        Ok(conditions)
    }
}

/// Which deliveries.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// At most this many
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,

    /// Only deliveries before this id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let store = context.reader()?;
    let mut conditions = args.which.conditions(&store)?;
    if let Some(id) = args.before {
        conditions.add("id < {}", id);
    }
    let list = List {
        columns: DELIVERY_COLUMNS,
        view: "knocker_deliveries",
        conditions,
        one_of: ("outcome", &args.which.outcome),
        limit: args.limit,
    };
    let deliveries = list.read(store.conn())?;
    if context.out.json() {
        return context.out.documents(&deliveries);
    }
    context.out.table(table(&deliveries), "no deliveries")?;
    match deliveries.last().and_then(|delivery| delivery.whole("id")) {
        Some(id) if deliveries.len() as i64 == args.limit && id > 1 => context.out.line(format_args!("older ones: --before {id}")),
        _ => Ok(()),
    }
}

/// Deliveries as a table.
pub fn table(deliveries: &[Row]) -> Table {
    let mut table = Table::new(&["id", "outcome", "endpoint", "event", "size", "received (utc)", "note"]);
    for delivery in deliveries {
        table.row([
            number(delivery.whole("id").unwrap_or_default()),
            status(delivery.text("outcome").unwrap_or_default()),
            optional(delivery.text("endpoint")),
            delivery.whole("event_id").map_or_else(|| faint("-"), number),
            text(printable::size(delivery.whole("body_size").unwrap_or_default())),
            text(moment::show(delivery.whole("received_at").unwrap_or_default())),
            optional(delivery.text("reason")),
        ]);
    }
    table
}
