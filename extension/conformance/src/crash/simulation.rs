//! The power is cut at many places of a recording, and each of the states in which the disk may then be is checked.

use std::fmt;
use std::process::Command;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::check;
use super::disk::{Disk, Files, Nature, Survival};
use super::log::{Action, Record};
use super::recording::{self, Fault, Recording};

/// How many changes back a cut reaches that keeps everything before a moment.
const REACH: usize = 80;
/// What the next process does after a cut before the power is cut again.
const SECOND_STEPS: u32 = 6;

/// What to simulate of one recording.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// All choices come from it.
    pub seed: u64,
    /// How many states.
    pub states: usize,
    /// In how many of them the next process is recorded as well, and the power cut again.
    pub second: usize,
    /// What the file system promises.
    pub nature: Nature,
    /// Ends after so many states that break a promise.
    pub enough: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// States of the disk that were opened and checked.
    pub states: usize,
    /// Those of them after a second cut.
    pub second: usize,
    /// Receipts whose presence was checked, over all states.
    pub receipts: usize,
    /// Every state that broke a promise: how it was made, and what was wrong.
    pub broken: Vec<String>,
}

impl Report {
    /// Adds what another found.
    pub fn add(&mut self, other: Self) {
        self.states += other.states;
        self.second += other.second;
        self.receipts += other.receipts;
        self.broken.extend(other.broken);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, second, receipts, broken } = self;
        write!(f, "{states} states ({second} after a second cut), {receipts} receipts looked for, {} states broken", broken.len())?;
        broken.iter().take(5).try_for_each(|broken| write!(f, "\n  {broken}"))
    }
}

/// Checks the files as the processes have left them, without a cut.
///
/// # Errors
/// As [`check::check`].
pub fn check_end(recording: &Recording) -> Result<(), String> {
    let said: Vec<String> = recording
        .records()
        .iter()
        .filter_map(|record| if let Action::Mark(lines) = &record.action { Some(lines.clone()) } else { None })
        .flat_map(|lines| lines.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    check::check(&recording.files(), &said)
}

/// A process of that name, drawn from a seed, that takes so many steps on the file of a recording.
pub type Program<'a> = dyn Fn(&Recording, &str, u64, u32) -> Command + 'a;

/// Cuts the power in what was recorded. `program` is the next process after a cut.
///
/// # Panics
/// Where the next process fails on a sound disk.
pub fn simulate(program: &Program, recording: &Recording, plan: Plan) -> Report {
    replay(program, recording, &[], plan)
}

fn replay(program: &Program, recording: &Recording, said_before: &[String], plan: Plan) -> Report {
    let records = recording.records();
    let mut random = StdRng::seed_from_u64(plan.seed);
    let cuts = choose_cuts(&records, plan.states, &mut random);
    let mut disk = Disk::new(recording.base(), plan.nature, StdRng::seed_from_u64(random.random()));
    let mut said = said_before.to_vec();
    let mut report = Report::default();
    let mut done = 0;
    for (number, cut) in cuts.into_iter().enumerate() {
        for record in &records[done..cut] {
            disk.apply(&record.action);
            if let Action::Mark(lines) = &record.action {
                said.extend(lines.lines().map(str::to_owned));
            }
        }
        done = cut;
        let (how, files) = one_state(&disk, &mut random);
        report.states += 1;
        report.receipts += said.iter().filter(|line| line.ends_with(|last: char| last.is_ascii_digit())).count();
        if let Err(problem) = check::check(&files, &said) {
            report.broken.push(format!("cut after {cut} of {} records, {how}, {:?}: {problem}", records.len(), plan.nature));
        } else if plan.second > 0 && number % (plan.states / plan.second).max(1) == 0 {
            report.add(cut_again(program, files, &said, Plan { seed: random.random(), ..plan }));
        }
        if report.broken.len() >= plan.enough {
            break;
        }
    }
    report
}

/// Half of the places anywhere, half around the moments that matter: syncs, answers, faults. Where a call failed, most come after it.
fn choose_cuts(records: &[Record], count: usize, random: &mut StdRng) -> Vec<usize> {
    let matters = |record: &Record| matches!(record.action, Action::Sync { .. } | Action::SyncFolder | Action::Mark(_) | Action::Fault(_));
    let moments: Vec<usize> = (0..records.len()).filter(|&index| matters(&records[index])).collect();
    let failed = records.iter().position(|record| matches!(record.action, Action::Fault(_)));
    let mut cuts: Vec<usize> = (0..count)
        .map(|_| {
            let from = failed.filter(|_| random.random_bool(0.9)).unwrap_or(0);
            let later = &moments[moments.partition_point(|&moment| moment < from)..];
            if random.random_bool(0.5) || later.is_empty() {
                random.random_range(from..=records.len())
            } else {
                (later[random.random_range(0..later.len())] + random.random_range(0..3)).min(records.len())
            }
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

fn one_state(disk: &Disk, random: &mut StdRng) -> (String, Files) {
    let moment = disk.moments().saturating_sub(random.random_range(0..REACH));
    let all = |survival: Survival, random: &mut StdRng| (format!("{survival:?}"), disk.cut(|| survival, random));
    match random.random_range(0..100) {
        0..20 => all(Survival::Lost, random),
        20..30 => all(Survival::Kept, random),
        30..45 => all(Survival::Before(moment), random),
        45..55 => all(Survival::Pages, random),
        55..70 => all(Survival::Sectors, random),
        _ => {
            let mut choices = StdRng::seed_from_u64(random.random());
            let each = || match choices.random_range(0..5) {
                0 => Survival::Lost,
                1 => Survival::Kept,
                2 => Survival::Before(moment),
                3 => Survival::Pages,
                _ => Survival::Sectors,
            };
            ("each file on its own".to_owned(), disk.cut(each, random))
        }
    }
}

/// The next process opens the files, recovers them and works on; then the power is cut in what it did.
fn cut_again(program: &Program, files: Files, said: &[String], plan: Plan) -> Report {
    let recording = Recording::new(files);
    recording::run(vec![program(&recording, "second", plan.seed, SECOND_STEPS)]).expect("a sound disk");
    let states = 4;
    let mut report = replay(program, &recording, said, Plan { states, second: 0, ..plan });
    report.second = report.states;
    for broken in &mut report.broken {
        broken.insert_str(0, "second cut: ");
    }
    report
}

/// Records processes of these names side by side, with a fault in each where one is given.
///
/// # Errors
/// How one of them failed.
pub fn record(
    program: &Program,
    recording: &Recording,
    names: &[&str],
    seed: u64,
    steps: u32,
    fault: Option<&Fault>,
) -> Result<(), String> {
    let commands = names.iter().zip(seed..).map(|(name, seed)| {
        let mut command = program(recording, name, seed, steps);
        if let Some(fault) = fault {
            fault.set(&mut command);
        }
        command
    });
    recording::run(commands.collect())
}
