//! Files that cannot be read when the library is loaded: it loads all the same, and each call says what is wrong.
//!
//! One test alone in its process: a library that refuses to load is taken out of memory, and another test that has it open would hide that.

use std::fs;

use knocker_conformance::database;
use rusqlite::{Connection, ErrorCode};

#[test]
fn a_file_that_cannot_be_read_is_an_error_of_each_call_and_not_of_loading() {
    let folder = tempfile::tempdir().unwrap();

    let garbage = folder.path().join("garbage.db");
    fs::write(&garbage, "no database at all. ".repeat(300)).unwrap();
    let conn = Connection::open(&garbage).unwrap();
    database::load(&conn).unwrap();
    refuses(&conn, "corrupt", ErrorCode::NotADatabase);
    conn.close().unwrap();

    let locked = folder.path().join("locked.db");
    let owner = Connection::open(&locked).unwrap();
    owner.execute_batch("CREATE TABLE mine (x); BEGIN EXCLUSIVE").unwrap();
    let conn = Connection::open(&locked).unwrap();
    conn.execute_batch("PRAGMA busy_timeout = 0").unwrap();
    database::load(&conn).unwrap();
    refuses(&conn, "busy", ErrorCode::DatabaseBusy);
    owner.execute_batch("COMMIT").unwrap();
    conn.query_row("SELECT knocker_bootstrap()", [], |_| Ok(())).unwrap();
    // Once it can be read the connection is as good as any other, also at its end.
    conn.query_row(r#"SELECT knocker_endpoint('shop', '{}')"#, [], |_| Ok(())).unwrap();
    conn.close().expect("no statement is left open");
    drop(owner);
}

/// The error is Knocker's, or SQLite's own where it needs the schema before it calls a function.
fn refuses(conn: &Connection, code: &str, sqlite_code: ErrorCode) {
    for sql in ["SELECT knocker_bootstrap()", "SELECT knocker_stats()", "SELECT knocker_next_due()"] {
        let error = conn.query_row(sql, [], |_| Ok(())).unwrap_err();
        let typed = error.to_string().contains(&format!("knocker: {code}: "));
        assert!(typed || error.sqlite_error_code() == Some(sqlite_code), "{sql}: {error}");
    }
}
