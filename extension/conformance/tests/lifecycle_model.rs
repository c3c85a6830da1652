//! Random stories against a model: what the design says of events, leases and attempts in a few lines of plain Rust, and the library must
//! agree with it after every step.

mod model;
mod properties;

use std::sync::OnceLock;

use knocker_conformance::call;
use knocker_conformance::database::{Database, Failure, argument};
use knocker_conformance::invariants;
use model::{MAX_ATTEMPTS, Model, Verdict};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const START_S: i64 = 1_767_225_600;
const EVENTS: usize = 6;
const WORKERS: [&str; 2] = ["w1", "w2"];

#[derive(Debug, Clone)]
enum Step {
    Ingest {
        key: usize,
    },
    Wait {
        seconds: i64,
    },
    /// The clock is put forward or back.
    Jump {
        days: i64,
    },
    Claim {
        worker: usize,
        limit: usize,
        lease_s: i64,
    },
    Verdict {
        event: usize,
        worker: usize,
        verdict: Verdict,
    },
    Extend {
        event: usize,
        worker: usize,
        lease_s: i64,
    },
    Release {
        worker: usize,
    },
    Operate {
        event: usize,
        action: &'static str,
        force: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (event, worker) = (0..EVENTS, 0..WORKERS.len());
    let lease_s = prop_oneof![2 => 1..25i64, 1 => 500..3000i64];
    let verdict = prop_oneof![
        3 => Just(Verdict::Handled),
        1 => Just(Verdict::Skipped),
        5 => (0..40i64).prop_map(|retry_after_s| Verdict::Failed { retry_after_s }),
        1 => Just(Verdict::Dead),
        1 => Just(Verdict::NoHandler),
    ];
    prop_oneof![
        4 => (0..EVENTS).prop_map(|key| Step::Ingest { key }),
        4 => (0..30i64).prop_map(|seconds| Step::Wait { seconds }),
        2 => (50..100i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..700i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => prop::sample::select(vec![-50, -2, 2, 50]).prop_map(|days| Step::Jump { days }),
        7 => (worker.clone(), 0..4usize, lease_s.clone()).prop_map(|(worker, limit, lease_s)| Step::Claim { worker, limit, lease_s }),
        7 => (event.clone(), worker.clone(), verdict).prop_map(|(event, worker, verdict)| Step::Verdict { event, worker, verdict }),
        2 => (event.clone(), worker.clone(), lease_s).prop_map(|(event, worker, lease_s)| Step::Extend { event, worker, lease_s }),
        1 => worker.prop_map(|worker| Step::Release { worker }),
        4 => (event, prop::sample::select(vec!["replay", "requeue", "ignore"]), prop::bool::weighted(0.3))
            .prop_map(|(event, action, force)| Step::Operate { event, action, force }),
    ]
}

/// The same step on the library.
fn perform(database: &Database, step: &Step, now: i64) -> Result<Sql, Failure> {
    let now = argument(now * 1000);
    let event_id = |event: usize| argument(event as i64 + 1);
    let job_id = |event: usize| {
        let sql = format!("SELECT coalesce((SELECT id FROM _honker_live WHERE payload ->> '$.event_id' = {}), 0)", event + 1);
        argument(database.number(&sql))
    };
    let worker = |worker: usize| argument(WORKERS[worker]);
    match *step {
        Step::Ingest { key } => {
            let fields = json!({"valid": true, "key": format!("key-{key}")}).to_string();
            database.call("knocker_ingest", &[argument("shop"), argument(fields), Sql::Null, now])
        }
        Step::Wait { .. } | Step::Jump { .. } => Ok(Sql::Null),
        Step::Claim { worker: index, limit, lease_s } => {
            database.call("knocker_claim", &[worker(index), argument(limit as i64), argument(lease_s), now])
        }
        Step::Verdict { event, worker: index, verdict } => {
            let failed = |options: Value| {
                let options = argument(options.to_string());
                database.call("knocker_failed", &[job_id(event), worker(index), argument("refused"), argument(5), options, now.clone()])
            };
            match verdict {
                Verdict::Handled => database.call("knocker_handled", &[job_id(event), worker(index), argument(5), now]),
                Verdict::Skipped => database.call("knocker_skipped", &[job_id(event), worker(index), argument("a test"), argument(5), now]),
                Verdict::Failed { retry_after_s } => failed(json!({ "retry_after_s": retry_after_s })),
                Verdict::Dead => failed(json!({"dead": true})),
                Verdict::NoHandler => failed(json!({"no_handler": true})),
            }
        }
        Step::Extend { event, worker: index, lease_s } => {
            database.call("knocker_extend", &[job_id(event), worker(index), argument(lease_s), now])
        }
        Step::Release { worker: index } => database.call("knocker_release", &[worker(index), now]),
        Step::Operate { event, action, force } => {
            let options = argument(json!({ "force": force }).to_string());
            let arguments =
                if action == "ignore" { vec![event_id(event), Sql::Null, options, now] } else { vec![event_id(event), options, now] };
            database.call(&format!("knocker_{action}"), &arguments)
        }
    }
}

/// What the model expects of the step: a number, or the code of an error; nothing where only the rows tell.
fn expected(model: &mut Model, step: &Step, now: i64) -> Option<Result<i64, &'static str>> {
    let lost = |held: bool| if held { None } else { Some(Err("lease_lost")) };
    match *step {
        Step::Ingest { key } => {
            model.ingest(key, now);
            None
        }
        Step::Wait { .. } | Step::Jump { .. } => None,
        Step::Claim { worker, limit, lease_s } => Some(Ok(model.claim(worker, limit, lease_s, now))),
        Step::Verdict { event, worker, verdict } => lost(model.verdict(event, worker, verdict, now)),
        Step::Extend { event, worker, lease_s } => lost(model.extend(event, worker, lease_s, now)),
        Step::Release { worker } => Some(Ok(model.release(worker, now))),
        Step::Operate { event, .. } if event >= model.events.len() => Some(Err("unknown_event")),
        Step::Operate { event, action, force } => model.operate(event, action, force, now).map_or(Some(Err("bad_state")), |_| None),
    }
}

fn check(database: &Database, model: &Model, now: i64) -> Result<(), String> {
    let rows = database.rows("SELECT * FROM knocker_events ORDER BY id", &[]).map_err(|failure| failure.text)?;
    let attempts = database.rows("SELECT event_id, result FROM knocker_attempts ORDER BY id", &[]).map_err(|failure| failure.text)?;
    for (index, event) in model.events.iter().enumerate() {
        let row = &rows[index];
        let results: Vec<&str> =
            attempts.iter().filter(|row| row["event_id"] == index + 1).map(|row| row["result"].as_str().unwrap()).collect();
        let told = (row["status"].as_str().unwrap(), row["attempts"].as_i64().unwrap(), row["deliveries"].as_i64().unwrap(), results);
        let meant = (event.status, event.attempts, event.deliveries, event.history.clone());
        if told != meant {
            return Err(format!("event {}: {told:?}, the model says {meant:?}", index + 1));
        }
        if ["received", "failed", "processing"].contains(&event.status) && row["max_attempts"] != event.max_attempts {
            return Err(format!("event {}: {} attempts allowed, the model says {}", index + 1, row["max_attempts"], event.max_attempts));
        }
        if event.status == "failed" && row["next_attempt_at"] != event.due_s * 1000 {
            return Err(format!("event {}: next attempt at {}, the model says {}", index + 1, row["next_attempt_at"], event.due_s * 1000));
        }
    }
    for worker in [None, Some(0), Some(1)] {
        let next = model.next_due(worker, now).map_or(Sql::Null, |at| Sql::Integer(((at - now) * 1000).max(0)));
        let filter = json!({ "worker": worker.map(|index| WORKERS[index]) }).to_string();
        let told = call!(database, "knocker_next_due", filter, now * 1000).map_err(|failure| failure.text)?;
        if told != next {
            return Err(format!("next due for {worker:?} {told:?}, the model says {next:?}"));
        }
    }
    let beside = "SELECT count(*) FROM _honker_live j JOIN _honker_live o ON o.worker_id = j.worker_id AND o.id <> j.id
                  WHERE j.priority = -2 AND o.state = 'processing'";
    if database.number(beside) > 0 {
        return Err("something is leased beside a job that runs alone".into());
    }
    invariants::check(database)
}

/// The settings of the endpoint.
fn settings() -> String {
    json!({ "max_attempts": MAX_ATTEMPTS, "backoff": { "base_s": 6, "factor": 2 }, "unhandled": "dead" }).to_string()
}

/// How long a failure of each event waits after each attempt, in seconds: what `knocker_failed` says of it. A death is to wait as long.
fn delays() -> Vec<Vec<i64>> {
    static DELAYS: OnceLock<Vec<Vec<i64>>> = OnceLock::new();
    let learn = |event: usize| {
        let database = Database::quick();
        call!(database, "knocker_endpoint", "shop", settings(), START_S * 1000).unwrap();
        call!(database, "knocker_endpoint", "shop", r#"{"max_attempts": 100}"#, START_S * 1000).unwrap();
        for _ in 0..=event {
            call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, Sql::Null, START_S * 1000).unwrap();
        }
        let mut now = START_S;
        let mut learned = Vec::new();
        for _ in 0..2 * MAX_ATTEMPTS {
            call!(database, "knocker_claim", "w1", 10, 60, now * 1000).unwrap();
            let failed = [argument(event as i64 + 1), argument("w1"), argument("refused"), argument(5), argument(now * 1000)];
            let due_s = database.call_json("knocker_failed", &failed).unwrap()["next_attempt_at"].as_i64().unwrap() / 1000;
            learned.push(due_s - now);
            call!(database, "knocker_release", "w1", now * 1000).unwrap();
            now = due_s;
        }
        learned
    };
    DELAYS.get_or_init(|| (0..EVENTS).map(learn).collect()).clone()
}

proptest! {
    #![proptest_config(properties::config(120))]

    #[test]
    fn events_leases_and_attempts_are_what_the_model_says(steps in prop::collection::vec(step(), 1..90)) {
        let database = Database::quick();
        let mut now = START_S;
        call!(database, "knocker_endpoint", "shop", settings(), now * 1000).unwrap();
        let mut model = Model::new(delays());
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Wait { seconds } => now += seconds,
                Step::Jump { days } => now += days * 86_400,
                _ => {}
            }
            let expectation = expected(&mut model, step, now);
            let told = perform(&database, step, now);
            let agreed = match (&expectation, &told) {
                (Some(Ok(number)), Ok(Sql::Integer(told))) => number == told,
                (Some(Err(code)), Err(failure)) => *code == failure.code,
                (None, Ok(_)) => true,
                _ => false,
            };
            prop_assert!(agreed, "step {} {:?}: {:?}, the model says {:?}", index, step, told, expectation);
            check(&database, &model, now).map_err(|problem| TestCaseError::fail(format!("after step {index} {step:?}: {problem}")))?;
        }
    }
}
