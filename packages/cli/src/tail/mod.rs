//! `knocker tail`.

mod lines;
mod news;

use clap::builder::PossibleValuesParser;
use knocker_core::conditions::Conditions;

use crate::context::Context;
use crate::failure::Result;
use crate::filter::OUTCOMES;
use crate::live::{BETWEEN_LOOKS, Live, Look};
use crate::stop::{Stop, reader_gone};

use news::{Cursors, News};

/// What to follow.
#[derive(clap::Args)]
pub struct Args {
    /// Only this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Only events of this type, exact or as prefix.*
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    event_type: Option<String>,

    /// Only this event
    #[arg(long, value_name = "ID")]
    event: Option<i64>,

    /// Only receipts, and of these the ones with this outcome; several separated by commas
    #[arg(long, short, value_delimiter = ',', value_parser = PossibleValuesParser::new(OUTCOMES))]
    outcome: Vec<String>,

    /// Start with this many receipts and attempts that are there already
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(i64).range(0..=100_000))]
    last: i64,

    /// Start behind this delivery instead: where an earlier run ended
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    after_delivery: Option<i64>,

    /// Start behind this attempt instead
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    after_attempt: Option<i64>,
}

impl Args {
    /// The conditions on the rows that are read, which all have these columns.
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some(endpoint) = &self.endpoint {
            conditions.add("endpoint = {}", endpoint.clone());
        }
        if let Some(event_type) = &self.event_type {
            conditions.add_type(event_type);
        }
        if let Some(event) = self.event {
            conditions.add("event_id = {}", event);
        }
        if !self.outcome.is_empty() {
            conditions.add_one_of("outcome", &self.outcome);
        }
        conditions
    }
}

/// Tells what happens until somebody asks it to end, or the reader of its output has gone.
pub fn run(context: &Context, args: &Args) -> Result {
    let stop = Stop::on_signals()?;
    let path = context.db_path()?;
    let mut live = Live::open(&path)?;
    if let Some(endpoint) = &args.endpoint {
        live.store().find_endpoint(endpoint)?;
    }
    let cursors = match (args.after_delivery, args.after_attempt) {
        (None, None) => Cursors::before_the_last(live.store(), args.last)?,
        (delivery, attempt) => Cursors::behind(live.store(), delivery, attempt)?,
    };
    let mut news = News::new(cursors, args.conditions(), !args.outcome.is_empty());
    while !stop.asked() {
        match live.look() {
            Look::Same => {}
            Look::Gone => lines::notice(context, "the file is gone: waiting for another one at its path")?,
            Look::Replaced => {
                lines::notice(context, "another file is at the path: going on with that one")?;
                news.begin_in_another_file(live.store())?;
            }
            Look::Changed => {
                // What a burst left is read in pieces, so that no transaction is long.
                while let Some(piece) = live.read(|store| news.read(store))?
                    && !stop.asked()
                {
                    piece.items.iter().try_for_each(|item| lines::tell(context, item))?;
                    if !piece.more {
                        break;
                    }
                }
            }
        }
        if reader_gone() {
            break;
        }
        stop.pause(BETWEEN_LOOKS);
    }
    Ok(())
}
