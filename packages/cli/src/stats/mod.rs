//! `knocker stats`.

pub mod many;

use knocker_core::metrics::MetricsFormat;
use knocker_core::stats::{EndpointStats, EventCounts, Stats};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::table::{Table, alarming, number, optional, text};
use crate::{moment, printable};

/// Flags of `stats`.
#[derive(clap::Args)]
pub struct Args {
    /// Print every metric as the text that Prometheus reads (docs/metrics.md)
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(files) = context.db_files()? {
        if args.prometheus {
            let hint = "Name one with --db; --json gives the figures of many as a document.";
            return Err(Failure::usage("the metrics are those of one file", hint));
        }
        return many::run(context, &files);
    }
    let store = context.reader()?;
    if args.prometheus {
        return context.out.raw(store.metrics(MetricsFormat::Prometheus, None, context.now)?.as_bytes());
    }
    let stats = store.stats(context.now)?;
    if context.out.json() {
        return context.out.document(&stats);
    }
    if stats.endpoints.is_empty() {
        return context.out.line("no endpoints yet: `knocker endpoint add NAME --provider PROVIDER` creates one");
    }
    context.out.line("Events")?;
    context.out.indented_table(event_table(&stats), "  ")?;
    context.out.line("\nLast hour")?;
    context.out.indented_table(hour_table(&stats), "  ")?;
    context.out.line(format_args!("\nDatabase: {}", printable::size(stats.database_bytes)))
}

/// Events by endpoint and status, and for how long the oldest due one has waited.
pub fn event_table(stats: &Stats) -> Table {
    let mut table = Table::new(&["endpoint", "received", "processing", "failed", "handled", "dead", "ignored", "waiting"]);
    for figures in with_sum(stats) {
        let EventCounts { received, processing, failed, handled, dead, ignored } = figures.events;
        table.row([
            text(if figures.enabled { figures.endpoint } else { format!("{} (disabled)", figures.endpoint) }),
            number(received),
            number(processing),
            alarming(failed),
            number(handled),
            alarming(dead),
            number(ignored),
            optional(figures.oldest_waiting_ms.map(moment::duration)),
        ]);
    }
    table
}

/// Receipts and failures of the last hour, and what is kept of the refused ones.
pub fn hour_table(stats: &Stats) -> Table {
    let mut table = Table::new(&["endpoint", "receipts", "refused", "failed attempts", "refused ones kept"]);
    for figures in with_sum(stats) {
        let hour = figures.last_hour;
        let kept = match figures.refused.full {
            true => text(format!("{} (full: prune deliveries)", figures.refused.kept)),
            false => number(figures.refused.kept),
        };
        table.row([text(figures.endpoint), number(hour.receipts), alarming(hour.refused), alarming(hour.failures), kept]);
    }
    table
}

/// The endpoints, and where there are several their sum.
fn with_sum(stats: &Stats) -> Vec<EndpointStats> {
    let mut all = stats.endpoints.clone();
    if all.len() > 1 {
        let refused = all.iter().map(|figures| figures.refused).sum();
        all.push(EndpointStats {
            endpoint: "(all)".into(),
            provider: None,
            enabled: true,
            events: stats.events,
            oldest_waiting_ms: stats.oldest_waiting_ms,
            last_hour: stats.last_hour,
            refused,
        });
    }
    all
}
