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

/// The command on a terminal of its own, and what this showed once the program had ended.
#[cfg(target_os = "linux")]
pub struct OnTerminal {
    script: std::process::Child,
    shown: std::io::BufReader<std::process::ChildStdout>,
    log: String,
    /// So much of it was there before something was typed.
    seen: usize,
}

#[cfg(target_os = "linux")]
impl OnTerminal {
    fn start(inbox: &Inbox) -> Self {
        Self::on(&inbox.path("inbox.db"))
    }

    /// On this file, or on those of a pattern.
    pub fn on(db: &std::path::Path) -> Self {
        // The shell tells its id, which is the program's then.
        Self::of_shell(&format!("echo id $$; exec {} --db '{}' top", env!("CARGO_BIN_EXE_knocker"), db.display()))
    }

    /// With a shell that does this.
    fn of_shell(what: &str) -> Self {
        let line = format!("stty rows 24 cols 80; {what}");
        let mut script = std::process::Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let shown = std::io::BufReader::new(script.stdout.take().unwrap());
        Self { script, shown, log: String::new(), seen: 0 }
    }

    /// Reads until it was shown.
    pub fn wait_for(&mut self, what: &str) {
        use std::io::Read;
        while !self.log[self.seen..].contains(what) {
            let mut byte = [0];
            assert_eq!(self.shown.read(&mut byte).unwrap(), 1, "{:?}", self.log);
            self.log.push(byte[0] as char);
        }
    }

    /// Types this, and waits from now on for what is shown behind it.
    pub fn type_in(&mut self, keys: &[u8]) {
        use std::io::Write;
        self.seen = self.log.len();
        self.script.stdin.as_mut().unwrap().write_all(keys).unwrap();
    }

    fn id(&self) -> &str {
        self.log.lines().find_map(|line| line.strip_prefix("id ")).unwrap().trim()
    }

    fn kill(&self, signal: &str) {
        assert!(std::process::Command::new("kill").args([signal, self.id()]).status().unwrap().success());
    }

    /// The rest, once it has ended.
    pub fn end(mut self) -> String {
        use std::io::Read;
        let mut rest = Vec::new();
        // What was a terminal is gone.
        let _ = self.shown.read_to_end(&mut rest);
        self.script.wait().unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_supervisor_that_ends_it_gets_the_terminal_back() {
    for signals in [&["-TERM"][..], &["-HUP"], &["-TERM", "-TERM"]] {
        let inbox = Inbox::with_events();
        let mut top = OnTerminal::start(&inbox);
        top.wait_for("quit");
        signals.iter().for_each(|signal| top.kill(signal));
        let rest = top.end();
        assert!(rest.contains("\x1b[?1049l"), "{signals:?}: {rest:?}");
        assert!(rest.contains("\x1b[?25h"), "{signals:?}: {rest:?}");
    }
}

/// Who types reads what the terminal says of its cursor, so nobody may ask for it.
#[test]
#[cfg(target_os = "linux")]
fn a_shell_stops_it_and_continues_it() {
    let inbox = Inbox::with_events();
    let db = inbox.path("inbox.db");
    // With jobs, as an interactive shell has them: `fg` comes once the program has stopped.
    let what = format!("set -m; {} --db '{}' top; echo stopped; fg", env!("CARGO_BIN_EXE_knocker"), db.display());
    let mut top = OnTerminal::of_shell(&what);
    top.wait_for("quit");
    top.type_in(b"\x1a");
    top.wait_for("stopped");
    top.wait_for("\x1b[?1049h");
    top.type_in(b"");
    top.wait_for("quit");
    top.type_in(b"q");
    let rest = top.end();
    assert!(!rest.contains("error"), "{rest:?}");
}

/// A connection over ssh breaks, a window is closed: nobody is left to end it.
#[test]
#[cfg(target_os = "linux")]
fn a_terminal_that_is_gone_ends_it() {
    let inbox = Inbox::with_events();
    let mut top = OnTerminal::start(&inbox);
    top.wait_for("quit");
    let status = format!("/proc/{}/status", top.id());
    top.script.kill().unwrap();
    top.script.wait().unwrap();
    // Whoever takes over orphans may leave its entry for a while.
    while std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ")) {
        std::thread::yield_now();
    }
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
