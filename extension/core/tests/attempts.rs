//! The history of an event, however it is found, and what is counted of it.

use knocker_core::Store;
use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::operate::{Action, ActionOptions};
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;

fn store() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    store
}

fn ingest(store: &Store, events: i64) {
    let fields = IngestFields::parse(r#"{"valid": true}"#).unwrap();
    (0..events).for_each(|event| drop(store.ingest("orders", &fields, event.to_string().as_bytes(), NOW).unwrap()));
}

fn claim(store: &Store) -> Vec<i64> {
    store.claim("w", 10_000, 60, &ClaimFilter::default(), NOW).unwrap();
    numbers(store, "SELECT job_id FROM knocker_jobs WHERE worker = 'w' ORDER BY job_id")
}

fn handle_all(store: &Store) {
    claim(store).into_iter().for_each(|job| store.handled(job, "w", 7, NOW).unwrap());
}

fn numbers(store: &Store, sql: &str) -> Vec<i64> {
    let mut statement = store.conn().prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Events that are processing and handled, as the stats tell them.
fn told(store: &Store) -> (i64, i64) {
    let events = store.stats(NOW).unwrap().events;
    (events.processing, events.handled)
}

#[test]
fn a_verdict_is_counted_at_once_and_once() {
    let store = store();
    ingest(&store, 3);
    let jobs = claim(&store);
    assert_eq!(told(&store), (3, 0));
    for (job, expected) in jobs.into_iter().zip([(2, 1), (1, 2), (0, 3)]) {
        store.handled(job, "w", 7, NOW).unwrap();
        assert_eq!(told(&store), expected);
    }
    ingest(&store, 1);
    assert_eq!(claim(&store).len(), 1);
    assert_eq!(told(&store), (1, 3));
}

#[test]
fn verdicts_without_a_claim_between_them_leave_little_to_count() {
    let store = store();
    ingest(&store, 600);
    handle_all(&store);
    assert_eq!(told(&store), (0, 600));
    let left = "SELECT count(*) FROM _knocker_attempts
                WHERE id > (SELECT n FROM _knocker_counts WHERE endpoint_id = 0 AND status = 'attempts:counted')";
    assert!((1..=64).contains(&numbers(&store, left)[0]));
}

#[test]
fn whoever_moves_an_event_it_is_counted_where_it_is() {
    let store = store();
    ingest(&store, 4);
    let by_status = |store: &Store| {
        let events = store.stats(NOW).unwrap().events;
        let told = [events.received, events.processing, events.failed, events.handled, events.dead, events.ignored];
        let stored = ["received", "processing", "failed", "handled", "dead", "ignored"]
            .map(|status| numbers(store, &format!("SELECT count(*) FROM knocker_events WHERE status = '{status}'"))[0]);
        assert_eq!(told, stored);
        assert_eq!(store.disagreements(100, 10).unwrap(), Default::default());
        told
    };
    assert_eq!(by_status(&store), [4, 0, 0, 0, 0, 0]);
    // As a plain client of the queue claims, retries, claims again and acknowledges.
    let lease = "UPDATE _honker_live SET state = 'processing', worker_id = 'c', claim_expires_at = 9999999999, attempts = attempts + 1";
    let retry = "UPDATE _honker_live SET state = 'pending', worker_id = NULL, claim_expires_at = NULL";
    for (sql, expected) in [
        (format!("{lease} WHERE id <= 3"), [1, 3, 0, 0, 0, 0]),
        (format!("{retry} WHERE id <= 2"), [1, 1, 2, 0, 0, 0]),
        (format!("{lease} WHERE id = 1"), [1, 2, 1, 0, 0, 0]),
        ("DELETE FROM _honker_live WHERE id = 1".to_owned(), [1, 1, 1, 1, 0, 0]),
        ("DELETE FROM _honker_live WHERE id = 2".to_owned(), [1, 1, 0, 1, 0, 1]),
        (format!("{retry}, attempts = 0 WHERE id = 3"), [2, 0, 0, 1, 0, 1]),
        ("DELETE FROM _knocker_events WHERE id = 1".to_owned(), [2, 0, 0, 0, 0, 1]),
    ] {
        store.conn().execute_batch(&sql).unwrap();
        assert_eq!(by_status(&store), expected, "{sql}");
    }
    // And by Knocker's own calls: handled at the second attempt, given back, and put back by force.
    let jobs = claim(&store);
    store.failed(jobs[0], "w", "boom", 1, &Default::default(), NOW).unwrap();
    assert_eq!(by_status(&store), [0, 1, 1, 0, 0, 1]);
    store.claim("v", 10, 60, &ClaimFilter::default(), NOW + 60_000).unwrap();
    assert_eq!(by_status(&store), [0, 2, 0, 0, 0, 1]);
    store.release("w", NOW).unwrap();
    store.handled(jobs[0], "v", 1, NOW).unwrap();
    assert_eq!(by_status(&store), [1, 0, 0, 1, 0, 1]);
    claim(&store);
    store.operate(Action::Requeue, 4, None, &ActionOptions { force: true }, NOW).unwrap();
    assert_eq!(by_status(&store), [1, 0, 0, 1, 0, 1]);
}

#[test]
fn a_claim_leaves_the_counts_alone() {
    let store = store();
    ingest(&store, 20);
    let counts = "SELECT n FROM _knocker_counts ORDER BY endpoint_id, status";
    let before = numbers(&store, counts);
    handle_all(&store);
    ingest(&store, 1);
    claim(&store);
    let added: i64 = numbers(&store, counts).iter().sum::<i64>() - before.iter().sum::<i64>();
    assert_eq!(added, 1, "the one that came in between");
    assert_eq!(told(&store), (1, 20));
}

#[test]
fn what_is_rolled_back_is_not_counted() {
    let store = store();
    ingest(&store, 2);
    let jobs = claim(&store);
    store.conn().execute_batch("BEGIN").unwrap();
    store.handled(jobs[0], "w", 7, NOW).unwrap();
    store.conn().execute_batch("ROLLBACK").unwrap();
    assert_eq!(told(&store), (2, 0));
    store.handled(jobs[1], "w", 7, NOW).unwrap();
    assert_eq!(told(&store), (1, 1));
}

#[test]
fn every_attempt_at_an_event_is_found_by_it() {
    let store = store();
    ingest(&store, 2);
    handle_all(&store);
    for _ in 0..2 {
        store.operate(Action::Replay, 1, None, &ActionOptions::default(), NOW).unwrap();
        let job = claim(&store)[0];
        store.failed(job, "w", "boom", 1, &Default::default(), NOW).unwrap();
        store.operate(Action::Requeue, 1, None, &ActionOptions::default(), NOW).unwrap();
        handle_all(&store);
    }
    assert_eq!(numbers(&store, "SELECT id FROM knocker_attempts WHERE event_id = 1 ORDER BY id"), [1, 3, 4, 5, 6]);
    assert_eq!(numbers(&store, "SELECT id FROM knocker_attempts WHERE event_id = 2"), [2]);
    assert_eq!(numbers(&store, "SELECT event_id FROM knocker_attempts ORDER BY id"), [1, 2, 1, 1, 1, 1]);
}

#[test]
fn a_prune_takes_every_attempt_and_no_id_of_them_is_given_again() {
    let store = store();
    ingest(&store, 2);
    handle_all(&store);
    store.operate(Action::Replay, 2, None, &ActionOptions::default(), NOW).unwrap();
    handle_all(&store);
    let foreseen = store.prune_events(r#"{"older_than_s": 0, "status": ["handled"], "dry_run": true}"#, NOW + 1).unwrap();
    let pruned = store.prune_events(r#"{"older_than_s": 0, "status": ["handled"]}"#, NOW + 1).unwrap();
    assert_eq!((foreseen.pruned.attempts, pruned.pruned.attempts), (3, 3));
    assert_eq!(numbers(&store, "SELECT count(*) FROM _knocker_attempts"), [0]);
    assert_eq!(told(&store), (0, 0));
    let metrics = store.metrics(knocker_core::metrics::MetricsFormat::Prometheus, None, NOW).unwrap();
    assert!(metrics.contains("knocker_attempts_total{endpoint=\"orders\",result=\"handled\"} 3\n"), "{metrics}");
    ingest(&store, 1);
    handle_all(&store);
    assert_eq!(numbers(&store, "SELECT id FROM knocker_attempts"), [4]);
}

#[test]
fn a_restored_file_goes_on_with_other_ids_and_the_same_counts() {
    let store = store();
    ingest(&store, 2);
    let jobs = claim(&store);
    store.handled(jobs[0], "w", 7, NOW).unwrap();
    store.skip_attempt_ids(1000).unwrap();
    store.handled(jobs[1], "w", 7, NOW).unwrap();
    assert_eq!(numbers(&store, "SELECT id FROM knocker_attempts ORDER BY id"), [1, 1002]);
    assert_eq!(told(&store), (0, 2));
}
