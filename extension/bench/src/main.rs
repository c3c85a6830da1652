//! Benchmarks of the loaded extension, each as a ratio against a baseline of the same run. `make bench` runs them.
//!
//! The baseline of a receive is [`hand`]: the same rows into the same tables with statements that are prepared once, and no verification.
//! Rounds of both sides alternate, so that a machine whose speed drifts slows both; the figures are medians.
//!
//! Both sides are connections of one process. The bundled SQLite is built with `SQLITE_ENABLE_MEMORY_MANAGEMENT` and so keeps the pages of all of them
//! under one limit, the sum of theirs, and one may crowd out the other's. It does not here: counted with `SQLITE_DBSTATUS_CACHE_MISS`, a side reads
//! as many pages beside the other as alone, in receives, claims, lists and stats. Where the two differ much in size, as in `deep`, each has a process.

mod claim;
mod database;
#[cfg(target_os = "linux")]
mod deep;
mod disks;
mod endpoints;
mod hand;
mod instructions;
mod memory;
mod pages;
mod primitive;
mod reads;
mod receive;
mod report;
mod verify;

use std::process::ExitCode;

use report::Report;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [count, operation, n] = wanted.as_slice()
        && count == "count"
    {
        instructions::count(operation, n.parse().expect("a number of operations"));
        return ExitCode::SUCCESS;
    }
    // Some minutes and gigabytes, and only where asked for.
    #[cfg(target_os = "linux")]
    match wanted.as_slice() {
        [name, arguments @ ..] if name == "deep" => return deep::run(arguments),
        [name, how, path, events, operation] if name == "deep-process" => return deep::be_measured(how, path, events, operation),
        _ => {}
    }
    let run = |name: &str| wanted.is_empty() || wanted.iter().any(|want| want == name);
    let mut report = Report::new();
    // First, while this process has not grown for anything else.
    if run("memory") {
        memory::run(&mut report);
    }
    if run("receive") {
        receive::run(&mut report);
    }
    if run("claim") {
        claim::run(&mut report);
    }
    if wanted.iter().any(|want| want == "drains") {
        claim::drains(&mut report);
    }
    if run("disks") {
        disks::run(&mut report);
    }
    if run("pages") {
        pages::run(&mut report);
    }
    if run("endpoints") {
        endpoints::run(&mut report);
    }
    if run("reads") {
        reads::run(&mut report);
    }
    if run("verify") {
        verify::run(&mut report);
    }
    // A minute long, and only where asked for: what it compares with was landed, not measured in this run.
    if wanted.iter().any(|want| want == "instructions") {
        instructions::run(&mut report);
    }
    report.finish()
}
