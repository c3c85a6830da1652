//! A plain Honker client and Knocker on the same jobs: whatever the client does, event and job agree.

mod properties;

use knocker_conformance::clock::Clock;
use knocker_conformance::database::{Database, Failure, argument};
use knocker_conformance::{call, invariants};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::types::Value as Sql;
use serde_json::Value;

const START: i64 = 1_767_225_600;

/// An inbox with one waiting event, on a connection that also has Honker's functions.
fn shared(max_attempts: i64) -> (Database, Clock) {
    let database = Database::quick();
    let clock = Clock::at(START);
    clock.install(&database.conn);
    honker_core::attach_honker_functions(&database.conn).unwrap();
    call!(database, "knocker_endpoint", "shop", format!(r#"{{"max_attempts": {max_attempts}}}"#), clock.millis()).unwrap();
    ingest(&database, &clock);
    (database, clock)
}

fn ingest(database: &Database, clock: &Clock) {
    call!(database, "knocker_ingest", "shop", r#"{"valid": true, "type": "order.paid"}"#, "{}", clock.millis()).unwrap();
}

/// Claims as a plain client and returns the jobs as it sees them.
fn claim(database: &Database) -> Vec<Value> {
    match call!(database, "honker_claim_batch", "knocker:shop", "plain", 5, 30).unwrap() {
        Sql::Text(jobs) => serde_json::from_str(&jobs).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn event(database: &Database) -> Value {
    database.rows("SELECT status, attempts, reason, ended_at FROM knocker_events WHERE id = 1", &[]).unwrap().remove(0)
}

fn check(database: &Database) {
    invariants::check(database).unwrap();
}

#[test]
fn a_job_that_a_plain_client_claims_and_acks_is_a_handled_event() {
    let (database, clock) = shared(3);
    let jobs = claim(&database);
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["payload"], r#"{"event_id":1}"#);
    assert_eq!((event(&database)["status"].as_str(), event(&database)["attempts"].as_i64()), (Some("processing"), Some(1)));
    let seen = &database.rows("SELECT * FROM knocker_jobs WHERE worker = 'plain'", &[]).unwrap()[0];
    assert_eq!((seen["event_id"].as_i64(), seen["attempt"].as_i64(), seen["body"].as_str()), (Some(1), Some(1), Some("{}")));
    check(&database);
    clock.advance(10);
    assert_eq!(call!(database, "honker_ack", jobs[0]["id"].as_i64().unwrap(), "plain"), Ok(Sql::Integer(1)));
    let event = event(&database);
    assert_eq!((event["status"].as_str(), event["ended_at"].as_i64()), (Some("handled"), Some(clock.millis())));
    check(&database);
}

#[test]
fn acks_in_a_batch_handle_each_event() {
    let (database, clock) = shared(3);
    ingest(&database, &clock);
    claim(&database);
    assert_eq!(call!(database, "honker_ack_batch", "[1, 2]", "plain"), Ok(Sql::Integer(2)));
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'handled'"), 2);
    check(&database);
}

#[test]
fn a_retry_of_a_plain_client_is_a_failed_event_that_a_worker_takes_up() {
    let (database, clock) = shared(3);
    claim(&database);
    assert_eq!(call!(database, "honker_retry", 1, "plain", 20, "refused"), Ok(Sql::Integer(1)));
    assert_eq!((event(&database)["status"].as_str(), event(&database)["attempts"].as_i64()), (Some("failed"), Some(1)));
    check(&database);
    assert_eq!(call!(database, "knocker_next_due", clock.millis()), Ok(Sql::Integer(20_000)));
    clock.advance(20);
    assert_eq!(call!(database, "knocker_claim", "w1", 5, 30, clock.millis()), Ok(Sql::Integer(1)));
    assert_eq!(call!(database, "knocker_handled", 1, "w1", 5, clock.millis()), Ok(Sql::Integer(1)));
    assert_eq!((event(&database)["status"].as_str(), event(&database)["attempts"].as_i64()), (Some("handled"), Some(2)));
    check(&database);
}

#[test]
fn a_failure_of_a_plain_client_is_a_dead_event_that_an_operator_brings_back() {
    let (database, clock) = shared(3);
    claim(&database);
    assert_eq!(call!(database, "honker_fail", 1, "plain", "broken"), Ok(Sql::Integer(1)));
    let dead = event(&database);
    assert_eq!(
        (dead["status"].as_str(), dead["reason"].as_str(), dead["ended_at"].as_i64()),
        (Some("dead"), Some("broken"), Some(clock.millis()))
    );
    check(&database);
    call!(database, "knocker_requeue", 1, clock.millis()).unwrap();
    assert_eq!(database.number("SELECT count(*) FROM _honker_dead"), 0, "the dead job stayed behind");
    assert_eq!(claim(&database).len(), 1);
    check(&database);
}

#[test]
fn a_last_retry_and_a_lost_last_lease_are_dead_events() {
    let (database, clock) = shared(1);
    claim(&database);
    assert_eq!(call!(database, "honker_retry", 1, "plain", 20, "refused"), Ok(Sql::Integer(1)));
    assert_eq!((event(&database)["status"].as_str(), event(&database)["reason"].as_str()), (Some("dead"), Some("refused")));
    ingest(&database, &clock);
    claim(&database);
    clock.advance(31);
    assert_eq!(claim(&database).len(), 0, "Honker buries it on the next claim");
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'dead'"), 2);
    check(&database);
}

#[test]
fn a_waiting_job_that_a_plain_client_cancels_is_an_ignored_event() {
    let (database, clock) = shared(3);
    assert_eq!(call!(database, "honker_cancel", 1), Ok(Sql::Integer(1)));
    assert_eq!((event(&database)["status"].as_str(), event(&database)["ended_at"].as_i64()), (Some("ignored"), Some(clock.millis())));
    check(&database);
    call!(database, "knocker_replay", 1, clock.millis()).unwrap();
    assert_eq!(claim(&database).len(), 1);
    check(&database);
}

#[test]
fn a_lease_is_one_whoever_took_it() {
    let (database, clock) = shared(3);
    claim(&database);
    assert_eq!(call!(database, "knocker_claim", "w1", 5, 30, clock.millis()), Ok(Sql::Integer(0)));
    assert_eq!(call!(database, "knocker_handled", 1, "w1", 5, clock.millis()).unwrap_err().code, "lease_lost");
    assert_eq!(call!(database, "honker_heartbeat", 1, "plain", 60), Ok(Sql::Integer(1)));
    clock.advance(40);
    assert_eq!(call!(database, "knocker_claim", "w1", 5, 30, clock.millis()), Ok(Sql::Integer(0)));
    clock.advance(30);
    assert_eq!(call!(database, "knocker_claim", "w1", 5, 30, clock.millis()), Ok(Sql::Integer(1)));
    assert_eq!(call!(database, "honker_ack", 1, "plain"), Ok(Sql::Integer(0)));
    assert_eq!(event(&database)["status"], "processing");
    check(&database);
}

#[test]
fn other_queues_and_payloads_of_others_are_left_alone() {
    let (database, clock) = shared(3);
    let enqueue = "SELECT honker_enqueue(?1, ?2, NULL, NULL, 0, 3, NULL)";
    for (queue, payload) in [("emails", r#"{"event_id": 1}"#), ("knocker", "{}")] {
        database.conn.query_row(enqueue, [queue, payload], |_| Ok(())).unwrap();
    }
    assert_eq!(call!(database, "knocker_claim", "w1", 10, 30, clock.millis()), Ok(Sql::Integer(1)));
    let others = "SELECT count(*) FROM _honker_live WHERE queue NOT LIKE 'knocker:%' AND state = 'pending'";
    assert_eq!(database.number(others), 2);
    assert_eq!(call!(database, "honker_cancel", 2), Ok(Sql::Integer(1)), "a foreign job that names an event of ours");
    assert_eq!(event(&database)["status"], "processing");
    assert_eq!(call!(database, "knocker_handled", 3, "w1", 5, clock.millis()).unwrap_err().code, "lease_lost");
}

#[test]
fn a_job_in_our_queue_without_an_event_does_not_stop_the_worker() {
    let (database, clock) = shared(3);
    let enqueue = "SELECT honker_enqueue('knocker:shop', ?1, NULL, NULL, 5, 3, NULL)";
    for payload in
        ["", "not json", "{}", "[]", "5", r#"{"event_id": "x"}"#, r#"{"event_id": 4711}"#, r#"{"event_id": 1}"#, r#"{"event_id": 1e300}"#]
    {
        database.conn.query_row(enqueue, [payload], |_| Ok(())).unwrap();
    }
    assert_eq!(call!(database, "knocker_claim", "w1", 5, 30, clock.millis()), Ok(Sql::Integer(1)));
    assert_eq!(database.rows("SELECT event_id FROM knocker_jobs WHERE worker = 'w1'", &[]).unwrap().len(), 1);
    assert_eq!(database.number("SELECT count(*) FROM _honker_live"), 1, "what nobody can handle waits for ever");
    assert_eq!(event(&database)["status"], "processing");
    check(&database);
}

/// What either client may do to any of the first few jobs and events.
#[derive(Debug, Clone)]
enum Step {
    Ingest,
    Wait(i64),
    Plain(&'static str, i64, i64),
    Worker(&'static str, i64, i64),
    Operator(&'static str, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 1..9i64;
    prop_oneof![
        3 => Just(Step::Ingest),
        3 => (0..40i64).prop_map(Step::Wait),
        6 => (prop::sample::select(vec!["claim", "claim", "ack", "retry", "fail", "heartbeat", "cancel"]), id(), 0..30i64)
            .prop_map(|(what, job, seconds)| Step::Plain(what, job, seconds)),
        6 => (prop::sample::select(vec!["claim", "claim", "handled", "failed", "skipped", "extend", "release"]), id(), 1..30i64)
            .prop_map(|(what, job, seconds)| Step::Worker(what, job, seconds)),
        4 => (prop::sample::select(vec!["replay", "requeue", "ignore"]), id()).prop_map(|(what, event)| Step::Operator(what, event)),
    ]
}

fn perform(database: &Database, clock: &Clock, step: &Step) -> Result<Sql, Failure> {
    let now = clock.millis();
    match *step {
        Step::Ingest => {
            ingest(database, clock);
            Ok(Sql::Null)
        }
        Step::Wait(seconds) => {
            clock.advance(seconds);
            Ok(Sql::Null)
        }
        Step::Plain("claim", ..) => call!(database, "honker_claim_batch", "knocker:shop", "plain", 2, 15),
        Step::Plain("ack", job, _) => call!(database, "honker_ack", job, "plain"),
        Step::Plain("retry", job, seconds) => call!(database, "honker_retry", job, "plain", seconds, "refused"),
        Step::Plain("fail", job, _) => call!(database, "honker_fail", job, "plain", "broken"),
        Step::Plain("heartbeat", job, seconds) => call!(database, "honker_heartbeat", job, "plain", seconds),
        Step::Plain(_, job, _) => call!(database, "honker_cancel", job),
        Step::Worker("claim", ..) => call!(database, "knocker_claim", "w1", 2, 15, now),
        Step::Worker("handled", job, _) => call!(database, "knocker_handled", job, "w1", 5, now),
        Step::Worker("failed", job, _) => call!(database, "knocker_failed", job, "w1", "refused", 5, now),
        Step::Worker("skipped", job, _) => call!(database, "knocker_skipped", job, "w1", "a test", 5, now),
        Step::Worker("extend", job, seconds) => call!(database, "knocker_extend", job, "w1", seconds, now),
        Step::Worker(..) => call!(database, "knocker_release", "w1", now),
        Step::Operator(what, event) => database.call(&format!("knocker_{what}"), &[argument(event), argument(now)]),
    }
}

proptest! {
    #![proptest_config(properties::config(100))]

    #[test]
    fn event_and_job_agree_whatever_both_clients_do(steps in prop::collection::vec(step(), 1..50)) {
        let (database, clock) = shared(3);
        for (index, step) in steps.iter().enumerate() {
            if let Err(failure) = perform(&database, &clock, step) {
                let expected = ["lease_lost", "bad_state", "unknown_event"].contains(&failure.code.as_str());
                prop_assert!(expected, "step {} {:?}: {}", index, step, failure);
            }
            invariants::check(&database).map_err(|problem| TestCaseError::fail(format!("after step {index} {step:?}: {problem}")))?;
        }
    }
}
