//! What every command gets: the database to work on, the clock, and where the output goes.

use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use knocker_core::Store;
use knocker_core::store::system_now;

use crate::database;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// The surroundings of a command.
pub struct Context {
    db: Option<PathBuf>,
    /// Where the output goes.
    pub out: Output,
    /// When to use colour.
    pub color: ColorChoice,
    /// The time at which the command started, in Unix milliseconds.
    pub now: i64,
}

impl Context {
    pub fn new(db: Option<PathBuf>, json: bool, color: ColorChoice) -> Self {
        Self { db, out: Output::new(json, color), color, now: system_now() }
    }

    /// The database of `--db`, or else of `KNOCKER_DB`.
    pub fn db_path(&self) -> Result<PathBuf> {
        let named = self.db.clone().or_else(|| std::env::var_os("KNOCKER_DB").filter(|path| !path.is_empty()).map(PathBuf::from));
        named.ok_or_else(|| Failure::usage("no database was named", "Add --db PATH, or set KNOCKER_DB."))
    }

    /// The database of `--db` alone: for the demo, which must never touch the one that is set for everyday work.
    pub fn db_on_command_line(&self) -> Option<&Path> {
        self.db.as_deref()
    }

    /// The database, for commands that change it.
    pub fn store(&self) -> Result<Store> {
        database::open(&self.db_path()?)
    }

    /// The database, for commands that only read it: nothing about the file changes.
    pub fn reader(&self) -> Result<Store> {
        database::open_to_read(&self.db_path()?)
    }
}
