//! Every function that writes, and a file on which each of them does: for tests that disturb each call at each step.

use serde_json::Value;

use crate::call;
use crate::database::{Argument, Database, argument};

const T: i64 = 1_767_225_600_000;
/// The clock for the calls.
pub const LATER: i64 = T + 1000;
const VALID: &str = r#"{"valid": true, "type": "order.paid"}"#;

/// A file with one event of every status, and what a call needs to find work.
pub fn inbox() -> Database {
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
pub fn content(database: &Database) -> Vec<Vec<Value>> {
    let tables =
        database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '_[kh]*' OR name = 'notes'", &[]).unwrap();
    tables.iter().map(|table| database.rows(&format!("SELECT * FROM {}", table["name"].as_str().unwrap()), &[]).unwrap()).collect()
}

/// Every function that writes, with arguments that make it write in [`inbox`].
pub fn writing_calls() -> Vec<(&'static str, Vec<Argument>)> {
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
