//! A file of each schema version, as that version wrote it, is upgraded with all that is in it. What a newer version wrote is refused and left alone.

use std::fs;
use std::path::{Path, PathBuf};

use knocker_conformance::call;
use knocker_conformance::database::Database;
use knocker_conformance::invariants;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

/// An hour after the last that stands in the files.
const T: i64 = 1_767_229_600_000;

fn file_of(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/v{version}.sql"))
}

fn stored(version: i64) -> Database {
    let database = Database::empty();
    // What is stored is tested here, not when it is safe.
    database.conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
    database.conn.execute_batch(&fs::read_to_string(file_of(version)).unwrap()).unwrap();
    assert_eq!(database.number("SELECT max(version) FROM _knocker_schema"), version);
    database
}

fn newest() -> i64 {
    Database::quick().number("SELECT max(version) FROM _knocker_schema")
}

/// One number, text or NULL of each row, in one line.
fn line(database: &Database, sql: &str) -> String {
    let mut statement = database.conn.prepare(sql).unwrap();
    let cells = statement.query_map([], |row| row.get::<_, Sql>(0)).unwrap();
    let texts = cells.map(|cell| match cell.unwrap() {
        Sql::Null => "-".to_owned(),
        Sql::Integer(number) => number.to_string(),
        Sql::Text(text) => text,
        other => format!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn ingest(database: &Database, key: &str) -> Value {
    let fields = json!({"valid": true, "type": "order.paid", "key": key}).to_string();
    let Ok(Sql::Text(receipt)) = call!(database, "knocker_ingest", "shop", fields, "{}", T) else { panic!("{key} is not taken") };
    serde_json::from_str(&receipt).unwrap()
}

fn handle_all_that_is_due(database: &Database) {
    call!(database, "knocker_claim", "w1", 100, 60, T).unwrap();
    for job in line(database, "SELECT job_id FROM knocker_jobs WHERE worker = 'w1'").split_whitespace() {
        call!(database, "knocker_handled", job.parse::<i64>().unwrap(), "w1", 5, T).unwrap();
    }
}

#[test]
fn there_is_a_file_of_each_version_up_to_the_newest() {
    for version in 1..=newest() {
        assert!(file_of(version).exists(), "schemas/README.md says how {} is made", file_of(version).display());
    }
    assert!(!file_of(newest() + 1).exists(), "a file of a version that there is not yet");
}

#[test]
fn the_file_of_each_version_is_upgraded_with_all_that_is_in_it() {
    for version in 1..=newest() {
        let database = stored(version);
        assert_eq!(call!(database, "knocker_bootstrap", T).unwrap(), Sql::Integer(newest()), "version {version}");
        invariants::check(&database).unwrap_or_else(|broken| panic!("version {version}: {broken}"));
        for (sql, expected) in [
            (
                "SELECT id || ':' || status || ':' || attempts FROM knocker_events ORDER BY id",
                "2:handled:1 3:dead:2 4:failed:1 5:ignored:0 6:processing:1 7:received:0",
            ),
            ("SELECT result FROM knocker_attempts ORDER BY id", "handled failed dead failed"),
            (
                "SELECT outcome FROM knocker_deliveries ORDER BY id",
                "accepted duplicate accepted accepted accepted accepted accepted invalid invalid",
            ),
            ("SELECT CAST(body AS TEXT) ->> '$.total' FROM knocker_deliveries WHERE outcome = 'accepted' ORDER BY id", "2 3 4 5 6 7"),
            (
                "SELECT name || ':' || max_attempts || ':' || max_body_bytes FROM knocker_endpoints ORDER BY id",
                "shop:2:1048576 github:10:2097152",
            ),
            ("SELECT policy ->> '$.handled_s' FROM knocker_policies", "2592000"),
            ("SELECT events FROM knocker_prunes", "1"),
            ("SELECT event_id FROM orders", "2"),
        ] {
            assert_eq!(line(&database, sql), expected, "version {version}: {sql}");
        }
    }
}

#[test]
fn work_goes_on_in_an_upgraded_file() {
    for version in 1..=newest() {
        let database = stored(version);
        call!(database, "knocker_bootstrap", T).unwrap();
        let again = ingest(&database, "handled");
        assert_eq!((&again["outcome"], &again["event_id"]), (&json!("duplicate"), &json!(2)), "version {version}");
        // An id that was pruned is not given again.
        assert_eq!(ingest(&database, "new")["event_id"], json!(8), "version {version}");
        handle_all_that_is_due(&database);
        call!(database, "knocker_requeue", 3, T).unwrap();
        handle_all_that_is_due(&database);
        let statuses = line(&database, "SELECT id || ':' || status FROM knocker_events ORDER BY id");
        assert_eq!(statuses, "2:handled 3:handled 4:handled 5:ignored 6:handled 7:handled 8:handled", "version {version}");
        invariants::check(&database).unwrap_or_else(|broken| panic!("version {version}: {broken}"));
    }
}

#[test]
fn a_library_refuses_the_file_of_a_newer_version_and_leaves_it_as_it_is() {
    let database = stored(newest());
    database.conn.execute_batch("INSERT INTO _knocker_schema SELECT max(version) + 1, 0 FROM _knocker_schema").unwrap();
    let changes = database.number("SELECT total_changes()");
    let schema = line(&database, "SELECT sql FROM sqlite_schema");
    for refused in [
        call!(database, "knocker_bootstrap", T),
        call!(database, "knocker_endpoint", "shop", "{}", T),
        call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "{}", T),
        call!(database, "knocker_receive", "github", "{}", "{}", r#"["test-secret"]"#, T),
        call!(database, "knocker_claim", "w1", 10, 60, T),
        call!(database, "knocker_requeue", 3, T),
        call!(database, "knocker_retain", T),
        call!(database, "knocker_prune_events", r#"{"older_than_s": 1}"#, T),
    ] {
        assert_eq!(refused.unwrap_err().code, "schema_too_new");
    }
    assert_eq!(database.number("SELECT total_changes()"), changes);
    assert_eq!(line(&database, "SELECT sql FROM sqlite_schema"), schema);
}
