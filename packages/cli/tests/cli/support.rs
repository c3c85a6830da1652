//! Running the command, and a database with known rows for it to work on.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use knocker_core::attempt::FailedOptions;
use knocker_core::claim::ClaimFilter;
use knocker_core::providers::{self, Secrets};
use knocker_core::request::Request;
use knocker_core::store::{Store, system_now};
use rusqlite::Connection;
use serde_json::Value;

/// The secret of every endpoint of these tests. It must not be in anything that the command prints.
pub const SECRET: &str = "test-secret-that-is-never-shown";

/// An hour in milliseconds.
pub const HOUR: i64 = 3_600_000;

/// What a run of the command left behind.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// It succeeded and complained of nothing.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "stdout: {}", self.stdout);
        self
    }

    /// It failed with this exit code, an error that contains `error`, and a hint that contains `hint`.
    #[track_caller]
    pub fn fails(self, code: i32, error: &str, hint: &str) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        let of = |start: &str| self.stderr.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
        assert!(of("error: ").contains(error), "{}", self.stderr);
        assert!(of("hint: ").contains(hint), "{}", self.stderr);
        self
    }

    /// The one JSON document that it printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The JSON objects that it printed, one a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }
}

/// Runs the command without a terminal and with nothing on standard input.
pub fn knocker<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    run(&mut command(args), b"")
}

/// The command with a clean environment.
pub fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knocker"));
    command.args(args);
    for name in ["KNOCKER_DB", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

/// Runs it with these bytes on standard input. In no test does the secret appear in the output.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input may be gone before it is written.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    for shown in [&ran.stdout, &ran.stderr] {
        assert!(!shown.contains(SECRET), "the secret is shown: {shown}");
    }
    ran
}

/// A folder with a database `inbox.db`, and the store that fills it.
pub struct Inbox {
    folder: tempfile::TempDir,
    pub store: Store,
    /// When the inbox was made.
    pub now: i64,
}

impl Inbox {
    /// With the schema and nothing else.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Connection::open(folder.path().join("inbox.db")).unwrap());
        store.conn().pragma_update(None, "journal_mode", "WAL").unwrap();
        let now = system_now();
        store.bootstrap(now).unwrap();
        Self { folder, store, now }
    }

    /// With the endpoint `orders`, whose requests carry a token, their type and their id in the body.
    pub fn with_orders() -> Self {
        let inbox = Self::empty();
        let config = r#"{"provider": "token", "options": {"type_path": "type", "id_path": "id"}}"#;
        inbox.store.endpoint("orders", config, inbox.now).unwrap();
        inbox
    }

    /// A path in the folder of the database.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the command on this database.
    pub fn knocker(&self, args: &[&str]) -> Ran {
        let db = self.path("inbox.db").into_os_string();
        let mut all = vec![OsStr::new("--db"), &db];
        all.extend(args.iter().map(OsStr::new));
        knocker(&all)
    }

    /// Receives a webhook of `orders` with this body, `age_ms` before the inbox was made. Returns the id of its first event.
    pub fn receive(&self, body: &str, age_ms: i64) -> Option<i64> {
        self.receive_with(body, SECRET, age_ms)
    }

    /// The same with a token that no endpoint knows.
    pub fn receive_forged(&self, body: &str, age_ms: i64) {
        assert_eq!(self.receive_with(body, "test-forged", age_ms), None);
    }

    fn receive_with(&self, body: &str, token: &str, age_ms: i64) -> Option<i64> {
        let request = format!(r#"{{"url": "/orders", "headers": {{"X-Webhook-Token": "{token}", "X-Trace": "t-1"}}}}"#);
        let request = Request::parse(&request, body.as_bytes()).unwrap();
        self.store.receive("orders", &request, &Secrets::from_strings([SECRET]), self.now - age_ms).unwrap().event_id
    }

    /// Receives many events in one transaction.
    pub fn receive_many(&self, number: usize) {
        self.store
            .atomic(|| {
                for index in 0..number {
                    self.receive(&format!(r#"{{"id": "many_{index}", "type": "order.created"}}"#), 0);
                }
                Ok(())
            })
            .unwrap();
    }

    /// Receives a body that the provider of this endpoint signed.
    pub fn receive_signed(&self, endpoint: &str, body: &[u8]) {
        let name = self.store.find_endpoint(endpoint).unwrap().config.provider.clone().unwrap();
        let provider = providers::find(&name).unwrap();
        let mut request = Request::parse("{}", body).unwrap();
        for (name, value) in provider.sign(&provider.options("").unwrap(), &request, SECRET, self.now).unwrap().headers {
            request.headers.push(name, value);
        }
        let receipt = self.store.receive(endpoint, &request, &Secrets::from_strings([SECRET]), self.now).unwrap();
        assert!(receipt.event_id.is_some(), "{receipt:?}");
    }

    /// One event for each of the four common states, received one after the other, the oldest four hours ago: 1 handled, 2 failed (type
    /// `order.paid`), 3 dead (type `order.paid`), 4 received (type `order.created`).
    pub fn with_events() -> Self {
        let inbox = Self::with_orders();
        for (index, event_type) in ["order.created", "order.paid", "order.paid", "order.created"].iter().enumerate() {
            inbox.receive(&format!(r#"{{"id": "evt_{}", "type": "{event_type}"}}"#, index + 1), (4 - index as i64) * HOUR);
        }
        let at = inbox.now - HOUR / 2;
        assert_eq!(inbox.store.claim("w", 3, 3600, &ClaimFilter::default(), at).unwrap(), 3);
        let job = |event_id: i64| -> i64 {
            let sql = "SELECT job_id FROM knocker_jobs WHERE event_id = ?1";
            inbox.store.conn().query_row(sql, [event_id], |row| row.get(0)).unwrap()
        };
        let (first, second, third) = (job(1), job(2), job(3));
        inbox.store.handled(first, "w", 12, at).unwrap();
        // Due in an hour and fifty minutes, which reads as an hour for as long as any test takes.
        let later = FailedOptions { retry_after_s: Some(8400.0), ..FailedOptions::default() };
        inbox.store.failed(second, "w", "no answer\u{1b}[31m", 7, &later, at).unwrap();
        let dead = FailedOptions { dead: true, ..FailedOptions::default() };
        inbox.store.failed(third, "w", "no such order", 9, &dead, at).unwrap();
        inbox
    }

    /// The status of an event.
    pub fn status(&self, event_id: i64) -> String {
        let sql = "SELECT status FROM knocker_events WHERE id = ?1";
        self.store.conn().query_row(sql, [event_id], |row| row.get(0)).unwrap()
    }

    /// How many rows a view has.
    pub fn count(&self, view: &str) -> i64 {
        self.store.conn().query_row(&format!("SELECT count(*) FROM {view}"), [], |row| row.get(0)).unwrap()
    }
}
