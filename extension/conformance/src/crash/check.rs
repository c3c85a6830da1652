//! Opens the files that a power cut has left, as the next process would, and holds them against what was said before the cut.

use std::path::Path;
use std::time::Duration;

use super::disk::Files;
use super::recording::{in_memory, write};
use crate::call;
use crate::database::Database;
use crate::invariants;
use crate::promises::{self, Promises};
use crate::worker::{self, ENDPOINT, SCRAP, SECRET};

/// Nobody else uses the file: a lock that is not free is an error.
const PATIENCE: Duration = Duration::from_secs(1);

/// Checks one state of the disk.
///
/// # Errors
/// What is lost, broken or half done in it.
pub fn check(files: &Files, marks: &[String]) -> Result<(), String> {
    let folder = in_memory();
    write(folder.path(), files);
    check_file(&folder.path().join("app.db"), marks)
}

fn check_file(path: &Path, marks: &[String]) -> Result<(), String> {
    let database = Database::try_open(path, PATIENCE).map_err(|error| format!("the file does not open: {error}"))?;
    database.conn.execute_batch("PRAGMA synchronous = OFF").map_err(|error| error.to_string())?;
    let has = |table: &str| -> Result<bool, String> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        database.conn.query_row(sql, [table], |row| row.get(0)).map_err(|error| format!("the schema cannot be read: {error}"))
    };
    if !(has("knocker_events")? && has("orders")?) {
        if marks.iter().any(|mark| mark == "prepared") {
            return Err("the schema is gone".to_owned());
        }
        begin_again(&database)?;
    }
    let promises = Promises::of(marks);
    invariants::check(&database)?;
    promises.check(&database)?;
    check_redelivery(&database, &promises)?;
    promises::drain(&database)?;
    invariants::check(&database)?;
    promises.check(&database)
}

/// A file that was cut off while it was made is made again.
fn begin_again(database: &Database) -> Result<(), String> {
    call!(database, "knocker_bootstrap").map_err(|failure| failure.text)?;
    for endpoint in [ENDPOINT, SCRAP] {
        call!(database, "knocker_endpoint", endpoint, worker::settings().to_string()).map_err(|failure| failure.text)?;
    }
    database.conn.execute_batch(worker::TABLES).map_err(|error| error.to_string())
}

/// A sender that repeats what was acknowledged finds the same event.
fn check_redelivery(database: &Database, promises: &Promises) -> Result<(), String> {
    let Some((event, key)) = promises.last_event() else { return Ok(()) };
    let receipt = worker::receive(database, key, SECRET).map_err(|failure| failure.text)?;
    if receipt["outcome"] == "duplicate" && receipt["event_id"] == event {
        Ok(())
    } else {
        Err(format!("{key} was acknowledged as event {event}, and its redelivery is {receipt}"))
    }
}
