use std::io::Read;
use std::process::Stdio;

use crate::support::{Inbox, command, knocker, run};

#[test]
fn help_tells_the_exit_codes_and_the_version_is_the_product_s() {
    let help = knocker(&["--help"]).ok().stdout;
    for code in ["0  done", "1  the operation failed", "2  wrong usage", "3  the database", "4  busy"] {
        assert!(help.contains(code), "{code:?} in {help}");
    }
    assert_eq!(knocker(&["--version"]).ok().stdout, format!("knocker {}\n", knocker_core::VERSION));
}

#[test]
fn a_wrong_command_line_is_two_lines_like_every_failure() {
    for (args, error, hint) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'", "--help"),
        (&["show", "3"], "unrecognized subcommand '3'", "`knocker show event 3`, or `knocker show delivery 3`"),
        (&["event"], "unrecognized subcommand 'event'", "A similar subcommand exists: 'events'"),
        (&["events", "--limt", "3"], "unexpected argument '--limt'", "A similar argument exists: '--limit'"),
        (&["events", "--limit", "x"], "invalid value 'x' for '--limit <LIMIT>'", "--help"),
        (&["events", "--status", "lost"], "[possible values: received, processing", "--help"),
        (&["send"], "were not provided: <PROVIDER> <URL> <PAYLOAD>", "Usage: knocker send"),
        (&["replay", "1", "--delivery", "3"], "'[ID]' cannot be used with '--delivery <ID>'", "Usage: knocker replay"),
    ] {
        let ran = knocker(args).fails(2, error, hint);
        assert_eq!((ran.stderr.lines().count(), ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    }
}

#[test]
fn a_command_that_lacks_its_rest_shows_the_help() {
    for args in [&[][..], &["prune"], &["endpoint"]] {
        let ran = knocker(args);
        assert!(ran.code == 2 && ran.stderr.contains("Usage: knocker") && ran.stderr.contains("Commands:"), "{}", ran.stderr);
    }
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    let inbox = Inbox::with_events();
    assert!(!inbox.knocker(&["events"]).ok().stdout.contains('\x1b'));
    assert!(inbox.knocker(&["events", "--color", "always"]).ok().stdout.contains("\x1b["));
    assert!(!inbox.knocker(&["events", "--color", "never"]).ok().stdout.contains('\x1b'));
    assert!(inbox.knocker(&["--color", "always", "show", "event", "99"]).stderr.contains("\x1b["));
    assert!(!inbox.knocker(&["show", "event", "99"]).stderr.contains('\x1b'));
}

#[test]
#[cfg(target_os = "linux")]
fn no_color_is_respected_on_a_terminal() {
    let inbox = Inbox::with_events();
    let db = inbox.path("inbox.db");
    // `script` gives the command a terminal.
    let on_terminal = |no_color: &str| {
        let line = format!("{} --db {} events", env!("CARGO_BIN_EXE_knocker"), db.display());
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
        if !no_color.is_empty() {
            script.env("NO_COLOR", no_color);
        }
        run(&mut script, b"").stdout
    };
    assert!(on_terminal("").contains("\x1b["));
    assert!(!on_terminal("1").contains("\x1b["));
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_is_asked_and_the_answer_counts() {
    let inbox = Inbox::with_events();
    let db = inbox.path("inbox.db");
    let answered = |answer: &str| {
        let line = format!("{} --db {} requeue --status dead", env!("CARGO_BIN_EXE_knocker"), db.display());
        run(std::process::Command::new("script").args(["-qec", &line, "/dev/null"]), answer.as_bytes())
    };
    let no = answered("n\n");
    assert_eq!(no.code, 1);
    assert!(no.stdout.contains("Requeue 1 event? [y/N]") && no.stdout.contains("nothing was changed"), "{}", no.stdout);
    assert_eq!(inbox.status(3), "dead");
    assert!(answered("y\n").stdout.contains("1 event requeued"));
    assert_eq!(inbox.status(3), "received");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(3000);
    let db = inbox.path("inbox.db");
    let mut command = command(&["--db", db.to_str().unwrap(), "--json", "events", "-n", "3000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
