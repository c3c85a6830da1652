//! `knocker prune`.

use clap::{ArgGroup, Args, Subcommand};
use knocker_core::Store;
use knocker_core::chunks::Chunks;
use knocker_core::prune::PruneResult;
use serde_json::Value;

use crate::confirm::Consent;
use crate::context::Context;
use crate::failure::Result;
use crate::filter::Filter;
use crate::many::change::{Change, Outcome};
use crate::moment;
use crate::printable::count;
use crate::progress::{Unit, in_chunks};

/// What to delete.
#[derive(Subcommand)]
pub enum Command {
    /// Ended events, with their attempts and the deliveries that no other event needs
    Events(EventArgs),
    /// Deliveries that no event needs as its payload: invalid, handshake, too_large, disabled and duplicate ones
    Deliveries(DeliveryArgs),
}

/// How old, how many, and whether to ask.
#[derive(Args)]
#[command(group = ArgGroup::new("age").required(true))]
pub struct Bounds {
    /// Without activity for longer than this, such as 30d
    #[arg(long, value_name = "AGE", value_parser = moment::parse_age, group = "age")]
    older_than: Option<i64>,

    /// Whose last activity came before this time
    #[arg(long, value_name = "TIME", value_parser = moment::parse, group = "age")]
    before: Option<i64>,

    /// Only those of this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// At most this many, oldest first [default: 1000]
    #[arg(long, short = 'n')]
    limit: Option<i64>,

    /// Tell what would go and delete nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args)]
pub struct EventArgs {
    #[command(flatten)]
    bounds: Bounds,

    /// Events in this status; several separated by commas [default: handled,ignored; dead only when named]
    #[arg(long, short, value_delimiter = ',')]
    status: Vec<String>,

    /// Only events of this type, exact or as prefix.*
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    event_type: Option<String>,

    /// Old records of earlier prunes too
    #[arg(long)]
    audits: bool,
}

#[derive(Args)]
pub struct DeliveryArgs {
    #[command(flatten)]
    bounds: Bounds,

    /// Only deliveries with this outcome; several separated by commas
    #[arg(long, short, value_delimiter = ',')]
    outcome: Vec<String>,
}

type Prune = fn(&Store, &str, i64, &mut Chunks) -> knocker_core::Result<PruneResult>;

pub fn run(context: &Context, command: &Command) -> Result {
    let mut filter = Filter::default();
    match command {
        Command::Events(args) => {
            filter.set_list("status", &args.status).set("type", args.event_type.clone()).set("audits", args.audits.then_some(true));
            prune(context, &args.bounds, filter, Unit::Items("event"), Store::prune_events_in_chunks)
        }
        Command::Deliveries(args) => {
            filter.set_list("outcome", &args.outcome);
            prune(context, &args.bounds, filter, Unit::Items("delivery"), Store::prune_deliveries_in_chunks)
        }
    }
}

fn prune(context: &Context, bounds: &Bounds, mut filter: Filter, unit: Unit, prune: Prune) -> Result {
    filter
        .set("older_than_s", bounds.older_than)
        .set("before", bounds.before)
        .set("endpoint", bounds.endpoint.clone())
        .set("limit", bounds.limit);
    let run = |store: Store, dry_run, context: &Context| {
        in_chunks("deleting", unit, |chunks| Ok(prune(&store, &filter.to_json(dry_run), context.now, chunks)?))
    };
    let foreseen = |context: &Context| -> Result<PruneResult> { Ok(run(context.reader()?, true, context)?.0) };
    let work = |context: &Context| run(context.store()?, false, context);
    if let Some(files) = context.db_files()? {
        let change = Change { foreseen: &foreseen, work: &work, dry_run: bounds.dry_run };
        let consent = || Consent::require(bounds.yes, "deleting rows of many files");
        return change.run(context, &files, consent, |sum, files| format!("Delete {} in {files} for good?", counts(sum)));
    }
    if bounds.dry_run {
        return report(context, &foreseen(context)?);
    }
    let consent = Consent::require(bounds.yes, "deleting rows")?;
    if consent == Consent::Ask {
        let foreseen = foreseen(context)?;
        if is_empty(&foreseen) {
            return report(context, &foreseen);
        }
        consent.obtain(&format!("Delete {} for good?", counts(&foreseen)))?;
    }
    let (result, ended) = work(context)?;
    report(context, &result)?;
    ended
}

fn report(context: &Context, result: &PruneResult) -> Result {
    if context.out.json() {
        return context.out.document(result);
    }
    context.out.line(if result.is_nothing() { result.nothing().into() } else { result.told() })?;
    result.more().map_or(Ok(()), |more| context.out.line(more))
}

impl Outcome for PruneResult {
    fn add(&mut self, other: &Self) {
        self.pruned += other.pruned;
        self.more |= other.more;
    }

    fn is_nothing(&self) -> bool {
        is_empty(self)
    }

    fn told(&self) -> String {
        if self.dry_run { format!("dry run: {} would be deleted", counts(self)) } else { format!("deleted {}", counts(self)) }
    }

    fn nothing(&self) -> &'static str {
        "nothing is that old; nothing was deleted"
    }

    fn more(&self) -> Option<&'static str> {
        self.more.then_some("more is that old: run it again, or raise --limit")
    }

    /// Each file has a record of its own.
    fn sum(&self) -> Value {
        let mut sum = serde_json::to_value(self).expect("figures are JSON");
        sum.as_object_mut().expect("they have names").remove("prune_id");
        sum
    }
}

fn is_empty(result: &PruneResult) -> bool {
    result.pruned == Default::default()
}

fn counts(result: &PruneResult) -> String {
    let pruned = &result.pruned;
    let all = [(pruned.events, "event"), (pruned.deliveries, "delivery"), (pruned.attempts, "attempt"), (pruned.audits, "prune record")];
    let some: Vec<String> = all.iter().filter(|(number, _)| *number > 0).map(|&(number, noun)| count(number, noun)).collect();
    some.join(", ")
}
