//! The ids that new events get, and what a receipt leaves behind that fails in between.

use knocker_core::Store;
use knocker_core::ingest::IngestFields;
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;

fn store() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    store
}

fn run(store: &Store, sql: &str) {
    store.conn().execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
}

fn try_receive(store: &Store, key: &str) -> Result<i64, knocker_core::Error> {
    let fields = IngestFields::parse(&format!(r#"{{"valid": true, "key": "{key}"}}"#)).unwrap();
    Ok(store.ingest("orders", &fields, b"{}", NOW)?.event_id.unwrap())
}

fn receive(store: &Store, key: &str) -> i64 {
    try_receive(store, key).unwrap()
}

fn number(store: &Store, sql: &str) -> i64 {
    store.conn().query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// Events whose delivery and job name them.
fn whole(store: &Store) -> i64 {
    number(
        store,
        "SELECT count(*) FROM _knocker_events e
         JOIN _knocker_deliveries d ON d.id = e.delivery_id AND d.first_event_id = e.id
         JOIN _honker_live j ON j.id = e.job_id AND j.payload = printf('{\"event_id\":%d}', e.id)",
    )
}

#[test]
fn ids_have_no_gaps_and_are_never_given_again() {
    let store = store();
    assert_eq!(["a", "a", "b", "a", "c"].map(|key| receive(&store, key)), [1, 1, 2, 1, 3]);
    assert_eq!(whole(&store), 3);
    run(&store, "DELETE FROM _knocker_events WHERE id = 3");
    assert_eq!(receive(&store, "c"), 4);
    assert_eq!(whole(&store), 3);
}

#[test]
fn an_id_is_that_after_the_newest_event_where_somebody_set_the_sequence_back() {
    for back in ["DELETE FROM sqlite_sequence", "UPDATE sqlite_sequence SET seq = 0"] {
        let store = store();
        assert_eq!(["a", "b"].map(|key| receive(&store, key)), [1, 2]);
        run(&store, back);
        assert_eq!(receive(&store, "c"), 3, "{back}");
        assert_eq!(whole(&store), 3, "{back}");
    }
}

#[test]
fn a_receipt_that_fails_at_any_of_its_writes_leaves_a_callers_transaction_as_it_was() {
    let tables = [
        ("_knocker_minutes", "UPDATE"),
        ("_knocker_deliveries", "INSERT"),
        ("_honker_live", "INSERT"),
        ("_knocker_events", "INSERT"),
        ("_knocker_counts", "UPDATE"),
    ];
    let rows = "SELECT (SELECT sum(receipts) FROM _knocker_minutes) + 100 * (SELECT count(*) FROM _knocker_deliveries)
                  + 10000 * (SELECT count(*) FROM _honker_live) + 1000000 * (SELECT count(*) FROM _knocker_events)
                  + 100000000 * (SELECT sum(n) FROM _knocker_counts)";
    for (table, change) in tables {
        let store = store();
        receive(&store, "a");
        run(&store, &format!("CREATE TRIGGER refusing AFTER {change} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"));
        let before = number(&store, rows);
        assert!(try_receive(&store, "b").is_err(), "{table}");
        assert_eq!(number(&store, rows), before, "{table}");

        run(&store, "BEGIN; CREATE TABLE own AS SELECT 1 AS n");
        assert!(try_receive(&store, "b").is_err(), "{table}");
        assert!(!store.conn().is_autocommit(), "{table}");
        run(&store, "COMMIT");
        assert_eq!(number(&store, rows), before, "{table}");
        assert_eq!(number(&store, "SELECT n FROM own"), 1);

        run(&store, "DROP TRIGGER refusing");
        assert_eq!(receive(&store, "b"), 2, "{table}");
        assert_eq!(whole(&store), 2, "{table}");
    }
}
