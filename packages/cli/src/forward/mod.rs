//! `knocker forward`.

mod parcel;
mod report;
mod sending;
mod source;

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValuesParser;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::filter::{OUTCOMES, Period};
use crate::live::{BETWEEN_LOOKS, Live, Look};
use crate::moment;
use crate::secrets::SecretArgs;
use crate::stop::{Stop, reader_gone};

pub use parcel::Parcel;
pub use report::Report;
pub use sending::{Forwarded, Forwarder};
use source::Source;

/// How long to wait for an app that does not listen, before it is tried again.
const APP_RESTARTS: Duration = Duration::from_secs(1);

/// Which deliveries, and where they go.
#[derive(clap::Args)]
pub struct Args {
    /// Where they go, http or https
    #[arg(required_unless_present = "stdout")]
    url: Option<String>,

    /// Write them to standard output, for another `knocker forward --stdin`
    #[arg(long, conflicts_with_all = ["url", "stdin"])]
    stdout: bool,

    /// Take them from standard input, as --stdout wrote them, and not from a database
    #[arg(long, conflicts_with_all = ["delivery", "event", "follow", "endpoint", "event_type", "outcome", "since", "until", "limit"])]
    stdin: bool,

    /// Only this delivery; may be repeated
    #[arg(long, value_name = "ID")]
    delivery: Vec<i64>,

    /// Only deliveries of this event
    #[arg(long, value_name = "ID")]
    event: Option<i64>,

    /// Only deliveries of this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Only deliveries of this type, exact or as prefix.*
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    event_type: Option<String>,

    /// Only deliveries with this outcome; several separated by commas
    #[arg(long, short, value_delimiter = ',', default_value = "accepted", value_parser = PossibleValuesParser::new(OUTCOMES))]
    outcome: Vec<String>,

    #[command(flatten)]
    period: Period,

    /// At most this many of those that are there, oldest first
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    limit: i64,

    /// Go on with those that come
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    secrets: SecretArgs,

    /// How long to wait for an answer
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = moment::parse_age)]
    timeout: i64,
}

/// Sends what was chosen; succeeds where everything was answered 2xx.
pub fn run(context: &Context, args: &Args) -> Result {
    let stop = Stop::on_signals()?;
    if args.stdout {
        return write(context, args, &stop);
    }
    args.secrets.leave_stdin_to(std::path::Path::new(if args.stdin { "-" } else { "" }))?;
    let secret = if args.secrets.any() { Some(args.secrets.read_one()?) } else { None };
    let url = args.url.clone().unwrap_or_default();
    crate::post::require_url(&url)?;
    let forwarder = Arc::new(Forwarder { url, secret, timeout: Duration::from_secs(args.timeout.max(1) as u64) });
    let mut report = Report::new(context);
    if args.stdin {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::unreadable("standard input", &error))?;
            deliver(&forwarder, Parcel::parse(&line)?, false, &mut report, &stop)?;
            if stop.asked() {
                break;
            }
        }
    } else {
        each(context, args, &stop, |parcel| deliver(&forwarder, parcel, args.follow, &mut report, &stop))?;
    }
    report.conclude(&forwarder.url)
}

/// Sends one. An app that does not listen is waited for where `patient`: a developer restarts it all the time.
fn deliver(forwarder: &Arc<Forwarder>, parcel: Parcel, patient: bool, report: &mut Report, stop: &Stop) -> Result {
    let parcel = Arc::new(parcel);
    loop {
        // None where somebody wants it to end while the app takes its time.
        let Some(sent) = stop.unless_asked({
            let (forwarder, parcel) = (forwarder.clone(), parcel.clone());
            move || forwarder.send(&parcel)
        }) else {
            return Ok(());
        };
        match sent {
            Err(failure) if patient && failure.exit == Exit::Retry => {
                report.waiting(&failure)?;
                if !stop.pause(APP_RESTARTS) {
                    return Ok(());
                }
            }
            // What cannot be sent as it is, such as a method or a header that no client would send: those behind it can.
            Err(failure) if failure.exit == Exit::Usage => return report.unsendable(&parcel, &failure),
            result => return report.add(&parcel, result?),
        }
    }
}

fn write(context: &Context, args: &Args, stop: &Stop) -> Result {
    each(context, args, stop, |parcel| {
        let mut line = crate::printable::json(parcel.to_line());
        line.push('\n');
        context.out.raw(line.as_bytes())
    })?;
    Ok(std::io::stdout().flush()?)
}

/// Does something with each of the chosen deliveries: with those that are there, and where it follows with those that come.
fn each(context: &Context, args: &Args, stop: &Stop, mut work: impl FnMut(Parcel) -> Result) -> Result {
    let chosen = !args.delivery.is_empty() || args.event.is_some() || args.period.since.is_some() || args.period.until.is_some();
    if !chosen && !args.follow {
        let hint = "Give --delivery ID, --event ID, --since TIME or --until TIME; or --follow for those that come from now on.";
        return Err(Failure::usage("which deliveries?", hint));
    }
    let mut live = Live::open(&context.db_path()?)?;
    let mut source = Source::new(args, live.store(), chosen)?;
    let mut left = if chosen { args.limit } else { i64::MAX };
    while !stop.asked() && !reader_gone() {
        let look = live.look();
        if look == Look::Replaced {
            source.begin_in_another_file(live.store())?;
        }
        if look == Look::Changed {
            while let Some(id) = live.read(|store| source.next(store))?.flatten() {
                let parcel = live.read(|store| Parcel::load(store, id))?.flatten();
                parcel.map_or(Ok(()), &mut work)?;
                left -= 1;
                if left == 0 || stop.asked() {
                    break;
                }
            }
            if left == 0 {
                source.skip_to_the_end(live.store())?;
            }
            // The limit is one of what was there: what comes is not counted.
            left = i64::MAX;
        }
        if !args.follow {
            break;
        }
        stop.pause(BETWEEN_LOOKS);
    }
    Ok(())
}
