//! `sqlite3_interrupt` at every step of every writing call: the call happened as a whole or not at all, and no transaction stays open.
//!
//! Drivers interrupt when a deadline passes or a request is cancelled. SQLite then refuses every statement of the connection until the
//! outermost one has ended, a ROLLBACK included.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use knocker_conformance::database::{Database, argument};
use knocker_conformance::invariants;
use knocker_conformance::writing::{LATER, content, inbox, writing_calls};

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

#[test]
fn an_interrupted_call_happened_or_did_not_and_leaves_no_transaction_open() {
    for (function, mut arguments) in writing_calls() {
        arguments.push(argument(LATER));
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
                    assert_eq!(failure.code, "interrupted", "{function} at step {step}: {failure}");
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
            step += step / 6;
        }
        assert!(interrupted > 10, "{function} was interrupted only {interrupted} times");
    }
}

#[test]
fn an_interrupt_inside_the_callers_transaction_keeps_it_whole_or_ends_it_whole() {
    for (function, mut arguments) in writing_calls() {
        arguments.push(argument(LATER));
        let mut step = 0;
        loop {
            step += 1 + step / 5;
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
            assert_eq!(failure.code, "interrupted", "{function} at step {step}: {failure}");
            // SQLite ends the whole transaction when it interrupts a statement that writes; otherwise it stays as it was.
            let expected = if database.conn.is_autocommit() { &before } else { &with_note };
            assert!(content(&database) == *expected, "{function} interrupted at step {step} left something behind");
        }
    }
}
