//! A file with many endpoints, whose queues are looked through all at once by an index, gives what it gives where each is asked.

use knocker_core::Store;
use knocker_core::attempt::FailedOptions;
use knocker_core::claim::{ClaimFilter, DueFilter};
use knocker_core::ingest::IngestFields;
use proptest::prelude::*;
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;
const ENDPOINTS: usize = 80;

#[derive(Debug, Clone)]
enum Step {
    Receive(usize),
    /// A clock that is ahead receives.
    ReceiveAhead(usize),
    Claim {
        worker: usize,
        limit: i64,
        only: Option<(usize, usize)>,
    },
    Handle(usize),
    Fail(usize),
    Wait(i64),
    /// What another client of the queue may do to a job.
    Prefer(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = (0..ENDPOINTS, 1..ENDPOINTS + 20);
    let step = prop_oneof![
        6 => (0..ENDPOINTS).prop_map(Step::Receive),
        1 => (0..ENDPOINTS).prop_map(Step::ReceiveAhead),
        6 => (0..3usize, 1..5i64, prop::option::of(some)).prop_map(|(worker, limit, only)| Step::Claim { worker, limit, only }),
        3 => (0..3usize).prop_map(Step::Handle),
        2 => (0..3usize).prop_map(Step::Fail),
        3 => prop_oneof![0..3_000i64, 0..120_000i64, 0..700_000i64].prop_map(Step::Wait),
        1 => (0..20i64).prop_map(Step::Prefer),
    ];
    prop::collection::vec(step, 1..120)
}

fn name(endpoint: usize) -> String {
    format!("e{endpoint}")
}

fn open() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    for endpoint in 0..ENDPOINTS {
        store.endpoint(&name(endpoint), r#"{"backoff": {"base_s": 30}}"#, NOW).unwrap();
    }
    store
}

fn has_index(store: &Store) -> bool {
    store.conn().prepare("SELECT 1 FROM _honker_live INDEXED BY _knocker_live_due WHERE state = 'pending' AND queue >= 'knocker:' AND queue < 'knocker;'").is_ok()
}

fn filter(only: Option<(usize, usize)>) -> ClaimFilter {
    let Some((from, n)) = only else { return ClaimFilter::default() };
    let names: Vec<String> = (from..from + n).map(|endpoint| name(endpoint % (ENDPOINTS + 5))).collect();
    ClaimFilter::of(names.iter().map(String::as_str))
}

fn held(store: &Store, worker: &str) -> Option<i64> {
    let sql = "SELECT min(job_id) FROM knocker_jobs WHERE worker = ?1";
    store.conn().query_row(sql, [worker], |row| row.get(0)).unwrap()
}

/// Does the step and tells all that it led to.
fn take(store: &Store, step: &Step, n: usize, now: &mut i64) -> String {
    let told = match step {
        Step::Receive(endpoint) | Step::ReceiveAhead(endpoint) => {
            let fields = IngestFields::parse(&format!(r#"{{"valid": true, "key": "k{n}"}}"#)).unwrap();
            let ahead = if matches!(step, Step::ReceiveAhead(_)) { 400 * 86_400_000 } else { 0 };
            format!("{:?}", store.ingest(&name(*endpoint), &fields, b"{}", *now + ahead).unwrap().event_id)
        }
        Step::Claim { worker, limit, only } => {
            let worker = format!("w{worker}");
            let filter = filter(*only);
            let due =
                [None, Some(worker.clone())].map(|worker| store.next_due(&DueFilter { claim: filter.clone(), worker }, *now).unwrap());
            let claimed = store.claim(&worker, *limit, 60, &filter, *now).unwrap();
            format!("{due:?} {claimed}")
        }
        Step::Handle(worker) => {
            let worker = format!("w{worker}");
            format!("{:?}", held(store, &worker).map(|job| store.handled(job, &worker, 1, *now).is_ok()))
        }
        Step::Fail(worker) => {
            let worker = format!("w{worker}");
            let failed = held(store, &worker).map(|job| store.failed(job, &worker, "no", 1, &FailedOptions::default(), *now).is_ok());
            format!("{failed:?}")
        }
        Step::Wait(ms) => {
            *now += ms;
            String::new()
        }
        Step::Prefer(nth) => {
            let sql = "UPDATE _honker_live SET priority = 5 WHERE id = (SELECT id FROM _honker_live WHERE state = 'pending' AND priority = 0 LIMIT 1 OFFSET ?1)";
            store.conn().execute(sql, [nth]).unwrap();
            String::new()
        }
    };
    let sql = "SELECT group_concat(id || ' ' || state || ' ' || priority || ' ' || run_at || ' ' || coalesce(worker_id, ''), '\n')
               FROM (SELECT * FROM _honker_live ORDER BY id)";
    let jobs: Option<String> = store.conn().query_row(sql, [], |row| row.get(0)).unwrap();
    format!("{told}\n{}", jobs.unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn one_look_at_all_queues_finds_what_a_look_at_each_does(steps in steps()) {
        let (at_once, each) = (open(), open());
        each.conn().execute_batch("DROP INDEX _knocker_live_due").unwrap();
        prop_assert!(has_index(&at_once) && !has_index(&each));
        let (mut now, mut same) = (NOW, NOW);
        for (n, step) in steps.iter().enumerate() {
            prop_assert_eq!(take(&at_once, step, n, &mut now), take(&each, step, n, &mut same), "step {}: {:?}", n, step);
        }
    }
}

#[test]
fn the_index_is_made_with_the_endpoint_that_needs_it_and_put_back() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    for endpoint in 0..64 {
        store.endpoint(&name(endpoint), "{}", NOW).unwrap();
    }
    assert!(!has_index(&store));
    store.endpoint("one-more", "{}", NOW).unwrap();
    assert!(has_index(&store));
    store.conn().execute_batch("DROP INDEX _knocker_live_due").unwrap();
    store.bootstrap(NOW).unwrap();
    assert!(has_index(&store));
}
