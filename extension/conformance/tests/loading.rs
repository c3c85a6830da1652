//! Loading: writes nothing, works on a read-only file and twice, on many connections, and lets go of them when they close.

use std::fs;
use std::thread;

use knocker_conformance::database::{Database, load};
use knocker_conformance::{call, invariants, library};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, ffi};

const T: i64 = 1_767_225_600_000;
const VALID: &str = r#"{"valid": true, "type": "order.paid"}"#;

/// Calls something of everything, so that statements are kept.
fn use_everything(database: &Database) {
    call!(database, "knocker_bootstrap", T).unwrap();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "{}", T).unwrap();
    call!(database, "knocker_claim", "w1", 1, 60, T).unwrap();
    assert_eq!(database.rows("SELECT * FROM knocker_jobs WHERE worker = 'w1'", &[]).unwrap().len(), 1);
    call!(database, "knocker_failed", 1, "w1", "refused", 5, r#"{"dead": true}"#, T).unwrap();
    call!(database, "knocker_requeue", 1, T).unwrap();
    call!(database, "knocker_claim", "w1", 1, 60, T).unwrap();
    call!(database, "knocker_handled", 2, "w1", 5, T).unwrap();
    call!(database, "knocker_replay_where", r#"{"status": "handled"}"#, T).unwrap();
    call!(database, "knocker_prune_events", r#"{"older_than_s": 0}"#, T).unwrap();
    call!(database, "knocker_stats", T).unwrap();
    assert!(!database.rows("SELECT * FROM knocker_errors", &[]).unwrap().is_empty());
}

#[test]
fn loading_alone_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE notes (text)").unwrap();
    let before = fs::read(&path).unwrap();
    load(&conn).unwrap();
    conn.query_row("SELECT knocker_version()", [], |row| row.get::<_, String>(0)).unwrap();
    conn.close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_version_is_that_of_the_workspace() {
    assert_eq!(call!(Database::empty(), "knocker_version"), Ok(Sql::Text(env!("CARGO_PKG_VERSION").into())));
}

#[test]
fn loading_twice_changes_nothing_also_from_sql() {
    let database = Database::quick();
    use_everything(&database);
    load(&database.conn).unwrap();
    // SAFETY: only the library under test is loaded.
    unsafe { database.conn.load_extension_enable() }.unwrap();
    let sql = "SELECT load_extension(?1), knocker_version()";
    database.conn.query_row(sql, [library::path().to_str().unwrap()], |row| row.get::<_, String>(1)).unwrap();
    call!(database, "knocker_ingest", "shop", VALID, "{}", T).unwrap();
    database.conn.close().expect("closing works after loading twice");
}

#[test]
fn a_read_only_file_can_be_read_and_verified_with() {
    let database = Database::quick();
    use_everything(&database);
    let reader = Database::open_read_only(database.path());
    assert_eq!(reader.rows("SELECT * FROM knocker_events", &[]).unwrap().len(), 1);
    call!(reader, "knocker_stats", T).unwrap();
    call!(reader, "knocker_next_due", T).unwrap();
    call!(reader, "knocker_verify", "github", "{}", "{}", "", r#"["test-secret"]"#, T).unwrap();
    call!(reader, "knocker_bootstrap", T).expect("the schema is there, so nothing has to be written");
    for result in [
        call!(reader, "knocker_ingest", "shop", VALID, "{}", T),
        call!(reader, "knocker_claim", "w1", 1, 60, T),
        call!(reader, "knocker_endpoint", "new", "{}", T),
        call!(reader, "knocker_ignore", 1, T),
    ] {
        assert_eq!(result.unwrap_err().code, "read_only");
    }
}

#[test]
fn a_read_only_file_without_a_schema_says_so() {
    let database = Database::empty();
    database.conn.execute_batch("CREATE TABLE notes (text)").unwrap();
    let reader = Database::open_read_only(database.path());
    assert_eq!(call!(reader, "knocker_bootstrap", T).unwrap_err().code, "read_only");
    assert_eq!(call!(reader, "knocker_stats", T).unwrap_err().code, "not_bootstrapped");
}

#[test]
fn closing_works_after_everything_was_used() {
    let database = Database::quick();
    use_everything(&database);
    database.conn.close().expect("no statement is left open");
}

#[test]
fn a_close_that_sqlite_refuses_leaves_the_functions_working() {
    let database = Database::quick();
    use_everything(&database);
    // SAFETY: the handle is valid; the statement is finalized below, before the connection closes.
    let (conn, error, statement) = unsafe {
        let mut statement = std::ptr::null_mut();
        let sql = c"SELECT 1";
        assert_eq!(ffi::sqlite3_prepare_v2(database.conn.handle(), sql.as_ptr(), -1, &mut statement, std::ptr::null_mut()), ffi::SQLITE_OK);
        let (conn, error) = database.conn.close().expect_err("a statement of the caller is open");
        (conn, error, statement)
    };
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    let receipt: String = conn.query_row("SELECT knocker_ingest('shop', ?1, '{}')", [VALID], |row| row.get(0)).unwrap();
    assert!(receipt.contains("accepted"), "{receipt}");
    // SAFETY: prepared above and not finalized since.
    unsafe { ffi::sqlite3_finalize(statement) };
    conn.close().expect("now it closes");
}

#[test]
fn kept_statements_do_not_stand_in_the_way_of_maintenance() {
    let database = Database::quick();
    use_everything(&database);
    for sql in [
        "VACUUM",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA journal_mode = DELETE",
        "ALTER TABLE _knocker_prunes ADD COLUMN note TEXT",
        "REINDEX",
    ] {
        database.conn.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        call!(database, "knocker_ingest", "shop", VALID, "{}", T).unwrap();
    }
    database.conn.execute_batch("ATTACH ':memory:' AS side; DETACH side").unwrap();
    invariants::check(&database).unwrap();
}

#[test]
fn many_threads_bootstrap_one_file_at_once() {
    let database = Database::empty();
    let path = database.path();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| call!(Database::open(path), "knocker_bootstrap", T))).collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(results.iter().all(|result| *result == results[0] && result.is_ok()), "{results:?}");
    });
    let versions = database.number("SELECT max(version) FROM _knocker_schema");
    assert_eq!(database.number("SELECT count(*) FROM _knocker_schema"), versions, "each migration ran once");
    use_everything(&database);
}

#[test]
fn a_schema_made_by_one_connection_is_seen_by_another_that_was_refused_before() {
    let database = Database::empty();
    let other = Database::open(database.path());
    assert_eq!(call!(other, "knocker_claim", "w1", 1, 60, T).unwrap_err().code, "not_bootstrapped");
    call!(database, "knocker_bootstrap", T).unwrap();
    assert_eq!(call!(other, "knocker_claim", "w1", 1, 60, T), Ok(Sql::Integer(0)));
}

#[test]
fn an_endpoint_changed_by_one_connection_is_used_by_another_at_once() {
    let database = Database::quick();
    let other = Database::open(database.path());
    let request = r#"{"headers": {"x-token": "test-secret"}}"#;
    call!(database, "knocker_endpoint", "shop", r#"{"provider": "token", "options": {"header": "x-token"}}"#, T).unwrap();
    let receive =
        || other.call_json("knocker_receive", &["shop", request, "{}", r#"["test-secret"]"#].map(knocker_conformance::database::argument));
    assert_eq!(receive().unwrap()["outcome"], "accepted");
    call!(database, "knocker_endpoint", "shop", r#"{"options": {"header": "x-other"}}"#, T).unwrap();
    assert_eq!(receive().unwrap()["reason"], "missing_header");
    call!(database, "knocker_endpoint", "shop", r#"{"enabled": false}"#, T).unwrap();
    assert_eq!(receive().unwrap()["outcome"], "disabled");
}

#[test]
fn a_connection_without_mutexes_works() {
    let database = Database::quick();
    use_everything(&database);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(database.path(), flags).unwrap();
    load(&conn).unwrap();
    conn.query_row("SELECT knocker_ingest('shop', ?1, '{}')", [VALID], |row| row.get::<_, String>(0)).unwrap();
    conn.close().unwrap();
}
