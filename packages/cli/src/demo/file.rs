//! The demo's database file: always a fresh one, and never somebody's own.

use std::path::{Path, PathBuf};

use knocker_core::Store;
use rusqlite::{Connection, OpenFlags};

use crate::failure::{Exit, Failure, Result};

/// SQLite's `application_id` of a demo file: "KNKd".
const MARK: i32 = 0x4B4E_4B64;

/// Removes the file of an earlier demo. Any other file is refused.
pub fn make_way(path: &Path) -> Result {
    if !path.exists() {
        return Ok(());
    }
    if !is_demo_file(path) {
        let message = format!("{} is there already and is not the file of an earlier demo", path.display());
        return Err(Failure::new(Exit::Failed, message, "The demo replaces nothing but its own file: name another one with --db."));
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot replace {}: {error}", file.display());
                return Err(Failure::new(Exit::Failed, message, "Close what has it open, or name another file with --db."));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Knocker's schema, the tables of the application, and one endpoint a provider. The backoff is short, for people who wait.
pub fn set_up(store: &Store, now: i64) -> Result {
    store.conn().pragma_update(None, "application_id", MARK)?;
    store.bootstrap(now)?;
    store.conn().execute_batch(
        "CREATE TABLE orders (
           id INTEGER PRIMARY KEY,
           event_id INTEGER NOT NULL UNIQUE,
           session TEXT NOT NULL,
           amount INTEGER NOT NULL,
           currency TEXT NOT NULL,
           attempt INTEGER NOT NULL
         ) STRICT;
         CREATE TABLE activity (id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL UNIQUE, line TEXT NOT NULL) STRICT;",
    )?;
    for provider in ["github", "slack", "stripe"] {
        // GitHub's own maximum would take a body of 25 MB to show what happens to a larger one.
        let config =
            format!(r#"{{"provider": "{provider}", "max_body_bytes": 1048576, "backoff": {{"base_s": 0.3, "factor": 2, "cap_s": 1}}}}"#);
        store.endpoint(provider, &config, now)?;
    }
    Ok(())
}

fn is_demo_file(path: &Path) -> bool {
    let read = || -> rusqlite::Result<i32> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.pragma_query_value(None, "application_id", |row| row.get(0))
    };
    read().is_ok_and(|mark| mark == MARK)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
