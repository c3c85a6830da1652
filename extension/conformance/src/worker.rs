//! What the test processes do: receive webhooks, or work on them, on a file that others use at the same time.
//!
//! Each line that they print was true in the file, committed, before it was printed.

use std::io::{self, Read, Write};
use std::mem;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use crate::call;
use crate::database::{Database, Failure, argument};

/// The endpoint that the test processes share.
pub const ENDPOINT: &str = "orders";
/// Another one, whose events the processes of the crash tests prune when they are handled. It has no handler's rows.
pub const SCRAP: &str = "scrap";
/// The secret of both.
pub const SECRET: &str = "test-secret";
/// The handler's own tables: a row in `orders` for each handled attempt, one in `failures` for each failed one.
pub const TABLES: &str = "CREATE TABLE orders (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL);
                          CREATE TABLE failures (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL);
                          CREATE INDEX orders_event ON orders (event_id);
                          CREATE INDEX failures_event ON failures (event_id);";

/// The endpoint's settings: nothing is refused or given up for being much.
pub fn settings() -> Value {
    json!({
        "provider": "token", "options": {"header": "x-shop-token", "id_path": "id", "type_path": "kind"}, "max_attempts": 1000,
        "backoff": {"base_s": 0}, "invalid_per_hour": 1_000_000_000
    })
}

/// Creates the endpoint and the handler's tables.
pub fn prepare(database: &Database) {
    call!(database, "knocker_endpoint", ENDPOINT, settings().to_string()).expect("the endpoint is taken");
    database.conn.execute_batch(TABLES).expect("the handler's tables");
}

/// One webhook of `key`, as an HTTP adapter hands it over. Returns the receipt.
pub fn receive(database: &Database, key: &str, token: &str) -> Result<Value, Failure> {
    let request = json!({ "url": "/webhooks/orders", "headers": { "X-Shop-Token": token, "Content-Type": "application/json" } });
    let body = json!({ "id": key, "kind": "order.paid", "note": "x".repeat(300) });
    let arguments = [ENDPOINT, &request.to_string(), &body.to_string(), &json!([SECRET]).to_string()].map(argument);
    database.call_json("knocker_receive", &arguments)
}

/// Sends `count` different webhooks: some alone, some three to a transaction as a group commit has them, every tenth twice, every
/// twentieth also with a wrong token, and beside every fifth one that each sender sends.
/// Prints `accepted <delivery> <event>`, `duplicate …` and `invalid <delivery>`.
pub fn send(path: &Path, sender: &str, count: u64) -> Result<(), Failure> {
    let database = Database::open(path);
    let mut number = 0;
    while number < count {
        let group = if number % 4 == 0 { 3.min(count - number) } else { 1 };
        let mut lines = Vec::new();
        if group > 1 {
            database.conn.execute_batch("BEGIN IMMEDIATE")?;
        }
        for member in number..number + group {
            let key = format!("{sender}-{member}");
            lines.push(line(&receive(&database, &key, SECRET)?));
            if member % 10 == 0 {
                lines.push(line(&receive(&database, &key, SECRET)?));
            }
            if member % 5 == 0 {
                lines.push(line(&receive(&database, &format!("shared-{member}"), SECRET)?));
            }
            if member % 20 == 0 {
                lines.push(line(&receive(&database, &key, "forged")?));
            }
        }
        if group > 1 {
            database.conn.execute_batch("COMMIT")?;
        }
        say(&lines.join("\n"));
        number += group;
    }
    Ok(())
}

fn line(receipt: &Value) -> String {
    let outcome = receipt["outcome"].as_str().expect("an outcome");
    format!("{outcome} {} {}", receipt["delivery_id"], receipt["event_id"])
}

/// Receives webhooks of `size` bytes until one is refused; returns how many were taken, and the refusal.
pub fn fill_up(database: &Database, name: &str, size: usize) -> (i64, Failure) {
    let request = json!({ "headers": { "X-Shop-Token": SECRET } }).to_string();
    let secrets = json!([SECRET]).to_string();
    let mut taken = 0;
    loop {
        let body = format!(r#"{{"id":"{name}-{taken}","kind":"order.paid","note":"{}"}}"#, "x".repeat(size));
        match call!(database, "knocker_receive", ENDPOINT, &request, body, &secrets) {
            Ok(_) => taken += 1,
            Err(failure) => return (taken, failure),
        }
    }
}

/// The same as a process: prints `<taken> <code>`.
pub fn fill(path: &Path, name: &str, size: usize) -> Result<(), Failure> {
    let (taken, failure) = fill_up(&Database::open(path), name, size);
    say(&format!("{taken} {}", failure.code));
    Ok(())
}

/// Claims and handles until standard input has ended and the queue is empty. About every seventh attempt fails and is due again within a second, every
/// eleventh event is skipped. Prints `handled <event>`, `failed <event>`, `skipped <event>`, and `lost <event>` for a lease that ran out.
pub fn work(path: &Path, worker: &str, lease_s: i64) -> Result<(), Failure> {
    let database = Database::open(path);
    let input_ended = watch_input();
    let mut closing = false;
    loop {
        let due = call!(database, "knocker_next_due")?;
        if closing && due == Sql::Null {
            return Ok(());
        }
        let claimed = if due == Sql::Integer(0) { call!(database, "knocker_claim", worker, 8, lease_s)? } else { Sql::Integer(0) };
        if claimed == Sql::Integer(0) {
            // What others hold, and what is due again in the next second, is waited for.
            closing |= input_ended.recv_timeout(Duration::from_millis(2)).is_ok();
            continue;
        }
        let sql = "SELECT job_id, event_id, attempt FROM knocker_jobs WHERE worker = ? ORDER BY job_id";
        for job in database.rows(sql, &[argument(worker)])? {
            handle(&database, worker, &job)?;
        }
    }
}

/// One job in one transaction: the handler's row, the verdict and the queue together.
fn handle(database: &Database, worker: &str, job: &Value) -> Result<(), Failure> {
    let [job_id, event_id, attempt] = ["job_id", "event_id", "attempt"].map(|name| job[name].as_i64().expect("a number"));
    database.conn.execute_batch("BEGIN IMMEDIATE")?;
    let verdict = if (event_id + attempt) % 7 == 0 {
        database.conn.execute("INSERT INTO failures VALUES (?1, ?2, ?3)", (event_id, attempt, worker))?;
        call!(database, "knocker_failed", job_id, worker, "refused", 1, r#"{"retry_after_s":0}"#).map(|_| "failed")
    } else if event_id % 11 == 0 {
        call!(database, "knocker_skipped", job_id, worker, "a test order", 1).map(|_| "skipped")
    } else {
        database.conn.execute("INSERT INTO orders VALUES (?1, ?2, ?3)", (event_id, attempt, worker))?;
        call!(database, "knocker_handled", job_id, worker, 1).map(|_| "handled")
    };
    match verdict {
        Ok(verdict) => {
            database.conn.execute_batch("COMMIT")?;
            say(&format!("{verdict} {event_id}"));
            Ok(())
        }
        Err(failure) if failure.code == "lease_lost" => {
            database.conn.execute_batch("ROLLBACK")?;
            say(&format!("lost {event_id}"));
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// In one write, so that a killed process leaves no half line in the middle.
fn say(lines: &str) {
    io::stdout().write_all(format!("{lines}\n").as_bytes()).expect("the parent reads");
}

/// A channel that says once that standard input has ended, and stays open so that waiting on it goes on to take its time.
fn watch_input() -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
        mem::forget(sender);
    });
    receiver
}
