//! The log while a file is compacted: kept small, and copied into the file, which is cut off where all of the log is in it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use knocker_core::Store;
use rusqlite::Connection;

use super::result::Compacted;
use crate::beside::with_suffix;
use crate::failure::{Exit, Failure, Result};
use crate::in_use::files::Files;
use crate::in_use::processes::Processes;
use crate::printable::size;
use crate::progress::{Progress, interrupted};
use crate::wal_readers::readers;

/// So many frames are copied into the file together, as SQLite does by itself.
const FRAMES: i64 = 1000;
/// With so many that cannot be copied, the work waits for whoever reads an older state.
const MOST: i64 = 16 * FRAMES;
/// For so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of a checkpoint, which keeps writers out, may wait for readers.
const WRITERS_WAIT: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(20);

/// The log of a file, as this connection sees it.
pub struct Log<'a> {
    conn: &'a Connection,
    path: PathBuf,
    /// Litestream decides when the log starts over, and holds it with a reader of its own.
    pub litestream: bool,
}

/// Frames of the log, and how many of them are in the file.
struct State {
    frames: i64,
    copied: i64,
}

impl<'a> Log<'a> {
    pub fn of(store: &'a Store, path: &Path) -> Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let litestream = Files::read(&path).map_err(|error| Failure::unreadable("the database", &error))?.litestream;
        // A commit would copy while the time of a transaction is taken.
        store.conn().pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self { conn: store.conn(), path, litestream })
    }

    /// Copies what there is once it is much. False where a reader of an older state prevents it for long: the log would grow without end.
    pub fn has_room(&mut self, progress: &Progress) -> Result<bool> {
        let state = self.checkpoint("NOOP")?;
        if state.frames - state.copied < FRAMES {
            return Ok(true);
        }
        let begun = Instant::now();
        loop {
            let state = self.checkpoint("PASSIVE")?;
            if state.frames - state.copied < MOST || progress.interrupted() {
                return Ok(true);
            }
            if begun.elapsed() > PATIENCE {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Copies all of it, so that the file gets its size. False where a reader of an older state prevents that for long.
    pub fn settle(&mut self) -> Result<bool> {
        let begun = Instant::now();
        loop {
            self.checkpoint("PASSIVE")?;
            // Beside many writers there may be more each time: this keeps them out for what is left of it.
            if !self.is_settled()? && !self.litestream {
                self.conn.busy_timeout(WRITERS_WAIT)?;
                self.checkpoint("FULL")?;
            }
            if self.is_settled()? {
                return Ok(true);
            }
            if begun.elapsed() > PATIENCE || interrupted() {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// After a rewrite, which the log holds as a whole: copies it and gives its own room back. What a reader keeps stays.
    pub fn empty(&mut self) -> Result {
        self.checkpoint("PASSIVE")?;
        if !self.litestream {
            self.conn.busy_timeout(WRITERS_WAIT)?;
            self.checkpoint("TRUNCATE")?;
        }
        Ok(())
    }

    fn is_settled(&self) -> Result<bool> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let wanted: i64 = self.conn.query_row(sql, [], |row| row.get(0))?;
        let there = std::fs::metadata(&self.path).map_err(|error| Failure::unreadable("the database", &error))?.len();
        Ok(there as i64 <= wanted)
    }

    fn checkpoint(&self, mode: &str) -> Result<State> {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        Ok(self.conn.query_row(&sql, [], |row| Ok(State { frames: row.get(1)?, copied: row.get(2)? }))?)
    }
}

/// What is told where a reader keeps the file as large as it was. The index of the log is read as a file: no connection of this process may have it open.
pub fn held(path: &Path, compacted: &Compacted, litestream: bool) -> Failure {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let files = Files::read(&path).unwrap_or_default();
    let found = files.shm.as_ref().map(|shm| readers(&with_suffix(&path, "-shm"), shm.inode)).unwrap_or_default();
    let holders = Processes::read().holders(&path, &files.database);
    let title =
        |pid: u32| holders.iter().find(|holder| holder.pid == pid).map_or_else(|| format!("process {pid}"), |holder| holder.title());
    let mut names: Vec<String> = found.iter().map(|reader| title(reader.pid)).collect();
    names.dedup();
    let who = if names.is_empty() { "a reader".into() } else { names.join(", ") };
    let given = size(compacted.given_back);
    let trap = compacted.trap().map_or_else(String::new, |trap| format!("; {trap}"));
    let message =
        format!("{given} are given back in the log, and the file gets smaller when {who}, reading an older state of it, lets go{trap}");
    let hint = if litestream {
        "Litestream's next checkpoint does it, or the same command later. Nothing is lost."
    } else {
        "End that read (a cursor that was not read to its end, a shell with BEGIN), then run the same command again. Nothing is lost."
    };
    Failure::new(Exit::Retry, message, hint)
}
