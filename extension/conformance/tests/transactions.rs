//! Each call is atomic by itself, in autocommit and inside the caller's transaction, and leaves that transaction to the caller.

use knocker_conformance::call;
use knocker_conformance::database::{Database, Failure};
use knocker_conformance::invariants;
use rusqlite::types::Value as Sql;

const T: i64 = 1_767_225_600_000;
const VALID: &str = r#"{"valid": true, "type": "order.paid"}"#;

fn shop() -> Database {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    database.conn.execute_batch("CREATE TABLE orders (event_id INTEGER)").unwrap();
    database
}

fn run(database: &Database, sql: &str) -> Result<(), Failure> {
    database.conn.execute_batch(sql).map_err(Failure::from)
}

fn deliveries(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM knocker_deliveries")
}

#[test]
fn a_call_in_autocommit_is_committed_when_it_returns() {
    let database = shop();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    assert!(database.conn.is_autocommit());
    let other = Database::open(database.path());
    assert_eq!(deliveries(&other), 1);
}

#[test]
fn a_rollback_of_the_caller_takes_everything_back() {
    let database = shop();
    run(&database, "BEGIN IMMEDIATE").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    call!(database, "knocker_claim", "w1", 1, 60, T).unwrap();
    call!(database, "knocker_handled", 1, "w1", 5, T).unwrap();
    run(&database, "INSERT INTO orders VALUES (1); ROLLBACK").unwrap();
    assert_eq!(deliveries(&database), 0);
    assert_eq!(database.number("SELECT (SELECT count(*) FROM knocker_events) + (SELECT count(*) FROM _honker_live)"), 0);
    invariants::check(&database).unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    assert_eq!(deliveries(&database), 1);
}

#[test]
fn the_handlers_write_and_the_verdict_are_one() {
    let database = shop();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    call!(database, "knocker_claim", "w1", 1, 60, T).unwrap();
    run(&database, "BEGIN IMMEDIATE; INSERT INTO orders VALUES (1)").unwrap();
    call!(database, "knocker_handled", 1, "w1", 5, T).unwrap();
    let other = Database::open(database.path());
    let seen = "SELECT (SELECT count(*) FROM orders) * 10 + (SELECT count(*) FROM knocker_events WHERE status = 'handled')";
    assert_eq!(other.number(seen), 0, "seen before the commit");
    run(&database, "COMMIT").unwrap();
    assert_eq!(other.number(seen), 11);
}

#[test]
fn a_failing_call_leaves_nothing_behind_and_the_transaction_open() {
    let database = shop();
    run(&database, "BEGIN IMMEDIATE; INSERT INTO orders VALUES (1)").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    for failing in [
        call!(database, "knocker_ingest", "nowhere", VALID, "", T),
        call!(database, "knocker_handled", 1, "w1", 5, T),
        call!(database, "knocker_replay", 1, T),
        call!(database, "knocker_endpoint", "shop", r#"{"max_attempts": 0}"#, T),
        call!(database, "knocker_requeue_where", "{}", T),
    ] {
        failing.unwrap_err();
        assert!(!database.conn.is_autocommit(), "a failing call ended the caller's transaction");
    }
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    run(&database, "INSERT INTO orders VALUES (2); COMMIT").unwrap();
    assert_eq!((deliveries(&database), database.number("SELECT count(*) FROM orders")), (2, 2));
    invariants::check(&database).unwrap();
}

#[test]
fn a_batch_action_that_fails_in_the_middle_changes_nothing() {
    let database = shop();
    for _ in 0..3 {
        call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    }
    // The third event cannot be ended any more: a damage that no call of ours makes.
    run(
        &database,
        "CREATE TRIGGER third_stays BEFORE UPDATE ON _knocker_events WHEN OLD.id = 3 AND NEW.status = 'ignored'
         BEGIN SELECT RAISE(ABORT, 'the third stays'); END",
    )
    .unwrap();
    let failure = call!(database, "knocker_ignore_where", r#"{"endpoint": "shop"}"#, T).unwrap_err();
    assert!(failure.text.contains("the third stays"), "{failure}");
    assert!(database.conn.is_autocommit());
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'received'"), 3);
    invariants::check(&database).unwrap();
}

#[test]
fn the_callers_savepoints_work_around_the_calls() {
    let database = shop();
    run(&database, "SAVEPOINT outer_one").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    run(&database, "SAVEPOINT knocker").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    call!(database, "knocker_ingest", "nowhere", VALID, "", T).unwrap_err();
    run(&database, "ROLLBACK TO knocker; RELEASE knocker; RELEASE outer_one").unwrap();
    assert_eq!(deliveries(&database), 1, "the inner savepoint of the caller, named like ours, was mixed up");
}

const NESTED: [&str; 3] = [
    r#"INSERT INTO log SELECT knocker_ingest('shop', '{"valid": true}', '')"#,
    r#"INSERT INTO log VALUES (knocker_ingest('shop', '{"valid": true}', ''))"#,
    r#"UPDATE log SET receipt = knocker_ingest('shop', '{"valid": true}', '')"#,
];

#[test]
fn a_call_inside_a_writing_statement_is_refused_with_nothing_written() {
    let database = shop();
    run(&database, "CREATE TABLE log (receipt); INSERT INTO log VALUES ('before')").unwrap();
    for sql in NESTED {
        let failure = run(&database, sql).unwrap_err();
        assert_eq!(failure.code, "nested_statement", "{sql}: {failure}");
        assert!(database.conn.is_autocommit());
        assert_eq!(deliveries(&database), 0, "{sql}");
    }
    let failure =
        run(&database, r#"CREATE TABLE receipts AS SELECT knocker_ingest('shop', '{"valid": true}', '') AS receipt"#).unwrap_err();
    assert_eq!(failure.code, "nested_statement", "{failure}");
    assert_eq!(database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'receipts'"), 0);
    assert_eq!(database.number("SELECT count(*) FROM log WHERE receipt = 'before'"), 1);
    invariants::check(&database).unwrap();
}

#[test]
fn the_same_inside_a_transaction_is_refused_too_and_the_transaction_goes_on() {
    let database = shop();
    run(&database, "CREATE TABLE log (receipt); INSERT INTO log VALUES ('before'); BEGIN IMMEDIATE").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    for sql in NESTED {
        let failure = run(&database, sql).unwrap_err();
        assert_eq!(failure.code, "nested_statement", "{sql}: {failure}");
        assert!(!database.conn.is_autocommit(), "{sql} ended the caller's transaction");
    }
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    run(&database, "COMMIT").unwrap();
    assert_eq!((deliveries(&database), database.number("SELECT count(*) FROM log WHERE receipt = 'before'")), (2, 1));
    invariants::check(&database).unwrap();
}

#[test]
fn a_select_over_rows_makes_one_call_for_each() {
    let database = shop();
    run(&database, "CREATE TABLE captured (body); INSERT INTO captured VALUES ('a'), ('b'), ('c')").unwrap();
    let sql = r#"SELECT knocker_ingest('shop', '{"valid": true}', body, 0) AS receipt FROM captured ORDER BY body"#;
    assert_eq!(database.rows(sql, &[]).unwrap().len(), 3);
    assert_eq!(deliveries(&database), 3);
    invariants::check(&database).unwrap();
}

#[test]
fn a_transaction_that_read_before_another_wrote_is_told_busy_and_can_be_rolled_back() {
    let database = shop();
    let other = Database::open(database.path());
    run(&database, "BEGIN").unwrap();
    assert_eq!(deliveries(&database), 0);
    call!(other, "knocker_ingest", "shop", VALID, "", T).unwrap();
    let failure = call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap_err();
    assert_eq!(failure.code, "busy", "{failure}");
    assert_eq!(deliveries(&database), 0, "the caller's snapshot is gone");
    run(&database, "ROLLBACK").unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    assert_eq!(deliveries(&database), 2);
}

#[test]
fn reads_write_nothing_and_wait_for_nobody() {
    let database = shop();
    call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
    let writer = Database::open(database.path());
    writer.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reader = Database::open(database.path());
    reader.conn.execute_batch("PRAGMA busy_timeout = 0").unwrap();
    call!(reader, "knocker_stats", T).unwrap();
    assert_eq!(call!(reader, "knocker_next_due", T), Ok(Sql::Integer(0)));
    call!(reader, "knocker_verify", "github", "{}", "{}", "", "[]", T).unwrap();
    call!(reader, "knocker_sign", "github", "{}", "{}", "", "test-secret", T).unwrap();
    call!(reader, "knocker_retain", T).expect("no pass is due");
    writer.conn.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn it_works_in_memory_and_with_a_rollback_journal() {
    let path = std::path::Path::new(":memory:");
    let memory = Database::open(path);
    let journal = Database::empty();
    run(&journal, "PRAGMA journal_mode = DELETE").unwrap();
    for database in [memory, journal] {
        call!(database, "knocker_bootstrap", T).unwrap();
        call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
        call!(database, "knocker_ingest", "shop", VALID, "", T).unwrap();
        assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, T), Ok(Sql::Integer(1)));
        assert_eq!(call!(database, "knocker_handled", 1, "w1", 5, T), Ok(Sql::Integer(1)));
        invariants::check(&database).unwrap();
    }
}
