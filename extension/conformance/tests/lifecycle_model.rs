//! Random stories against a model: what the design says of events, leases and attempts in a few lines of plain Rust, and the library must
//! agree with it after every step.

mod properties;

use knocker_conformance::call;
use knocker_conformance::database::{Database, Failure, argument};
use knocker_conformance::invariants;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const START_S: i64 = 1_767_225_600;
const MAX_ATTEMPTS: i64 = 3;
const WORKERS: [&str; 2] = ["w1", "w2"];

#[derive(Debug, Clone)]
enum Step {
    Ingest { key: usize },
    Wait { seconds: i64 },
    Claim { worker: usize, limit: usize, lease_s: i64 },
    Verdict { event: usize, worker: usize, verdict: Verdict },
    Extend { event: usize, worker: usize, lease_s: i64 },
    Release { worker: usize },
    Operate { event: usize, action: &'static str },
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    Handled,
    Skipped,
    Failed { retry_after_s: i64 },
    Dead,
    NoHandler,
}

fn step() -> impl Strategy<Value = Step> {
    let (event, worker) = (0..6usize, 0..WORKERS.len());
    let verdict = prop_oneof![
        3 => Just(Verdict::Handled),
        1 => Just(Verdict::Skipped),
        5 => (0..40i64).prop_map(|retry_after_s| Verdict::Failed { retry_after_s }),
        1 => Just(Verdict::Dead),
        1 => Just(Verdict::NoHandler),
    ];
    prop_oneof![
        4 => (0..6usize).prop_map(|key| Step::Ingest { key }),
        4 => (0..30i64).prop_map(|seconds| Step::Wait { seconds }),
        7 => (worker.clone(), 0..4usize, 1..25i64).prop_map(|(worker, limit, lease_s)| Step::Claim { worker, limit, lease_s }),
        7 => (event.clone(), worker.clone(), verdict).prop_map(|(event, worker, verdict)| Step::Verdict { event, worker, verdict }),
        2 => (event.clone(), worker.clone(), 1..25i64).prop_map(|(event, worker, lease_s)| Step::Extend { event, worker, lease_s }),
        1 => worker.prop_map(|worker| Step::Release { worker }),
        4 => (event, prop::sample::select(vec!["replay", "requeue", "ignore"])).prop_map(|(event, action)| Step::Operate { event, action }),
    ]
}

/// What the design says of one event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    key: usize,
    status: &'static str,
    attempts: i64,
    deliveries: i64,
    /// Place in the queue: when it is or was due, and the number of its job.
    due_s: i64,
    job: i64,
    lease: Option<(usize, i64)>,
    history: Vec<&'static str>,
}

#[derive(Default)]
struct Model {
    events: Vec<Event>,
    jobs: i64,
}

impl Model {
    fn ingest(&mut self, key: usize, now: i64) {
        if let Some(event) = self.events.iter_mut().find(|event| event.key == key) {
            event.deliveries += 1;
            return;
        }
        self.jobs += 1;
        let history = Vec::new();
        self.events.push(Event { key, status: "received", attempts: 0, deliveries: 1, due_s: now, job: self.jobs, lease: None, history });
    }

    /// Leases what is due, in the order of the queue; what has no attempt left dies on the way.
    fn claim(&mut self, worker: usize, limit: usize, lease_s: i64, now: i64) -> i64 {
        let mut due: Vec<&mut Event> = self.events.iter_mut().filter(|event| event.is_claimable(now)).collect();
        due.sort_by_key(|event| (event.due_s, event.job));
        let mut leased = 0;
        for event in due {
            if leased == limit as i64 {
                break;
            }
            if event.lease.take().is_some() {
                event.history.push("lease_expired");
            }
            if event.attempts >= MAX_ATTEMPTS {
                event.status = "dead";
                continue;
            }
            event.attempts += 1;
            event.status = "processing";
            event.lease = Some((worker, now + lease_s));
            leased += 1;
        }
        leased
    }

    /// Whether the lease was the worker's.
    fn verdict(&mut self, index: usize, worker: usize, verdict: Verdict, now: i64) -> bool {
        let Some(event) = self.events.get_mut(index).filter(|event| event.is_leased_to(worker, now)) else { return false };
        event.lease = None;
        let exhausted = event.attempts >= MAX_ATTEMPTS;
        (event.status, event.due_s) = match verdict {
            Verdict::Handled => ("handled", event.due_s),
            Verdict::Skipped => ("ignored", event.due_s),
            Verdict::Failed { retry_after_s } if !exhausted => ("failed", now + retry_after_s),
            Verdict::Failed { .. } | Verdict::Dead | Verdict::NoHandler => ("dead", event.due_s),
        };
        event.history.push(event.status);
        true
    }

    fn extend(&mut self, index: usize, worker: usize, lease_s: i64, now: i64) -> bool {
        let Some(event) = self.events.get_mut(index).filter(|event| event.is_leased_to(worker, now)) else { return false };
        event.lease = Some((worker, now + lease_s));
        true
    }

    fn release(&mut self, worker: usize, now: i64) -> i64 {
        let mut released = 0;
        for event in self.events.iter_mut().filter(|event| event.is_leased_to(worker, now)) {
            event.lease = None;
            event.attempts -= 1;
            event.status = if event.attempts == 0 { "received" } else { "failed" };
            released += 1;
        }
        released
    }

    /// The new status, or none where the action does not leave the present one.
    fn operate(&mut self, index: usize, action: &str, now: i64) -> Option<&'static str> {
        let event = self.events.get_mut(index)?;
        let leaves: &[&str] = match action {
            "replay" => &["handled", "failed", "dead", "ignored"],
            "requeue" => &["failed", "dead", "ignored"],
            _ => &["received", "failed", "dead", "ignored"],
        };
        // Nobody processes an event whose lease ran out: it failed, and only nobody has noticed yet.
        let expired = event.lease.is_some_and(|(_, until)| until < now);
        let status = if expired { "failed" } else { event.status };
        if !leaves.contains(&status) {
            return None;
        }
        if expired {
            event.lease = None;
            event.history.push("lease_expired");
        }
        if action == "ignore" {
            event.status = "ignored";
        } else {
            self.jobs += 1;
            (event.status, event.attempts, event.due_s, event.job) = ("received", 0, now, self.jobs);
        }
        Some(event.status)
    }
}

impl Event {
    fn is_claimable(&self, now: i64) -> bool {
        match self.lease {
            Some((_, until)) => until < now,
            None => ["received", "failed"].contains(&self.status) && self.due_s <= now,
        }
    }

    fn is_leased_to(&self, worker: usize, now: i64) -> bool {
        self.lease.is_some_and(|(holder, until)| holder == worker && until >= now)
    }
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
        Step::Wait { .. } => Ok(Sql::Null),
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
        Step::Operate { event, action } => database.call(&format!("knocker_{action}"), &[event_id(event), now]),
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
        Step::Wait { .. } => None,
        Step::Claim { worker, limit, lease_s } => Some(Ok(model.claim(worker, limit, lease_s, now))),
        Step::Verdict { event, worker, verdict } => lost(model.verdict(event, worker, verdict, now)),
        Step::Extend { event, worker, lease_s } => lost(model.extend(event, worker, lease_s, now)),
        Step::Release { worker } => Some(Ok(model.release(worker, now))),
        Step::Operate { event, .. } if event >= model.events.len() => Some(Err("unknown_event")),
        Step::Operate { event, action } => model.operate(event, action, now).map_or(Some(Err("bad_state")), |_| None),
    }
}

fn check(database: &Database, model: &Model, now: i64) -> Result<(), String> {
    let rows = database.rows("SELECT * FROM knocker_events ORDER BY id", &[]).map_err(|failure| failure.text)?;
    let attempts = database.rows("SELECT event_id, outcome FROM knocker_attempts ORDER BY id", &[]).map_err(|failure| failure.text)?;
    for (index, event) in model.events.iter().enumerate() {
        let row = &rows[index];
        let outcomes: Vec<&str> =
            attempts.iter().filter(|row| row["event_id"] == index + 1).map(|row| row["outcome"].as_str().unwrap()).collect();
        let told = (row["status"].as_str().unwrap(), row["attempts"].as_i64().unwrap(), row["deliveries"].as_i64().unwrap(), outcomes);
        let meant = (event.status, event.attempts, event.deliveries, event.history.clone());
        if told != meant {
            return Err(format!("event {}: {told:?}, the model says {meant:?}", index + 1));
        }
        if event.status == "failed" && row["next_attempt_at"] != event.due_s * 1000 {
            return Err(format!("event {}: next attempt at {}, the model says {}", index + 1, row["next_attempt_at"], event.due_s * 1000));
        }
    }
    let waiting = model.events.iter().filter_map(|event| match event.lease {
        Some((_, until)) => Some(until + 1),
        None if ["received", "failed"].contains(&event.status) => Some(event.due_s),
        None => None,
    });
    let next = waiting.min().map_or(Sql::Null, |at| Sql::Integer(((at - now) * 1000).max(0)));
    let told = call!(database, "knocker_next_due", now * 1000).map_err(|failure| failure.text)?;
    if told != next {
        return Err(format!("next due {told:?}, the model says {next:?}"));
    }
    invariants::check(database)
}

proptest! {
    #![proptest_config(properties::config(120))]

    #[test]
    fn events_leases_and_attempts_are_what_the_model_says(steps in prop::collection::vec(step(), 1..70)) {
        let database = Database::quick();
        let mut now = START_S;
        call!(database, "knocker_endpoint", "shop", json!({ "max_attempts": MAX_ATTEMPTS }).to_string(), now * 1000).unwrap();
        let mut model = Model::default();
        for (index, step) in steps.iter().enumerate() {
            if let Step::Wait { seconds } = step {
                now += seconds;
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
