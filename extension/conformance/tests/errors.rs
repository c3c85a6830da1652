//! Each error code of `knocker_errors`, met where a user meets it, with its text `knocker: <code>: <message>`.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use knocker_conformance::call;
use knocker_conformance::database::{Database, Failure};
use rusqlite::types::Value as Sql;

const T: i64 = 1_767_225_600_000;

/// Codes that need another machine or a failing disk. `io_error` and `disk_full` have tests of their own in `full_disk.rs`; the last two
/// need an old SQLite, or two of them in one process.
const MET_ELSEWHERE: [&str; 3] = ["io_error", "unsupported_sqlite", "second_sqlite"];

fn shop() -> Database {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "{}", T).unwrap();
    database
}

fn failure(result: Result<Sql, Failure>) -> Failure {
    let failure = result.expect_err("the call is refused");
    let message = failure.text.strip_prefix(&format!("knocker: {}: ", failure.code));
    assert!(message.is_some_and(|message| !message.is_empty()), "not in the form of the contract: {failure}");
    failure
}

#[test]
fn every_code_of_the_table_is_met() {
    let mut met: BTreeSet<String> = MET_ELSEWHERE.map(str::to_owned).into();
    for (code, meet) in [
        ("invalid_argument", invalid_argument as fn() -> Failure),
        ("now_required", now_required),
        ("unknown_endpoint", unknown_endpoint),
        ("unknown_provider", unknown_provider),
        ("unknown_event", unknown_event),
        ("unknown_delivery", unknown_delivery),
        ("bad_state", bad_state),
        ("stale_judgement", stale_judgement),
        ("lease_lost", lease_lost),
        ("not_bootstrapped", not_bootstrapped),
        ("schema_incomplete", schema_incomplete),
        ("schema_too_new", schema_too_new),
        ("busy", busy),
        ("read_only", read_only),
        ("disk_full", disk_full),
        ("corrupt", corrupt),
        ("nested_statement", nested_statement),
        ("interrupted", interrupted),
        ("sqlite_error", sqlite_error),
    ] {
        let failure = meet();
        assert_eq!(failure.code, code, "{failure}");
        met.insert(failure.code);
    }
    let rows = Database::empty().rows("SELECT code FROM knocker_errors", &[]).unwrap();
    let table: BTreeSet<String> = rows.iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(met, table, "a code is in the table and not met here, or the reverse");
}

fn invalid_argument() -> Failure {
    failure(call!(shop(), "knocker_endpoint", "shop", r#"{"max_attempts": 0}"#, T))
}

fn now_required() -> Failure {
    let database = shop();
    call!(database, "knocker_strict", 1).unwrap();
    let failure = failure(call!(database, "knocker_claim", "w1", 1, 60));
    assert!(failure.text.contains("knocker_claim"), "{failure}");
    failure
}

fn unknown_endpoint() -> Failure {
    let failure = failure(call!(shop(), "knocker_ingest", "shpo", "{}", "", T));
    assert!(failure.text.contains("\"shop\""), "the nearest name is not told: {failure}");
    failure
}

fn unknown_provider() -> Failure {
    let failure = failure(call!(shop(), "knocker_endpoint", "other", r#"{"provider": "gitub"}"#, T));
    assert!(failure.text.contains("\"github\""), "the nearest name is not told: {failure}");
    failure
}

fn unknown_event() -> Failure {
    let failure = failure(call!(shop(), "knocker_ignore", 4711, T));
    assert!(failure.text.contains("4711"), "{failure}");
    failure
}

fn unknown_delivery() -> Failure {
    failure(call!(shop(), "knocker_replay_delivery", 4711, T))
}

fn bad_state() -> Failure {
    let failure = failure(call!(shop(), "knocker_requeue", 1, T));
    assert!(failure.text.contains("received") && failure.text.contains("dead"), "neither the state nor the possible ones: {failure}");
    failure
}

fn stale_judgement() -> Failure {
    let database = shop();
    let judgement = call!(database, "knocker_attest", "shop", r#"{"valid": true}"#, "{}", T).unwrap();
    call!(database, "knocker_endpoint", "shop", r#"{"max_attempts": 3}"#, T).unwrap();
    failure(call!(database, "knocker_store", "shop", judgement, T))
}

fn lease_lost() -> Failure {
    failure(call!(shop(), "knocker_handled", 1, "w1", 5, T))
}

fn not_bootstrapped() -> Failure {
    let database = Database::empty();
    for result in [
        call!(database, "knocker_endpoint", "shop", "{}", T),
        call!(database, "knocker_receive", "shop", "{}", "", "[]", T),
        call!(database, "knocker_claim", "w1", 1, 60, T),
        call!(database, "knocker_next_due", T),
        call!(database, "knocker_stats", T),
        call!(database, "knocker_retain", T),
        call!(database, "knocker_prune_events", r#"{"older_than_s": 1, "dry_run": true}"#, T),
    ] {
        assert_eq!(failure(result).code, "not_bootstrapped");
    }
    assert_eq!(database.number("SELECT count(*) FROM sqlite_schema"), 0, "a refused call wrote to the file");
    failure(call!(database, "knocker_replay", 1, T))
}

fn schema_too_new() -> Failure {
    let database = shop();
    database
        .conn
        .execute_batch("UPDATE _knocker_schema SET version = 4711 WHERE version = (SELECT max(version) FROM _knocker_schema)")
        .unwrap();
    for result in [
        call!(database, "knocker_endpoint", "shop", "{}", T),
        call!(database, "knocker_ingest", "shop", "{}", "", T),
        call!(database, "knocker_claim", "w1", 1, 60, T),
        call!(database, "knocker_stats", T),
    ] {
        assert_eq!(failure(result).code, "schema_too_new");
    }
    let failure = failure(call!(database, "knocker_bootstrap", T));
    assert!(failure.text.contains("4711"), "{failure}");
    failure
}

fn busy() -> Failure {
    let database = shop();
    let other = Database::open(database.path());
    other.conn.execute_batch("PRAGMA busy_timeout = 0").unwrap();
    database.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failure = failure(call!(other, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T));
    database.conn.execute_batch("ROLLBACK").unwrap();
    call!(other, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T).expect("it works when the lock is free");
    failure
}

fn read_only() -> Failure {
    let database = shop();
    let reader = Database::open_read_only(database.path());
    failure(call!(reader, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T))
}

fn disk_full() -> Failure {
    let database = shop();
    let pages = database.number("PRAGMA page_count");
    database.conn.pragma_update(None, "max_page_count", pages).unwrap();
    let body = vec![b'x'; 200_000];
    failure(call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, body, T))
}

fn corrupt() -> Failure {
    let database = shop();
    let root = database.number("SELECT rootpage FROM sqlite_schema WHERE name = '_knocker_endpoints'");
    let page_size = database.number("PRAGMA page_size");
    let path = database.path().to_owned();
    database.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let copy = path.with_extension("damaged");
    fs::copy(&path, &copy).unwrap();
    let mut file = OpenOptions::new().write(true).open(&copy).unwrap();
    file.seek(SeekFrom::Start(((root - 1) * page_size) as u64)).unwrap();
    file.write_all(&vec![0xa5; page_size as usize]).unwrap();
    drop(file);
    failure(call!(Database::open(&copy), "knocker_ingest", "shop", r#"{"valid": true}"#, "", T))
}

fn nested_statement() -> Failure {
    let database = shop();
    database.conn.execute_batch("CREATE TABLE results (receipt)").unwrap();
    let sql = r#"INSERT INTO results SELECT knocker_ingest('shop', '{"valid": true}', '', 0)"#;
    failure(database.conn.execute(sql, []).map(|_| Sql::Null).map_err(Failure::from))
}

fn interrupted() -> Failure {
    let database = shop();
    let handle = database.conn.get_interrupt_handle();
    let mut steps = 0;
    // Far enough to be inside the call, and long before its end; interrupts.rs tries every step.
    let handler = move || {
        steps += 1;
        if steps == 40 {
            handle.interrupt();
        }
        false
    };
    database.conn.progress_handler(1, Some(handler)).unwrap();
    failure(call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T))
}

fn schema_incomplete() -> Failure {
    let database = shop();
    database.conn.execute_batch("DROP TABLE _honker_live").unwrap();
    failure(call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T))
}

fn sqlite_error() -> Failure {
    let database = shop();
    let by_hand = "CREATE TRIGGER added BEFORE INSERT ON _knocker_deliveries BEGIN SELECT RAISE(ABORT, 'not today'); END";
    database.conn.execute_batch(by_hand).unwrap();
    failure(call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "", T))
}
