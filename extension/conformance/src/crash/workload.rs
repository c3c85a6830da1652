//! The recorded process: it receives, works, prunes, runs checkpoints and closes its connections, in an order drawn from a seed.
//!
//! What it tells others it writes to the file of marks, which the recorder puts into the log between the writes and syncs. Marks are:
//!
//! | mark | means |
//! |---|---|
//! | `prepared` | the schema, the endpoints and the handler's tables are there |
//! | `armed` | the recorder counts calls from here |
//! | `accepted <delivery> <event> <key>`, `duplicate …`, `invalid <delivery>` | a sender was answered |
//! | `scrap <delivery> <event> <key>` | the same for what may be pruned once it is handled |
//! | `handled <event>`, `failed <event> <attempt>`, `skipped <event>` | a verdict is given |
//! | `pruning`, `pruned <events>` | before and after a prune of what is scrap |
//! | `refused` | a sender was told to come again |

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, Row};
use serde_json::{Value, json};

use super::policy::Policy;
use crate::database::Database;
use crate::worker::{self, ENDPOINT, SCRAP, SECRET};

/// How many frames of the write-ahead log make a checkpoint due: few, so that there are many.
const CHECKPOINT_FRAMES: u32 = 60;
/// How often a connection is tried to be opened on a failing disk.
const OPENINGS: u32 = 20;

/// One process at its work.
struct Process {
    path: PathBuf,
    name: String,
    policy: Policy,
    random: StdRng,
    marks: File,
    connections: Option<Connections>,
    number: u32,
    /// An error was seen, and no checkpoint has emptied the write-ahead log since.
    suspicious: bool,
}

/// As the packages have them: one for each thing that may wait for another.
struct Connections {
    receives: Connection,
    claims: Connection,
    handlers: Connection,
}

type Done<T = ()> = rusqlite::Result<T>;

/// Runs `steps` of the process called `name`, drawn from the seed.
pub fn run(path: &Path, name: &str, policy: Policy, seed: u64, steps: u32, marks: &Path) {
    let marks = OpenOptions::new().create(true).append(true).open(marks).expect("the file of marks");
    let random = StdRng::seed_from_u64(seed);
    let mut process =
        Process { path: path.to_owned(), name: name.to_owned(), policy, random, marks, connections: None, number: 0, suspicious: false };
    if !process.begin() {
        return;
    }
    process.say("armed");
    for _ in 0..steps {
        process.step();
    }
}

impl Process {
    /// In one write, so that it is one record.
    fn say(&mut self, lines: &str) {
        self.marks.write_all(format!("{lines}\n").as_bytes()).expect("the file of marks takes it");
    }

    /// Opens and prepares the file; false where the disk does not let it.
    fn begin(&mut self) -> bool {
        for _ in 0..OPENINGS {
            match self.open().and_then(|connections| self.prepare(&connections.receives).map(|()| connections)) {
                Ok(connections) => {
                    self.connections = Some(connections);
                    self.say("prepared");
                    return true;
                }
                Err(_) => self.suspicious = self.policy.stops_on_error(),
            }
        }
        false
    }

    fn open(&self) -> Done<Connections> {
        let open = |synchronous: &str| -> Done<Connection> {
            let conn = Database::try_open(&self.path, patience())?.conn;
            let frames = if self.policy.watches_checkpoints() { 0 } else { CHECKPOINT_FRAMES };
            conn.execute_batch(&format!("PRAGMA synchronous = {synchronous}"))?;
            conn.query_row(&format!("PRAGMA wal_autocheckpoint = {frames}"), [], |_| Ok(()))?;
            Ok(conn)
        };
        Ok(Connections { receives: open(self.policy.receives())?, claims: open(self.policy.claims())?, handlers: open("FULL")? })
    }

    /// Once for all processes of the file.
    fn prepare(&self, conn: &Connection) -> Done {
        conn.query_row("SELECT knocker_bootstrap()", [], |_| Ok(()))?;
        in_transaction(conn, || {
            if conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'orders'", [], |row| row.get::<_, i64>(0))? > 0 {
                return Ok(());
            }
            for endpoint in [ENDPOINT, SCRAP] {
                conn.query_row("SELECT knocker_endpoint(?1, ?2)", [endpoint, &worker::settings().to_string()], |_| Ok(()))?;
            }
            conn.execute_batch(worker::TABLES)
        })
    }

    /// One thing, drawn by chance. An error is an error of this thing, unless the policy says more.
    fn step(&mut self) {
        if !self.is_fit() {
            return self.say("refused");
        }
        let connections = self.connections.take().expect("open");
        let done = match self.random.random_range(0..100) {
            0..34 => self.receive(&connections.receives, 1),
            34..50 => self.receive_group(&connections.receives),
            50..82 => self.work(&connections),
            82..88 => self.prune(&connections.handlers),
            88..95 => self.checkpoint(&connections.receives),
            95..98 => self.watched_checkpoint(&connections.receives, "TRUNCATE"),
            _ => {
                drop(connections);
                return self.open_again();
            }
        };
        if done.is_err() {
            self.suspicious |= self.policy.stops_on_error();
            self.say("refused");
        }
        // Now and then, so that some commits find a long log and some a short one.
        let due = self.random.random_ratio(1, 8);
        if due && self.policy.watches_checkpoints() && self.watched_checkpoint(&connections.receives, self.policy.checkpoints()).is_err() {
            self.suspicious |= self.policy.stops_on_error();
        }
        self.connections = Some(connections);
    }

    /// Whether work may go on. After an error that takes an empty write-ahead log: pages of it may be lost although they look written, and what
    /// is written behind them is lost with them.
    fn is_fit(&mut self) -> bool {
        if self.connections.is_none() {
            self.open_again();
        }
        let Some(connections) = &self.connections else { return false };
        if self.suspicious {
            let emptied = connections.receives.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            self.suspicious = emptied != Ok(0);
        }
        !self.suspicious
    }

    fn open_again(&mut self) {
        self.connections = self.open().ok();
        self.suspicious |= self.connections.is_none() && self.policy.stops_on_error();
    }

    fn next_key(&mut self) -> String {
        self.number += 1;
        format!("{}-{}", self.name, self.number)
    }

    fn receive_group(&mut self, conn: &Connection) -> Done {
        let size = self.random.random_range(2..9);
        self.receive(conn, size)
    }

    /// `size` senders in one transaction, each answered after its commit.
    fn receive(&mut self, conn: &Connection, size: u32) -> Done {
        let mut answers = Vec::new();
        for _ in 0..size {
            let key = self.next_key();
            let longest = if self.random.random_bool(0.1) { 9_000 } else { 600 };
            let length = self.random.random_range(0..longest);
            let endpoint = if self.random.random_bool(0.25) { SCRAP } else { ENDPOINT };
            answers.push((endpoint, key.clone(), SECRET, length));
            match self.random.random_range(0..12) {
                0 => answers.push((endpoint, key, SECRET, length)),
                1 => answers.push((endpoint, key, "forged", length)),
                _ => {}
            }
        }
        let mut lines = Vec::new();
        let first = self.policy == Policy::AnswerFirst;
        // As the packages do: nothing is verified under the write lock.
        let judged = answers
            .into_iter()
            .map(|(endpoint, key, token, length)| Ok((endpoint, judge(conn, endpoint, &key, token, length)?, key)))
            .collect::<Done<Vec<_>>>()?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let stored = judged.into_iter().try_for_each(|(endpoint, judgement, key)| {
            let receipt = store(conn, endpoint, &judgement)?;
            lines.push(line(endpoint, &key, &receipt));
            Ok(())
        });
        if stored.is_ok() && first {
            self.say(&lines.join("\n"));
        }
        end(conn, stored)?;
        if !first {
            self.say(&lines.join("\n"));
        }
        Ok(())
    }

    /// Claims a few and handles what this process holds, each in one transaction with its verdict.
    fn work(&mut self, connections: &Connections) -> Done {
        let limit = self.random.random_range(1..5);
        connections.claims.query_row("SELECT knocker_claim(?1, ?2, 600)", (&self.name, limit), |_| Ok(()))?;
        let jobs: Vec<Job> = connections
            .handlers
            .prepare_cached("SELECT job_id, event_id, attempt, endpoint FROM knocker_jobs WHERE worker = ?1 ORDER BY job_id")?
            .query_map([&self.name], Job::read)?
            .collect::<Done<_>>()?;
        for job in jobs {
            // What is left is taken up again by a later step.
            if self.random.random_bool(0.85) {
                self.handle(&connections.handlers, &job)?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, conn: &Connection, job: &Job) -> Done {
        let (event, attempt) = (job.event, job.attempt);
        let fails = (event + attempt) % 7 == 0;
        let (table, verdict, said) = match () {
            () if job.endpoint == SCRAP => (None, "knocker_handled(?1, ?2, 1)", None),
            () if fails => (
                Some("failures"),
                r#"knocker_failed(?1, ?2, 'refused', 1, '{"retry_after_s":0}')"#,
                Some(format!("failed {event} {attempt}")),
            ),
            () if event % 11 == 0 => (None, "knocker_skipped(?1, ?2, 'a test order', 1)", Some(format!("skipped {event}"))),
            () => (Some("orders"), "knocker_handled(?1, ?2, 1)", Some(format!("handled {event}"))),
        };
        in_transaction(conn, || {
            if let Some(table) = table {
                conn.execute(&format!("INSERT INTO {table} VALUES (?1, ?2, ?3)"), (event, attempt, &self.name))?;
            }
            if self.policy == Policy::VerdictApart {
                conn.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            }
            conn.query_row(&format!("SELECT {verdict}"), (job.id, &self.name), |_| Ok(()))
        })?;
        if let Some(said) = said {
            self.say(&said);
        }
        Ok(())
    }

    fn prune(&mut self, conn: &Connection) -> Done {
        self.say("pruning");
        let filter = json!({ "endpoint": SCRAP, "before": i64::MAX / 2, "status": ["handled"], "limit": self.random.random_range(1..20) });
        let counts: String = conn.query_row("SELECT knocker_prune_events(?1)", [filter.to_string()], |row| row.get(0))?;
        let counts: Value = serde_json::from_str(&counts).expect("JSON");
        self.say(&format!("pruned {}", counts["events"]));
        Ok(())
    }

    /// One that nobody needs to wait for; unwatched, as SQLite's own are, where the policy has it so.
    fn checkpoint(&mut self, conn: &Connection) -> Done {
        let done = self.watched_checkpoint(conn, self.policy.checkpoints());
        if self.policy.watches_checkpoints() { done } else { Ok(()) }
    }

    fn watched_checkpoint(&mut self, conn: &Connection, mode: &str) -> Done {
        // Others that read or write are no failure.
        conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
    }
}

/// How long a lock is waited for: long, unless calls are made to fail by which one is given back.
fn patience() -> Duration {
    let millis = env::var("KNOCKER_CRASH_PATIENCE_MS").map_or(60_000, |millis| millis.parse().expect("milliseconds"));
    Duration::from_millis(millis)
}

struct Job {
    id: i64,
    event: i64,
    attempt: i64,
    endpoint: String,
}

impl Job {
    fn read(row: &Row) -> Done<Self> {
        Ok(Self { id: row.get(0)?, event: row.get(1)?, attempt: row.get(2)?, endpoint: row.get(3)? })
    }
}

fn judge(conn: &Connection, endpoint: &str, key: &str, token: &str, length: usize) -> Done<Vec<u8>> {
    let request = json!({ "url": "/webhooks", "headers": { "X-Shop-Token": token, "Content-Type": "application/json" } });
    let body = json!({ "id": key, "kind": "order.paid", "note": "x".repeat(length) });
    let arguments = (endpoint, request.to_string(), body.to_string(), json!([SECRET]).to_string());
    conn.prepare_cached("SELECT knocker_judge(?1, ?2, ?3, ?4)")?.query_row(arguments, |row| row.get(0))
}

fn store(conn: &Connection, endpoint: &str, judgement: &[u8]) -> Done<Value> {
    let receipt: String = conn.prepare_cached("SELECT knocker_store(?1, ?2)")?.query_row((endpoint, judgement), |row| row.get(0))?;
    Ok(serde_json::from_str(&receipt).expect("JSON"))
}

fn line(endpoint: &str, key: &str, receipt: &Value) -> String {
    let outcome = receipt["outcome"].as_str().expect("an outcome");
    let word = if endpoint == SCRAP && outcome == "accepted" { "scrap" } else { outcome };
    let word = if endpoint == SCRAP && outcome == "duplicate" { "scrap" } else { word };
    format!("{word} {} {} {key}", receipt["delivery_id"], receipt["event_id"])
}

fn in_transaction(conn: &Connection, work: impl FnOnce() -> Done) -> Done {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    end(conn, work())
}

/// Commits what went well. What did not is rolled back, also where SQLite has done so by itself.
fn end(conn: &Connection, done: Done) -> Done {
    let done = done.and_then(|()| conn.execute_batch("COMMIT"));
    if done.is_err() && !conn.is_autocommit() {
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}
