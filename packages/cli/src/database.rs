//! Opening the database file.

use std::path::Path;
use std::time::Duration;

use knocker_core::{Code, Error, Store, schema};
use rusqlite::{Connection, OpenFlags};

use crate::failure::{Exit, Failure, Result};

/// How long to wait for another connection's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The same where many files are looked at again and again.
const GLANCE_TIMEOUT: Duration = Duration::from_millis(20);

/// Opens an existing database with Knocker's schema to change it.
pub fn open(path: &Path) -> Result<Store> {
    require_file(path)?;
    let store = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    require_schema(&store)?;
    make_durable(&store)?;
    Ok(store)
}

/// Opens an existing database with Knocker's schema to read it. A file or folder without write permission is enough, and the journal
/// mode stays what it is.
pub fn open_to_read(path: &Path) -> Result<Store> {
    require_file(path)?;
    let store = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    require_schema(&store)?;
    Ok(store)
}

/// The same for one of many files: where it is locked, the others have their turn soon.
pub fn open_to_glance(path: &Path) -> Result<Store> {
    require_file(path)?;
    let store = connect_within(path, OpenFlags::SQLITE_OPEN_READ_WRITE, GLANCE_TIMEOUT)?;
    require_schema(&store)?;
    Ok(store)
}

/// Opens a database whose schema may lack something.
pub fn open_to_repair(path: &Path) -> Result<Store> {
    let store = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    make_durable(&store)?;
    Ok(store)
}

/// Opens a database that need not exist. The schema is the caller's to create.
pub fn create(path: &Path) -> Result<Store> {
    let store = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    make_durable(&store)?;
    Ok(store)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Store> {
    connect_within(path, flags, BUSY_TIMEOUT)
}

fn connect_within(path: &Path, flags: OpenFlags, timeout: Duration) -> Result<Store> {
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot open {}: {error}", path.display()), "Check the path and the permissions.")
    })?;
    conn.busy_timeout(timeout)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(Store::new(conn))
}

/// What is committed survives a power cut.
fn make_durable(store: &Store) -> Result {
    store.conn().pragma_update(None, "journal_mode", "WAL")?;
    store.conn().pragma_update(None, "synchronous", "FULL")?;
    Ok(())
}

pub fn require_file(path: &Path) -> Result {
    if path.exists() {
        return Ok(());
    }
    let hint = format!("`knocker init --db {}` creates it; or correct the path.", path.display());
    Err(Failure::new(Exit::NotFound, format!("there is no database file {}", path.display()), hint))
}

/// The views are read directly, so the schema must be there and be this build's.
fn require_schema(store: &Store) -> Result {
    match store.schema_version()? {
        0 => Err(Error::new(Code::NotBootstrapped, "this database has no Knocker schema").into()),
        found if found < schema::VERSION => {
            let message = format!("this database has schema version {found}; this command needs {}", schema::VERSION);
            let hint = "Use the command of the release that the application runs. Or upgrade the application, stop its older processes, which will refuse the file, and migrate it by `knocker init`.";
            Err(Failure::new(Exit::NotFound, message, hint))
        }
        found if found > schema::VERSION => {
            let message = format!("this database has schema version {found}; this command knows versions up to {}", schema::VERSION);
            Err(Error::new(Code::SchemaTooNew, message).into())
        }
        _ => Ok(()),
    }
}
