//! Operations measured in processes of their own: this SQLite is built so that connections of one process share what their caches may hold, and one
//! would be left without.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::operations::OPERATIONS;
use super::side::Side;

/// What a process measured.
pub struct Measured {
    pub time: Duration,
    pub peak_kib: u64,
}

/// What this thread has had of the processor.
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("time passed")
}

/// Runs a process that measures an operation, `cold` or `warm`.
pub fn measure(how: &str, side: &Side, operation: usize) -> Measured {
    if how == "cold" {
        side.forget_pages();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["deep-process", how]).arg(&side.path).args([side.events.to_string(), operation.to_string()]);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    let (nanoseconds, peak_kib) = told.trim().split_once(' ').expect("two numbers");
    Measured { time: Duration::from_nanos(nanoseconds.parse().expect("a number")), peak_kib: peak_kib.parse().expect("a number") }
}

/// What such a process does: the first time by the clock, or a round in CPU time after a round that warms. Prints nanoseconds, and its peak in KiB.
pub fn be_measured(how: &str, path: &str, events: &str, operation: &str) -> ExitCode {
    let side = Side::open(Path::new(path), events.parse().expect("a number"));
    let (_, times, work) = OPERATIONS[operation.parse::<usize>().expect("a number")];
    let round = || (0..times).for_each(|_| work(&side));
    let time = if how == "cold" {
        let began = Instant::now();
        work(&side);
        began.elapsed()
    } else {
        round();
        let began = cpu_time();
        round();
        (cpu_time() - began) / times
    };
    println!("{} {}", time.as_nanos(), peak_kib());
    ExitCode::SUCCESS
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}
