//! Long work in chunks: what it shows, and how it ends early.

use std::process::{Command, Stdio};

use crate::support::{Inbox, command};

/// An inbox with this many dead events.
fn with_dead_events(number: usize) -> Inbox {
    let inbox = Inbox::with_orders();
    inbox.receive_many(number);
    let conn = inbox.store.conn();
    conn.execute_batch("DELETE FROM _honker_live; UPDATE _knocker_events SET status = 'dead', job_id = NULL").unwrap();
    inbox
}

/// How many events are in this status.
fn events(inbox: &Inbox, status: &str) -> i64 {
    inbox.store.conn().query_row("SELECT count(*) FROM knocker_events WHERE status = ?1", [status], |row| row.get(0)).unwrap()
}

/// Whether the process has a handler of its own for SIGINT.
#[cfg(target_os = "linux")]
pub fn listens(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
    caught.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & 0b10 != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_bulk_work_between_two_chunks_and_the_same_command_goes_on() {
    let inbox = with_dead_events(3000);
    let requeue = ["requeue", "--status", "dead", "--limit", "5000", "--yes"];
    inbox.store.conn().execute_batch("BEGIN IMMEDIATE").unwrap();
    let db = inbox.path("inbox.db");
    let all = [&["--db", db.to_str().unwrap()], &requeue[..]].concat();
    let mut child = command(&all).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !listens(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    inbox.store.conn().execute_batch("COMMIT").unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(130), "{stdout}{stderr}");
    let done = events(&inbox, "received");
    assert!(done > 0 && done < 3000, "{done}");
    // The first chunk is as small as the machine is slow.
    let told = if done == 1 { "1 event".to_owned() } else { format!("{done} events") };
    assert!(stdout.starts_with(&format!("{told} requeued\n")), "{stdout}");
    assert!(stderr.contains(&format!("interrupted after {told}; what was done is whole")), "{stderr}");
    assert!(stderr.contains("hint: Run the same command again"), "{stderr}");

    assert_eq!(inbox.knocker(&requeue).ok().stdout, format!("{} events requeued\n", 3000 - done));
    assert_eq!(events(&inbox, "received"), 3000);
}

#[test]
fn without_a_terminal_no_progress_is_shown() {
    let inbox = with_dead_events(300);
    assert_eq!(inbox.knocker(&["requeue", "--status", "dead", "--yes"]).ok().stdout, "300 events requeued\n");
}

/// `script` of Linux runs a command on a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_shows_how_far_it_is() {
    let inbox = with_dead_events(300);
    let line = format!("{} --db {} requeue --status dead --yes", env!("CARGO_BIN_EXE_knocker"), inbox.path("inbox.db").display());
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("requeueing [") && shown.contains(" of 300"), "{shown:?}");
    assert!(shown.contains("300 events requeued"), "{shown:?}");
}
