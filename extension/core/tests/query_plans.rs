//! What lists and lookups cost does not grow with the file: no plan reads a whole table or builds an index on the fly.

use knocker_core::Store;
use rusqlite::Connection;

/// The steps of the plan that are not a search, but for those over the rows of a list in its own order.
fn slow_steps(store: &Store, sql: &str) -> Vec<String> {
    let mut statement = store.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map([], |row| row.get::<_, String>("detail")).unwrap().map(Result::unwrap);
    steps
        .filter(|step| step.contains("AUTOMATIC") || step.contains("TEMP B-TREE") || (step.starts_with("SCAN") && !is_list(step)))
        .collect()
}

/// A walk along a rowid or a partial index that LIMIT ends, or over the few rows that a search gave.
fn is_list(step: &str) -> bool {
    ["SCAN e", "SCAN d", "SCAN a", "SCAN j"].contains(&step)
        || step.starts_with("SCAN e USING INDEX _knocker_events_")
        || step.starts_with("SCAN (subquery")
        || step.starts_with("SCAN SUBQUERY")
        || step.starts_with("SCAN knocker_event_deliveries")
        || step == "SCAN CONSTANT ROW"
}

#[test]
fn lists_and_lookups_only_search() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(1).unwrap();
    for sql in [
        "SELECT * FROM knocker_events ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_events WHERE id = 7",
        "SELECT * FROM knocker_events WHERE id > 7 ORDER BY id LIMIT 50",
        "SELECT * FROM knocker_events WHERE status = 'dead' ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_events WHERE status = 'failed' ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_events WHERE status = 'ignored' ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_deliveries ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_deliveries WHERE id = 7",
        "SELECT * FROM knocker_deliveries WHERE outcome = 'invalid' ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_deliveries WHERE outcome = 'duplicate' AND id < 7 ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_deliveries WHERE id < 7 ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_attempts WHERE event_id = 7",
        "SELECT * FROM knocker_attempts ORDER BY id DESC LIMIT 50",
        "SELECT * FROM knocker_attempts WHERE id = 7",
        "SELECT * FROM knocker_attempts WHERE id < 7 ORDER BY id DESC LIMIT 50",
        "SELECT a.id FROM knocker_events e JOIN knocker_attempts a ON a.event_id = e.id WHERE e.id = 7",
        "SELECT * FROM knocker_event_deliveries WHERE event_id = 7",
        "SELECT * FROM knocker_event_deliveries WHERE delivery_id = 7",
    ] {
        assert_eq!(slow_steps(&store, sql), [] as [&str; 0], "{sql}");
    }
}

#[test]
fn leased_jobs_are_found_by_the_index_of_leases() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(1).unwrap();
    let mut statement = store.conn().prepare("EXPLAIN QUERY PLAN SELECT * FROM knocker_jobs WHERE worker = 'w'").unwrap();
    let steps: Vec<String> = statement.query_map([], |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
    assert!(steps[0].contains("_honker_live_processing_deadline"), "{steps:?}");
    assert!(steps[1..].iter().all(|step| !step.starts_with("SCAN")), "{steps:?}");
}

#[test]
fn what_a_wrong_clock_or_a_dead_worker_left_is_found_at_the_end_of_an_index() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(1).unwrap();
    for (sql, index) in [
        (
            "SELECT 1 FROM _honker_live WHERE queue = 'q' AND state = 'processing' AND claim_expires_at > 5",
            "_honker_live_processing_deadline",
        ),
        ("SELECT max(run_at) FROM _honker_live WHERE queue = 'q' AND state = 'pending'", "_honker_live_pending_deadline"),
        ("SELECT 1 FROM _honker_live WHERE priority < 0 AND worker_id = 'w' AND state = 'processing'", "_knocker_live_suspects"),
        (
            "SELECT id FROM _honker_live WHERE priority < 0 AND worker_id IS NULL AND queue = 'q' AND run_at <= 5 AND state = 'pending' \
             ORDER BY run_at, id LIMIT 1",
            "_knocker_live_suspects",
        ),
    ] {
        assert_eq!(slow_steps(&store, sql), [] as [&str; 0], "{sql}");
        let mut statement = store.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = statement.query_map([], |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        assert!(steps[0].starts_with("SEARCH") && steps[0].contains(index), "{sql}: {steps:?}");
    }
}

#[test]
fn refused_deliveries_are_found_by_the_index_of_outcomes() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(1).unwrap();
    for outcome in ["invalid", "duplicate", "handshake", "too_large", "disabled"] {
        let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM knocker_deliveries WHERE outcome = '{outcome}' ORDER BY id DESC LIMIT 50");
        let mut statement = store.conn().prepare(&sql).unwrap();
        let steps: Vec<String> = statement.query_map([], |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        assert!(steps[0].contains("_knocker_deliveries_outcome"), "{outcome}: {steps:?}");
    }
}
