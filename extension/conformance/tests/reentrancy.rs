//! A call from inside a call: a host's own function in a TEMP trigger on our tables, which runs a statement that calls us again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use knocker_conformance::call;
use knocker_conformance::database::Database;
use rusqlite::functions::FunctionFlags;

#[test]
fn a_call_from_inside_a_call_reads_and_does_not_hang() {
    let database = Database::fresh();
    call!(database, "knocker_endpoint", "shop", "{}").unwrap();
    let seen = Arc::new(AtomicI64::new(-1));
    let inner = seen.clone();
    database
        .conn
        .create_scalar_function("call_again", 0, FunctionFlags::SQLITE_UTF8, move |ctx| {
            // SAFETY: the connection is used for one read inside this call.
            let conn = unsafe { ctx.get_connection() }?;
            inner.store(conn.query_row("SELECT length(knocker_stats()) > 0", [], |row| row.get(0))?, Ordering::Relaxed);
            Ok(0)
        })
        .unwrap();
    database
        .conn
        .execute_batch("CREATE TEMP TRIGGER watch AFTER INSERT ON main._knocker_deliveries BEGIN SELECT call_again(); END")
        .unwrap();
    call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "").unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "").unwrap();
    database.conn.close().unwrap();
}
