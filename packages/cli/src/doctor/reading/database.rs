//! What SQLite says of the file, without a write.

use std::path::Path;

use knocker_core::{Store, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::compact::space::Mode;
use crate::failure::Result;

/// The file as SQLite sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    pub page_size: i64,
    pub pages: i64,
    pub free_pages: i64,
    /// Whether free pages can be given back while others write.
    pub auto_vacuum: Mode,
    pub journal_mode: String,
    /// Frames in the log, and how many of them are in the file already. Both are -1 without a log.
    pub wal_frames: i64,
    pub wal_checkpointed: i64,
    /// The version of the SQLite that wrote the file last, such as 3.53.2.
    pub written_by: String,
    pub schema_version: i64,
    /// Kind and name of what the schema lacks.
    pub missing: Vec<(&'static str, &'static str)>,
}

/// Opens the file to look at it. Not even the end of the connection writes: a log that was left there stays for the application to read.
pub fn open(path: &Path, wal_is_there: bool) -> Result<Store> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wal_is_there)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(Store::new(conn))
}

impl Database {
    pub fn read(store: &Store, path: &Path) -> Result<Self> {
        let conn = store.conn();
        let number = |pragma: &str| conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        let page_size = number("page_size")?;
        let journal_mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let schema_version = store.schema_version()?;
        // NOOP only tells.
        let (wal_frames, wal_checkpointed) = conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        Ok(Self {
            page_size,
            pages: number("page_count")?,
            free_pages: number("freelist_count")?,
            auto_vacuum: Mode::read(conn)?,
            journal_mode,
            wal_frames,
            wal_checkpointed,
            written_by: written_by(path),
            schema_version,
            missing: if schema_version == schema::VERSION { store.missing_objects()? } else { Vec::new() },
        })
    }

    /// Whether the rows can be read as this build knows them: without an index that only takes longer.
    pub fn is_readable(&self) -> bool {
        self.schema_version == schema::VERSION && self.missing.iter().all(|(kind, _)| *kind != "TABLE")
    }
}

/// https://www.sqlite.org/fileformat.html#write_library_version_number
fn written_by(path: &Path) -> String {
    use std::io::Read;
    let mut header = [0; 100];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let number = u32::from_be_bytes(header[96..100].try_into().expect("four bytes"));
    match (read, number) {
        (Ok(()), 1..) => format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000),
        _ => String::new(),
    }
}
