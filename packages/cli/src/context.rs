//! What every command gets: the database to work on, the clock, and where the output goes.

use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use knocker_core::Store;
use knocker_core::store::system_now;

use crate::database;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::pattern::Pattern;

/// The surroundings of a command.
pub struct Context {
    db: Option<PathBuf>,
    /// Whether the path is that of a file, whatever is in it.
    is_one: bool,
    /// Where the output goes.
    pub out: Output,
    /// When to use colour.
    pub color: ColorChoice,
    /// The time at which the command started, in Unix milliseconds.
    pub now: i64,
}

impl Context {
    pub fn new(db: Option<PathBuf>, json: bool, color: ColorChoice) -> Self {
        Self { db, is_one: false, out: Output::new(json, color), color, now: system_now() }
    }

    /// The same for one file of many.
    pub fn of(&self, file: &Path) -> Self {
        Self { db: Some(file.to_owned()), is_one: true, out: self.out, color: self.color, now: self.now }
    }

    /// The database of `--db`, or else of `KNOCKER_DB`.
    ///
    /// # Errors
    /// Where there is none, and where it is a pattern, which names many.
    pub fn db_path(&self) -> Result<PathBuf> {
        self.db_path_or(None)
    }

    /// The same with a path for where none was named.
    pub fn db_path_or(&self, default: Option<&Path>) -> Result<PathBuf> {
        let named = self.named().or_else(|| default.map(Path::to_owned));
        let path = named.ok_or_else(|| Failure::usage("no database was named", "Add --db PATH, or set KNOCKER_DB."))?;
        if names_a_cluster(&path) {
            // The address may hold a password, so that it is not repeated.
            let hint = "Ask the cluster with rqlite's own tools, or from your program: the package has lists and operations.";
            return Err(Failure::usage("the database is named by the path of a file; the address of a cluster is for the packages", hint));
        }
        if !self.is_one && Pattern::of(&path)?.is_some() {
            let message = format!("this works on one file, and {} names many", path.display());
            let hint = "Name one with --db. What works on many: stats, top, doctor, events, deliveries, replay, requeue, ignore, prune, retain, compact and init.";
            return Err(Failure::usage(message, hint));
        }
        Ok(path)
    }

    /// The files of a pattern, for commands that work on many; none where one file is named.
    pub fn db_files(&self) -> Result<Option<Vec<PathBuf>>> {
        self.db_pattern()?.map(|pattern| pattern.files()).transpose()
    }

    /// The pattern itself, for what looks again and again.
    pub fn db_pattern(&self) -> Result<Option<Pattern>> {
        if self.is_one {
            return Ok(None);
        }
        self.named().map_or(Ok(None), |path| Pattern::of(&path))
    }

    fn named(&self) -> Option<PathBuf> {
        self.db.clone().or_else(|| std::env::var_os("KNOCKER_DB").filter(|path| !path.is_empty()).map(PathBuf::from))
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

fn names_a_cluster(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("rqlite://") || text.starts_with("rqlites://")
}
