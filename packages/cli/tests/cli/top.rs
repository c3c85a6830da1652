use crate::support::{Inbox, command, run};

#[test]
fn without_a_terminal_a_program_gets_what_the_screen_would_show() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["top"]).fails(2, "top wants a terminal", "knocker stats");
    let top = inbox.knocker(&["--json", "top"]).ok().json();
    assert_eq!((&top["stats"]["events"]["dead"], &top["minutes"].as_array().unwrap().len()), (&1.into(), &60));
    let paid = &top["handlers"].as_array().unwrap().iter().find(|handler| handler["type"] == "order.paid").unwrap().clone();
    assert_eq!((&paid["attempts"], &paid["failed"], &paid["p50_ms"], &paid["p95_ms"]), (&2.into(), &2.into(), &7.into(), &9.into()));
    let ids: Vec<i64> = top["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [4, 3, 2, 1]);
    run(command(&["top"]).env("KNOCKER_DB", inbox.path("none.db")), b"").fails(3, "no database file", "knocker init");
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_keys_replay_after_a_yes_and_the_terminal_comes_back() {
    let inbox = Inbox::with_events();
    let db = inbox.path("inbox.db");
    let line = format!("stty rows 24 cols 80; {} --db {} top", env!("CARGO_BIN_EXE_knocker"), db.display());
    // Down to the dead one, which is replayed; then to the one that was handled, which is kept by a no.
    let keys = b"jryjjrnq";
    let ran = run(std::process::Command::new("script").args(["-qec", &line, "/dev/null"]).env("TERM", "xterm-256color"), keys);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    // The screen of its own, and the shell's again.
    assert!(ran.stdout.contains("\x1b[?1049h") && ran.stdout.contains("\x1b[?1049l"), "{:?}", ran.stdout);
    assert_eq!((inbox.status(3), inbox.status(1)), ("received".into(), "handled".into()));
}
