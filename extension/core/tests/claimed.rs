//! What happens to an event while a worker has it: its rows, what is counted of them, and what an operator is told agree after each.

use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::operate::{Action, ActionOptions};
use knocker_core::{Code, Result, Store};
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;
const LEASE_S: i64 = 60;
/// When a lease that begins now is over.
const OVER: i64 = NOW + (LEASE_S + 1) * 1000;
/// When what failed then is due again, however long it waits.
const MUCH_LATER: i64 = OVER + 86_400_000;

/// A store whose first event is claimed by `w`, beside one that waits.
fn claimed() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    let fields = IngestFields::parse(r#"{"valid": true}"#).unwrap();
    for body in ["1", "2"] {
        store.ingest("orders", &fields, body.as_bytes(), NOW).unwrap();
    }
    assert_eq!(claim(&store, "w", NOW), 1);
    agree(&store, [1, 1, 0, 0, 0, 0]);
    store
}

fn claim(store: &Store, worker: &str, now: i64) -> i64 {
    store.claim(worker, 1, LEASE_S, &ClaimFilter::default(), now).unwrap()
}

fn run(store: &Store, sql: &str) {
    store.conn().execute_batch(sql).unwrap();
}

fn number(store: &Store, sql: &str) -> i64 {
    store.conn().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn force() -> ActionOptions {
    ActionOptions { force: true }
}

fn is_lost(verdict: Result<()>) -> bool {
    verdict.is_err_and(|error| error.code() == Code::LeaseLost)
}

/// The events that are received, processing, failed, handled, dead and ignored: by their rows, the stats and the metrics, with which the jobs agree.
#[track_caller]
fn agree(store: &Store, expected: [i64; 6]) {
    const STATUSES: [&str; 6] = ["received", "processing", "failed", "handled", "dead", "ignored"];
    let rows = STATUSES.map(|status| number(store, &format!("SELECT count(*) FROM knocker_events WHERE status = '{status}'")));
    let events = store.stats(NOW).unwrap().events;
    let metrics = store.metrics(knocker_core::metrics::MetricsFormat::Prometheus, None, NOW).unwrap();
    let told: [i64; 6] = STATUSES.map(|status| {
        let name = format!("knocker_events{{endpoint=\"orders\",status=\"{status}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("each status is told").parse().expect("a number")
    });
    assert_eq!(rows, expected, "the rows");
    assert_eq!([events.received, events.processing, events.failed, events.handled, events.dead, events.ignored], expected, "the stats");
    assert_eq!(told, expected, "the metrics");
    assert_eq!(store.disagreements(100, 10).unwrap(), Default::default());
}

#[test]
fn a_worker_that_is_late_is_heard_until_another_has_the_job() {
    let store = claimed();
    assert_eq!(store.next_due(&Default::default(), NOW).unwrap(), Some(0));
    store.handled(1, "w", 5, MUCH_LATER).unwrap();
    agree(&store, [1, 0, 0, 1, 0, 0]);

    let store = claimed();
    assert_eq!(claim(&store, "v", OVER), 1, "the other one");
    agree(&store, [0, 1, 1, 0, 0, 0]);
    assert!(is_lost(store.handled(1, "w", 5, OVER)));
    store.handled(2, "v", 5, OVER).unwrap();
    assert_eq!(claim(&store, "v", MUCH_LATER), 1);
    assert!(is_lost(store.handled(1, "w", 5, MUCH_LATER)));
    agree(&store, [0, 1, 0, 1, 0, 0]);
    store.handled(1, "v", 5, MUCH_LATER).unwrap();
    agree(&store, [0, 0, 0, 2, 0, 0]);
}

#[test]
fn a_verdict_is_lost_after_an_operator_took_the_event_away() {
    for (action, expected) in
        [(Action::Requeue, [2, 0, 0, 0, 0, 0]), (Action::Replay, [2, 0, 0, 0, 0, 0]), (Action::Ignore, [1, 0, 0, 0, 0, 1])]
    {
        let store = claimed();
        assert_eq!(store.operate(action, 1, None, &ActionOptions::default(), NOW).unwrap_err().code(), Code::BadState);
        store.operate(action, 1, None, &force(), NOW).unwrap();
        assert!(is_lost(store.handled(1, "w", 5, NOW)));
        assert!(is_lost(store.skipped(1, "w", "no", 5, NOW)));
        assert!(is_lost(store.failed(1, "w", "boom", 5, &Default::default(), NOW).map(drop)));
        assert!(is_lost(store.extend(1, "w", LEASE_S, NOW).map(drop)));
        agree(&store, expected);
    }
}

#[test]
fn a_prune_leaves_what_a_worker_has() {
    let store = claimed();
    let filter = r#"{"older_than_s": 0, "status": ["handled", "dead", "ignored"]}"#;
    assert_eq!(store.prune_events(filter, MUCH_LATER).unwrap().pruned.events, 0);
    store.handled(1, "w", 5, NOW).unwrap();
    assert_eq!(store.prune_events(filter, MUCH_LATER).unwrap().pruned.events, 1);
    agree(&store, [1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_verdict_is_lost_where_somebody_deleted_the_job() {
    let store = claimed();
    run(&store, "DELETE FROM _honker_live WHERE id = 1");
    assert!(is_lost(store.handled(1, "w", 5, NOW)));
    // As after an acknowledgement by a plain client.
    agree(&store, [1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_verdict_on_an_event_that_somebody_deleted_says_so() {
    let store = claimed();
    run(&store, "DELETE FROM _knocker_events WHERE id = 1");
    // Not a lost lease: a handler may have deleted it, and its attempt is to fail.
    let failed = store.failed(1, "w", "boom", 5, &Default::default(), NOW).map(drop);
    for verdict in [store.handled(1, "w", 5, NOW), failed, store.extend(1, "w", LEASE_S, NOW).map(drop)] {
        let error = verdict.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::UnknownEvent, "event 1 is gone, and no verdict on its job 1 can stand"));
    }
    assert_eq!(store.disagreements(100, 10).unwrap().jobs_without_event, [1]);
    // Whoever claims next once the lease is over buries the job.
    assert_eq!(claim(&store, "v", OVER), 1);
    assert_eq!(number(&store, "SELECT count(*) FROM _honker_dead WHERE last_error = 'no event has this job'"), 1);
    agree(&store, [0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_verdict_on_a_job_that_is_not_its_events_is_lost() {
    let store = claimed();
    run(
        &store,
        "INSERT INTO _honker_live (id, queue, payload, state, worker_id, claim_expires_at, attempts, max_attempts, run_at, created_at)
         SELECT 99, queue, payload, state, worker_id, claim_expires_at, attempts, max_attempts, run_at, created_at FROM _honker_live WHERE id = 1",
    );
    assert!(is_lost(store.handled(99, "w", 5, NOW)));
    run(&store, "DELETE FROM _honker_live WHERE id = 99");
    agree(&store, [1, 1, 0, 0, 0, 0]);
    store.handled(1, "w", 5, NOW).unwrap();
    agree(&store, [1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_clock_that_goes_back_loses_no_verdict_and_no_job() {
    let yesterday = NOW - 86_400_000;
    let store = claimed();
    store.handled(1, "w", 5, yesterday).unwrap();
    agree(&store, [1, 0, 0, 1, 0, 0]);

    // The lease of the day that is not yet over is one that nobody gave, by the clock that is right.
    let store = claimed();
    let long_ago = NOW - 10 * 86_400_000;
    assert_eq!(claim(&store, "v", long_ago), 0, "what waits is not due yet");
    agree(&store, [1, 0, 1, 0, 0, 0]);
    assert!(is_lost(store.handled(1, "w", 5, long_ago)));
}

#[test]
fn an_endpoint_that_is_turned_off_or_allows_less_still_takes_the_verdict() {
    let store = claimed();
    store.endpoint("orders", r#"{"enabled": false, "max_attempts": 1}"#, NOW).unwrap();
    // The job has as many attempts as when it was made.
    store.failed(1, "w", "boom", 5, &Default::default(), NOW).unwrap();
    agree(&store, [1, 0, 1, 0, 0, 0]);

    let store = claimed();
    run(&store, "UPDATE _honker_live SET max_attempts = 1 WHERE id = 1");
    store.failed(1, "w", "boom", 5, &Default::default(), NOW).unwrap();
    agree(&store, [1, 0, 0, 0, 1, 0]);
}

#[test]
fn an_attempt_that_was_counted_otherwise_in_the_queue_counts_there() {
    let store = claimed();
    store.release("w", NOW).unwrap();
    agree(&store, [2, 0, 0, 0, 0, 0]);
    // As a plain client leaves a job that it tried before.
    run(&store, "UPDATE _knocker_events SET attempts = 0 WHERE id = 1; UPDATE _honker_live SET attempts = 4 WHERE id = 1");
    assert_eq!(claim(&store, "w", NOW), 1);
    assert_eq!(number(&store, "SELECT attempts FROM knocker_events WHERE id = 1"), 5);
    agree(&store, [1, 1, 0, 0, 0, 0]);
    store.handled(1, "w", 5, NOW).unwrap();
    agree(&store, [1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_claim_moves_an_event_once() {
    let store = claimed();
    run(
        &store,
        "CREATE TABLE moves (event_id);
         CREATE TRIGGER moved AFTER UPDATE ON _knocker_events BEGIN INSERT INTO moves VALUES (NEW.id); END",
    );
    assert_eq!(claim(&store, "v", NOW), 1);
    assert_eq!(number(&store, "SELECT count(*) FROM moves"), 1);
    agree(&store, [0, 2, 0, 0, 0, 0]);
}
