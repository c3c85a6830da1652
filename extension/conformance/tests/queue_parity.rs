//! Knocker's queue is Honker's: the same operations through `honker_*` functions and through Knocker's leave the same rows.
//!
//! With one difference, on purpose: where a lease ran out, Honker's claim leases the job again at once, and Knocker's lets it wait as after a
//! failure and then run alone (`lifecycle/crashes.json`); and its holder loses it at once with Honker, and with Knocker only when somebody has
//! taken the job (`lifecycle/leases.json`). So a call that comes upon such a lease is Honker's own on both sides here, and what is compared
//! goes on to be everything else, also after it.

mod properties;

use knocker_conformance::call;
use knocker_conformance::clock::Clock;
use knocker_conformance::database::{Database, argument};
use knocker_conformance::invariants;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const START: i64 = 1_767_225_600;
/// Endpoints with their `max_attempts`, each a queue.
const ENDPOINTS: [(&str, i64); 2] = [("a", 2), ("b", 5)];
const WORKERS: [&str; 2] = ["w1", "w2"];

/// One operation. Jobs are named by their number, which may or may not exist.
#[derive(Debug, Clone)]
enum Op {
    Enqueue { endpoint: usize },
    Claim { worker: usize, endpoint: usize, limit: i64, lease_s: i64 },
    Ack { job: i64, worker: usize },
    Retry { job: i64, worker: usize, delay_s: i64 },
    Fail { job: i64, worker: usize },
    Heartbeat { job: i64, worker: usize, extend_s: i64 },
    Cancel { job: i64 },
    Wait { seconds: i64 },
}

fn op() -> impl Strategy<Value = Op> {
    let (job, worker, endpoint) = (1..14i64, 0..WORKERS.len(), 0..ENDPOINTS.len());
    prop_oneof![
        4 => endpoint.clone().prop_map(|endpoint| Op::Enqueue { endpoint }),
        6 => (worker.clone(), endpoint, 1..4i64, 1..20i64)
            .prop_map(|(worker, endpoint, limit, lease_s)| Op::Claim { worker, endpoint, limit, lease_s }),
        4 => (job.clone(), worker.clone()).prop_map(|(job, worker)| Op::Ack { job, worker }),
        5 => (job.clone(), worker.clone(), 0..30i64).prop_map(|(job, worker, delay_s)| Op::Retry { job, worker, delay_s }),
        2 => (job.clone(), worker.clone()).prop_map(|(job, worker)| Op::Fail { job, worker }),
        2 => (job.clone(), worker, 1..20i64).prop_map(|(job, worker, extend_s)| Op::Heartbeat { job, worker, extend_s }),
        1 => job.prop_map(|job| Op::Cancel { job }),
        4 => (0..25i64).prop_map(|seconds| Op::Wait { seconds }),
    ]
}

/// Either side: what an operation returned, as the number of jobs that it moved.
trait Queue {
    fn perform(&self, op: &Op, clock: &Clock) -> i64;
    fn database(&self) -> &Database;
}

struct Honker(Database);
/// With the functions of Honker beside its own.
struct Knocker(Database);

impl Honker {
    fn new(clock: &Clock) -> Self {
        let database = Database::quick();
        clock.install(&database.conn);
        honker_core::attach_honker_functions(&database.conn).unwrap();
        Self(database)
    }

    fn count(&self, function: &str, arguments: &[Sql]) -> i64 {
        match self.0.call(function, arguments).unwrap() {
            Sql::Integer(count) => count,
            Sql::Text(claimed) => serde_json::from_str::<Vec<Value>>(&claimed).unwrap().len() as i64,
            other => panic!("{function} returned {other:?}"),
        }
    }
}

impl Queue for Honker {
    fn perform(&self, op: &Op, _: &Clock) -> i64 {
        let worker = |index: usize| argument(WORKERS[index]);
        match *op {
            Op::Enqueue { endpoint } => {
                let (name, max_attempts) = ENDPOINTS[endpoint];
                let number = self.0.number(
                    "SELECT (SELECT count(*) FROM sqlite_sequence WHERE name = '_honker_live')
                                              * (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '_honker_live') + 1",
                );
                let payload = format!(r#"{{"event_id":{number}}}"#);
                let nothing = Sql::Null;
                let arguments = [
                    argument(queue(name)),
                    argument(payload),
                    nothing.clone(),
                    nothing.clone(),
                    argument(0),
                    argument(max_attempts),
                    nothing,
                ];
                i64::from(self.count("honker_enqueue", &arguments) > 0)
            }
            Op::Claim { worker, endpoint, limit, lease_s } => honker_claim(&self.0, worker, endpoint, limit, lease_s),
            Op::Ack { job, worker: index } => self.count("honker_ack", &[argument(job), worker(index)]),
            Op::Retry { job, worker: index, delay_s } => {
                self.count("honker_retry", &[argument(job), worker(index), argument(delay_s), argument("refused")])
            }
            Op::Fail { job, worker: index } => self.count("honker_fail", &[argument(job), worker(index), argument("broken")]),
            Op::Heartbeat { job, worker: index, extend_s } => {
                self.count("honker_heartbeat", &[argument(job), worker(index), argument(extend_s)])
            }
            // Knocker's operators take only what waits; Honker's cancel takes anything.
            Op::Cancel { job } if waits(&self.0, job) => self.count("honker_cancel", &[argument(job)]),
            Op::Cancel { .. } | Op::Wait { .. } => 0,
        }
    }

    fn database(&self) -> &Database {
        &self.0
    }
}

impl Knocker {
    fn new(clock: &Clock) -> Self {
        let database = Database::quick();
        clock.install(&database.conn);
        honker_core::attach_honker_functions(&database.conn).unwrap();
        for (name, max_attempts) in ENDPOINTS {
            call!(database, "knocker_endpoint", name, json!({ "max_attempts": max_attempts }).to_string(), clock.millis()).unwrap();
        }
        Self(database)
    }

    /// A verdict: 1, or 0 where the lease is not the worker's.
    fn verdict(&self, function: &str, arguments: &[Sql]) -> i64 {
        match self.0.call(function, arguments) {
            Ok(_) => 1,
            Err(failure) if failure.code == "lease_lost" => 0,
            Err(failure) => panic!("{failure}"),
        }
    }
}

impl Queue for Knocker {
    fn perform(&self, op: &Op, clock: &Clock) -> i64 {
        let now = || argument(clock.millis());
        let worker = |index: usize| argument(WORKERS[index]);
        match *op {
            Op::Enqueue { endpoint } => {
                self.verdict("knocker_ingest", &[argument(ENDPOINTS[endpoint].0), argument(r#"{"valid": true}"#), Sql::Null, now()])
            }
            Op::Claim { worker, endpoint, limit, lease_s } if has_ended_lease(&self.0, endpoint, clock) => {
                honker_claim(&self.0, worker, endpoint, limit, lease_s)
            }
            Op::Claim { worker: index, endpoint, limit, lease_s } => {
                let filter = json!({ "endpoints": [ENDPOINTS[endpoint].0] }).to_string();
                match self.0.call("knocker_claim", &[worker(index), argument(limit), argument(lease_s), argument(filter), now()]) {
                    Ok(Sql::Integer(claimed)) => claimed,
                    other => panic!("{other:?}"),
                }
            }
            Op::Ack { job, .. } | Op::Retry { job, .. } | Op::Fail { job, .. } | Op::Heartbeat { job, .. }
                if lease_ended(&self.0, job, clock) =>
            {
                0
            }
            Op::Ack { job, worker: index } => self.verdict("knocker_handled", &[argument(job), worker(index), argument(5), now()]),
            Op::Retry { job, worker: index, delay_s } => {
                let options = json!({ "retry_after_s": delay_s }).to_string();
                self.verdict("knocker_failed", &[argument(job), worker(index), argument("refused"), argument(5), argument(options), now()])
            }
            Op::Fail { job, worker: index } => {
                let options = argument(r#"{"dead": true}"#);
                self.verdict("knocker_failed", &[argument(job), worker(index), argument("broken"), argument(5), options, now()])
            }
            Op::Heartbeat { job, worker: index, extend_s } => {
                self.verdict("knocker_extend", &[argument(job), worker(index), argument(extend_s), now()])
            }
            // An event and its only job have the same number here: nothing is replayed.
            Op::Cancel { job } if waits(&self.0, job) => self.verdict("knocker_ignore", &[argument(job), now()]),
            Op::Cancel { .. } | Op::Wait { .. } => 0,
        }
    }

    fn database(&self) -> &Database {
        &self.0
    }
}

fn queue(endpoint: &str) -> String {
    format!("knocker:{endpoint}")
}

fn waits(database: &Database, job: i64) -> bool {
    database.number(&format!("SELECT count(*) FROM _honker_live WHERE id = {job} AND state = 'pending'")) == 1
}

fn honker_claim(database: &Database, worker: usize, endpoint: usize, limit: i64, lease_s: i64) -> i64 {
    let arguments = [argument(queue(ENDPOINTS[endpoint].0)), argument(WORKERS[worker]), argument(limit), argument(lease_s)];
    match database.call("honker_claim_batch", &arguments).unwrap() {
        Sql::Text(claimed) => serde_json::from_str::<Vec<Value>>(&claimed).unwrap().len() as i64,
        other => panic!("honker_claim_batch returned {other:?}"),
    }
}

fn has_ended_lease(database: &Database, endpoint: usize, clock: &Clock) -> bool {
    let sql = "SELECT EXISTS (SELECT 1 FROM _honker_live WHERE queue = ?1 AND state = 'processing' AND claim_expires_at < ?2)";
    database.conn.query_row(sql, (queue(ENDPOINTS[endpoint].0), clock.seconds()), |row| row.get(0)).unwrap()
}

fn lease_ended(database: &Database, job: i64, clock: &Clock) -> bool {
    let sql = "SELECT EXISTS (SELECT 1 FROM _honker_live WHERE id = ?1 AND state = 'processing' AND claim_expires_at < ?2)";
    database.conn.query_row(sql, (job, clock.seconds()), |row| row.get(0)).unwrap()
}

/// The rows of both tables.
fn rows(database: &Database) -> (Vec<Value>, Vec<Value>) {
    let read = |table: &str| database.rows(&format!("SELECT * FROM {table} ORDER BY id"), &[]).unwrap();
    (read("_honker_live"), read("_honker_dead"))
}

fn check(ops: &[Op]) -> Result<(), TestCaseError> {
    let clock = Clock::at(START);
    let (honker, knocker) = (Honker::new(&clock), Knocker::new(&clock));
    for (index, op) in ops.iter().enumerate() {
        if let Op::Wait { seconds } = op {
            clock.advance(*seconds);
        }
        let (theirs, ours) = (honker.perform(op, &clock), knocker.perform(op, &clock));
        prop_assert_eq!(ours, theirs, "operation {} {:?} moved another number of jobs", index, op);
        let (theirs, ours) = (rows(honker.database()), rows(knocker.database()));
        prop_assert_eq!(&ours.0, &theirs.0, "_honker_live differs after operation {} {:?}", index, op);
        prop_assert_eq!(&ours.1, &theirs.1, "_honker_dead differs after operation {} {:?}", index, op);
    }
    invariants::check(knocker.database()).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(properties::config(150))]

    #[test]
    fn the_same_operations_leave_the_same_rows(ops in prop::collection::vec(op(), 1..60)) {
        check(&ops)?;
    }
}
