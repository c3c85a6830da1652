use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use knocker_core::attempt::FailedOptions;
use knocker_core::claim::ClaimFilter;
use knocker_core::operate::{Action, ActionOptions};
use knocker_core::store::system_now;
use serde_json::Value;

use crate::support::{Inbox, command};

/// A `knocker tail` that runs.
struct Tail {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(inbox: &Inbox, args: &[&str]) -> Self {
        let db = inbox.path("inbox.db");
        let mut command = command(&["--db", db.to_str().unwrap(), "--json", "tail"]);
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that is of this kind; those of others, which depend on when it looked, are passed over.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let line: Value = serde_json::from_str(&self.lines.next().expect("it goes on").unwrap()).unwrap();
            if line["kind"] == kind {
                return line;
            }
        }
    }

    #[cfg(unix)]
    fn end(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert!(self.lines.all(|line| serde_json::from_str::<Value>(&line.unwrap()).is_ok()));
        let output = self.child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    }
}

/// Claims everything that is due, and returns its job and event.
fn claim(inbox: &Inbox) -> (i64, i64) {
    assert_eq!(inbox.store.claim("w", 1, 3600, &ClaimFilter::default(), system_now()).unwrap(), 1);
    inbox.store.conn().query_row("SELECT job_id, event_id FROM knocker_jobs", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
#[cfg(unix)]
fn receipts_attempts_and_moves_of_events_are_told_once_each_in_their_order() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let mut tail = Tail::start(&inbox, &[]);
    let first = tail.next("receipt");
    assert_eq!(
        (&first["id"], &first["outcome"], &first["type"], &first["event_id"]),
        (&1.into(), &"accepted".into(), &"order.paid".into(), &1.into())
    );

    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    assert_eq!(tail.next("receipt")["outcome"], "duplicate");
    inbox.receive_forged("{}", 0);
    let forged = tail.next("receipt");
    assert_eq!((&forged["outcome"], &forged["reason"], &forged["event_id"]), (&"invalid".into(), &"bad_signature".into(), &Value::Null));

    let (job, event) = claim(&inbox);
    let claimed = tail.next("transition");
    assert_eq!((&claimed["event_id"], &claimed["status"], &claimed["worker"]), (&event.into(), &"processing".into(), &"w".into()));
    let dead = FailedOptions { dead: true, ..FailedOptions::default() };
    inbox.store.failed(job, "w", "no such order", 9, &dead, system_now()).unwrap();
    let attempt = tail.next("attempt");
    assert_eq!((&attempt["result"], &attempt["error"], &attempt["duration_ms"]), (&"dead".into(), &"no such order".into(), &9.into()));

    inbox.store.operate(Action::Requeue, event, None, &ActionOptions::default(), system_now()).unwrap();
    assert_eq!(tail.next("transition")["status"], "received");
    claim(&inbox);
    assert_eq!(tail.next("transition")["status"], "processing");
    inbox.store.release("w", system_now()).unwrap();
    assert_eq!(tail.next("transition")["status"], "received");
    inbox.store.operate(Action::Ignore, event, Some("a test order"), &ActionOptions::default(), system_now()).unwrap();
    let ignored = tail.next("transition");
    assert_eq!((&ignored["status"], &ignored["reason"]), (&"ignored".into(), &"a test order".into()));
    tail.end("-INT");
}

#[test]
#[cfg(unix)]
fn filters_choose_and_a_cursor_begins_where_an_earlier_run_ended() {
    let inbox = Inbox::with_events();
    inbox.receive_forged("{}", 0);
    let ids = |mut tail: Tail, kind: &str, number: usize| {
        let ids: Vec<i64> = (0..number).map(|_| tail.next(kind)["id"].as_i64().unwrap()).collect();
        tail.end("-TERM");
        ids
    };
    assert_eq!(ids(Tail::start(&inbox, &["--type", "order.paid"]), "receipt", 2), [2, 3]);
    assert_eq!(ids(Tail::start(&inbox, &["--event", "3"]), "attempt", 1), [3]);
    assert_eq!(ids(Tail::start(&inbox, &["--outcome", "invalid", "-n", "3"]), "receipt", 1), [5]);
    assert_eq!(ids(Tail::start(&inbox, &["--after-delivery", "2"]), "receipt", 3), [3, 4, 5]);
    assert_eq!(ids(Tail::start(&inbox, &["--last", "1"]), "receipt", 1), [5]);
    inbox.knocker(&["tail", "--endpoint", "none"]).fails(3, "none", "knocker endpoint list");
}

#[test]
fn people_get_a_line_each_and_strangers_cannot_move_the_cursor() {
    let inbox = Inbox::with_events();
    let db = inbox.path("inbox.db");
    let mut child = command(&["--db", db.to_str().unwrap(), "tail"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().take(7).map(Result::unwrap).collect();
    let line = |words: &[&str]| assert!(lines.iter().any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {lines:#?}");
    line(&["receipt", "orders", "accepted", "delivery 1, event 1 order.created"]);
    line(&["attempt", "orders", "handled", "event 1 order.created, attempt 1 in 12 ms by w"]);
    line(&["attempt", "orders", "dead", "event 3 order.paid, attempt 1 in 9 ms by w: no such order"]);
    line(&["failed", "no answer\\u{1b}[31m"]);
    // The reader has gone with the seventh line, and nothing more is written: it ends all the same.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn another_file_at_the_path_is_followed_from_then_on() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let mut tail = Tail::start(&inbox, &[]);
    assert_eq!(tail.next("receipt")["id"], 1);
    inbox.store.conn().execute("VACUUM INTO ?1", [inbox.path("other.db").to_str().unwrap()]).unwrap();
    for log in ["inbox.db-wal", "inbox.db-shm"] {
        std::fs::remove_file(inbox.path(log)).unwrap();
    }
    std::fs::rename(inbox.path("other.db"), inbox.path("inbox.db")).unwrap();
    assert!(tail.next("notice")["detail"].as_str().unwrap().contains("another file"));
    inbox.knocker(&["replay", "1", "--force"]).ok();
    assert_eq!(tail.next("transition")["event_id"], 1);
    std::fs::rename(inbox.path("inbox.db"), inbox.path("away.db")).unwrap();
    assert!(tail.next("notice")["detail"].as_str().unwrap().contains("gone"));
    tail.end("-INT");
}
