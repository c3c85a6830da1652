//! What a long history costs: everything on a file of ten million events against one of ten thousand.
//!
//! `knocker-bench deep [EVENTS] [FOLDER]` makes the large file in the folder unless it is there, and leaves it: ten million events are 20 GB. Each
//! run prunes some hundredths of it. What is cold is measured by the clock, after the system forgot the file's pages; what is warm in CPU time,
//! which includes reading pages that the system has in memory. Each is measured in a process of its own.

mod history;
mod operations;
mod process;
mod prune;
mod side;

use std::path::PathBuf;
use std::process::ExitCode;

use tempfile::TempDir;

use crate::database::NOW;
use crate::report::{Bound, Report, median, micros};
use operations::OPERATIONS;
pub use process::be_measured;
use process::{Measured, measure};
use side::Side;

const SMALL: i64 = 10_000;
const ROUNDS: usize = 9;
/// Such a process has some 8 MB, of which SQLite's cache may be 2, and a walk through the small file does not fill that.
const MOST_MEMORY: f64 = 1.25;

/// The median time and the highest peak of each side, from alternating rounds.
fn alternate(how: &str, sides: &[Side; 2], operation: usize) -> [Measured; 2] {
    let round = |_| sides.each_ref().map(|side| measure(how, side, operation));
    let rounds: Vec<[Measured; 2]> = (0..ROUNDS).map(round).collect();
    [0, 1].map(|at| Measured {
        time: median(rounds.iter().map(|round| round[at].time)),
        peak_kib: rounds.iter().map(|round| round[at].peak_kib).max().unwrap_or_default(),
    })
}

/// Measures all operations, prints their times and returns what was measured.
fn times(report: &mut Report, how: &str, sides: &[Side; 2], bound: Bound) -> Vec<[Measured; 2]> {
    let measured = OPERATIONS.iter().enumerate().map(|(at, (name, ..))| {
        let [large, small] = alternate(how, sides, at);
        report.row(name, &micros(large.time), &micros(small.time), large.time.as_secs_f64() / small.time.as_secs_f64(), bound);
        [large, small]
    });
    measured.collect()
}

fn peaks(report: &mut Report, measured: &[[Measured; 2]]) {
    for ((name, ..), peaks) in OPERATIONS.iter().zip(measured) {
        let [large, small] = peaks.each_ref().map(|measured| measured.peak_kib);
        report.row(name, &format!("{large} KiB"), &format!("{small} KiB"), large as f64 / small as f64, Bound::AtMost(MOST_MEMORY));
    }
}

/// Measures, with files of so many events and of ten thousand.
pub fn run(arguments: &[String]) -> ExitCode {
    let events: i64 = arguments.first().map_or(10_000_000, |events| events.parse().expect("a number of events"));
    let folder = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    // What the measurements leave of the small file is not enough for another run.
    let small = TempDir::new_in(&folder).expect("the folder is writable");
    let sides = [(folder.join(format!("knocker-{events}.db")), events), (small.path().join("small.db"), SMALL)].map(|(path, events)| {
        history::make(&path, events);
        let side = Side::open(&path, events);
        // A file of an earlier build lacks what this one adds.
        side.store.bootstrap(NOW).expect("writes");
        // Copies of rows are noted by nobody, and receives would have noted them.
        while side.store.note_event_times(64).expect("writes") {}
        history::check(&side.store);
        side
    });

    let mut report = Report::new();
    println!("{events} events against {SMALL}, cold: the first time after the system forgot the file");
    // No bound: a disk's times wobble.
    times(&mut report, "cold", &sides, Bound::Nothing);
    println!("the same, warm, in CPU time");
    sides.iter().for_each(Side::read_pages);
    let measured = times(&mut report, "warm", &sides, Bound::AtMost(1.5));
    println!("the peak of the process that does it");
    peaks(&mut report, &measured);
    prune::run(&mut report, &sides[0]);
    sides.iter().for_each(|side| history::check(&side.store));
    report.finish()
}
