//! Power cuts and failing disks: real processes are recorded, and what their disk may hold after a cut is opened and checked.
//!
//! `KNOCKER_CRASH_STATES=n` makes about so many states instead of a few hundred, `KNOCKER_TEST_SEED=n` repeats the random choices.
#![cfg(target_os = "linux")]

use std::env;
use std::process::Command;
use std::time::Instant;

use knocker_conformance::crash::disk::{Files, Loss, Nature};
use knocker_conformance::crash::policy::Policy;
use knocker_conformance::crash::recording::{self, Fault, Recording};
use knocker_conformance::crash::simulation::{Plan, Report, check_end, record, simulate};

const PROGRAM: &str = env!("CARGO_BIN_EXE_knocker-conformance-crash");
/// States that all tests here make together by default, about.
const STATES: usize = 700;
const LONE: &[&str] = &["a"];
const THREE: &[&str] = &["a", "b", "c"];
/// What one recording is cut into: more from one teach less than as many from another.
const STATES_EACH: usize = 30;
/// How many recordings may go by before a mutant is caught.
const PATIENCE: u64 = 200;

fn states() -> usize {
    env::var("KNOCKER_CRASH_STATES").map_or(STATES, |states| states.parse().expect("a number of states"))
}

fn seed(of: &str) -> u64 {
    let seed = env::var("KNOCKER_TEST_SEED").map_or(20_261_128, |seed| seed.parse().expect("a seed is a number"));
    println!("{of}: seed {seed} (KNOCKER_TEST_SEED={seed} repeats the choices)");
    seed
}

/// One kind of recording.
#[derive(Clone, Copy)]
struct Scene {
    names: &'static [&'static str],
    policy: Policy,
    steps: u32,
    /// Call, file, how many, error. Which is the first is drawn by the seed, below the last number.
    fault: Option<(&'static str, &'static str, u64, i32, u64)>,
    loss: Loss,
}

/// The recorded process, with this policy.
fn program(policy: Policy) -> impl Fn(&Recording, &str, u64, u32) -> Command {
    move |recording, name, seed, steps| {
        let mut command = recording.command(PROGRAM);
        command.arg(recording.database()).args([name, policy.name(), &seed.to_string(), &steps.to_string()]);
        command
    }
}

impl Scene {
    fn sound(names: &'static [&'static str], steps: u32) -> Self {
        Self { names, policy: Policy::Sound, steps, fault: None, loss: Loss::Dropped }
    }

    /// Records it once and cuts it up.
    fn play(self, seed: u64, states: usize, second: usize, enough: usize) -> Report {
        let recording = Recording::new(Files::new());
        let fault = self.fault.map(|(call, file, count, errno, within)| {
            let first = 1 + seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % within;
            Fault { call, file, first, count, errno, armed: true }
        });
        record(&program(self.policy), &recording, self.names, seed, self.steps, fault.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        let nature = Nature { loss: self.loss, sync_names: seed.is_multiple_of(2) };
        simulate(&program(Policy::Sound), &recording, Plan { seed, states, second, nature, enough })
    }

    /// As many states as told, from several recordings.
    fn play_all(self, seed: u64, states: usize, with_second: bool) -> Report {
        let mut report = Report::default();
        let mut seed = seed;
        while report.states < states {
            let count = STATES_EACH.min(states - report.states);
            let second = if with_second { count.div_ceil(16) } else { 0 };
            report.add(self.play(seed, count, second, usize::MAX));
            seed += 1;
        }
        report
    }
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let seed = seed("power cuts");
    for (what, scene, share) in [
        ("one process", Scene::sound(LONE, 60), 5),
        ("three processes", Scene::sound(THREE, 30), 5),
        ("new files", Scene::sound(&["a", "b"], 1), 15),
    ] {
        let began = Instant::now();
        let report = scene.play_all(seed, states() / share, true);
        println!("power cuts: {what}: {report} ({:.1} s)", began.elapsed().as_secs_f32());
        assert!(report.broken.is_empty(), "{what}: {report}");
    }
}

#[test]
fn failing_syncs_lose_nothing_that_was_acknowledged() {
    let seed = seed("failing syncs");
    // What is stuck in the main file no process can save, and what is stuck in the log one that opens it later is not told of.
    for (file, count, names, loss) in [
        ("wal", 1, LONE, Loss::Dropped),
        ("wal", 1, LONE, Loss::Partly),
        ("wal", 1, LONE, Loss::Stuck),
        ("wal", 5, LONE, Loss::Dropped),
        ("wal", 5, LONE, Loss::Stuck),
        ("wal", 1, THREE, Loss::Dropped),
        ("wal", 5, THREE, Loss::Partly),
        ("main", 1, LONE, Loss::Dropped),
        ("main", 5, LONE, Loss::Partly),
        ("main", 1, THREE, Loss::Dropped),
        ("main", 5, THREE, Loss::Partly),
        ("both", 1, LONE, Loss::Dropped),
        ("both", 5, LONE, Loss::Dropped),
        ("both", 5, THREE, Loss::Partly),
        ("both", 1, LONE, Loss::Written),
    ] {
        let began = Instant::now();
        let within = if file == "main" { 4 } else { 24 };
        let fault = Some(("sync", file, count, libc::EIO, within));
        let report = Scene { names, policy: Policy::Sound, steps: 40, fault, loss }.play_all(seed, states() / 50, false);
        let what = format!("{count} of {file}, {} processes, {loss:?}", names.len());
        println!("failing syncs: {what}: {report} ({:.1} s)", began.elapsed().as_secs_f32());
        assert!(report.broken.is_empty(), "{what}: {report}");
    }
}

#[test]
fn failing_writes_lose_nothing_that_was_acknowledged() {
    let seed = seed("failing writes");
    for (call, file, errno) in [
        ("write", "wal", libc::EIO),
        ("write", "wal", libc::ENOSPC),
        ("write", "main", libc::EIO),
        ("write", "main", libc::ENOSPC),
        ("write", "both", libc::ENOSPC),
        ("truncate", "both", libc::EIO),
    ] {
        for count in [1, 40] {
            let within = if call == "write" { 120 } else { 4 };
            let fault = Some((call, file, count, errno, within));
            let report = Scene { fault, ..Scene::sound(LONE, 40) }.play_all(seed, states() / 100, false);
            println!("failing writes: {count} × {call} of {file}, error {errno}: {report}");
            assert!(report.broken.is_empty(), "{count} × {call} of {file}, error {errno}: {report}");
        }
    }
}

/// Every call of a short life, from the first one on, fails in its turn, alone and with the two after it.
#[test]
fn no_failing_call_ends_the_process_or_loses_what_was_acknowledged() {
    let seed = seed("failing calls");
    let life = |fault: Option<&Fault>| {
        let recording = Recording::new(Files::new());
        let mut command = program(Policy::Sound)(&recording, "a", seed, 6);
        // A lock that could not be given back is waited for in vain.
        command.env("KNOCKER_CRASH_PATIENCE_MS", "20");
        fault.inspect(|fault| fault.set(&mut command));
        recording::run(vec![command]).map(|()| recording)
    };
    let calls = life(None).expect("a sound disk").calls();
    let runs = (states() / 7) as u64;
    let nature = Nature { loss: Loss::Dropped, sync_names: false };
    let mut report = Report::default();
    let mut failed = 0;
    for index in 0..runs.min(2 * calls) {
        let first = 1 + index * calls / runs.min(calls) % calls;
        let fault = Fault { call: "any", file: "all", first, count: 1 + 2 * (index % 2), errno: libc::EIO, armed: false };
        let recording = life(Some(&fault)).unwrap_or_else(|error| panic!("call {first} of {calls} failed: {error}"));
        check_end(&recording).unwrap_or_else(|problem| panic!("call {first} of {calls} failed: {problem}"));
        report.add(simulate(&program(Policy::Sound), &recording, Plan { seed: seed + index, states: 1, second: 0, nature, enough: 1 }));
        failed += 1;
    }
    println!("failing calls: {failed} runs over {calls} calls; {report}");
    assert!(report.broken.is_empty(), "{report}");
}

/// Plays a scene until it is caught.
fn assert_caught(what: &str, scene: Scene) {
    let seed = seed(what);
    let mut report = Report::default();
    for number in 0..PATIENCE {
        report.add(scene.play(seed + number, STATES_EACH, 0, 1));
        if !report.broken.is_empty() {
            return println!("{what}: caught after {} recordings: {report}", number + 1);
        }
    }
    panic!("{what}: not caught: {report}");
}

#[test]
fn receives_without_a_sync_are_caught() {
    assert_caught("synchronous=NORMAL", Scene { policy: Policy::NormalReceives, ..Scene::sound(LONE, 40) });
}

#[test]
fn answers_before_the_commit_are_caught() {
    assert_caught("answers first", Scene { policy: Policy::AnswerFirst, ..Scene::sound(LONE, 40) });
}

#[test]
fn rows_apart_from_their_verdict_are_caught() {
    assert_caught("verdicts apart", Scene { policy: Policy::VerdictApart, ..Scene::sound(LONE, 40) });
}

#[test]
fn going_on_after_a_failed_sync_with_unsynced_claims_is_caught() {
    let fault = Some(("sync", "wal", 1, libc::EIO, 24));
    assert_caught("unconcerned", Scene { policy: Policy::Unconcerned, fault, ..Scene::sound(LONE, 40) });
}

#[test]
fn partial_checkpoints_before_one_whose_sync_fails_are_caught() {
    let fault = Some(("sync", "main", 1, libc::EIO, 4));
    assert_caught("partial checkpoints", Scene { policy: Policy::PartialCheckpoints, fault, ..Scene::sound(THREE, 40) });
}

#[test]
fn going_on_after_a_failed_sync_with_synced_claims_is_caught_where_the_file_system_forgets_new_places() {
    let fault = Some(("sync", "wal", 1, libc::EIO, 24));
    assert_caught("goes on", Scene { policy: Policy::GoesOn, fault, loss: Loss::Stuck, ..Scene::sound(LONE, 40) });
}
