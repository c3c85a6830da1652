//! `knocker publish`: hands events over to another system, durably and once each.

mod escape;
mod http;
mod message;
mod nats;
pub mod outage;
mod report;
mod target;
mod worker;

use std::time::Duration;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::moment;
use crate::secrets::SecretArgs;
use crate::stop::Stop;

use message::Message;
use nats::Credentials;
use report::Report;
use target::Target;
use worker::Publisher;

/// What goes where.
#[derive(clap::Args)]
pub struct Args {
    /// Where events go: nats://a,b,c or tls://a,b,c, or an https URL that gets them as Standard Webhooks
    #[arg(long, value_name = "ADDRESS")]
    to: String,

    /// Only events of this endpoint; may be repeated
    #[arg(long, short)]
    endpoint: Vec<String>,

    /// End when nothing is due any more
    #[arg(long)]
    drain: bool,

    /// How long to wait for an acknowledgement
    #[arg(long, value_name = "AGE", default_value = "5s", value_parser = moment::parse_age)]
    timeout: i64,

    /// How long an event is kept from other workers meanwhile: longer than --timeout
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = moment::parse_age)]
    lease: i64,

    /// The stream that has to acknowledge
    #[arg(long, value_name = "NAME", help_heading = "NATS")]
    stream: Option<String>,

    /// What subjects begin with; endpoint and type follow [default: the stream's name]
    #[arg(long, value_name = "PREFIX", help_heading = "NATS")]
    subject: Option<String>,

    #[command(flatten)]
    credentials: Credentials,

    #[command(flatten)]
    secrets: SecretArgs,
}

/// Publishes until it is asked to end.
pub fn run(context: &Context, args: &Args) -> Result {
    if args.lease <= args.timeout {
        let hint = "Give a --lease that is longer than --timeout: else another worker has the event before it is acknowledged.";
        return Err(Failure::usage("--lease is not longer than --timeout", hint));
    }
    let stop = Stop::on_signals()?;
    let path = context.db_path()?;
    let store = context.store()?;
    for name in &args.endpoint {
        store.find_endpoint(name)?;
    }
    let publisher = Publisher {
        path,
        store,
        target: target(args)?,
        endpoints: args.endpoint.clone(),
        lease_s: args.lease,
        drain: args.drain,
        stop: &stop,
        report: Report::new(context),
    };
    publisher.run()
}

fn target(args: &Args) -> Result<Box<dyn Target>> {
    let timeout = Duration::from_secs(args.timeout.max(1) as u64);
    let scheme = args.to.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    match scheme.as_str() {
        "nats" | "tls" => {
            let stream = args
                .stream
                .clone()
                .ok_or_else(|| Failure::usage("which stream?", "Give --stream NAME: the stream of JetStream that keeps the events."))?;
            let subject = args.subject.clone().unwrap_or_else(|| stream.clone());
            if subject.split('.').any(|token| token.is_empty() || token.contains(['*', '>', ' '])) {
                let hint = "Give words with dots between them, such as hooks or shop.hooks.";
                return Err(Failure::usage(format!("{subject:?} is not what subjects can begin with"), hint));
            }
            let settings = nats::Settings {
                servers: args.to.clone(),
                stream,
                subject,
                endpoints: args.endpoint.clone(),
                credentials: args.credentials.clone(),
                timeout,
            };
            Ok(Box::new(nats::Nats::new(settings)?))
        }
        "http" | "https" => {
            if args.stream.is_some() || args.subject.is_some() {
                return Err(Failure::usage("--stream and --subject go with nats://", "Leave them out, or give --to nats://a,b,c."));
            }
            Ok(Box::new(http::Http::new(&args.to, args.secrets.read_one()?, timeout)?))
        }
        _ => Err(Failure::usage(
            "events cannot be published there: it begins with none of nats://, tls://, https:// and http://",
            "Give --to nats://a,b,c with --stream NAME, or --to https://example.com/webhooks/orders.",
        )),
    }
}
