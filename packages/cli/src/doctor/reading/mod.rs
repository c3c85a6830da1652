//! What the checks look at, read once.

pub mod database;
pub mod rows;

use std::path::{Path, PathBuf};

use knocker_core::Store;

use crate::beside::with_suffix;
use crate::failure::Result;
use crate::in_use::files::Files;
use crate::in_use::processes::{Holder, Processes};
use crate::mount::Mount;
use crate::wal_readers::{self, Reader};
use database::Database;
use rows::Rows;

/// Everything that was read.
pub struct Reading {
    /// The path with links resolved: the log stands beside the file itself.
    pub path: PathBuf,
    pub now: i64,
    pub files: Files,
    pub mount: Option<Mount>,
    pub holders: Vec<Holder>,
    /// Who reads an older state.
    pub readers: Vec<Reader>,
    /// What SQLite says; its error where the file is none of its own or is damaged.
    pub database: std::result::Result<Database, String>,
    /// What the rows say, where the schema is this build's.
    pub rows: Option<Rows>,
    /// The connection, where there is one.
    pub store: Option<Store>,
}

impl Reading {
    pub fn read(path: &Path, processes: &Processes, now: i64) -> Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let files = Files::read(&path).map_err(|error| crate::failure::Failure::unreadable("the database", &error))?;
        // Before SQLite opens the file.
        let readers = files.shm.as_ref().map(|shm| wal_readers::readers(&with_suffix(&path, "-shm"), shm.inode)).unwrap_or_default();
        let mut reading = Self {
            now,
            mount: Mount::read(&path),
            holders: processes.holders(&path, &files.database),
            readers,
            database: Err(String::new()),
            rows: None,
            store: None,
            files,
            path,
        };
        let wal_is_there = reading.files.wal.as_ref().is_some_and(|wal| wal.size > 0);
        let opened = database::open(&reading.path, wal_is_there).and_then(|store| Ok((Database::read(&store, &reading.path)?, store)));
        match opened {
            Ok((database, store)) => {
                if database.is_readable() {
                    match Rows::read(&store, now) {
                        Ok(rows) => reading.rows = Some(rows),
                        Err(error) => {
                            reading.database = Err(error.message().to_owned());
                            // For the long check, which tells where.
                            reading.store = Some(store);
                            return Ok(reading);
                        }
                    }
                }
                reading.database = Ok(database);
                reading.store = Some(store);
            }
            Err(error) => reading.database = Err(error.message().to_owned()),
        }
        Ok(reading)
    }

    /// A command on this file, to type.
    pub fn command(&self, rest: &str) -> String {
        format!("knocker --db {} {rest}", self.path.display())
    }

    /// The process with this id, where it is one that has the file open.
    pub fn process(&self, pid: u32) -> String {
        self.holders.iter().find(|holder| holder.pid == pid).map_or_else(|| format!("process {pid}"), Holder::title)
    }
}
