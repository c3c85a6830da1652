//! The names of what stands beside a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `inbox.db-wal` for `inbox.db`.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
