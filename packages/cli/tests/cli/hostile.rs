//! What strangers send must not command the terminal of whoever looks at it, whichever command shows it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use knocker_core::attempt::FailedOptions;
use knocker_core::claim::ClaimFilter;
use knocker_core::providers::Secrets;
use knocker_core::request::Request;
use serde_json::json;

use crate::support::{Inbox, SECRET, command};

/// Sets the title, clears the screen, in seven bits and in eight; writes backwards; hides; and breaks the line.
const EVIL: &str = "\u{1b}]0;evil\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\r\nfake";

/// Evil in each place that somebody outside can write to: type, id, header, URL, method, body, the handler's error, the worker's name.
fn inbox() -> Inbox {
    let inbox = Inbox::with_orders();
    let body = json!({"id": EVIL, "type": EVIL}).to_string();
    for (method, token, body) in [("POST", SECRET, body.as_str()), ("POST", EVIL, EVIL), (EVIL, SECRET, EVIL)] {
        let head =
            json!({"method": method, "url": format!("/orders?{EVIL}"), "headers": {"X-Webhook-Token": token, "X-Trace": EVIL, EVIL: EVIL}});
        let request = Request::parse(&head.to_string(), body.as_bytes()).unwrap();
        inbox.store.receive("orders", &request, &Secrets::from_strings([SECRET]), inbox.now).unwrap();
    }
    assert_eq!(inbox.store.claim(EVIL, 1, 3600, &ClaimFilter::default(), inbox.now).unwrap(), 1);
    let job = inbox.store.conn().query_row("SELECT job_id FROM knocker_jobs", [], |row| row.get(0)).unwrap();
    let dead = FailedOptions { dead: true, ..FailedOptions::default() };
    inbox.store.failed(job, EVIL, EVIL, 5, &dead, inbox.now).unwrap();
    inbox
}

/// Lines without anything that moves, colours, hides or turns.
#[track_caller]
fn is_plain(shown: &str, by: &[&str]) {
    let bad = |character: char| (character.is_control() && character != '\n') || "\u{202e}\u{200b}".contains(character);
    assert!(!shown.contains(bad), "{by:?}: {shown:?}");
    // A line that a stranger made up would look like one of the command's own; a body alone has its lines.
    assert!(by[0].contains("--body") || !shown.lines().any(|line| line.starts_with("fake")), "{by:?}: {shown}");
}

#[test]
fn no_command_lets_a_stranger_command_the_terminal() {
    let inbox = inbox();
    let commands: &[&[&str]] = &[
        &["events"],
        &["deliveries"],
        &["show", "event", "1"],
        &["show", "delivery", "1"],
        &["why", "event", "1"],
        &["why", "delivery", "2"],
        &["why", "delivery", "3"],
        &["why", "--key", EVIL],
        &["why", "--key", "fake\u{1b}[2J"],
        &["why", "--provider-id", EVIL],
        &["why", "--body-contains", "evil"],
        &["why", "--endpoint", "orders"],
        &["why", "--endpoint", EVIL],
        &["stats"],
        &["stats", "--prometheus"],
        &["doctor"],
        &["forward", "--stdout", "--since", "1h", "--outcome", "accepted,invalid"],
        &["endpoint", "list"],
        &["replay", "1"],
        &["ignore", "1", "--reason", EVIL],
        &["ignore", "1", "--reason", EVIL, "--json"],
    ];
    for args in commands {
        let ran = inbox.knocker(args);
        is_plain(&ran.stdout, args);
        is_plain(&ran.stderr, args);
        let json = inbox.knocker(&[&["--json"], *args].concat());
        is_plain(&json.stdout, args);
    }
    is_plain(&inbox.knocker(&["--json", "top"]).ok().stdout, &["top"]);
    for flag in [None, Some("--json")] {
        let db = inbox.path("inbox.db");
        let mut tail = command(&["--db", db.to_str().unwrap(), "tail"]);
        let mut child = tail.args(flag).stdout(Stdio::piped()).spawn().unwrap();
        let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).take(3).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        lines.iter().for_each(|line| is_plain(line, &["tail"]));
    }
}

/// What writes bytes as they are does so into files and pipes alone.
#[test]
#[cfg(target_os = "linux")]
fn bytes_as_they_are_are_no_text_for_a_terminal() {
    let inbox = inbox();
    let on_terminal = |args: &str| {
        let line = format!("{} --db {} {args}", env!("CARGO_BIN_EXE_knocker"), inbox.path("inbox.db").display());
        let output = Command::new("script").args(["-qec", &line, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap();
        // A terminal makes CR LF of a line end.
        String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
    };
    for args in ["show delivery 2 --body", "export --unredacted", "forward --stdout --since 1h"] {
        is_plain(&on_terminal(args), &[args]);
    }
    assert!(on_terminal("show delivery 2 --body").contains("\\u{1b}]0;evil\\u{7}"));
    let piped = inbox.knocker(&["show", "delivery", "2", "--body"]).ok();
    assert_eq!(piped.stdout, EVIL);
}

#[test]
fn a_file_to_import_cannot_either() {
    let inbox = Inbox::with_orders();
    let file = inbox.path("lines.jsonl");
    let whole = inbox_line();
    let import = |lines: &str| {
        std::fs::write(&file, lines).unwrap();
        let ran = inbox.knocker(&["import", file.to_str().unwrap()]);
        is_plain(&ran.stdout, &["import"]);
        is_plain(&ran.stderr, &["import"]);
        assert!(ran.stderr.len() < 2000, "{}", ran.stderr.len());
        ran
    };
    import(&format!("{{\"{}\": 1}}\n", "\u{9b}2J".repeat(100_000))).fails(1, "line 1 is damaged", "Nothing was imported");
    import(&whole.replace("\"orders\"", &json!(EVIL).to_string())).fails(3, "endpoint", "");
    import(&whole.replace("\"handled\"", &json!(EVIL).to_string())).fails(1, "line 1 is damaged", "");
    import(&format!("{whole}{}\n", "[".repeat(200_000))).fails(1, "line 2 is damaged", "Nothing was imported");
    import(&format!("{whole}\u{0}\n")).fails(1, "line 2 is damaged", "");
    assert_eq!(inbox.count("knocker_deliveries"), 0);
    import(&whole).ok();
    is_plain(&inbox.knocker(&["why", "event", "1"]).ok().stdout, &["why"]);
}

/// A line of an export, of an event whose type and reason are evil.
fn inbox_line() -> String {
    let event =
        json!({"id": 1, "type": EVIL, "key": EVIL, "status": "handled", "attempts": 1, "reason": EVIL, "ended_at": 1_767_225_600_000_i64});
    let line = json!({
        "export": 1, "redacted": false, "id": 1, "endpoint": "orders", "outcome": "accepted", "method": EVIL, "url": EVIL, "headers": {"x": EVIL},
        "received_at": 1_767_225_600_000_i64, "body_size": 2, "body": EVIL, "event_list": [event],
    });
    format!("{line}\n")
}
