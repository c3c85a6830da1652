//! Writing the whole file anew, once, with `auto_vacuum = INCREMENTAL`: SQLite switches that on in no other way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use knocker_core::{Code, Error};
use rusqlite::{Connection, ErrorCode};

use super::space::Space;
use crate::beside::with_suffix;
use crate::failure::{Exit, Failure, Result};
use crate::mount::Mount;
use crate::printable::size;
use crate::progress::{Progress, Unit};

/// Bytes of rows a second, as seen on a slow and busy disk: everything is read once and written three times.
const SPEED: i64 = 40 << 20;
/// Room that is left to others.
const LEFT: i64 = 16 << 20;
/// The time between two looks at an interrupt.
const GLANCE: Duration = Duration::from_millis(50);

const DEFINED: &str = "A rewrite makes every index anew, and one of the application's needs a collation or a function that the application defines. On a connection of the application, which has it, `PRAGMA auto_vacuum = INCREMENTAL` and `VACUUM` do the same. The file is as it was.";

/// For how long writers wait while so many bytes of rows are rewritten, about.
pub fn seconds(used: i64) -> i64 {
    used / SPEED + 1
}

/// What a rewrite takes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Bytes on the disk while it runs.
    pub room: i64,
    /// For how long writers wait, about.
    pub seconds: i64,
    /// Tables whose implicit rowids SQLite may give anew.
    pub renumbered: Vec<String>,
}

impl Plan {
    pub fn make(conn: &Connection, space: &Space) -> Result<Self> {
        // A copy on the side, and the log, in which each page has a header.
        let room = 2 * (space.used() + space.used() / 64) + LEFT;
        Ok(Self { room, seconds: seconds(space.used()), renumbered: renumbered(conn)? })
    }

    /// Fails where the disk has less.
    pub fn require_room(&self, path: &Path) -> Result {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match Mount::read(&path) {
            Some(mount) if (mount.free as i64) < self.room => {
                let message = format!(
                    "a rewrite takes {} on the disk of the file while it runs, and {} are free",
                    size(self.room),
                    size(mount.free as i64)
                );
                Err(Error::new(Code::DiskFull, message).into())
            }
            _ => Ok(()),
        }
    }
}

/// Tables of the application that have rowids which no column names: https://www.sqlite.org/lang_vacuum.html. Nothing refers to those of Knocker's own.
fn renumbered(conn: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_list t
               WHERE schema = 'main' AND type = 'table' AND NOT wr
                 AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_knocker_*' AND name NOT GLOB '_honker_*'
                 AND (NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE pk) OR EXISTS (SELECT 1 FROM pragma_index_list(t.name) WHERE origin = 'pk'))
               ORDER BY name";
    let mut statement = conn.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Does it in one transaction: whatever ends it before, the file is what it was.
pub fn run(conn: &Connection, path: &Path, plan: &Plan) -> Result {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // The copy on the side goes where the room was looked for, and not into a folder for temporary files that may be in memory. It has no name: nothing
    // of it stays, whatever happens.
    conn.pragma_update(None, "temp_store_directory", path.parent().unwrap_or(Path::new("/")).to_string_lossy())?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let log = with_suffix(&path, "-wal");
    let progress = Progress::start("rewriting", Unit::Bytes, Some(plan.room as u64 / 2));
    let (handle, done) = (conn.get_interrupt_handle(), AtomicBool::new(false));
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if progress.interrupted() {
                    handle.interrupt();
                }
                progress.set(std::fs::metadata(&log).map_or(0, |log| log.len()), plan.room as u64 / 2);
                thread::sleep(GLANCE);
            }
        });
        let result = conn.execute_batch("VACUUM");
        done.store(true, Ordering::Relaxed);
        result
    });
    match result {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Err(Failure::new(Exit::Interrupted, "interrupted; the file is as it was", "Run the same command again at a quieter time."))
        }
        // SQLite's own statements are right: one of them lacks what the application brings.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Err(Failure::new(Exit::Failed, error.to_string(), DEFINED)),
        result => Ok(result?),
    }
}
