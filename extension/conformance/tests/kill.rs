//! Durable and atomic: processes that receive and work are killed at random points, hundreds of times, on one file.
#![cfg(unix)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use knocker_conformance::acknowledgements::TestProcess;
use knocker_conformance::database::Database;
use knocker_conformance::promises::{self, Promises};
use knocker_conformance::{invariants, worker};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const PROGRAM: &str = env!("CARGO_BIN_EXE_knocker-conformance-child");
/// The fewest kills. On a slow machine there are more, until enough was acknowledged for the test to mean something.
const KILLS: usize = 300;
const LEAST_ACCEPTED: usize = 100;
const LEAST_HANDLED: usize = 50;
/// How long processes that acknowledge nothing are given before that counts as a failure.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long an acknowledgement is waited for before a kill, and how long workers lease.
struct Pace {
    wait: Duration,
    lease_s: u32,
}
/// Short leases, so that what a killed worker held is taken up again while the test runs.
const SHORT: Pace = Pace { wait: Duration::from_millis(100), lease_s: 1 };
/// For the kills beyond the fewest: a disk on which nothing is done within a second.
const LONG: Pace = Pace { wait: Duration::from_secs(5), lease_s: 60 };
/// Roles of the processes that run at the same time.
const ROLES: [&str; 4] = ["send", "send", "work", "work"];

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_done_after_hundreds_of_kills() {
    let seed = std::env::var("KNOCKER_TEST_SEED").map_or_else(|_| clock() as u64, |seed| seed.parse().expect("a seed is a number"));
    println!("kill: seed {seed} (KNOCKER_TEST_SEED={seed} repeats the choices)");
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::fresh();
    worker::prepare(&database);

    let mut started = 0;
    let mut start = |role: &str, lease_s: u32| {
        started += 1;
        let number = if role == "work" { lease_s } else { u32::MAX };
        TestProcess::start(PROGRAM, role, database.path(), &format!("{role}-{started}"), number)
    };
    let mut processes: Vec<Option<TestProcess>> = ROLES.iter().map(|role| Some(start(role, SHORT.lease_s))).collect();
    let mut acknowledged = Vec::new();
    let began = Instant::now();
    let mut kills = 0;
    while kills < KILLS || !is_enough(&acknowledged) {
        assert!(kills < KILLS || began.elapsed() < PATIENCE, "the processes did too little: {}", report(&acknowledged));
        let index = random.random_range(0..ROLES.len());
        let mut process = processes[index].take().expect("it runs");
        let pace = if kills < KILLS { SHORT } else { LONG };
        // After up to a few acknowledged transactions, somewhere in the next one. None at all hits the start-up.
        process.wait_for(random.random_range(0..5), pace.wait);
        spin(Duration::from_micros(random.random_range(0..6_000)));
        let (lines, errors) = process.kill();
        assert_eq!(errors, "", "an error reached a caller");
        acknowledged.extend(lines);
        processes[index] = Some(start(ROLES[index], pace.lease_s));
        kills += 1;
    }
    for process in processes.into_iter().flatten() {
        acknowledged.extend(process.kill().0);
    }

    println!("kill: {kills} kills in {:.1} s; {}", began.elapsed().as_secs_f32(), report(&acknowledged));
    let promises = Promises::of(&acknowledged);
    promises.check(&database).unwrap();
    invariants::check(&database).unwrap();

    promises::drain(&database).unwrap();
    promises.check(&database).unwrap();
    invariants::check(&database).unwrap();
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status NOT IN ('handled', 'ignored')"), 0);
    database.conn.close().expect("no statement is left open");
}

fn count(acknowledged: &[String], word: &str) -> usize {
    acknowledged.iter().filter(|line| line.starts_with(word)).count()
}

fn is_enough(acknowledged: &[String]) -> bool {
    count(acknowledged, "accepted") >= LEAST_ACCEPTED && count(acknowledged, "handled") >= LEAST_HANDLED
}

fn report(acknowledged: &[String]) -> String {
    let words = ["accepted", "duplicate", "invalid", "handled", "failed", "skipped", "lost"];
    let counts = words.map(|word| format!("{} {word}", count(acknowledged, word)));
    format!("acknowledged: {}", counts.join(", "))
}

fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis() as i64
}

/// Passes time without giving the processor away, so that the moment of the kill is as fine as the clock.
fn spin(duration: Duration) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}
