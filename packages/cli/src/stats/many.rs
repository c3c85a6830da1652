//! `knocker stats` of many files: a row for each, and their sum.

use std::path::PathBuf;

use knocker_core::minutes::Tally;
use knocker_core::stats::{EventCounts, Stats};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Result;
use crate::many::{self, Done};
use crate::table::{Table, alarming, number, optional, text};
use crate::{moment, printable};

/// The sum over files.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Sum {
    pub events: EventCounts,
    pub oldest_waiting_ms: Option<i64>,
    pub last_hour: Tally,
    pub database_bytes: i64,
}

impl Sum {
    /// Adds a file.
    pub fn add(&mut self, stats: &Stats) {
        let (sum, events) = (&mut self.events, stats.events);
        sum.received += events.received;
        sum.processing += events.processing;
        sum.failed += events.failed;
        sum.handled += events.handled;
        sum.dead += events.dead;
        sum.ignored += events.ignored;
        self.oldest_waiting_ms = self.oldest_waiting_ms.max(stats.oldest_waiting_ms);
        self.last_hour += stats.last_hour;
        self.database_bytes += stats.database_bytes;
    }
}

/// Tells the figures of each.
pub fn run(context: &Context, files: &[PathBuf]) -> Result {
    let stats: Done<Stats> = many::each(context, files, |context| Ok(context.reader()?.stats(context.now)?))?;
    let mut sum = Sum::default();
    stats.done.iter().for_each(|(_, stats)| sum.add(stats));
    if context.out.json() {
        stats.document(context, sum)?;
    } else {
        context.out.table(table(&stats, &sum), "no file could be read")?;
    }
    stats.end(context)
}

fn table(stats: &Done<Stats>, sum: &Sum) -> Table {
    let titles =
        ["file", "received", "processing", "failed", "handled", "dead", "ignored", "waiting", "receipts", "refused", "failures", "size"];
    let mut table = Table::new(&titles);
    let mut row = |name: String, figures: &Sum| {
        let EventCounts { received, processing, failed, handled, dead, ignored } = figures.events;
        let hour = figures.last_hour;
        table.row([
            text(name),
            number(received),
            number(processing),
            alarming(failed),
            number(handled),
            alarming(dead),
            number(ignored),
            optional(figures.oldest_waiting_ms.map(moment::duration)),
            number(hour.receipts),
            alarming(hour.refused),
            alarming(hour.failures),
            text(printable::size(figures.database_bytes)),
        ]);
    };
    for (file, stats) in &stats.done {
        let mut figures = Sum::default();
        figures.add(stats);
        row(many::name(file), &figures);
    }
    if !stats.done.is_empty() {
        row(format!("({})", printable::count(stats.done.len() as i64, "file")), sum);
    }
    table
}
