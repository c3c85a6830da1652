//! Following a database file: seeing that something was committed, by whatever process, and that the file is another one now.
//!
//! A look is `PRAGMA data_version` and a `stat` of the path: some microseconds, without a lock that any writer waits for. It works in every
//! journal mode and on every file system, where a watch on the files would see neither a log that wraps around nor a network drive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use knocker_core::Store;
use rusqlite::ErrorCode;
use rusqlite::config::DbConfig;

use crate::database;
use crate::failure::Result;
use crate::file_id::FileId;

/// How long to wait between two looks.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing was committed since.
    Same,
    /// Something was.
    Changed,
    /// Another file stands at the path, and is the one that is read from now on.
    Replaced,
    /// There is no file at the path any more. Told once.
    Gone,
}

/// A file that is followed.
pub struct Live {
    path: PathBuf,
    store: Store,
    file: Option<FileId>,
    version: i64,
    gone: bool,
}

impl Live {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = FileId::of(path);
        Ok(Self { path: path.to_owned(), store: reader(path)?, file, version: 0, gone: false })
    }

    /// The database as it is now.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks whether anything has changed since the last look. The first one says that it has.
    pub fn look(&mut self) -> Look {
        let file = FileId::of(&self.path);
        if file != self.file {
            return self.reopen(file);
        }
        // A writer in a rollback journal shuts readers out for a moment: the next look will see what it did.
        let version = self.store.conn().prepare_cached("PRAGMA data_version").and_then(|mut pragma| pragma.query_row([], |row| row.get(0)));
        match version {
            Ok(version) if version != self.version => {
                self.version = version;
                Look::Changed
            }
            _ => Look::Same,
        }
    }

    /// Reads in one transaction, so that all of it is of one moment. Nothing where the file is locked just now: the next look tries again.
    pub fn read<T>(&mut self, work: impl FnOnce(&Store) -> Result<T>) -> Result<Option<T>> {
        let transaction = self.store.conn().unchecked_transaction()?;
        match transaction.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())) {
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                self.version = 0;
                return Ok(None);
            }
            found => found?,
        }
        work(&self.store).map(Some)
    }

    /// A file that cannot be opened is one that is not there yet: somebody copies it, or creates it anew.
    fn reopen(&mut self, file: Option<FileId>) -> Look {
        if file.is_some()
            && let Ok(store) = reader(&self.path)
        {
            *self = Self { path: std::mem::take(&mut self.path), store, file, version: 0, gone: false };
            return Look::Replaced;
        }
        match std::mem::replace(&mut self.gone, true) {
            false => Look::Gone,
            true => Look::Same,
        }
    }
}

/// A connection that only reads, and leaves the log to those who write.
fn reader(path: &Path) -> Result<Store> {
    let store = database::open_to_read(path)?;
    store.conn().pragma_update(None, "query_only", true)?;
    store.conn().set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(store)
}
