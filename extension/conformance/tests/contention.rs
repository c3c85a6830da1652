//! Many processes on one file: no error reaches a caller, nothing is lost, each event is handled once.

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use knocker_conformance::acknowledgements::TestProcess;
use knocker_conformance::call;
use knocker_conformance::database::{Database, argument};
use knocker_conformance::{invariants, worker};

const PROGRAM: &str = env!("CARGO_BIN_EXE_knocker-conformance-child");
const SENDERS: u32 = 8;
const WORKERS: u32 = 4;
const WEBHOOKS_EACH: u32 = 400;
/// Longer than the test, so that a lost lease is an error here.
const LEASE_S: u32 = 86_400;

#[test]
fn eight_processes_receive_and_four_work_on_one_file() {
    let database = Database::fresh();
    worker::prepare(&database);
    let began = Instant::now();
    let path = database.path();
    let start = |role: &str, index: u32, number: u32| TestProcess::start(PROGRAM, role, path, &format!("{role}-{index}"), number);
    let workers: Vec<TestProcess> = (0..WORKERS).map(|index| start("work", index, LEASE_S)).collect();
    let senders: Vec<TestProcess> = (0..SENDERS).map(|index| start("send", index, WEBHOOKS_EACH)).collect();
    let received: Vec<String> = senders.into_iter().flat_map(TestProcess::finish).collect();
    let worked: Vec<String> = workers.into_iter().flat_map(TestProcess::finish).collect();

    let received = tally(&received);
    let worked = tally(&worked);
    // How the work falls is the scheduler's choice and SQLite's: its wait for the write lock is not fair. So it is shown, not checked.
    let shares = database.rows("SELECT worker, count(*) AS handled FROM orders GROUP BY worker", &[]).unwrap();
    println!("contention: {:.1} s; received {received:?}; worked {worked:?}; shares {shares:?}", began.elapsed().as_secs_f32());
    let own = i64::from(SENDERS * WEBHOOKS_EACH);
    let shared = i64::from(WEBHOOKS_EACH / 5);
    let webhooks = own + shared;
    assert_eq!(received["accepted"], webhooks, "one of the senders is the first with a shared one");
    assert_eq!(received["duplicate"], own / 10 + shared * i64::from(SENDERS - 1));
    assert_eq!(received["invalid"], own / 20);
    assert_eq!(
        received["accepted"] + received["duplicate"] + received["invalid"],
        database.number("SELECT count(*) FROM knocker_deliveries")
    );
    assert_eq!(database.number("SELECT count(*) FROM knocker_events"), webhooks);

    assert!(!worked.contains_key("lost"), "a lease was lost though none ran out");
    assert_eq!(worked["handled"] + worked["skipped"], webhooks, "each event is ended once");
    assert_eq!(database.number("SELECT count(*) FROM orders"), worked["handled"]);
    assert_eq!(database.number("SELECT count(DISTINCT event_id) FROM orders"), worked["handled"]);
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'handled'"), worked["handled"]);
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'ignored'"), worked["skipped"]);
    assert_eq!(database.number("SELECT count(*) FROM failures"), worked["failed"]);
    assert_eq!(database.number("SELECT count(*) FROM knocker_attempts"), worked["handled"] + worked["skipped"] + worked["failed"]);
    assert_eq!(database.number("SELECT count(*) FROM _honker_live"), 0);
    invariants::check(&database).unwrap();
}

fn tally(lines: &[String]) -> HashMap<&str, i64> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(line.split(' ').next().expect("a word")).or_default() += 1;
    }
    counts
}

#[test]
fn of_many_callers_one_runs_the_retention_pass() {
    let database = Database::fresh();
    let now = 1_767_225_600_000_i64;
    call!(database, "knocker_endpoint", "shop", "{}", now).unwrap();
    for _ in 0..20 {
        call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "", now).unwrap();
    }
    call!(database, "knocker_ignore_where", r#"{"endpoint": "shop"}"#, now).unwrap();
    call!(database, "knocker_retention", r#"{"ignored_s": 60}"#, now).unwrap();
    let path = database.path();
    let passes = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Database::open(path).call_json("knocker_retain", &[argument(now + 61_000)]).unwrap())).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).filter(|pass| pass["ran"] == true).collect::<Vec<_>>()
    });
    assert_eq!(passes.len(), 1, "{passes:?}");
    assert_eq!(passes[0]["events"], 20);
    assert_eq!(database.number("SELECT count(*) FROM knocker_prunes"), 1);
    invariants::check(&database).unwrap();
}
