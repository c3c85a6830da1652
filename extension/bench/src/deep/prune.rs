//! How fast a prune is, how long it holds the write lock, and how long another writer waits for it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use knocker_core::chunks::{BUDGET, Chunks, rest_after};

use super::history::{endpoint, receive};
use super::process::cpu_time;
use super::side::{Side, log, new_event};
use crate::database::NOW;
use crate::report::{Bound, Report};

/// The most that one call takes.
const LIMIT: i64 = 100_000;
/// Receives that nothing goes on beside.
const ALONE: usize = 50;

/// Prints the times, and returns in milliseconds what 95 % of them were below.
fn tell(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what:<66} {:>8.1} {:>8.1} {:>8.1} ms (median, 95 %, worst of {})", at(0.5), at(0.95), at(1.0), times.len());
    at(0.95)
}

/// How long each receive took, one now and then, until the last.
fn receives(side: &Side, last: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !last(times.len()) {
        let event = new_event();
        let push = side.push(event);
        let asked = Instant::now();
        assert_eq!(receive(side.conn(), endpoint(event), &push, NOW), "accepted");
        times.push(asked.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    times
}

/// Prunes as the command does, beside an application that receives.
pub fn run(report: &mut Report, side: &Side) {
    tell("a receive with nothing beside it", receives(side, |n| n == ALONE));
    let filter = format!(r#"{{"before": {NOW}, "limit": {}}}"#, LIMIT.min(side.events / 40));
    let (mut holds, mut largest_log) = (Vec::new(), 0);
    let ended = &AtomicBool::new(false);
    let rival = Side::open(&side.path, side.events);
    let (went, took, cpu, waits) = std::thread::scope(|scope| {
        let rival = scope.spawn(move || receives(&rival, |_| ended.load(Ordering::Relaxed)));
        let (began, cpu_began) = (Instant::now(), cpu_time());
        let mut turn = began;
        let mut between = |_, _| {
            holds.push(turn.elapsed());
            largest_log = std::fs::metadata(log(&side.path)).map_or(0, |log| log.len()).max(largest_log);
            rest_after(turn);
            turn = Instant::now();
            ControlFlow::Continue(())
        };
        let chunks = &mut Chunks { budget: BUDGET, between: &mut between };
        let went = side.store.prune_events_in_chunks(&filter, NOW, chunks).expect("prunes").pruned.events;
        let (took, cpu) = (began.elapsed(), cpu_time() - cpu_began);
        ended.store(true, Ordering::Relaxed);
        (went, took, cpu, rival.join().expect("receives"))
    });
    // The first includes the search, which locks nobody out.
    holds.remove(0);
    tell("a transaction of the prune, with its wait, commit and checkpoint", holds);
    // A checkpoint locks nobody out either: how long the lock was held is what others waited.
    let (name, bound) = ("a receive beside a prune", Bound::AtMost(50.0));
    let waited = tell(name, waits);
    println!("    95 % of them: {bound} ms {}", report.judge(name, waited, bound));
    println!("{:<66} {:>8.1} MB", "the largest write-ahead log", largest_log as f64 / 1e6);
    let rate = |time: Duration| went as f64 / time.as_secs_f64();
    println!("{:<66} {:>8.0} a second", format!("a prune of {went} events, with its rests"), rate(took));
    let (name, bound) = ("the same, for a second of its CPU", Bound::AtLeast(20_000.0));
    println!("{name:<66} {:>8.0} a second {bound} {}", rate(cpu), report.judge(name, rate(cpu), bound));
}
