//! The worker: a thread with its own connection that claims events, runs their handler and commits the handler's rows together with the
//! verdict.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use knocker_core::Store;
use knocker_core::attempt::FailedOptions;
use knocker_core::claim::DueFilter;
use knocker_core::store::system_now;
use rusqlite::Connection;
use serde_json::Value;

use crate::failure::{Exit, Failure, Result};

const NAME: &str = "demo-worker";
const LEASE_S: i64 = 600;
const AT_ONCE: i64 = 10;
/// A demo that is not through by then does not go as told.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running worker.
pub struct Worker(JoinHandle<Result>);

/// What a handler gets.
struct Job {
    id: i64,
    event_id: i64,
    event_type: String,
    attempt: i64,
    body: Vec<u8>,
}

impl Worker {
    /// Works until nobody can send to `woken` any more and nothing is left to do.
    pub fn start(store: Store, woken: mpsc::Receiver<()>) -> Result<Self> {
        Ok(Self(thread::spawn(move || work(&store, &woken))))
    }

    /// Waits for its end.
    pub fn join(self) -> Result {
        self.0.join().unwrap_or_else(|_| Err(stuck("it panicked")))
    }
}

fn work(store: &Store, woken: &mpsc::Receiver<()>) -> Result {
    let everything = DueFilter { worker: Some(NAME.into()), ..DueFilter::default() };
    let started = Instant::now();
    let mut more_may_come = true;
    while started.elapsed() < PATIENCE {
        if store.claim(NAME, AT_ONCE, LEASE_S, &everything.claim, system_now())? > 0 {
            leased_jobs(store.conn())?.iter().try_for_each(|job| run(store, job))?;
            continue;
        }
        let due = store.next_due(&everything, system_now())?.map(|ms| Duration::from_millis(ms as u64));
        if !more_may_come {
            match due {
                Some(wait) => thread::sleep(wait.min(PATIENCE)),
                None => return Ok(()),
            }
            continue;
        }
        more_may_come = woken.recv_timeout(due.unwrap_or(PATIENCE).min(PATIENCE)) != Err(RecvTimeoutError::Disconnected);
    }
    Err(stuck("events were left after two minutes"))
}

fn leased_jobs(conn: &Connection) -> Result<Vec<Job>> {
    let sql = "SELECT job_id, event_id, type, attempt, body FROM knocker_jobs WHERE worker = ?1 ORDER BY event_id";
    let mut statement = conn.prepare_cached(sql)?;
    let jobs = statement.query_map([NAME], |row| {
        Ok(Job { id: row.get(0)?, event_id: row.get(1)?, event_type: row.get(2)?, attempt: row.get(3)?, body: row.get(4)? })
    })?;
    Ok(jobs.collect::<rusqlite::Result<_>>()?)
}

/// Runs the handler of one job. Its rows and the verdict are one commit; what a failed handler wrote is rolled back first.
fn run(store: &Store, job: &Job) -> Result {
    let started = Instant::now();
    let took_ms = || started.elapsed().as_millis() as i64;
    store.conn().execute_batch("BEGIN IMMEDIATE")?;
    match handle(store.conn(), job) {
        Ok(()) => {
            store.handled(job.id, NAME, took_ms(), system_now())?;
            Ok(store.conn().execute_batch("COMMIT")?)
        }
        Err(error) => {
            store.conn().execute_batch("ROLLBACK")?;
            store.failed(job.id, NAME, &error, took_ms(), &FailedOptions::default(), system_now())?;
            Ok(())
        }
    }
}

/// The business logic. An order is written first and fails afterwards on its first attempt, so that the rollback is seen to work.
fn handle(tx: &Connection, job: &Job) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&job.body).map_err(|error| error.to_string())?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if job.event_type == "checkout.session.completed" {
        let amount = body.pointer("/data/object/amount_total").and_then(Value::as_i64).unwrap_or_default();
        let order = (job.event_id, text("/data/object/id"), amount, text("/data/object/currency"), job.attempt);
        let sql = "INSERT INTO orders (event_id, session, amount, currency, attempt) VALUES (?1, ?2, ?3, ?4, ?5)";
        tx.execute(sql, order).map_err(|error| error.to_string())?;
        return if job.attempt == 1 { Err("the warehouse did not answer".into()) } else { Ok(()) };
    }
    let line = match job.event_type.as_str() {
        "push" => format!("{} was pushed to", text("/repository/full_name")),
        other => format!("{other} in channel {}", text("/event/channel")),
    };
    tx.execute("INSERT INTO activity (event_id, line) VALUES (?1, ?2)", (job.event_id, line)).map_err(|error| error.to_string())?;
    Ok(())
}

fn stuck(why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the demo's worker did not finish: {why}"), "Run it again; on a very slow disk it may need longer.")
}
