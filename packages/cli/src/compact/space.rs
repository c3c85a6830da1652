//! What a file has of pages, and whether it can give free ones back.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::failure::{Failure, Result};

/// `PRAGMA auto_vacuum`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Free pages stay in the file until all of it is written anew.
    #[default]
    None,
    /// Each commit gives back what it frees.
    Full,
    /// Free pages are given back when somebody asks.
    Incremental,
}

impl Mode {
    pub fn read(conn: &Connection) -> Result<Self> {
        Ok(match conn.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))? {
            0 => Mode::None,
            1 => Mode::Full,
            _ => Mode::Incremental,
        })
    }
}

/// The pages of a file.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    pub mode: Mode,
    pub page_size: i64,
    pub pages: i64,
    pub free_pages: i64,
    /// Bytes of the file: more than the pages where they were given back and the log is not copied yet, fewer where it holds newer ones.
    pub file: i64,
}

impl Space {
    pub fn read(conn: &Connection, path: &Path) -> Result<Self> {
        let file = fs::metadata(path).map_err(|error| Failure::unreadable("the database", &error))?.len() as i64;
        let sql = "SELECT page_size, page_count, freelist_count FROM pragma_page_size, pragma_page_count, pragma_freelist_count";
        let mode = Mode::read(conn)?;
        Ok(conn.query_row(sql, [], |row| Ok(Self { mode, page_size: row.get(0)?, pages: row.get(1)?, free_pages: row.get(2)?, file }))?)
    }

    /// What the rows take.
    pub fn used(&self) -> i64 {
        (self.pages - self.free_pages) * self.page_size
    }
}
