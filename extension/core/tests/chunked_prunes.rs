//! Prunes and passes of retention in small transactions do what they do in one, and say the same of it.

use std::ops::ControlFlow;
use std::time::Duration;

use knocker_core::Store;
use knocker_core::chunks::Chunks;
use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::metrics::MetricsFormat;
use knocker_core::operate::{Action, ActionOptions};
use knocker_core::prune::Pruned;
use knocker_core::retention::RetentionPolicy;
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;

/// Ten handled events with a delivery and an attempt each, and five refused deliveries, all of them a day old.
fn store() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    for index in 0..10 {
        let fields = format!(r#"{{"valid": true, "key": "{index}"}}"#);
        store.ingest("orders", &IngestFields::parse(&fields).unwrap(), b"{}", NOW).unwrap();
    }
    for _ in 0..5 {
        store.ingest("orders", &IngestFields::parse(r#"{"valid": false}"#).unwrap(), b"{}", NOW).unwrap();
    }
    assert_eq!(store.claim("w", 10, 60, &ClaimFilter::default(), NOW).unwrap(), 10);
    for _ in 0..10 {
        let job = store.conn().query_row("SELECT min(job_id) FROM knocker_jobs", [], |row| row.get(0)).unwrap();
        store.handled(job, "w", 5, NOW).unwrap();
    }
    store
}

/// One row a transaction, until so many were done.
fn one_by_one<T>(most: usize, work: impl FnOnce(&mut Chunks) -> T) -> (T, usize) {
    let mut transactions = 0;
    let mut between = |_, _| {
        transactions += 1;
        if transactions == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let result = work(&mut Chunks { budget: Duration::ZERO, between: &mut between });
    (result, transactions)
}

fn count(store: &Store, what: &str) -> i64 {
    store.conn().query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// The record of the only prune, and what the metrics say of all prunes.
fn recorded(store: &Store) -> (Pruned, Pruned) {
    let sql = "SELECT events, deliveries, attempts, audits FROM knocker_prunes";
    let pruned =
        |row: &rusqlite::Row| Ok(Pruned { events: row.get(0)?, deliveries: row.get(1)?, attempts: row.get(2)?, audits: row.get(3)? });
    let record = store.conn().query_row(sql, [], pruned).unwrap();
    let text = store.metrics(MetricsFormat::Prometheus, None, NOW + DAY).unwrap();
    let of = |table: &str| {
        let series = format!("knocker_pruned_rows_total{{table=\"{table}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    };
    (record, Pruned { events: of("events"), deliveries: of("deliveries"), attempts: of("attempts"), audits: of("audits") })
}

#[test]
fn a_prune_in_many_transactions_has_one_record_and_counts_every_row() {
    let store = store();
    let filter = r#"{"older_than_s": 3600}"#;
    let (result, transactions) = one_by_one(usize::MAX, |chunks| store.prune_events_in_chunks(filter, NOW + DAY, chunks).unwrap());
    let all = Pruned { events: 10, deliveries: 10, attempts: 10, audits: 0 };
    assert_eq!((result.pruned, transactions), (all, 10));
    assert_eq!(recorded(&store), (all, all));
}

#[test]
fn an_event_takes_every_attempt_and_delivery_along_that_only_it_has() {
    let store = store();
    store.ingest("orders", &IngestFields::parse(r#"{"valid": true, "key": "0"}"#).unwrap(), b"{}", NOW).unwrap();
    store.operate(Action::Replay, 2, None, &ActionOptions::default(), NOW).unwrap();
    assert_eq!(store.claim("w", 1, 60, &ClaimFilter::default(), NOW).unwrap(), 1);
    let job = store.conn().query_row("SELECT job_id FROM knocker_jobs", [], |row| row.get(0)).unwrap();
    store.handled(job, "w", 5, NOW).unwrap();
    let (result, _) =
        one_by_one(usize::MAX, |chunks| store.prune_events_in_chunks(r#"{"older_than_s": 3600}"#, NOW + DAY, chunks).unwrap());
    let all = Pruned { events: 10, deliveries: 11, attempts: 11, audits: 0 };
    assert_eq!(result.pruned, all);
    let left = ["_knocker_events", "_knocker_attempts", "_knocker_redeliveries", "_knocker_deliveries"].map(|table| count(&store, table));
    assert_eq!(left, [0, 0, 0, 5]);
    assert_eq!(store.conn().query_row("SELECT sum(n) FROM _knocker_counts WHERE status = 'handled'", [], |row| row.get(0)), Ok(0));
}

fn keep_an_hour(store: &Store) {
    let policy = RetentionPolicy::parse(r#"{"handled_s": 3600, "deliveries_s": 3600, "interval_s": 7200}"#).unwrap();
    store.retention(&policy, NOW).unwrap();
}

#[test]
fn a_pass_in_many_transactions_does_what_one_does() {
    let (whole, cut) = (store(), store());
    [&whole, &cut].into_iter().for_each(keep_an_hour);
    let expected = whole.retain(NOW + DAY).unwrap();
    let (result, transactions) = one_by_one(usize::MAX, |chunks| cut.retain_in_chunks(NOW + DAY, chunks).unwrap());
    assert_eq!((result, transactions), (expected, 15));
    assert_eq!(recorded(&cut), recorded(&whole));
    for store in [&whole, &cut] {
        assert_eq!((count(store, "knocker_events"), count(store, "knocker_deliveries"), count(store, "knocker_prunes")), (0, 0, 1));
        assert!(!store.retain(NOW + DAY + 7_199_000).unwrap().ran);
        assert!(store.retain(NOW + DAY + 7_200_000).unwrap().ran);
    }
}

#[test]
fn a_pass_that_is_ended_early_is_due_again_and_goes_on() {
    let store = store();
    keep_an_hour(&store);
    let (result, _) = one_by_one(4, |chunks| store.retain_in_chunks(NOW + DAY, chunks).unwrap());
    assert_eq!((result.ran, result.more, result.pruned.events), (true, true, 4));
    let rest = store.retain(NOW + DAY).unwrap();
    assert_eq!((rest.more, rest.pruned.events, rest.pruned.deliveries), (false, 6, 11));
}

#[test]
fn while_a_pass_is_under_way_no_other_begins_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = store();
    keep_an_hour(&source);
    let path = folder.path().join("app.db");
    source.conn().execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    let (one, other) = (Store::new(Connection::open(&path).unwrap()), Store::new(Connection::open(&path).unwrap()));
    let mut between = |_, _| {
        assert!(!other.retain(NOW + DAY).unwrap().ran);
        ControlFlow::Continue(())
    };
    let pass = one.retain_in_chunks(NOW + DAY, &mut Chunks { budget: Duration::ZERO, between: &mut between }).unwrap();
    assert_eq!((pass.pruned.events, pass.more), (10, false));
}
