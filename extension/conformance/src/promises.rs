//! What processes acknowledged, held against a file: whatever was said is there, and nothing is half done.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::types::Value as Sql;

use crate::call;
use crate::database::{Database, Failure};
use crate::worker::SCRAP;

/// How long after the system's clock a drain works: every lease has run out by then.
const LATER_MS: i64 = 3_600_000;

/// An answered receipt.
struct Receipt {
    delivery: i64,
    /// None for a refused one.
    event: Option<i64>,
    /// The identity, where the process said it.
    key: Option<String>,
    /// May be gone once a prune has begun.
    scrap: bool,
}

/// Everything that was acknowledged.
#[derive(Default)]
pub struct Promises {
    receipts: Vec<Receipt>,
    handled: Vec<i64>,
    skipped: Vec<i64>,
    failed: Vec<(i64, Option<i64>)>,
    pruning: bool,
    pruned: i64,
}

impl Promises {
    /// From the lines that the test processes write, see `worker.rs` and `crash/workload.rs`.
    ///
    /// # Panics
    /// Where a line is none of theirs.
    pub fn of(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut promises = Self::default();
        for line in lines {
            promises.add(line.as_ref());
        }
        promises
    }

    fn add(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| -> i64 { words[index].parse().unwrap_or_else(|_| panic!("no number in {line:?}")) };
        match words[0] {
            "accepted" | "duplicate" | "scrap" => self.receipts.push(Receipt {
                delivery: number(1),
                event: Some(number(2)),
                key: words.get(3).map(|&key| key.to_owned()),
                scrap: words[0] == "scrap",
            }),
            "invalid" => self.receipts.push(Receipt { delivery: number(1), event: None, key: None, scrap: false }),
            "handled" => self.handled.push(number(1)),
            "skipped" => self.skipped.push(number(1)),
            "failed" => self.failed.push((number(1), words.get(2).map(|_| number(2)))),
            "pruning" => self.pruning = true,
            "pruned" => self.pruned += number(1),
            "lost" | "prepared" | "armed" | "refused" => {}
            other => panic!("a process said {other:?}"),
        }
    }

    /// How many receipts were answered.
    pub fn receipts(&self) -> usize {
        self.receipts.len()
    }

    /// Of the last new event that must be there, its number and identity.
    pub fn last_event(&self) -> Option<(i64, &str)> {
        self.receipts.iter().rev().filter(|receipt| !receipt.scrap).find_map(|receipt| Some((receipt.event?, receipt.key.as_deref()?)))
    }

    /// Whether all of it is in the file, and a handler's rows are there if and only if its verdict is.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, database: &Database) -> Result<(), String> {
        self.check_acknowledged(database)?;
        check_handler_writes(database, ORDERS)?;
        // Where a package rolls back what a failed handler wrote, there is no such table.
        let keeps_failures = database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'failures'") > 0;
        if keeps_failures { check_handler_writes(database, FAILURES) } else { Ok(()) }
    }

    fn check_acknowledged(&self, database: &Database) -> Result<(), String> {
        let deliveries: HashSet<i64> = numbers(database, "SELECT id FROM knocker_deliveries")?;
        let attempts = database.rows("SELECT event_id, attempt FROM knocker_attempts WHERE result = 'failed'", &[]).map_err(text)?;
        let attempts: HashSet<(Option<i64>, Option<i64>)> =
            attempts.iter().map(|row| (row["event_id"].as_i64(), row["attempt"].as_i64())).collect();
        // Before the sender's id stands the type.
        let sql = "SELECT id, replace(key, type || ':', '') AS key, status FROM knocker_events";
        let events = database.rows(sql, &[]).map_err(text)?;
        let events: HashMap<i64, (&str, &str)> = events
            .iter()
            .map(|row| (row["id"].as_i64().unwrap_or_default(), (row["key"].as_str().unwrap_or(""), row["status"].as_str().unwrap_or(""))))
            .collect();

        let mut gone = HashSet::new();
        for Receipt { delivery, event, key, scrap } in &self.receipts {
            let kept = deliveries.contains(delivery)
                && event.is_none_or(|event| events.get(&event).is_some_and(|found| key.as_deref().is_none_or(|key| key == found.0)));
            if !kept && *scrap && self.pruning {
                gone.insert(*event);
            } else if !kept {
                return Err(format!("acknowledged but not in the file: delivery {delivery}, event {event:?}, key {key:?}"));
            }
        }
        for (what, ids, status) in [("handled", &self.handled, "handled"), ("skipped", &self.skipped, "ignored")] {
            if let Some(id) = ids.iter().find(|id| events.get(id).is_none_or(|found| found.1 != status)) {
                return Err(format!("acknowledged as {what} but not in the file: event {id}"));
            }
        }
        for (event, attempt) in &self.failed {
            if !events.contains_key(event) || attempt.is_some_and(|attempt| !attempts.contains(&(Some(*event), Some(attempt)))) {
                return Err(format!("acknowledged as failed but not in the file: event {event}, attempt {attempt:?}"));
            }
        }
        let audited = database.number("SELECT coalesce(sum(events), 0) FROM knocker_prunes");
        if audited < self.pruned || audited < gone.len() as i64 {
            return Err(format!("{} events were pruned and {} are gone, but the audits have {audited}", self.pruned, gone.len()));
        }
        Ok(())
    }
}

fn text(failure: Failure) -> String {
    failure.text
}

fn numbers(database: &Database, sql: &str) -> Result<HashSet<i64>, String> {
    let read = || -> rusqlite::Result<HashSet<i64>> { database.conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect() };
    read().map_err(|error| format!("{sql}: {error}"))
}

/// Queries for rows that must not be.
type Rules = [(&'static str, &'static str); 2];

const ORDERS: Rules = [
    (
        "an order without its handled event and attempt",
        "SELECT count(*) FROM orders o WHERE NOT EXISTS (
           SELECT 1 FROM knocker_events e JOIN knocker_attempts a ON a.event_id = e.id
           WHERE e.id = o.event_id AND e.status = 'handled' AND a.result = 'handled' AND a.attempt = o.attempt)",
    ),
    (
        "a handled event without exactly one order",
        "SELECT count(*) FROM knocker_events e
         WHERE e.status = 'handled' AND e.endpoint <> 'scrap' AND (SELECT count(*) FROM orders o WHERE o.event_id = e.id) <> 1",
    ),
];

const FAILURES: Rules = [
    (
        "a failure row without its failed attempt",
        "SELECT count(*) FROM failures f WHERE NOT EXISTS (
           SELECT 1 FROM knocker_attempts a WHERE a.event_id = f.event_id AND a.attempt = f.attempt AND a.result = 'failed')",
    ),
    (
        "a failed attempt without its failure row",
        "SELECT count(*) FROM knocker_attempts a WHERE a.result = 'failed' AND NOT EXISTS (
           SELECT 1 FROM failures f WHERE f.event_id = a.event_id AND f.attempt = a.attempt)",
    ),
];

/// A handler's rows stand in the file if and only if its event and attempt do.
fn check_handler_writes(database: &Database, rules: Rules) -> Result<(), String> {
    for (what, sql) in rules {
        let count: i64 = database.conn.query_row(sql, [], |row| row.get(0)).map_err(|error| format!("{what}: {error}"))?;
        if count > 0 {
            return Err(format!("{what}: {count} times"));
        }
    }
    Ok(())
}

/// Works off what the processes left behind, an hour later and on, until nothing will ever be due.
///
/// # Errors
/// What a call said, or that events are left.
pub fn drain(database: &Database) -> Result<(), String> {
    database.conn.execute_batch("BEGIN IMMEDIATE").map_err(|error| error.to_string())?;
    work_off(database).map_err(text)?;
    database.conn.execute_batch("COMMIT").map_err(|error| error.to_string())?;
    match database.number("SELECT count(*) FROM knocker_events WHERE status NOT IN ('handled', 'ignored')") {
        0 => Ok(()),
        left => Err(format!("{left} events are left after a drain")),
    }
}

fn work_off(database: &Database) -> Result<(), Failure> {
    let mut now = clock() + LATER_MS;
    loop {
        if call!(database, "knocker_claim", "drain", 1000, 600, now)? == Sql::Integer(0) {
            let Sql::Integer(wait) = call!(database, "knocker_next_due", "{}", now)? else { return Ok(()) };
            now += wait.max(1);
        }
        for job in database.rows("SELECT job_id, event_id, attempt, endpoint FROM knocker_jobs WHERE worker = 'drain'", &[])? {
            let [job_id, event_id, attempt] = ["job_id", "event_id", "attempt"].map(|name| job[name].as_i64().unwrap_or_default());
            if job["endpoint"] != SCRAP {
                database.conn.execute("INSERT INTO orders VALUES (?1, ?2, 'drain')", (event_id, attempt))?;
            }
            call!(database, "knocker_handled", job_id, "drain", 1, now)?;
        }
    }
}

fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis() as i64
}
