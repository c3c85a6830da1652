//! The handle through which everything is done: a connection with its kept statements, and the endpoints it has seen.
//!
//! Its methods stand with what they do:
//!
//! | file | methods |
//! |---|---|
//! | `schema.rs` | bootstrap, and whether the file's schema is this build's |
//! | `endpoints.rs` | `endpoint…`, `find_endpoint` |
//! | `receive.rs`, `refusals.rs` | `receive`, `ingest`, `judge`, `attest`, `store`; what is refused |
//! | `import.rs` | `import`, `rehearse_import`: deliveries of another file |
//! | `claim.rs`, `due.rs`, `queues.rs`, `lease.rs` | `claim`, `next_due`; what can be claimed and when, in one queue and in many; `lease` |
//! | `attempt.rs`, `leased.rs`, `expiry.rs` | `handled`, `failed`, `skipped`, `extend`, `release`; leases that ran out |
//! | `lifecycle.rs`, `queue.rs` | `transition`, which moves event and job; the `…job…`, `…lease…` and `enqueue` that it is made of |
//! | `operate.rs`, `bulk.rs`, `chunks.rs` | `operate`, `replay_delivery`, `…event_state…`; `operate_where…`; many rows in small transactions |
//! | `prune.rs`, `deletion.rs`, `retention.rs` | `prune_…`; `delete…`; `retention`, `retain` |
//! | `prunable.rs`, `selection.rs` | which rows a prune may take; `select_ids` |
//! | `event_notes.rs` | `note_…`: what is noted of when events were received |
//! | `event_times.rs` | `first_event_since`, `last_event_before`: where in the order of ids the events of a time stand |
//! | `health.rs` | `lease_health`, `disagreements`, `reconcile` |
//! | `stats.rs`, `minutes.rs` | `stats`; the figures of the last hour |
//! | `metrics.rs`, `totals.rs`, `durations.rs` | `metrics`; what was ever counted, and how long attempts took |

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{CachedStatement, Connection, ErrorCode, Params, Statement};

use crate::claim_filter::{ClaimFilter, DueFilter, LastRead};
use crate::error::{Code, Error, Result};
use crate::seen::SeenEndpoints;

/// Room for every statement of this crate, so that none is prepared twice.
const KEPT_STATEMENTS: usize = 192;

/// Knocker on one database connection.
pub struct Store {
    conn: Connection,
    /// Parsed configurations by name. An entry is used only if its text equals the stored one, see `receive`.
    pub(crate) seen: SeenEndpoints,
    pub(crate) claim_filters: LastRead<ClaimFilter>,
    pub(crate) due_filters: LastRead<DueFilter>,
    ready: Ready,
}

/// Whether the statements that undo a transaction and a savepoint have been prepared on this connection, which keeps every one.
#[derive(Default)]
struct Ready {
    transaction: Cell<bool>,
    savepoint: Cell<bool>,
}

impl Store {
    /// Takes over a connection. Nothing is written.
    pub fn new(conn: Connection) -> Self {
        conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        Self {
            conn,
            seen: SeenEndpoints::default(),
            claim_filters: LastRead::default(),
            due_filters: LastRead::default(),
            ready: Ready::default(),
        }
    }

    /// The connection, for reads of the views and for the caller's own statements.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Runs a statement that writes, and returns how many rows it changed. Rows that it gives are passed over: with `PRAGMA count_changes = 1`
    /// every INSERT, UPDATE and DELETE gives one.
    pub(crate) fn run(&self, sql: &str, parameters: impl Params) -> Result<i64> {
        self.run_kept(&mut *self.conn.prepare_cached(sql)?, parameters)
    }

    /// As [`Store::run`], where one statement runs many times.
    pub(crate) fn run_kept(&self, statement: &mut Statement, parameters: impl Params) -> Result<i64> {
        let mut rows = statement.query(parameters)?;
        while rows.next()?.is_some() {}
        Ok(self.conn.changes() as i64)
    }

    /// Runs `work` so that all of it happens or none: in its own `BEGIN IMMEDIATE … COMMIT` in autocommit, in a savepoint inside the
    /// caller's transaction, which a failure leaves open and as it was.
    pub fn atomic<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let scope = Scope::open(&self.conn, &self.ready)?;
        let value = work()?;
        scope.commit()?;
        Ok(value)
    }

    /// As [`Store::atomic`], on a file whose schema is this build's.
    pub(crate) fn write<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.atomic(|| {
            self.require_schema()?;
            work()
        })
    }
}

/// A transaction or a savepoint. What was done in it is taken back when it is dropped while open, be it by an error or by a panic.
///
/// Everything is prepared before the first work starts: after `sqlite3_interrupt` a connection prepares and runs nothing until the outermost
/// statement has ended, and that is the one that called us.
struct Scope<'c> {
    conn: &'c Connection,
    commit: CachedStatement<'c>,
    undo: &'static str,
    open: bool,
}

/// Writes nothing. A write that is interrupted makes SQLite itself roll the whole transaction back, which a ROLLBACK then cannot.
const FORCED: &str = "UPDATE main._knocker_schema SET version = version WHERE 0";

impl<'c> Scope<'c> {
    fn open(conn: &'c Connection, ready: &Ready) -> Result<Self> {
        let (begin, commit, undo, ready) = if conn.is_autocommit() {
            ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", &ready.transaction)
        } else {
            ("SAVEPOINT knocker", "RELEASE knocker", "ROLLBACK TO knocker", &ready.savepoint)
        };
        if !ready.get() {
            drop(conn.prepare_cached(undo)?);
            // While there is no schema, there is nothing to write to.
            ready.set(conn.prepare_cached(FORCED).is_ok());
        }
        let mut scope = Self { conn, commit: conn.prepare_cached(commit)?, undo, open: false };
        conn.prepare_cached(begin)?.execute([]).map_err(explain_nesting)?;
        scope.open = true;
        Ok(scope)
    }

    fn commit(mut self) -> Result<()> {
        self.commit.execute([]).map_err(explain_nesting)?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        // A full disk or a failing write has ended the whole transaction already: then there is nothing left to take back, and the error
        // that the caller gets is the one that matters.
        if !self.open || self.conn.is_autocommit() {
            return;
        }
        match self.conn.prepare_cached(self.undo).and_then(|mut undo| undo.execute([])) {
            // A savepoint is rolled back to, and then still there.
            Ok(_) if !self.conn.is_autocommit() => drop(self.commit.execute([])),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                drop(self.conn.prepare_cached(FORCED).and_then(|mut forced| forced.execute([])));
            }
            _ => {}
        }
    }
}

/// SQLite refuses a COMMIT, and inside a transaction a SAVEPOINT, while the statement that called us is itself writing:
/// `INSERT … SELECT knocker_receive(…)`. Its code for that is the one of a held lock, so that its words have to tell them apart.
fn explain_nesting(error: rusqlite::Error) -> Error {
    let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
    if is_busy && error.to_string().contains("SQL statements in progress") {
        return Error::new(Code::NestedStatement, "a Knocker function that writes was called from inside a statement that writes");
    }
    error.into()
}

/// The system clock in Unix milliseconds.
pub fn system_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
