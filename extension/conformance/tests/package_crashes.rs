//! The same as `crashes.rs` for the packages as they are shipped: each is recorded at its work, in its own runtime.
//!
//! Each is ignored here and run by its package's `run-crashes`, which names the runtime in `KNOCKER_CRASH_PROGRAM`.
#![cfg(target_os = "linux")]

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use knocker_conformance::crash::disk::{Files, Loss, Nature};
use knocker_conformance::crash::recording::{Fault, Recording};
use knocker_conformance::crash::simulation::{Plan, Report, record, simulate};

/// States for each package by default, about.
const STATES: usize = 160;
const STATES_EACH: usize = 10;
const STEPS: u32 = 30;
const LONE: &[&str] = &["a"];
const TWO: &[&str] = &["a", "b"];

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// The runtime with the driver of that package. What is compiled from the driver gets its name too.
fn program(driver: &str) -> impl Fn(&Recording, &str, u64, u32) -> Command {
    let runtime = env::var_os("KNOCKER_CRASH_PROGRAM").expect("KNOCKER_CRASH_PROGRAM names the runtime");
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("crashes").join(driver);
    move |recording, name, seed, steps| {
        let mut command = recording.command(&runtime);
        command.arg(&driver).arg(recording.database()).args([name, &seed.to_string(), &steps.to_string()]);
        command
    }
}

fn check(driver: &str) {
    let program = program(driver);
    let seed = number("KNOCKER_TEST_SEED", 20_261_128);
    let states = number("KNOCKER_CRASH_STATES", STATES as u64) as usize;
    println!("{driver}: seed {seed} (KNOCKER_TEST_SEED={seed} repeats the choices)");
    for (names, failing, loss, share) in [
        (LONE, None, Loss::Dropped, 4),
        (TWO, None, Loss::Dropped, 4),
        (LONE, Some(("wal", 1)), Loss::Dropped, 8),
        (LONE, Some(("wal", 5)), Loss::Partly, 8),
        (LONE, Some(("wal", 1)), Loss::Stuck, 8),
        (TWO, Some(("wal", 1)), Loss::Dropped, 8),
        (LONE, Some(("main", 1)), Loss::Dropped, 16),
        (LONE, Some(("main", 5)), Loss::Dropped, 16),
        (TWO, Some(("main", 1)), Loss::Dropped, 16),
    ] {
        let began = Instant::now();
        let mut report = Report::default();
        let mut seed = seed;
        while report.states < (states / share).max(1) {
            let recording = Recording::new(Files::new());
            let fault = failing.map(|(file, count)| {
                let within = if file == "main" { 3 } else { 30 };
                let first = 1 + seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % within;
                Fault { call: "sync", file, first, count, errno: libc::EIO, armed: true }
            });
            record(&program, &recording, names, seed, STEPS, fault.as_ref()).unwrap_or_else(|error| panic!("{error}"));
            let nature = Nature { loss, sync_names: seed.is_multiple_of(3) };
            let count = STATES_EACH.min((states / share).max(1));
            report.add(simulate(&program, &recording, Plan { seed, states: count, second: 1, nature, enough: usize::MAX }));
            seed += 1;
        }
        let what = format!("{driver}, {} processes, failing syncs {failing:?}, {loss:?}", names.len());
        println!("{what}: {report} ({:.1} s)", began.elapsed().as_secs_f32());
        assert!(failing.is_some() || report.receipts > 10 * report.states, "hardly anything was acknowledged: {what}: {report}");
        assert!(report.broken.is_empty(), "{what}: {report}");
    }
}

#[test]
#[ignore = "run by packages/python/run-crashes"]
fn python() {
    check("driver.py");
}

#[test]
#[ignore = "run by packages/js/node/run-crashes and packages/js/bun/run-crashes"]
fn javascript() {
    check("driver.mjs");
}

#[test]
#[ignore = "run by packages/go/run-crashes"]
fn go() {
    check("driver.go");
}

#[test]
#[ignore = "run by packages/ruby/run-crashes"]
fn ruby() {
    check("driver.rb");
}
