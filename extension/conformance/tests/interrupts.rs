//! `sqlite3_interrupt` at every step of every writing call: the call happened as a whole or not at all, and no transaction stays open.
//!
//! Drivers interrupt when a deadline passes or a request is cancelled. SQLite then refuses every statement of the connection until the
//! outermost one has ended, a ROLLBACK included.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use knocker_conformance::call;
use knocker_conformance::database::{Argument, Database, argument};
use knocker_conformance::invariants;
use serde_json::Value;

const T: i64 = 1_767_225_600_000;
const VALID: &str = r#"{"valid": true, "type": "order.paid"}"#;

/// Interrupts the connection at one of the next steps of SQLite's virtual machine, and counts them.
struct Interrupter {
    steps: Arc<AtomicU64>,
    at: Arc<AtomicU64>,
}

impl Interrupter {
    fn new(database: &Database) -> Self {
        let (steps, at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(u64::MAX)));
        let handle = database.conn.get_interrupt_handle();
        let (counted, wanted) = (steps.clone(), at.clone());
        let handler = move || {
            if counted.fetch_add(1, Ordering::Relaxed) + 1 == wanted.load(Ordering::Relaxed) {
                handle.interrupt();
            }
            false
        };
        database.conn.progress_handler(1, Some(handler)).unwrap();
        Self { steps, at }
    }

    fn arm(&self, step: u64) {
        self.steps.store(0, Ordering::Relaxed);
        self.at.store(step, Ordering::Relaxed);
    }
}

/// A file with one event of every status, and what a call needs to find work.
fn inbox() -> Database {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", r#"{"max_attempts": 2, "on_redelivery": "requeue_dead"}"#, T).unwrap();
    call!(database, "knocker_endpoint", "hub", r#"{"provider": "token", "options": {"header": "x-token", "id_path": "id"}}"#, T).unwrap();
    for key in ["handled", "dead", "ignored", "failed", "processing"] {
        ingest(&database, key);
        call!(database, "knocker_claim", "w1", 1, 600, T).unwrap();
        let job = database.number("SELECT coalesce(max(id), 0) FROM _honker_live");
        match key {
            "handled" => call!(database, "knocker_handled", job, "w1", 5, T),
            "dead" => call!(database, "knocker_failed", job, "w1", "broken", 5, r#"{"dead": true}"#, T),
            "ignored" => call!(database, "knocker_skipped", job, "w1", "a test", 5, T),
            "failed" => call!(database, "knocker_failed", job, "w1", "refused", 5, r#"{"retry_after_s": 900}"#, T),
            _ => Ok(rusqlite::types::Value::Null),
        }
        .unwrap();
    }
    ingest(&database, "received");
    database
}

fn ingest(database: &Database, key: &str) {
    let fields = format!(r#"{{"valid": true, "type": "order.paid", "key": "{key}"}}"#);
    call!(database, "knocker_ingest", "shop", fields, "{}", T).unwrap();
}

/// Everything that is stored.
fn content(database: &Database) -> Vec<Vec<Value>> {
    let tables =
        database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '_[kh]*' OR name = 'notes'", &[]).unwrap();
    tables.iter().map(|table| database.rows(&format!("SELECT * FROM {}", table["name"].as_str().unwrap()), &[]).unwrap()).collect()
}

/// Every function that writes, with arguments that make it write in [`inbox`].
fn writing_calls() -> Vec<(&'static str, Vec<Argument>)> {
    let text = |text: &str| argument(text);
    vec![
        ("knocker_endpoint", vec![text("shop"), text(r#"{"max_attempts": 3}"#)]),
        ("knocker_endpoint", vec![text("new"), text("{}")]),
        (
            "knocker_receive",
            vec![text("hub"), text(r#"{"headers": {"x-token": "test-secret"}}"#), text(r#"{"id": "1"}"#), text(r#"["test-secret"]"#)],
        ),
        (
            "knocker_receive",
            vec![text("hub"), text(r#"{"headers": {"x-token": "forged"}}"#), text(r#"{"id": "1"}"#), text(r#"["test-secret"]"#)],
        ),
        ("knocker_ingest", vec![text("shop"), text(VALID), text("{}")]),
        ("knocker_ingest", vec![text("shop"), text(r#"{"valid": true, "key": "dead"}"#), text("{}")]),
        ("knocker_claim", vec![text("w2"), argument(10), argument(60)]),
        ("knocker_handled", vec![argument(5), text("w1"), argument(5)]),
        ("knocker_failed", vec![argument(5), text("w1"), text("refused"), argument(5)]),
        ("knocker_failed", vec![argument(5), text("w1"), text("refused"), argument(5), text(r#"{"dead": true}"#)]),
        ("knocker_skipped", vec![argument(5), text("w1"), text("a test"), argument(5)]),
        ("knocker_extend", vec![argument(5), text("w1"), argument(900)]),
        ("knocker_release", vec![text("w1")]),
        ("knocker_replay", vec![argument(1)]),
        ("knocker_requeue", vec![argument(2)]),
        ("knocker_ignore", vec![argument(4)]),
        ("knocker_replay_delivery", vec![argument(1)]),
        ("knocker_replay_where", vec![text(r#"{"endpoint": "shop"}"#)]),
        ("knocker_ignore_where", vec![text(r#"{"endpoint": "shop"}"#)]),
        ("knocker_prune_events", vec![text(r#"{"before": 9000000000000, "status": ["handled", "dead"]}"#)]),
        ("knocker_retention", vec![text(r#"{"handled_s": 5}"#)]),
    ]
}

#[test]
fn an_interrupted_call_happened_or_did_not_and_leaves_no_transaction_open() {
    for (function, mut arguments) in writing_calls() {
        arguments.push(argument(T + 1000));
        let (mut step, mut interrupted) = (0, 0);
        loop {
            step += 1;
            let database = inbox();
            let before = content(&database);
            let interrupter = Interrupter::new(&database);
            interrupter.arm(step);
            let result = database.call(function, &arguments);
            interrupter.arm(u64::MAX);
            assert!(database.conn.is_autocommit(), "{function} interrupted at step {step} left a transaction open: {result:?}");
            match result {
                Err(failure) => {
                    assert!(!failure.code.is_empty(), "{function} at step {step}: no code: {failure}");
                    assert!(failure.text.contains("interrupt"), "{function} at step {step}: {failure}");
                    assert!(content(&database) == before, "{function} interrupted at step {step} left something behind");
                    interrupted += 1;
                }
                Ok(_) => {
                    assert!(content(&database) != before, "{function} wrote nothing: the case shows nothing");
                    break;
                }
            }
            invariants::check(&database).unwrap_or_else(|problem| panic!("{function} at step {step}: {problem}"));
            // The first steps one by one, then further apart: the calls differ in length, not in kind.
            step += step / 12;
        }
        assert!(interrupted > 10, "{function} was interrupted only {interrupted} times");
    }
}

#[test]
fn an_interrupt_inside_the_callers_transaction_keeps_it_whole_or_ends_it_whole() {
    for (function, mut arguments) in writing_calls() {
        arguments.push(argument(T + 1000));
        let mut step = 0;
        loop {
            step += 1 + step / 8;
            let database = inbox();
            database.conn.execute_batch("CREATE TABLE notes (text)").unwrap();
            let before = content(&database);
            database.conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('the caller')").unwrap();
            let with_note = content(&database);
            let interrupter = Interrupter::new(&database);
            interrupter.arm(step);
            let result = database.call(function, &arguments);
            interrupter.arm(u64::MAX);
            let Err(failure) = result else { break };
            assert!(failure.text.contains("interrupt"), "{function} at step {step}: {failure}");
            // SQLite ends the whole transaction when it interrupts a statement that writes; otherwise it stays as it was.
            let expected = if database.conn.is_autocommit() { &before } else { &with_note };
            assert!(content(&database) == *expected, "{function} interrupted at step {step} left something behind");
        }
    }
}
