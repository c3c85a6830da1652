//! The CPU's work in instructions, which do not wobble as times do: counted by Valgrind's callgrind and compared with those last landed.
//!
//! This program runs itself under callgrind with a small and with a large number of operations; the difference is theirs alone. The figures
//! of `instructions.json` hold for Linux on x86_64 with the pinned toolchain: whoever makes Knocker faster or, knowingly, slower writes them
//! anew with `KNOCKER_WRITE_INSTRUCTIONS=1`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

use crate::claim::{Sharing, drain, drain_by_hand, orders};
use crate::database::{fill, prepare};
use crate::hand;
use crate::receive::{Pushes, batches, receive, receive_by_hand};
use crate::report::{Bound, Report};

/// More than this against the last landed figure is a regression.
const MOST: f64 = 1.03;
const FEW: i64 = 200;
const MANY: i64 = 1200;

type Work = fn(&Connection, i64);

/// Each operation with its name, ours and by hand in turn.
const OPERATIONS: [(&str, Work); 6] = [
    ("receive", |conn, n| pushes(conn).next(n as usize).iter().for_each(|push| receive(conn, push))),
    ("receive by hand", |conn, n| pushes(conn).next(n as usize).iter().for_each(|push| receive_by_hand(conn, push))),
    ("receive, 32 a commit", |conn, n| batches(pushes(conn).next(n as usize), conn, &receive)),
    ("receive, 32 a commit by hand", |conn, n| {
        batches(pushes(conn).next(n as usize), conn, &|conn, push| hand::receive(conn, push).expect("receives"));
    }),
    ("claim, read and verdict", |conn, n| drain(conn, n, Sharing::Nothing)),
    ("claim, read and verdict by hand", drain_by_hand),
];

/// Always as many, so that their making is not in the difference.
fn pushes(conn: &Connection) -> Pushes {
    Pushes::new(conn, MANY as usize)
}

/// Does `n` of an operation in memory; what callgrind runs.
pub fn count(operation: &str, n: i64) {
    let (_, work) = OPERATIONS.iter().find(|(name, _)| *name == operation).expect("an operation of this program");
    let conn = Connection::open_in_memory().expect("memory");
    prepare(&conn, "OFF");
    fill(&conn, MANY, "received");
    orders(&conn);
    work(&conn, n);
}

fn instructions(operation: &str, n: i64) -> Option<f64> {
    let program = std::env::current_exe().expect("this program has a path");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(["count", operation, &n.to_string()]);
    let output = valgrind.output().ok()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{operation} under callgrind: {told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind tells what it collected").1;
    Some(collected.trim().parse().expect("a number"))
}

fn landed_file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "instructions.json"].iter().collect()
}

pub fn run(report: &mut Report) {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return println!("instructions: counted on Linux on x86_64 only");
    }
    let text = std::fs::read_to_string(landed_file()).unwrap_or_else(|_| "{}".into());
    let landed: BTreeMap<String, f64> = serde_json::from_str(&text).expect("instructions.json is one object of numbers");
    let mut now = BTreeMap::new();
    for (operation, _) in OPERATIONS {
        let (Some(many), Some(few)) = (instructions(operation, MANY), instructions(operation, FEW)) else {
            return println!("instructions: not counted, valgrind is not installed");
        };
        now.insert(operation.to_owned(), ((many - few) / (MANY - FEW) as f64).round());
    }
    for (operation, count) in now.iter().filter(|(operation, _)| !operation.ends_with("by hand")) {
        let (by_hand, before) = (now[&format!("{operation} by hand")], landed.get(operation).copied().unwrap_or(*count));
        println!("{operation}: {count} instructions, {:.2} of by hand", count / by_hand);
        report.row(
            &format!("{operation}: instructions, now and last landed"),
            &count.to_string(),
            &before.to_string(),
            count / before,
            Bound::AtMost(MOST),
        );
    }
    if std::env::var_os("KNOCKER_WRITE_INSTRUCTIONS").is_some() {
        let text = serde_json::to_string_pretty(&now).expect("numbers") + "\n";
        std::fs::write(landed_file(), text).expect("the checkout is writable");
    }
}
