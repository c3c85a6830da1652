//! Whether a process that receives for long grows.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{NOW, SECRET, open, push};
use crate::report::{Bound, Report};

fn receive(conn: &Connection, from: usize, to: usize) {
    for n in from..to {
        let push = push(conn, n, 1024);
        let mut statement = conn.prepare_cached("SELECT knocker_receive('github', ?1, ?2, ?3, ?4)").expect("the function is there");
        let secrets = format!("[{SECRET:?}]");
        statement.query_row((&push.request, &push.body, &secrets, NOW), |_| Ok(())).expect("receives");
    }
}

/// Resident memory in KiB, where the system tells.
fn resident_kib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let conn = open(folder.path(), "memory.db", "NORMAL");
    receive(&conn, 0, 1000);
    let Some(early) = resident_kib() else { return println!("memory: not measured on this system") };
    receive(&conn, 1000, 100_000);
    let Some(late) = resident_kib() else { return };
    let kib = |value: f64| format!("{value:.0} KiB");
    report.row("memory after 100,000 receives against after 1,000", &kib(late), &kib(early), late / early, Bound::AtMost(1.1));
}
