//! What the demo must have left behind, compared with what is found in the file.

use std::fmt::Display;
use std::path::Path;

use knocker_core::Store;
use knocker_core::store::system_now;
use serde::Serialize;

use super::webhooks::{SECRETS, Webhook, checkout_key};
use crate::failure::{Failure, Result};

/// One fact.
#[derive(Serialize)]
pub struct Expectation {
    pub what: String,
    pub expected: String,
    pub found: String,
    pub met: bool,
}

/// All of them.
#[derive(Serialize, Default)]
#[serde(transparent)]
pub struct Expectations {
    pub all: Vec<Expectation>,
}

impl Expectations {
    /// Those that were not met.
    pub fn missed(&self) -> impl Iterator<Item = &Expectation> {
        self.all.iter().filter(|expectation| !expectation.met)
    }

    /// Compares one fact.
    pub fn add(&mut self, what: impl Into<String>, expected: impl Display, found: impl Display) {
        let (expected, found) = (expected.to_string(), found.to_string());
        self.all.push(Expectation { what: what.into(), met: expected == found, expected, found });
    }
}

/// Compares everything that was told.
pub fn compare(store: &Store, path: &Path, webhooks: &[Webhook], statuses: &[u16]) -> Result<Expectations> {
    let mut expectations = Expectations::default();
    let read = |sql: &str| -> Result<String> {
        Ok(store.conn().query_row(sql, [], |row| row.get::<_, Option<String>>(0))?.unwrap_or_else(|| "nothing".into()))
    };
    for (index, webhook) in webhooks.iter().enumerate() {
        expectations.add(format!("answer to {}", webhook.title), webhook.status, statuses[index]);
        let sql = format!(
            "SELECT outcome || coalesce(': ' || reason, '') FROM knocker_deliveries WHERE id = {} AND endpoint = '{}'",
            index + 1,
            webhook.provider
        );
        let expected = webhook.reason.map_or_else(|| webhook.outcome.to_owned(), |reason| format!("{}: {reason}", webhook.outcome));
        expectations.add(format!("what became of {}", webhook.title), expected, read(&sql)?);
    }
    expectations.add("deliveries", webhooks.len(), read("SELECT CAST(count(*) AS TEXT) FROM knocker_deliveries")?);
    expectations.add(
        "events, each once and handled",
        "github push handled, slack message handled, stripe checkout.session.completed handled",
        read("SELECT group_concat(endpoint || ' ' || type || ' ' || status, ', ') FROM (SELECT * FROM knocker_events ORDER BY id)")?,
    );
    expectations.add(
        "the checkout's event",
        format!("{} from 2 deliveries after 2 attempts", checkout_key()),
        read(
            "SELECT key || ' from ' || deliveries || ' deliveries after ' || attempts || ' attempts' FROM knocker_events
             WHERE endpoint = 'stripe'",
        )?,
    );
    expectations.add(
        "attempts at the checkout",
        "failed, handled",
        read("SELECT group_concat(result, ', ') FROM (SELECT * FROM knocker_attempts WHERE endpoint = 'stripe' ORDER BY id)")?,
    );
    expectations.add("orders, by the attempt that wrote them", "2", read("SELECT group_concat(attempt, ', ') FROM orders")?);
    expectations.add("rows of the other handlers", 2, read("SELECT CAST(count(*) AS TEXT) FROM activity")?);
    let stats = store.stats(system_now())?;
    let hour = stats.last_hour;
    expectations.add(
        "stats",
        "3 handled, 0 waiting, 6 receipts, 2 refused, 1 failure",
        format!(
            "{} handled, {} waiting, {} receipts, {} refused, {} failure",
            stats.events.handled,
            stats.events.received + stats.events.processing + stats.events.failed,
            hour.receipts,
            hour.refused,
            hour.failures
        ),
    );
    expectations.add("the file's own check", "ok", read("PRAGMA integrity_check")?);
    expectations.add("secrets found in the file", 0, secrets_in_file(store, path)?);
    Ok(expectations)
}

/// How many of the secrets stand anywhere in the file, in whatever table or free page.
fn secrets_in_file(store: &Store, path: &Path) -> Result<usize> {
    // What is still in the write-ahead log goes to the file first.
    store.conn().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let bytes = std::fs::read(path).map_err(|error| Failure::unreadable(&path.display().to_string(), &error))?;
    let found = |secret: &&&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    Ok(SECRETS.iter().filter(found).count())
}
