//! `knocker deliveries`.

use clap::builder::PossibleValuesParser;
use knocker_core::Store;
use knocker_core::conditions::Conditions;

use crate::context::Context;
use crate::failure::Result;
use crate::filter::{OUTCOMES, Period};
use crate::lookup::require_event;
use crate::many::list;
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
    if let Some(files) = context.db_files()? {
        list::refuse_id(args.before.is_some(), "--before", "Take --until with a time for the next page.")?;
        list::refuse_id(args.which.event.is_some(), "--event", "Name the file of the event with --db.")?;
        let (deliveries, done) = list::newest(context, &files, args.limit, |context| read(context, args))?;
        report(context, &deliveries, list::older(&deliveries, args.limit))?;
        return done.end(context);
    }
    let deliveries = read(context, args)?;
    let last = deliveries.last().and_then(|delivery| delivery.whole("id")).filter(|&id| deliveries.len() as i64 == args.limit && id > 1);
    report(context, &deliveries, last.map(|id| format!("older ones: --before {id}")))
}

fn read(context: &Context, args: &Args) -> Result<Vec<Row>> {
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
    list.read(store.conn())
}

fn report(context: &Context, deliveries: &[Row], older: Option<String>) -> Result {
    if context.out.json() {
        return context.out.documents(deliveries);
    }
    context.out.table(table(deliveries), "no deliveries")?;
    older.map_or(Ok(()), |older| context.out.line(older))
}

/// Deliveries as a table; those of many files with the file of each.
pub fn table(deliveries: &[Row]) -> Table {
    let mut table = list::table(deliveries, &["id", "outcome", "endpoint", "event", "size", "received (utc)", "note"]);
    for delivery in deliveries {
        list::row(
            &mut table,
            delivery,
            [
                number(delivery.whole("id").unwrap_or_default()),
                status(delivery.text("outcome").unwrap_or_default()),
                optional(delivery.text("endpoint")),
                delivery.whole("event_id").map_or_else(|| faint("-"), number),
                text(printable::size(delivery.whole("body_size").unwrap_or_default())),
                text(moment::show(delivery.whole("received_at").unwrap_or_default())),
                optional(delivery.text("reason")),
            ],
        );
    }
    table
}
