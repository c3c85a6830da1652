//! `knocker demo`: the whole story on one machine. Signed webhooks go over real HTTP to a receiver, which stores them; a worker handles
//! them from the same file; and what the file holds afterwards is shown and compared with what was to be expected.

mod expect;
mod file;
mod story;
mod webhooks;
mod worker;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use knocker_core::Store;
use knocker_core::providers::{self, Secrets};
use knocker_core::store::system_now;

use crate::context::Context;
use crate::database;
use crate::failure::{Exit, Failure, Result};
use crate::pattern::Pattern;
use crate::post::{self, Unsigned};
use crate::receiver::{Arrival, Inbox, Receiver, Site};

use expect::Expectations;
use story::Story;
use webhooks::{GITHUB_SECRET, SLACK_SECRET, STRIPE_SECRET, Webhook};
use worker::Worker;

/// Where the demo's database goes without `--db`.
const DEFAULT_FILE: &str = "knocker-demo.db";
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

pub fn run(context: &Context) -> Result {
    let started = Instant::now();
    let path = context.db_on_command_line().unwrap_or(Path::new(DEFAULT_FILE));
    if Pattern::of(path)?.is_some() {
        return Err(Failure::usage(format!("the demo writes one file, and {} names many", path.display()), "Name one with --db, or none."));
    }
    file::make_way(path)?;
    let store = database::create(path)?;
    file::set_up(&store, system_now())?;

    let (wake, woken) = mpsc::channel();
    let receiver = Receiver::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), inbox(path, wake)?)?;
    let worker = Worker::start(database::open(path)?, woken)?;

    let story = Story::new(&context.out, path);
    story.set_up(&receiver.url)?;
    let webhooks = webhooks::all();
    let mut statuses = Vec::new();
    for webhook in &webhooks {
        let status = send(webhook, &receiver.url)?;
        story.arrival(webhook, status)?;
        statuses.push(status);
    }
    story.wait_for_worker()?;
    // The worker ends when nobody can wake it any more and nothing is left to do.
    receiver.stop()?;
    worker.join()?;

    let expectations = expect::compare(&store, path, &webhooks, &statuses)?;
    story.outcome(&store, &expectations, started.elapsed())?;
    conclude(&expectations)
}

/// The inbox of the receiver. A message goes to `wake` for each accepted webhook.
fn inbox(path: &Path, wake: Sender<()>) -> Result<Inbox> {
    let told = move |arrival: Arrival| {
        if arrival.receipt.is_ok_and(|receipt| receipt.outcome.name() == "accepted") {
            // Without a worker the event waits in the file.
            let _ = wake.send(());
        }
    };
    Ok(Inbox::new(Site::default(), (database::open(path)?, path.to_owned()), |endpoint| Ok(secrets(endpoint)), told))
}

fn secrets(endpoint: &str) -> Secrets {
    let secret = match endpoint {
        "github" => Some(GITHUB_SECRET),
        "slack" => Some(SLACK_SECRET),
        "stripe" => Some(STRIPE_SECRET),
        _ => None,
    };
    Secrets::from_strings(secret)
}

/// Sends a webhook as its provider would, and returns the status of the answer.
fn send(webhook: &Webhook, receiver: &str) -> Result<u16> {
    let provider = providers::find(webhook.provider)?;
    let url = format!("{receiver}/{}", webhook.provider);
    let headers = webhook.headers.iter().copied().collect();
    let unsigned = Unsigned { method: "POST", url: &url, headers, body: &webhook.body };
    let signed = post::sign(provider, &provider.options("")?, unsigned, webhook.secret, system_now() - webhook.signed_ago_ms)?;
    Ok(post::send(&signed, ANSWER_WITHIN)?.status)
}

fn conclude(expectations: &Expectations) -> Result {
    match expectations.missed().count() {
        0 => Ok(()),
        missed => {
            let message = format!("the demo did not go as told: {missed} of {} expectations missed", expectations.all.len());
            Err(Failure::new(Exit::Failed, message, "The lines marked MISSED above say what was found; please report them."))
        }
    }
}

/// The rows of the application that the demo's handlers write.
fn orders(store: &Store) -> Result<Vec<crate::rows::Row>> {
    crate::rows::select(store.conn(), "SELECT event_id, session, amount, currency, attempt FROM orders ORDER BY id", [])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missed_expectation_is_a_failure() {
        let mut expectations = Expectations::default();
        expectations.add("orders", 1, 1);
        assert!(conclude(&expectations).is_ok());
        expectations.add("events", 3, 2);
        assert_eq!(conclude(&expectations).unwrap_err().exit, Exit::Failed);
    }
}
