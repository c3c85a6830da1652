//! The handle through which everything is done: a connection with its kept statements, and the endpoints it has seen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Result};

/// Room for every statement of this crate, so that none is prepared twice.
const KEPT_STATEMENTS: usize = 128;

/// Knocker on one database connection.
pub struct Store {
    conn: Connection,
    /// Parsed configurations by name. An entry is used only if its text equals the stored one, see `receive`.
    pub(crate) endpoints: RefCell<HashMap<String, Arc<Endpoint>>>,
}

impl Store {
    /// Takes over a connection. Nothing is written.
    pub fn new(conn: Connection) -> Self {
        conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        Self { conn, endpoints: RefCell::default() }
    }

    /// The connection, for reads of the views and for the caller's own statements.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Runs `work` so that all of it happens or none: in its own `BEGIN IMMEDIATE … COMMIT` in autocommit, in a savepoint inside the
    /// caller's transaction, which a failure leaves open and as it was.
    pub fn atomic<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.conn.is_autocommit() { self.in_transaction(work) } else { self.in_savepoint(work) }
    }

    fn in_transaction<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run("BEGIN IMMEDIATE")?;
        let undo = Undo { store: self, statements: &["ROLLBACK"] };
        let value = work()?;
        self.run("COMMIT").map_err(explain_nesting)?;
        undo.disarm();
        Ok(value)
    }

    fn in_savepoint<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run("SAVEPOINT knocker").map_err(explain_nesting)?;
        let undo = Undo { store: self, statements: &["ROLLBACK TO knocker", "RELEASE knocker"] };
        let value = work()?;
        self.run("RELEASE knocker")?;
        undo.disarm();
        Ok(value)
    }

    /// As [`Store::atomic`], on a file whose schema is this build's.
    pub(crate) fn write<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.atomic(|| {
            self.require_schema()?;
            work()
        })
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// Takes back what was done when it is dropped, be it by an error or by a panic.
struct Undo<'s> {
    store: &'s Store,
    statements: &'static [&'static str],
}

impl Undo<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for statement in self.statements {
            // A full disk or a failing write has ended the whole transaction already: then there is nothing left to take back, and the
            // error that the caller gets is the one that matters.
            if !self.store.conn.is_autocommit() {
                let _ = self.store.run(statement);
            }
        }
    }
}

/// SQLite refuses a COMMIT, and inside a transaction a SAVEPOINT, while the statement that called us is itself writing:
/// `INSERT … SELECT knocker_receive(…)`.
fn explain_nesting(error: Error) -> Error {
    if error.message().contains("SQL statements in progress") {
        return Error::new(Code::NestedStatement, "a Knocker function that writes was called from inside a statement that writes");
    }
    error
}

/// The system clock in Unix milliseconds.
pub fn system_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
